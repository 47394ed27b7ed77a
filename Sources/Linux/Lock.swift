import CLinux
import Glibc

/// A lock on an open file, held while this value lives (`flock(2)`).
///
/// The kernel drops the lock when the process dies, so a lock never outlives its holder.
public struct Lock: ~Copyable {
  private let file: FileDescriptor

  private init(_ file: consuming FileDescriptor) { self.file = file }

  /// Waits for the lock on the file or directory that is at `path` once it is held: whoever held it before may have
  /// removed the one that was there, and somebody else made another.
  ///
  /// - Parameters:
  ///   - milliseconds: the longest wait; `nil` waits for ever.
  ///   - shared: whether others may hold it at the same time as well.
  /// - Throws: `.resourceBusy` when that was not enough.
  public static func wait(
    for path: String, at directory: Int32 = workingDirectory, milliseconds: Int32? = nil, shared: Bool = false
  ) throws(Errno) -> Lock {
    var waited: Int32 = 0
    var pause: Int32 = 1
    while true {
      if let lock = try take(path, at: directory, shared ? LOCK_SH : LOCK_EX) { return lock }
      if let milliseconds, waited >= milliseconds { throw .resourceBusy }
      var nothing: [PollEntry] = []
      _ = try poll(&nothing, milliseconds: pause)
      waited = min(waited, 1 << 30) + pause
      pause = min(pause * 2, 20)
    }
  }

  /// Waits for a lock that others may hold at the same time as well, and nobody exclusively.
  public static func share(
    _ path: String, at directory: Int32 = workingDirectory
  ) throws(Errno) -> Lock {
    let file = try FileDescriptor.open(path, .readOnly, at: directory)
    try retrying { flock(file.rawValue, LOCK_SH) }
    return Lock(file)
  }

  /// Takes a lock that others may hold at the same time as well, or returns `nil` when somebody holds it exclusively.
  public static func takeShared(
    _ path: String, at directory: Int32 = workingDirectory
  ) throws(Errno) -> Lock? { try take(path, at: directory, LOCK_SH) }

  /// Takes the lock on the file or directory at `path`, or returns `nil` when somebody holds it.
  public static func take(
    _ path: String, at directory: Int32 = workingDirectory
  ) throws(Errno) -> Lock? { try take(path, at: directory, LOCK_EX) }

  private static func take(
    _ path: String, at directory: Int32, _ kind: Int32
  ) throws(Errno) -> Lock? {
    while true {
      let file = try FileDescriptor.open(path, .readOnly, at: directory)
      do throws(Errno) {
        try retrying { flock(file.rawValue, kind | LOCK_NB) }
      } catch .resourceTemporarilyUnavailable {
        return nil
      }
      let locked = try file.status()
      let now = try FileStatus.of(path, at: directory)
      if locked.inode == now.inode, locked.fileSystem == now.fileSystem { return Lock(file) }
    }
  }

  /// Gives the lock back now, for copies of the descriptor in other processes as well.
  public consuming func release() { flock(file.rawValue, LOCK_UN) }
}
