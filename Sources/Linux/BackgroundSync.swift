import CLinux
import Glibc

/// Has the kernel put the data of files on their disks while this process does other things (`io_submit(2)`,
/// `IOCB_CMD_FDSYNC`; Linux 4.18).
public struct BackgroundSync: ~Copyable {
  private let context: aio_context_t
  /// Becomes readable when one is done.
  public let descriptor: FileDescriptor

  /// What came of one.
  public struct End: Sendable {
    /// What it was begun with.
    public let mark: UInt64
    /// For which the data may not be on the disk.
    public let failure: Errno?
  }

  /// Nothing is being put on a disk yet.
  ///
  /// - Parameter most: how many files may be under way at once.
  /// - Throws: `Errno`, also where the kernel was built without it.
  public init(most: UInt32 = 1) throws(Errno) {
    let event = FileDescriptor(
      owning: try retrying { eventfd(0, Int32(EFD_CLOEXEC | EFD_NONBLOCK)) })
    var context: aio_context_t = 0
    try once { linux_io_setup(most, &context) }
    descriptor = event
    self.context = context
  }

  deinit { _ = linux_io_destroy(context) }

  /// Begins to put on the disk what was written up to now to the file `number`, which may be closed then.
  ///
  /// - Parameter mark: what its end is told with.
  /// - Throws: `Errno`: `.resourceTemporarilyUnavailable` while too many are under way, `.invalidArgument` for a file
  ///   system that has no disk.
  public func begin(_ number: Int32, mark: UInt64 = 0) throws(Errno) {
    try retrying { linux_io_submit_sync(context, number, descriptor.rawValue, mark) }
  }

  /// The next that is done; `nil` when none is, and `descriptor` tells of those that come from then on.
  public func next() throws(Errno) -> End? {
    var count: UInt64 = 0
    try? withUnsafeMutableBytes(of: &count) { (bytes) throws(Errno) in _ = try descriptor.read(into: bytes) }
    var event = io_event()
    guard try retrying({ linux_io_getevents(context, &event) }) == 1 else { return nil }
    return End(mark: event.data, failure: event.res < 0 ? Errno(rawValue: Int32(-event.res)) : nil)
  }
}
