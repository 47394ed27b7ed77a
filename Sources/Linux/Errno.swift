import CLinux
import Glibc

/// The number with which a system call says why it failed (`errno(3)`).
public struct Errno: Error, RawRepresentable, Hashable, Sendable {
  /// The kernel's number.
  public let rawValue: Int32

  /// The error with the kernel's number `rawValue`.
  public init(rawValue: Int32) { self.rawValue = rawValue }

  /// What the last call of this thread that failed left in `errno`.
  static var current: Errno { Errno(rawValue: errno) }
}

extension Errno {
  /// `EPERM`
  public static let notPermitted = Errno(rawValue: EPERM)
  /// `EBADF`
  public static let badDescriptor = Errno(rawValue: EBADF)
  /// `EFAULT`
  public static let badAddress = Errno(rawValue: EFAULT)
  /// `ENOENT`
  public static let noSuchFileOrDirectory = Errno(rawValue: ENOENT)
  /// `ESRCH`
  public static let noSuchProcess = Errno(rawValue: ESRCH)
  /// `EINTR`
  public static let interrupted = Errno(rawValue: EINTR)
  /// `EIO`
  public static let ioError = Errno(rawValue: EIO)
  /// `EAGAIN`
  public static let resourceTemporarilyUnavailable = Errno(rawValue: EAGAIN)
  /// `ENOMEM`
  public static let outOfMemory = Errno(rawValue: ENOMEM)
  /// `EACCES`
  public static let permissionDenied = Errno(rawValue: EACCES)
  /// `EBUSY`
  public static let resourceBusy = Errno(rawValue: EBUSY)
  /// `EEXIST`
  public static let fileExists = Errno(rawValue: EEXIST)
  /// `ENODEV`
  public static let noSuchDevice = Errno(rawValue: ENODEV)
  /// `ENOTDIR`
  public static let notDirectory = Errno(rawValue: ENOTDIR)
  /// `EISDIR`
  public static let isDirectory = Errno(rawValue: EISDIR)
  /// `EINVAL`
  public static let invalidArgument = Errno(rawValue: EINVAL)
  /// `EMFILE`
  public static let tooManyOpenFiles = Errno(rawValue: EMFILE)
  /// `EFBIG`
  public static let fileTooLarge = Errno(rawValue: EFBIG)
  /// `ENOSPC`
  public static let noSpace = Errno(rawValue: ENOSPC)
  /// `EROFS`
  public static let readOnlyFileSystem = Errno(rawValue: EROFS)
  /// `EPIPE`
  public static let brokenPipe = Errno(rawValue: EPIPE)
  /// `EADDRINUSE`
  public static let addressInUse = Errno(rawValue: EADDRINUSE)
  /// `ECONNREFUSED`
  public static let connectionRefused = Errno(rawValue: ECONNREFUSED)
  /// `ECONNABORTED`
  public static let connectionAborted = Errno(rawValue: ECONNABORTED)
  /// `ECONNRESET`
  public static let connectionReset = Errno(rawValue: ECONNRESET)
  /// `ENOSYS`
  public static let noFunction = Errno(rawValue: ENOSYS)
  /// `ENOTEMPTY`
  public static let directoryNotEmpty = Errno(rawValue: ENOTEMPTY)
  /// `ELOOP`
  public static let tooManySymbolicLinks = Errno(rawValue: ELOOP)
  /// `EOPNOTSUPP`
  public static let notSupported = Errno(rawValue: EOPNOTSUPP)
  /// `ENAMETOOLONG`
  public static let nameTooLong = Errno(rawValue: ENAMETOOLONG)
  /// `ENODATA`
  public static let noData = Errno(rawValue: ENODATA)
  /// `ETIMEDOUT`
  public static let timedOut = Errno(rawValue: ETIMEDOUT)
}

extension Errno: CustomStringConvertible {
  /// The C library's sentence for the number (`strerror(3)`), or why a system call cannot be made at all.
  public var description: String {
    if let (refusal, call) = refused { return Self.text(refusal, call) }
    return String(cString: strerror(rawValue))
  }
}

/// Makes the system call `body`, again when a signal interrupts it.
///
/// - Throws: what `errno` holds when `body` returns -1.
@discardableResult
@inline(__always)
func retrying<Result: FixedWidthInteger & SignedInteger>(_ body: () -> Result) throws(Errno) -> Result {
  while true {
    let result = body()
    if result != -1 { return result }
    let error = Errno.current
    if error != .interrupted { throw error }
  }
}

/// Makes the system call `body` once: for calls in which an interruption is an answer, and for those
/// that must not be repeated (`close(2)`).
@discardableResult
@inline(__always)
func once<Result: FixedWidthInteger & SignedInteger>(_ body: () -> Result) throws(Errno) -> Result {
  let result = body()
  if result == -1 { throw Errno.current }
  return result
}
