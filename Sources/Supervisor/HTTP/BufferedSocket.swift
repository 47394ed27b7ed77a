import Linux

/// A connected socket that waits for nothing: what cannot be sent yet is kept.
final class BufferedSocket {
  /// What is called when something comes.
  var onEvents: ((Epoll.Events) -> Void)?

  private static let readSize = 16 << 10
  /// How often it is looked whether the other end has read what it was sent, in milliseconds, and how many times.
  private static let unreadPause: Int64 = 1
  private static let unreadTries = 50

  private let loop: EventLoop
  private var socket: Socket?
  private var output = OutputBuffer()
  private var interest: Epoll.Events = []

  /// How much was sent, in bytes.
  private(set) var sent = 0
  /// Whether what waits is to wait longer.
  private(set) var isHeldBack = false

  /// Whether the other end will send no more.
  private(set) var hasReadEnded = false
  /// Whether nothing can be sent or received any more.
  private(set) var isBroken = false

  /// Waits for no more than that the other end goes.
  init(_ socket: consuming Socket, loop: EventLoop) throws(Errno) {
    let number = socket.descriptor.rawValue
    self.loop = loop
    self.socket = consume socket
    try loop.watch(number, interest) { [weak self] events in self?.onEvents?(events) }
  }

  deinit { close() }

  /// How much waits to be sent, in bytes.
  var waiting: Int { output.count }

  /// Whether something waits that may be sent.
  var canFlush: Bool { waiting > 0 && !isHeldBack }

  /// Whether the other end has not read all that was sent.
  private var hasUnread: Bool { ((try? socket?.unreadSize()) ?? 0) > 0 }

  /// Sends `bytes` with the next `flush`.
  func append(_ bytes: [UInt8]) {
    if !isBroken { output.append(bytes) }
  }

  /// Sends what can be sent.
  func flush() {
    guard canFlush else { return }
    do throws(Errno) {
      sent += try output.drain { (bytes) throws(Errno) in
        guard let count = try socket?.sendNow(bytes) else { throw .brokenPipe }
        return count
      }
    } catch {
      breakOff()
    }
  }

  /// Sends nothing until the other end has read what it was sent, or has not for too long; then calls `action`.
  func holdBack(then action: @escaping () -> Void) { holdBack(tries: Self.unreadTries, action) }

  private func holdBack(tries: Int, _ action: @escaping () -> Void) {
    isHeldBack = tries > 0 && hasUnread
    guard isHeldBack else { return action() }
    loop.after(milliseconds: Self.unreadPause) { [weak self] in self?.holdBack(tries: tries - 1, action) }
  }

  /// Some of what has come; `nil` when there is nothing. It is empty at the end, once.
  func receive() -> [UInt8]? {
    guard !hasReadEnded, !isBroken else { return nil }
    do throws(Errno) {
      guard let bytes = try socket?.receiveNow(limit: Self.readSize) else { return nil }
      hasReadEnded = bytes.isEmpty
      return bytes
    } catch .resourceTemporarilyUnavailable {
      return nil
    } catch {
      breakOff()
      return nil
    }
  }

  /// Waits for `events`, and for the other end's going.
  func wait(for events: Epoll.Events) {
    guard events != interest, let number = socket?.descriptor.rawValue else { return }
    interest = events
    do throws(Errno) { try loop.change(number, to: events) } catch { breakOff() }
  }

  /// Tells the other end that no more comes.
  func endSending() {
    // Who has gone already need not be told.
    try? socket?.endSending()
  }

  /// Sends and receives no more.
  func breakOff() {
    isBroken = true
    output.removeAll()
  }

  /// Gives the descriptor back.
  func close() {
    if let number = socket?.descriptor.rawValue { loop.forget(number) }
    socket = nil
    breakOff()
  }
}
