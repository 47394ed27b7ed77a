import CLinux
import Glibc

/// The files that this process has open, as its own procfs directory shows them (`proc_pid_fd(5)`): what a descriptor
/// holds for reference only can be opened through it, whatever has become of the file's name since.
public struct HeldFiles: ~Copyable, Sendable {
  private let directory: FileDescriptor

  /// Those of the process that calls; its children have others.
  public init() throws(Errno) {
    let directory = try FileDescriptor.open("/proc/self/fd", [.path, .directory])
    guard try FileSystemStatus.of(directory).kind == .procfs else { throw .noSuchDevice }
    self.directory = directory
  }

  private init(_ directory: consuming FileDescriptor) { self.directory = directory }

  /// The same files, for somebody else in this process.
  public func duplicate() throws(Errno) -> HeldFiles { HeldFiles(try directory.duplicate()) }

  /// Opens the regular file `path` for reading, in a tree that may be anybody's. What else is there, or is not there, is
  /// not opened at all: to open a device has effects of its own.
  ///
  /// - Throws: `.invalidArgument` for a file of another kind.
  public func openRegular(
    _ path: String, resolve: ResolveFlags = [], at directory: Int32 = workingDirectory
  ) throws(Errno) -> FileDescriptor {
    let file = try FileDescriptor.open(path, .path, resolve: resolve, at: directory)
    guard try file.status().kind == .regular else { throw .invalidArgument }
    return try open(file, .readOnly)
  }

  /// Opens what `file` holds (`openat(2)`).
  public func open(_ file: borrowing FileDescriptor, _ flags: OpenFlags) throws(Errno) -> FileDescriptor {
    try FileDescriptor.open("\(file.rawValue)", flags, at: directory.rawValue)
  }

  /// Sets the permissions of what `file` holds (`fchmodat(2)`).
  public func changeMode(of file: borrowing FileDescriptor, _ permissions: UInt32) throws(Errno) {
    try File.changeMode("\(file.rawValue)", permissions, at: directory.rawValue)
  }

  /// The path at which `file` is now, from this process's root.
  public func path(of file: borrowing FileDescriptor) throws(Errno) -> String {
    try File.symbolicLink("\(file.rawValue)", at: directory.rawValue)
  }
}

// AT_EMPTY_PATH, which only _GNU_SOURCE shows: what is meant is the descriptor's own file, a link among them.
private let emptyPath: Int32 = 0x1000

extension FileDescriptor {
  /// Gives the open file, also one that is held for reference only, to `user` and `group` (`fchownat(2)`).
  public func changeOwner(user: UInt32, group: UInt32) throws(Errno) {
    try once { fchownat(rawValue, "", user, group, emptyPath) }
  }

  /// Sets the permissions of a file that is open for more than reference (`fchmod(2)`).
  public func changeMode(_ permissions: UInt32) throws(Errno) {
    try once { fchmod(rawValue, mode_t(permissions)) }
  }

  /// Sets when the content of the open file, also one that is held for reference only, was last changed
  /// (`utimensat(2)`).
  ///
  /// - Parameter modified: nanoseconds since 1970.
  public func changeTime(modified: Int64) throws(Errno) {
    let omit = (1 << 30) - 2
    var (seconds, nanoseconds) = modified.quotientAndRemainder(dividingBy: 1_000_000_000)
    // They are counted forwards, before 1970 as well.
    if nanoseconds < 0 {
      seconds -= 1
      nanoseconds += 1_000_000_000
    }
    let times = [
      timespec(tv_sec: 0, tv_nsec: omit), timespec(tv_sec: Int(seconds), tv_nsec: Int(nanoseconds)),
    ]
    try once { utimensat(rawValue, "", times, emptyPath) }
  }

  /// Sets the extended attribute `name` of the open file (`fsetxattr(2)`, `xattr(7)`).
  public func setAttribute(_ name: String, to value: [UInt8]) throws(Errno) {
    try once { value.withUnsafeBytes { linux_fsetxattr(rawValue, name, $0.baseAddress, $0.count) } }
  }

  /// What the symbolic link says that is held for reference (`readlinkat(2)`).
  public func linkTarget() throws(Errno) -> [UInt8] {
    var buffer = [UInt8](repeating: 0, count: Int(PATH_MAX))
    let count = try retrying {
      buffer.withUnsafeMutableBytes { raw in
        raw.withMemoryRebound(to: CChar.self) { characters in
          characters.baseAddress.map { readlinkat(rawValue, "", $0, characters.count) } ?? -1
        }
      }
    }
    return Array(buffer[..<count])
  }
}
