import CLinux
import Glibc

/// Has the kernel put the data of files on their disks while this process does other things (`io_submit(2)`,
/// `IOCB_CMD_FDSYNC`; Linux 4.18). Where that cannot be had, as under a filter that refuses `io_setup(2)`, this process waits for
/// each file instead.
public struct BackgroundSync: ~Copyable {
  /// `nil` where this process waits itself.
  private let context: aio_context_t?
  private let done = Done()
  /// Becomes readable when one is done.
  public let descriptor: FileDescriptor

  /// What came of one.
  public struct End: Sendable {
    /// What it was begun with.
    public let mark: UInt64
    /// For which the data may not be on the disk.
    public let failure: Errno?
  }

  /// Those that this process has waited for, and not told of.
  private final class Done {
    var ends: [End] = []
  }

  /// Nothing is being put on a disk yet.
  ///
  /// - Parameter most: how many files may be under way at once.
  public init(most: UInt32 = 1) throws(Errno) {
    let event = FileDescriptor(
      owning: try retrying { eventfd(0, Int32(EFD_CLOEXEC | EFD_NONBLOCK)) })
    var context: aio_context_t = 0
    do throws(Errno) {
      try once { linux_io_setup(most, &context) }
      self.context = context
    } catch .notPermitted, .noFunction {
      self.context = nil
    }
    descriptor = event
  }

  deinit { if let context { _ = linux_io_destroy(context) } }

  /// Begins to put on the disk what was written up to now to the file `number`, which may be closed then.
  ///
  /// - Parameter mark: what its end is told with.
  /// - Throws: `Errno`: `.resourceTemporarilyUnavailable` while too many are under way, `.invalidArgument` for a file
  ///   system that has no disk.
  public func begin(_ number: Int32, mark: UInt64 = 0) throws(Errno) {
    guard let context else { return try waitFor(number, mark) }
    try retrying { linux_io_submit_sync(context, number, descriptor.rawValue, mark) }
  }

  private func waitFor(_ number: Int32, _ mark: UInt64) throws(Errno) {
    var failure: Errno?
    do throws(Errno) { try retrying { fdatasync(number) } } catch .invalidArgument {
      throw .invalidArgument
    } catch { failure = error }
    done.ends.append(End(mark: mark, failure: failure))
    let count: UInt64 = 1
    try withUnsafeBytes(of: count) { (bytes) throws(Errno) in _ = try descriptor.write(from: bytes) }
  }

  /// The next that is done; `nil` when none is, and `descriptor` tells of those that come from then on.
  public func next() throws(Errno) -> End? {
    var count: UInt64 = 0
    try? withUnsafeMutableBytes(of: &count) { (bytes) throws(Errno) in _ = try descriptor.read(into: bytes) }
    guard let context else { return done.ends.isEmpty ? nil : done.ends.removeFirst() }
    var event = io_event()
    guard try retrying({ linux_io_getevents(context, &event) }) == 1 else { return nil }
    return End(mark: event.data, failure: event.res < 0 ? Errno(rawValue: Int32(-event.res)) : nil)
  }
}
