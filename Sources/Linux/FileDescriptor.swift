import CLinux
import Glibc

/// An open file description's number in this process, closed when its owner goes (`close(2)`).
///
/// All descriptors made by this module are close-on-exec.
public struct FileDescriptor: ~Copyable, Sendable {
  /// The number, for calls that take one. It is valid while this value lives.
  public let rawValue: Int32

  /// Takes over `rawValue`, which nobody else may close.
  public init(owning rawValue: Int32) { self.rawValue = rawValue }

  deinit { close(rawValue) }

  /// Gives the number away unclosed.
  public consuming func release() -> Int32 {
    let raw = rawValue
    discard self
    return raw
  }

  /// A second descriptor of the same open file description (`fcntl(2)`, `F_DUPFD_CLOEXEC`), numbered
  /// `lowest` or above.
  public func duplicate(lowest: Int32 = 3) throws(Errno) -> FileDescriptor {
    FileDescriptor(owning: try retrying { fcntl(rawValue, F_DUPFD_CLOEXEC, lowest) })
  }

  /// A second descriptor of what this process has open as `number`, which stays open, numbered `lowest` or above
  /// (`fcntl(2)`).
  public static func duplicate(of number: Int32, lowest: Int32 = 3) throws(Errno) -> FileDescriptor {
    FileDescriptor(owning: try retrying { fcntl(number, F_DUPFD_CLOEXEC, lowest) })
  }

  /// How many descriptors this process has open.
  public static func openCount() throws(Errno) -> Int {
    let directory = "/proc/self/fd"
    // Since Linux 6.2 that is the directory's size.
    let size = try FileStatus.of(directory).size
    // The descriptor by which they are counted is none of them.
    return size > 0 ? size : try Directory.entries(of: directory).count - 1
  }

  /// Has reads and writes that would wait fail with `.resourceTemporarilyUnavailable` instead (`O_NONBLOCK`).
  public func setNonBlocking() throws(Errno) {
    let flags = try retrying { fcntl(rawValue, F_GETFL) }
    try retrying { fcntl(rawValue, F_SETFL, flags | O_NONBLOCK) }
  }

  /// Makes descriptor number `target` a copy of this one, kept over `execve` (`dup2(2)`).
  public func replace(_ target: Int32) throws(Errno) {
    if rawValue == target {
      try retrying { fcntl(rawValue, F_SETFD, 0) }
    } else {
      try retrying { dup2(rawValue, target) }
    }
  }
}

/// How a file is opened (`open(2)`).
public struct OpenFlags: OptionSet, Sendable {
  /// The kernel's `O_*` bits.
  public let rawValue: Int32
  /// The flags with the kernel's bits `rawValue`.
  public init(rawValue: Int32) { self.rawValue = rawValue }

  /// `O_RDONLY`
  public static let readOnly: OpenFlags = []
  /// `O_WRONLY`
  public static let writeOnly = OpenFlags(rawValue: O_WRONLY)
  /// `O_RDWR`
  public static let readWrite = OpenFlags(rawValue: O_RDWR)
  /// `O_CREAT`
  public static let create = OpenFlags(rawValue: O_CREAT)
  /// `O_EXCL`
  public static let exclusive = OpenFlags(rawValue: O_EXCL)
  /// `O_TRUNC`
  public static let truncate = OpenFlags(rawValue: O_TRUNC)
  /// `O_APPEND`
  public static let append = OpenFlags(rawValue: O_APPEND)
  /// `O_DIRECTORY`
  public static let directory = OpenFlags(rawValue: O_DIRECTORY)
  /// `O_NOFOLLOW`
  public static let noFollow = OpenFlags(rawValue: O_NOFOLLOW)
  /// `O_NONBLOCK`
  public static let nonBlocking = OpenFlags(rawValue: O_NONBLOCK)
  /// `O_NOCTTY`
  public static let noControllingTerminal = OpenFlags(rawValue: O_NOCTTY)
  /// `O_PATH`
  public static let path = OpenFlags(rawValue: 0o10000000)
}

/// How `openat2(2)` walks a path.
public struct ResolveFlags: OptionSet, Sendable {
  /// The kernel's `RESOLVE_*` bits.
  public let rawValue: UInt64
  /// The flags with the kernel's bits `rawValue`.
  public init(rawValue: UInt64) { self.rawValue = rawValue }

  /// `RESOLVE_NO_XDEV`
  public static let noCrossDevice = ResolveFlags(rawValue: 0x01)
  /// `RESOLVE_NO_MAGICLINKS`
  public static let noMagicLinks = ResolveFlags(rawValue: 0x02)
  /// `RESOLVE_NO_SYMLINKS`
  public static let noSymlinks = ResolveFlags(rawValue: 0x04)
  /// `RESOLVE_BENEATH`
  public static let beneath = ResolveFlags(rawValue: 0x08)
  /// `RESOLVE_IN_ROOT`
  public static let inRoot = ResolveFlags(rawValue: 0x10)
}

/// A directory that relative paths start from: an open one, or the working directory.
public let workingDirectory: Int32 = AT_FDCWD

extension FileDescriptor {
  /// Opens `path`, relative to the directory `directory` (`openat(2)`), close-on-exec.
  public static func open(
    _ path: String, _ flags: OpenFlags, mode: UInt32 = 0, at directory: Int32 = workingDirectory
  ) throws(Errno) -> FileDescriptor {
    FileDescriptor(
      owning: try retrying { openat(directory, path, flags.rawValue | O_CLOEXEC, mode_t(mode)) })
  }

  /// Opens `path` below the directory `root`, walking it as `resolve` says (`openat2(2)`).
  ///
  /// Where a filter refuses that call the path is walked name by name.
  public static func open(
    _ path: String, _ flags: OpenFlags, mode: UInt32 = 0, resolve: ResolveFlags, at root: Int32
  ) throws(Errno) -> FileDescriptor {
    try PathWalk.open(path, flags.rawValue, mode: mode, resolve, at: root)
  }

  /// A pipe, read end first (`pipe2(2)`).
  public static func pipe() throws(Errno) -> Pipe {
    var ends: [Int32] = [-1, -1]
    try once { linux_pipe(&ends, O_CLOEXEC) }
    return Pipe(read: FileDescriptor(owning: ends[0]), write: FileDescriptor(owning: ends[1]))
  }

  /// An anonymous file in memory that may be executed (`memfd_create(2)`).
  public static func memory(named name: String) throws(Errno) -> FileDescriptor {
    let cloexec: UInt32 = 1
    let allowSealing: UInt32 = 2
    let executable: UInt32 = 0x10
    do throws(Errno) {
      let raw = try making(.memfdCreate) {
        linux_memfd_create(name, cloexec | allowSealing | executable)
      }
      return FileDescriptor(owning: Int32(raw))
    } catch .invalidArgument {
      // Before Linux 6.3 every such file is executable and the flag is unknown.
      return FileDescriptor(owning: Int32(try retrying { linux_memfd_create(name, cloexec | allowSealing) }))
    }
  }

  /// Forbids any further change to a file made by `memory(named:)` (`F_ADD_SEALS`).
  public func seal() throws(Errno) {
    let everything: Int32 = 0x1 | 0x2 | 0x4 | 0x8
    try retrying { fcntl(rawValue, Int32(LINUX_F_ADD_SEALS), everything) }
  }
}

/// The two ends of a pipe.
@frozen public struct Pipe: ~Copyable {
  /// The end to read from.
  public var read: FileDescriptor
  /// The end to write to.
  public var write: FileDescriptor
}

/// Closes every descriptor numbered `first` or above that is not one of `kept` (`close_range(2)`).
public func closeAll(from first: Int32, except kept: [Int32]) throws(Errno) {
  var next = first
  for number in kept.sorted() where number >= next {
    if number > next { try closeRange(next, number - 1, .close) }
    next = number + 1
  }
  try closeRange(next, Int32.max, .close)
}

/// What `close_range(2)` does with descriptors.
private enum RangeAction: UInt32 {
  case close = 0
  /// `CLOSE_RANGE_CLOEXEC`
  case closeOnExec = 4
}

/// More descriptors than a process may have (`fs.nr_open`).
let descriptorsAtMost: Int32 = 1 << 20

/// Closes the descriptors from `first` to `last`, now or at the next `execve` (`close_range(2)`).
private func closeRange(_ first: Int32, _ last: Int32, _ action: RangeAction) throws(Errno) {
  do throws(Errno) {
    try retrying { linux_close_range(UInt32(first), UInt32(last), action.rawValue) }
  } catch .notPermitted, .noFunction {
    // A filter refuses the call. The list of open descriptors in /proc is not used: it may be the container's /proc.
    var number = first
    while number <= min(last, descriptorsAtMost) {
      switch action {
      case .close: close(number)
      case .closeOnExec: _ = fcntl(number, F_SETFD, FD_CLOEXEC)
      }
      number += 1
    }
  }
}

/// Gives this process descriptors of its own, copies of those up to the number `last` that it shares with others
/// (`close_range(2)`, `CLOSE_RANGE_UNSHARE`).
public func unshareDescriptors(upTo last: Int32) throws(Errno) {
  let closeRangeUnshare: UInt32 = 2
  do throws(Errno) {
    try retrying { linux_close_range(UInt32(last) + 1, UInt32.max, closeRangeUnshare) }
  } catch .notPermitted, .noFunction {
    // A filter refuses the call.
    let files: UInt = 0x400
    try making(.unshare) { linux_unshare(files) }
    try closeRange(last + 1, Int32.max, .close)
  }
}

/// Whether this process has `number` open.
public func isOpen(_ number: Int32) -> Bool { fcntl(number, F_GETFD) != -1 }

/// Lets the descriptor `number` survive the next `execve`.
public func keepOverExec(_ number: Int32) throws(Errno) { try retrying { fcntl(number, F_SETFD, 0) } }

/// Closes, at the next `execve`, every descriptor numbered `first` or above (`close_range(2)`).
public func closeOnExec(from first: Int32) throws(Errno) {
  try closeRange(first, Int32.max, .closeOnExec)
}
