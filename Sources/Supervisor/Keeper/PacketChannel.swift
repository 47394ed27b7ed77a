import Linux
import OCI

/// A connection over which JSON documents go both ways, a message each, without anybody waiting.
final class PacketChannel {
  private let socket: Socket
  private let loop: EventLoop
  private var outgoing: [[UInt8]] = []
  /// For one message; the kernel gives its pages as they are touched, and few messages are long.
  private let incoming = UnsafeMutableRawBufferPointer.allocate(byteCount: longest, alignment: 16)
  private var isOpen = true
  /// Called with each message that comes.
  var onMessage: ((JSON) -> Void)?
  /// Called once when the other end is gone.
  var onEnd: (() -> Void)?

  /// The longest message, in bytes.
  static let longest = 128 << 10

  init(_ socket: consuming Socket, _ loop: EventLoop) throws(Errno) {
    self.socket = socket
    self.loop = loop
    try loop.watch(self.socket.descriptor.rawValue, .readable) { [unowned self] events in
      if events.contains(.writable) { flush() }
      if !events.isDisjoint(with: [.readable, .hungUp, .failed]) { receive() }
    }
  }

  deinit {
    if isOpen { loop.forget(socket.descriptor.rawValue) }
    incoming.deallocate()
  }

  /// Sends `message`, now or as soon as the other end takes it.
  ///
  /// - Returns: `false` when it is longer than any that the other end takes, and is not sent.
  @discardableResult
  func send(_ message: some JSONRepresentable) -> Bool {
    let bytes = message.json.bytes()
    guard bytes.count <= Self.longest else { return false }
    guard isOpen else { return true }
    outgoing.append(bytes)
    if outgoing.count == 1 { flush() }
    return true
  }

  /// Closes the connection.
  func close() {
    guard isOpen else { return }
    isOpen = false
    outgoing = []
    loop.forget(socket.descriptor.rawValue)
    let ended = onEnd
    onEnd = nil
    onMessage = nil
    ended?()
  }

  private func flush() {
    var sent = 0
    defer { outgoing.removeFirst(min(sent, outgoing.count)) }
    while sent < outgoing.count {
      do throws(Errno) {
        try socket.send(outgoing[sent])
        sent += 1
      } catch .resourceTemporarilyUnavailable {
        try? loop.change(socket.descriptor.rawValue, to: [.readable, .writable])
        return
      } catch {
        close()
        return
      }
    }
    try? loop.change(socket.descriptor.rawValue, to: .readable)
  }

  private func receive() {
    // Others wait as well.
    for _ in 0..<64 where isOpen {
      do throws(Errno) {
        let count = try socket.receive(into: incoming)
        guard count > 0 else { return close() }
        guard let json = try? JSON(parsing: Array(incoming[..<count])) else { continue }
        onMessage?(json)
      } catch .resourceTemporarilyUnavailable {
        return
      } catch {
        return close()
      }
    }
  }
}
