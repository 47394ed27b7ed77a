import Glibc

/// One descriptor to wait for (`poll(2)`).
public struct PollEntry: Sendable {
  var entry: pollfd

  /// What to wait for, and what came.
  public struct Events: OptionSet, Sendable {
    /// The kernel's `POLL*` bits.
    public let rawValue: Int16
    /// The events with the kernel's bits `rawValue`.
    public init(rawValue: Int16) { self.rawValue = rawValue }
    /// `POLLIN`
    public static let readable = Events(rawValue: Int16(POLLIN))
    /// `POLLOUT`
    public static let writable = Events(rawValue: Int16(POLLOUT))
    /// `POLLPRI`: how the kernel's event files tell of a change.
    public static let exceptional = Events(rawValue: Int16(POLLPRI))
    /// `POLLHUP`
    public static let hungUp = Events(rawValue: Int16(POLLHUP))
    /// `POLLERR`
    public static let failed = Events(rawValue: Int16(POLLERR))
  }

  /// Waits for `events` on the descriptor number `descriptor`; a negative number is passed over.
  public init(_ descriptor: Int32, _ events: Events) {
    entry = pollfd(fd: descriptor, events: events.rawValue, revents: 0)
  }

  /// What came, after `poll`.
  public var events: Events { Events(rawValue: entry.revents) }
}

/// Waits until something comes on one of `entries`.
///
/// - Parameter milliseconds: the longest wait; `nil` waits for ever.
/// - Returns: whether anything came.
public func poll(_ entries: inout [PollEntry], milliseconds: Int32? = nil) throws(Errno) -> Bool {
  var raw = entries.map(\.entry)
  let ready = try retrying { Glibc.poll(&raw, nfds_t(raw.count), milliseconds ?? -1) }
  for index in entries.indices { entries[index].entry = raw[index] }
  return ready > 0
}
