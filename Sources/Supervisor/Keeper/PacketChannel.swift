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
  /// The longest message that can be sent, in bytes.
  private let room: Int
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

  /// So many messages wait for an end that is only slow.
  private static let patience = 1024

  /// The longest message, in bytes.
  static let longest = 128 << 10

  init(_ socket: consuming Socket, _ loop: EventLoop) throws(Errno) {
    // A message that the kernel does not take would end the connection, and the next one as well.
    try? socket.makeRoom(forMessagesOf: Self.longest)
    room = min(Self.longest, try socket.longestMessage())
    self.socket = socket
    self.loop = loop
    try loop.watch(self.socket.descriptor.rawValue, .readable) { [weak self] events in
      // Whoever has it may let go of it when it is found to be closed.
      guard let self else { return }
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
    guard bytes.count <= room else { return false }
    guard isOpen else { return true }
    outgoing.append(Packet(bytes, file))
    if outgoing.count == 1 { flush() }
    return true
  }

  /// Whether so much waits to be sent that the other end must be stopped, or stuck.
  var isStuck: Bool { outgoing.count > Self.patience }

  /// Hands over what has come and was not taken yet.
  func drain() { while isOpen, receiveOne() {} }

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
      guard receiveOne() else { return }
    }
  }

  /// - Returns: whether more may be there.
  private func receiveOne() -> Bool {
    do throws(Errno) {
      let count = try socket.receive(into: incoming, with: &incomingFile)
      if count > 0 {
        if let json = try? JSON(parsing: Array(incoming[..<count])) { onMessage?(json) }
        incomingFile = nil
        return true
      }
    } catch .resourceTemporarilyUnavailable {
      return false
    } catch {
      // Whatever it is, nothing more will come.
    }
    close()
    return false
  }
}
