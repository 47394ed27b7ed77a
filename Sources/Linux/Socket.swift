import CLinux
import Glibc

/// One end of a connection between processes of this machine (`unix(7)`).
public struct Socket: ~Copyable, Sendable {
  /// The socket's descriptor.
  public let descriptor: FileDescriptor

  /// Takes over a connected socket.
  public init(_ descriptor: consuming FileDescriptor) { self.descriptor = descriptor }

  /// Closes this end (`close(2)`).
  public consuming func close() {}

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

  /// How long a message may be that is sent (`SO_SNDBUF`), in bytes.
  public func longestMessage() throws(Errno) -> Int {
    var size: Int32 = 0
    var length = socklen_t(MemoryLayout<Int32>.size)
    try once { getsockopt(descriptor.rawValue, SOL_SOCKET, SO_SNDBUF, &size, &length) }
    // What unix_dgram_sendmsg() keeps for itself.
    return max(0, Int(size) - 32)
  }

  /// Makes room for messages of `count` bytes, where `net.core.wmem_default` is less (`SO_SNDBUFFORCE`, `SO_SNDBUF`).
  public func makeRoom(forMessagesOf count: Int) throws(Errno) {
    guard try longestMessage() < count else { return }
    var size = Int32(clamping: count)
    let length = socklen_t(MemoryLayout<Int32>.size)
    // The kernel doubles it, for what it keeps beside each message.
    do throws(Errno) {
      try once { setsockopt(descriptor.rawValue, SOL_SOCKET, SO_SNDBUFFORCE, &size, length) }
    } catch .notPermitted {
      try once { setsockopt(descriptor.rawValue, SOL_SOCKET, SO_SNDBUF, &size, length) }
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

  /// Sends one message over the socket with the number `number`.
  public static func send(_ message: borrowing [UInt8], to number: Int32) throws(Errno) {
    let count = message.count
    try retrying {
      message.withUnsafeBytes { Glibc.send(number, $0.baseAddress, count, Int32(MSG_NOSIGNAL)) }
    }
  }

  /// Sends one message together with a copy of `file` (`SCM_RIGHTS`).
  public func send(_ message: borrowing [UInt8], with file: borrowing FileDescriptor) throws(Errno) {
    try send(message, descriptors: [file.rawValue])
  }

  /// Sends what the connection takes of `bytes`, at least one, together with a copy of `file` (`SCM_RIGHTS`).
  ///
  /// - Returns: how many bytes were sent.
  public func sendSome(_ bytes: borrowing [UInt8], with file: borrowing FileDescriptor) throws(Errno) -> Int {
    let number = [file.rawValue]
    return try retrying {
      bytes.withUnsafeBytes {
        linux_send_descriptors(descriptor.rawValue, $0.baseAddress, $0.count, number, 1)
      }
    }
  }

  /// Sends one message together with copies of what is to be the receiver's standard streams, and of the descriptors with the
  /// numbers `others`, no more than two (`SCM_RIGHTS`).
  public func send(
    _ message: borrowing [UInt8], with streams: borrowing StandardStreams, and others: [Int32] = []
  ) throws(Errno) {
    try send(
      message,
      descriptors: [streams.input.rawValue, streams.output.rawValue, streams.error.rawValue] + others)
  }

  /// Sends one message together with copies of the descriptors with these numbers, one to five (`SCM_RIGHTS`).
  public func send(_ message: borrowing [UInt8], descriptors: [Int32]) throws(Errno) {
    try retrying {
      message.withUnsafeBytes {
        linux_send_descriptors(
          descriptor.rawValue, $0.baseAddress, $0.count, descriptors, descriptors.count)
      }
    }
  }

  /// The next message, of at most `limit` bytes; empty when the other end is closed.
  public func receive(limit: Int = 4096) throws(Errno) -> Message {
    var message = try receiveFiles(limit: limit)
    return Message(bytes: message.bytes, file: message.files.takeFirst())
  }

  /// The next message, of at most `limit` bytes, with all descriptors that came with it; empty when the other end is closed.
  public func receiveFiles(limit: Int) throws(Errno) -> FilesMessage {
    var files = ReceivedFiles()
    var failure: Errno?
    // The buffer may be longer than most messages: only what comes is written to.
    let bytes = [UInt8](unsafeUninitializedCapacity: limit) { buffer, count in
      do throws(Errno) {
        count = try retrying {
          linux_receive_descriptors(descriptor.rawValue, buffer.baseAddress, buffer.count, &files.numbers)
        }
      } catch { failure = error }
    }
    if let failure { throw failure }
    return FilesMessage(bytes: bytes, files: files)
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
    var files = ReceivedFiles()
    let count = try retrying {
      linux_receive_descriptors(descriptor.rawValue, buffer.baseAddress, buffer.count, &files.numbers)
    }
    file = files.takeFirst()
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

/// Descriptors that came with a message; those that nobody takes are closed.
@frozen public struct ReceivedFiles: ~Copyable {
  /// Those that were not taken yet, in their order; -1 is none.
  @usableFromInline var numbers = [Int32](repeating: -1, count: Int(LINUX_MOST_DESCRIPTORS))

  init() {}

  deinit { for number in numbers where number >= 0 { close(number) } }

  /// The first one that was not taken yet.
  public mutating func takeFirst() -> FileDescriptor? {
    guard let index = numbers.firstIndex(where: { $0 >= 0 }) else { return nil }
    defer { numbers[index] = -1 }
    return FileDescriptor(owning: numbers[index])
  }
}

/// A message with descriptors.
@frozen public struct FilesMessage: ~Copyable {
  /// The message.
  public let bytes: [UInt8]
  /// What came with it.
  public var files: ReceivedFiles
}

/// The two ends of a connection.
@frozen public struct SocketPair: ~Copyable {
  /// The end for this process.
  public var here: Socket
  /// The end for the other.
  public var there: Socket
}
