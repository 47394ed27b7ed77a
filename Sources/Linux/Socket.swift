import CLinux
import Glibc

/// One end of a connection between processes of this machine (`unix(7)`).
public struct Socket: ~Copyable, Sendable {
  /// The socket's descriptor.
  public let descriptor: FileDescriptor

  /// Takes over a connected socket.
  public init(_ descriptor: consuming FileDescriptor) { self.descriptor = descriptor }

  /// Two connected sockets that keep messages apart and in order (`socketpair(2)`, `SOCK_SEQPACKET`).
  public static func pair() throws(Errno) -> SocketPair { try pair(SOCK_SEQPACKET) }

  /// Two connected sockets that carry bytes (`socketpair(2)`, `SOCK_STREAM`).
  public static func streams() throws(Errno) -> SocketPair { try pair(SOCK_STREAM) }

  private static func pair(_ type: __socket_type) throws(Errno) -> SocketPair {
    var ends: [Int32] = [-1, -1]
    try once { socketpair(AF_UNIX, Int32(type.rawValue | SOCK_CLOEXEC.rawValue), 0, &ends) }
    return SocketPair(
      here: Socket(FileDescriptor(owning: ends[0])), there: Socket(FileDescriptor(owning: ends[1])))
  }

  /// A stream connected to the listening socket at `path` (`connect(2)`).
  ///
  /// - Throws: `.invalidArgument` when `path` is longer than the 107 bytes that an address holds.
  public static func connect(to path: String) throws(Errno) -> Socket {
    let end = Socket(try stream())
    try withAddress(path) { (address, size) throws(Errno) in
      try retrying { Glibc.connect(end.descriptor.rawValue, address, size) }
    }
    return end
  }

  /// An unconnected stream socket (`socket(2)`, `SOCK_STREAM`).
  static func stream(nonBlocking: Bool = false) throws(Errno) -> FileDescriptor {
    var type = Int32(SOCK_STREAM.rawValue | SOCK_CLOEXEC.rawValue)
    if nonBlocking { type |= Int32(SOCK_NONBLOCK.rawValue) }
    return FileDescriptor(owning: try once { socket(AF_UNIX, type, 0) })
  }

  /// Calls `body` with the address that `path` is.
  static func withAddress(
    _ path: String, _ body: (UnsafePointer<sockaddr>, socklen_t) throws(Errno) -> Void
  ) throws(Errno) {
    var address = sockaddr_un()
    address.sun_family = sa_family_t(AF_UNIX)
    let bytes = Array(path.utf8)
    let capacity = MemoryLayout.size(ofValue: address.sun_path)
    guard bytes.count < capacity else { throw .invalidArgument }
    withUnsafeMutableBytes(of: &address.sun_path) { $0.copyBytes(from: bytes) }
    try withUnsafePointer(to: &address) { (pointer) throws(Errno) in
      try pointer.withMemoryRebound(to: sockaddr.self, capacity: 1) { (pointer) throws(Errno) in
        try body(pointer, socklen_t(MemoryLayout<sockaddr_un>.size))
      }
    }
  }

  /// Sends one message.
  public func send(_ message: borrowing [UInt8]) throws(Errno) {
    let count = message.count
    try retrying {
      message.withUnsafeBytes {
        Glibc.send(descriptor.rawValue, $0.baseAddress, count, Int32(MSG_NOSIGNAL))
      }
    }
  }

  /// Sends one message together with a copy of `file` (`SCM_RIGHTS`).
  public func send(_ message: borrowing [UInt8], with file: borrowing FileDescriptor) throws(Errno) {
    try send(message, descriptors: [file.rawValue])
  }

  /// Sends one message together with copies of what is to be the receiver's standard streams (`SCM_RIGHTS`).
  public func send(_ message: borrowing [UInt8], with streams: borrowing StandardStreams) throws(Errno) {
    try send(
      message, descriptors: [streams.input.rawValue, streams.output.rawValue, streams.error.rawValue])
  }

  private func send(_ message: borrowing [UInt8], descriptors: [Int32]) throws(Errno) {
    try retrying {
      message.withUnsafeBytes {
        linux_send_descriptors(
          descriptor.rawValue, $0.baseAddress, $0.count, descriptors, descriptors.count)
      }
    }
  }

  /// The next message, of at most `limit` bytes, and the standard streams that came with it; `nil` when the other end is
  /// closed, or has sent none.
  public func receiveStreams(limit: Int) throws(Errno) -> StreamsMessage? {
    let (bytes, numbers) = try receiveNumbers(limit: limit)
    guard numbers.allSatisfy({ $0 >= 0 }) else {
      for number in numbers where number >= 0 { _ = FileDescriptor(owning: number) }
      return nil
    }
    return StreamsMessage(
      bytes: bytes,
      streams: StandardStreams(
        input: FileDescriptor(owning: numbers[0]), output: FileDescriptor(owning: numbers[1]),
        error: FileDescriptor(owning: numbers[2])))
  }

  /// The next message, of at most `limit` bytes; empty when the other end is closed.
  public func receive(limit: Int = 4096) throws(Errno) -> Message {
    let (bytes, numbers) = try receiveNumbers(limit: limit)
    for number in numbers[1...] where number >= 0 { _ = FileDescriptor(owning: number) }
    let file = numbers[0]
    return Message(bytes: bytes, file: file >= 0 ? FileDescriptor(owning: file) : nil)
  }

  /// The next message, and the numbers of the descriptors that came with it, -1 for those that did not.
  private func receiveNumbers(limit: Int) throws(Errno) -> (bytes: [UInt8], numbers: [Int32]) {
    var bytes = [UInt8](repeating: 0, count: limit)
    var numbers: [Int32] = [-1, -1, -1]
    let count = try retrying {
      bytes.withUnsafeMutableBytes {
        linux_receive_descriptors(descriptor.rawValue, $0.baseAddress, $0.count, &numbers)
      }
    }
    bytes.removeLast(limit - count)
    return (bytes, numbers)
  }

  /// The beginning of the next message, as much as `buffer` holds; 0 when the other end is closed (`recv(2)`).
  public func receive(into buffer: UnsafeMutableRawBufferPointer) throws(Errno) -> Int {
    try retrying { recv(descriptor.rawValue, buffer.baseAddress, buffer.count, 0) }
  }

  /// The beginning of the next message, as much as `buffer` holds, 0 when the other end is closed, and the descriptor that
  /// came with it (`recvmsg(2)`).
  public func receive(
    into buffer: UnsafeMutableRawBufferPointer, with file: inout FileDescriptor?
  ) throws(Errno) -> Int {
    var numbers: [Int32] = [-1, -1, -1]
    let count = try retrying {
      linux_receive_descriptors(descriptor.rawValue, buffer.baseAddress, buffer.count, &numbers)
    }
    for number in numbers[1...] where number >= 0 { _ = FileDescriptor(owning: number) }
    file = numbers[0] >= 0 ? FileDescriptor(owning: numbers[0]) : nil
    return count
  }

  /// What came over a socket.
  @frozen public struct Message: ~Copyable {
    /// The message.
    public let bytes: [UInt8]
    /// The descriptor that came with it.
    public var file: FileDescriptor?
  }
}

/// What is to be standard input, output and error of a process.
@frozen public struct StandardStreams: ~Copyable {
  /// What becomes descriptor 0.
  public var input: FileDescriptor
  /// What becomes descriptor 1.
  public var output: FileDescriptor
  /// What becomes descriptor 2.
  public var error: FileDescriptor

  /// These three.
  public init(
    input: consuming FileDescriptor, output: consuming FileDescriptor, error: consuming FileDescriptor
  ) {
    self.input = input
    self.output = output
    self.error = error
  }

  /// Makes them those of this process (`dup2(2)`).
  public func become() throws(Errno) {
    try FileDescriptor.duplicate(of: input.rawValue).replace(0)
    try FileDescriptor.duplicate(of: output.rawValue).replace(1)
    try FileDescriptor.duplicate(of: error.rawValue).replace(2)
  }
}

/// A message with standard streams.
@frozen public struct StreamsMessage: ~Copyable {
  /// The message.
  public let bytes: [UInt8]
  /// What came with it.
  public var streams: StandardStreams
}

/// The two ends of a connection.
@frozen public struct SocketPair: ~Copyable {
  /// The end for this process.
  public var here: Socket
  /// The end for the other.
  public var there: Socket
}
