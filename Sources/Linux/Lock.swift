import CLinux
import Glibc

/// A lock on an open file, held while this value lives (`flock(2)`).
///
/// The kernel drops the lock when the process dies, so a lock never outlives its holder.
public struct Lock: ~Copyable {
  private let file: FileDescriptor

  private init(_ file: consuming FileDescriptor) { self.file = file }

  /// Waits for the lock on the file or directory at `path`.
  public static func wait(
    for path: String, at directory: Int32 = workingDirectory
  ) throws(Errno) -> Lock {
    let file = try FileDescriptor.open(path, .readOnly, at: directory)
    try retrying { flock(file.rawValue, LOCK_EX) }
    return Lock(file)
  }

  /// Waits for a lock that others may hold at the same time as well, and nobody exclusively.
  public static func share(
    _ path: String, at directory: Int32 = workingDirectory
  ) throws(Errno) -> Lock {
    let file = try FileDescriptor.open(path, .readOnly, at: directory)
    try retrying { flock(file.rawValue, LOCK_SH) }
    return Lock(file)
  }

  /// Takes the lock on the file or directory at `path`, or returns `nil` when somebody holds it.
  public static func take(
    _ path: String, at directory: Int32 = workingDirectory
  ) throws(Errno) -> Lock? {
    let file = try FileDescriptor.open(path, .readOnly, at: directory)
    do throws(Errno) {
      try retrying { flock(file.rawValue, LOCK_EX | LOCK_NB) }
    } catch .resourceTemporarilyUnavailable {
      return nil
    }
    return Lock(file)
  }

  /// Gives the lock back now, for copies of the descriptor in other processes as well.
  public consuming func release() { flock(file.rawValue, LOCK_UN) }
}
