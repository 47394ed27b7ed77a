import CLinux
import Glibc

/// Files by number and by C string, for a thread that may neither allocate nor lock (`JobThread`).
///
/// Each call answers as the kernel does, with a negative error number when it fails; what a signal interrupts is done again.
/// The compiler checks its callers (`@_noLocks`); of these calls it is told that they are nothing but system calls.
public enum RawFile {
  @inline(__always)
  private static func answer(_ body: () -> Int) -> Int {
    while true {
      let result = body()
      if result != -1 { return result }
      let error = linux_errno()
      if error != EINTR { return -Int(error) }
    }
  }

  /// Opens the file at `path` for reading and for writing at its end, and makes it when there is none (`open(2)`).
  @_semantics("no_performance_analysis")
  public static func openForAppending(_ path: UnsafePointer<CChar>, mode: UInt32) -> Int {
    answer { Int(linux_open(path, O_RDWR | O_CREAT | O_APPEND | O_NOCTTY | O_CLOEXEC, mode_t(mode))) }
  }

  /// Closes `file`; never again, whatever comes of it (`close(2)`).
  @_semantics("no_performance_analysis")
  public static func close(_ file: Int32) { _ = Glibc.close(file) }

  /// The length in bytes (`fstat(2)`).
  @_semantics("no_performance_analysis")
  public static func size(_ file: Int32) -> Int {
    var status = stat()
    let result = answer { Int(fstat(file, &status)) }
    return result < 0 ? result : Int(status.st_size)
  }

  /// The byte at `offset`, or -1 when that cannot be read (`pread(2)`).
  @_semantics("no_performance_analysis")
  public static func byte(_ file: Int32, at offset: Int) -> Int {
    var byte: UInt8 = 0
    return answer { pread(file, &byte, 1, off_t(offset)) } == 1 ? Int(byte) : -1
  }

  /// Reads once, and says how much (`read(2)`).
  @_semantics("no_performance_analysis")
  public static func read(_ file: Int32, _ bytes: UnsafeMutableRawPointer, _ count: Int) -> Int {
    answer { Glibc.read(file, bytes, count) }
  }

  /// Writes once, and says how much (`write(2)`).
  @_semantics("no_performance_analysis")
  public static func write(_ file: Int32, _ bytes: UnsafeRawPointer, _ count: Int) -> Int {
    answer { Glibc.write(file, bytes, count) }
  }

  /// Makes the file `size` bytes long (`ftruncate(2)`).
  @_semantics("no_performance_analysis")
  public static func truncate(_ file: Int32, to size: Int) -> Int {
    answer { Int(ftruncate(file, off_t(size))) }
  }

  /// Gives the file at `path` the name `target`, replacing what has that (`rename(2)`).
  @_semantics("no_performance_analysis")
  public static func rename(_ path: UnsafePointer<CChar>, to target: UnsafePointer<CChar>) -> Int {
    answer { Int(Glibc.rename(path, target)) }
  }

  /// Removes the file at `path` (`unlink(2)`).
  @_semantics("no_performance_analysis")
  public static func remove(_ path: UnsafePointer<CChar>) -> Int { answer { Int(unlink(path)) } }

  /// Whether there is something at `path` (`lstat(2)`).
  @_semantics("no_performance_analysis")
  public static func exists(_ path: UnsafePointer<CChar>) -> Bool {
    var status = stat()
    return answer { Int(lstat(path, &status)) } == 0
  }

  /// Gives this thread a table of descriptors of its own, with `first` and `second` alone in it (`unshare(2)`, `CLONE_FILES`;
  /// `close_range(2)`).
  @_semantics("no_performance_analysis")
  static func takeOwnTable(keeping first: Int32, _ second: Int32) -> Int {
    let files: UInt = 0x400
    let result = answer { linux_unshare(files) }
    if result < 0 { return result }
    let (low, high) = (UInt32(min(first, second)), UInt32(max(first, second)))
    if low > 0 { closeRange(0, low - 1) }
    if high > low + 1 { closeRange(low + 1, high - 1) }
    closeRange(high + 1, UInt32.max)
    return 0
  }

  @_semantics("no_performance_analysis")
  private static func closeRange(_ first: UInt32, _ last: UInt32) {
    if linux_close_range(first, last, 0) == 0 { return }
    // A filter refuses the call.
    var number = first
    while number <= min(last, UInt32(descriptorsAtMost)) {
      _ = Glibc.close(Int32(number))
      number += 1
    }
  }
}
