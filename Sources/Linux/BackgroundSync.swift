import CLinux
import Glibc

/// Has the kernel put a file's data on its disk while this process does other things (`io_submit(2)`,
/// `IOCB_CMD_FDSYNC`; Linux 4.18).
public struct BackgroundSync: ~Copyable {
  private let context: aio_context_t
  /// Becomes readable when it is done.
  public let descriptor: FileDescriptor

  /// Nothing is being put on a disk yet.
  ///
  /// - Throws: `Errno`, also where the kernel was built without it.
  public init() throws(Errno) {
    let event = FileDescriptor(
      owning: try retrying { eventfd(0, Int32(EFD_CLOEXEC | EFD_NONBLOCK)) })
    var context: aio_context_t = 0
    try once { linux_io_setup(1, &context) }
    descriptor = event
    self.context = context
  }

  deinit { _ = linux_io_destroy(context) }

  /// Begins to put on the disk what was written up to now to the file `number`, which may be closed then.
  ///
  /// - Throws: `Errno`: `.resourceTemporarilyUnavailable` while another is under way, `.invalidArgument` for a file
  ///   system that has no disk.
  public func begin(_ number: Int32) throws(Errno) {
    try retrying { linux_io_submit_sync(context, number, descriptor.rawValue) }
  }

  /// Takes note of what is done.
  ///
  /// - Returns: whether it is.
  /// - Throws: the `Errno` for which the data may not be on the disk.
  public func finish() throws(Errno) -> Bool {
    var event = io_event()
    guard try retrying({ linux_io_getevents(context, &event) }) == 1 else { return false }
    var count: UInt64 = 0
    try? withUnsafeMutableBytes(of: &count) { (bytes) throws(Errno) in _ = try descriptor.read(into: bytes) }
    if event.res < 0 { throw Errno(rawValue: Int32(-event.res)) }
    return true
  }
}
