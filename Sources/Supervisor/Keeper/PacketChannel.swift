import Linux
import OCI

/// A connection over which JSON documents go both ways, a message each, some with a descriptor, without anybody waiting.
final class PacketChannel {
  private let socket: Socket
  private let loop: EventLoop
  private var outgoing: [Packet] = []
  /// What came with the message that is being handed over.
  private var incomingFile: FileDescriptor?
  /// For one message; the kernel gives its pages as they are touched, and few messages are long.
  private let incoming = UnsafeMutableRawBufferPointer.allocate(byteCount: longest, alignment: 16)
  private var isOpen = true
  /// Called with each message that comes.
  var onMessage: ((JSON) -> Void)?
  /// Called once when the other end is gone.
  var onEnd: (() -> Void)?

  /// What waits to be sent.
  private final class Packet {
    let bytes: [UInt8]
    let file: FileDescriptor?
    init(_ bytes: [UInt8], _ file: consuming FileDescriptor?) {
      self.bytes = bytes
      self.file = file
    }
  }

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

  /// Sends `message`, together with `file`, now or as soon as the other end takes it.
  ///
  /// - Returns: `false` when it is longer than any that the other end takes, and is not sent.
  @discardableResult
  func send(_ message: some JSONRepresentable, with file: consuming FileDescriptor? = nil) -> Bool {
    let bytes = message.json.bytes()
    guard bytes.count <= Self.longest else { return false }
    guard isOpen else { return true }
    outgoing.append(Packet(bytes, file))
    if outgoing.count == 1 { flush() }
    return true
  }

  /// The descriptor that came with the message that is being handed over, once.
  func takeFile() -> FileDescriptor? { incomingFile.take() }

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
        let packet = outgoing[sent]
        switch packet.file {
        case .some(let file): try socket.send(packet.bytes, with: file)
        case .none: try socket.send(packet.bytes)
        }
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
        let count = try socket.receive(into: incoming, with: &incomingFile)
        guard count > 0 else { return close() }
        guard let json = try? JSON(parsing: Array(incoming[..<count])) else { continue }
        onMessage?(json)
        incomingFile = nil
      } catch .resourceTemporarilyUnavailable {
        return
      } catch {
        return close()
      }
    }
  }
}
