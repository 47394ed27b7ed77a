import CLinux
import Glibc

/// A set of descriptors that are waited for together (`epoll(7)`).
public struct Epoll: ~Copyable {
  private let descriptor: FileDescriptor

  /// What to wait for, and what came.
  public struct Events: OptionSet, Sendable {
    /// The kernel's `EPOLL*` bits.
    public let rawValue: UInt32
    /// The events with the kernel's bits `rawValue`.
    public init(rawValue: UInt32) { self.rawValue = rawValue }
    /// `EPOLLIN`
    public static let readable = Events(rawValue: 0x001)
    /// `EPOLLPRI`: how the kernel's event files tell of a change.
    public static let exceptional = Events(rawValue: 0x002)
    /// `EPOLLOUT`
    public static let writable = Events(rawValue: 0x004)
    /// `EPOLLERR`; comes unasked.
    public static let failed = Events(rawValue: 0x008)
    /// `EPOLLHUP`; comes unasked.
    public static let hungUp = Events(rawValue: 0x010)
    /// `EPOLLRDHUP`: the other end of a stream will write no more.
    public static let readHungUp = Events(rawValue: 0x2000)
    /// `EPOLLET`: what has come is told once, until more comes.
    public static let edge = Events(rawValue: 0x8000_0000)
  }

  /// One descriptor on which something came.
  public struct Ready: Sendable {
    /// The mark that it was added with.
    public let mark: UInt64
    /// What came.
    public let events: Events
  }

  /// An empty set (`epoll_create1(2)`).
  public init() throws(Errno) {
    descriptor = FileDescriptor(owning: try once { epoll_create1(Int32(EPOLL_CLOEXEC)) })
  }

  /// Adds the descriptor number `number`, to be told by `mark`.
  public func add(_ number: Int32, _ events: Events, mark: UInt64) throws(Errno) {
    try control(EPOLL_CTL_ADD, number, events, mark)
  }

  /// Changes what is waited for on the descriptor number `number`.
  public func change(_ number: Int32, _ events: Events, mark: UInt64) throws(Errno) {
    try control(EPOLL_CTL_MOD, number, events, mark)
  }

  /// Takes the descriptor number `number` out of the set.
  public func remove(_ number: Int32) throws(Errno) { try control(EPOLL_CTL_DEL, number, [], 0) }

  private func control(
    _ operation: Int32, _ number: Int32, _ events: Events, _ mark: UInt64
  ) throws(Errno) {
    var event = epoll_event(events: events.rawValue, data: epoll_data_t(u64: mark))
    try once { epoll_ctl(descriptor.rawValue, operation, number, &event) }
  }

  /// Waits until something comes.
  ///
  /// - Parameter milliseconds: the longest wait; `nil` waits for ever.
  /// - Returns: what came, on at most 256 descriptors; nothing when the time was over or a signal came.
  public func wait(milliseconds: Int32?) throws(Errno) -> [Ready] {
    var events = [epoll_event](repeating: epoll_event(), count: 256)
    let count = epoll_wait(descriptor.rawValue, &events, Int32(events.count), milliseconds ?? -1)
    guard count >= 0 else {
      if Errno.current == .interrupted { return [] }
      throw Errno.current
    }
    return events[..<Int(count)].map { Ready(mark: $0.data.u64, events: Events(rawValue: $0.events)) }
  }
}
