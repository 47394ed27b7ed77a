import CLinux
import Glibc

/// One end of a connection between processes of this machine (`unix(7)`).
public struct Socket: ~Copyable, Sendable {
  /// The socket's descriptor.
  public let descriptor: FileDescriptor

  /// Takes over a connected socket.
  public init(_ descriptor: consuming FileDescriptor) { self.descriptor = descriptor }

  /// Two connected sockets that keep messages apart and in order (`socketpair(2)`, `SOCK_SEQPACKET`).
  public static func pair() throws(Errno) -> SocketPair {
    var ends: [Int32] = [-1, -1]
    try once { socketpair(AF_UNIX, Int32(SOCK_SEQPACKET.rawValue | SOCK_CLOEXEC.rawValue), 0, &ends) }
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
    try retrying {
      message.withUnsafeBytes {
        linux_send_descriptor(descriptor.rawValue, $0.baseAddress, $0.count, file.rawValue)
      }
    }
  }

  /// The next message, of at most `limit` bytes; empty when the other end is closed.
  public func receive(limit: Int = 4096) throws(Errno) -> Message {
    var bytes = [UInt8](repeating: 0, count: limit)
    var file: Int32 = -1
    let count = try retrying {
      bytes.withUnsafeMutableBytes {
        linux_receive_descriptor(descriptor.rawValue, $0.baseAddress, $0.count, &file)
      }
    }
    bytes.removeLast(limit - count)
    return Message(bytes: bytes, file: file >= 0 ? FileDescriptor(owning: file) : nil)
  }

  /// The beginning of the next message, as much as `buffer` holds; 0 when the other end is closed (`recv(2)`).
  public func receive(into buffer: UnsafeMutableRawBufferPointer) throws(Errno) -> Int {
    try retrying { recv(descriptor.rawValue, buffer.baseAddress, buffer.count, 0) }
  }

  /// What came over a socket.
  @frozen public struct Message: ~Copyable {
    /// The message.
    public let bytes: [UInt8]
    /// The descriptor that came with it.
    public var file: FileDescriptor?
  }
}

/// The two ends of a connection.
@frozen public struct SocketPair: ~Copyable {
  /// The end for this process.
  public var here: Socket
  /// The end for the other.
  public var there: Socket
}
