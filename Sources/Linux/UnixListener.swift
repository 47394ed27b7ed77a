import CLinux
import Glibc

/// A socket that processes of this machine connect to by its path (`unix(7)`). The file stays when this goes.
public struct UnixListener: ~Copyable, Sendable {
  /// The socket's descriptor.
  public let descriptor: FileDescriptor

  /// Makes the socket at `path` (`bind(2)`). Whoever connects is refused until `listen`.
  ///
  /// - Throws: `.invalidArgument` when `path` is longer than the 107 bytes that an address holds; `.addressInUse`
  ///   when there is a file already.
  public init(binding path: String) throws(Errno) {
    let socket = try Socket.stream(nonBlocking: true)
    try Socket.withAddress(path) { (address, size) throws(Errno) in
      try once { bind(socket.rawValue, address, size) }
    }
    descriptor = socket
  }

  /// Lets others connect, at most `backlog` of them before they are accepted (`listen(2)`).
  public func listen(backlog: Int32 = 1024) throws(Errno) {
    try once { Glibc.listen(descriptor.rawValue, backlog) }
  }

  /// The next who connected, as a socket that waits for nothing (`accept4(2)`).
  ///
  /// - Throws: `.resourceTemporarilyUnavailable` when there is none.
  public func accept() throws(Errno) -> Socket {
    let flags = Int32(SOCK_CLOEXEC.rawValue | SOCK_NONBLOCK.rawValue)
    return Socket(FileDescriptor(owning: Int32(try retrying { linux_accept4(descriptor.rawValue, flags) })))
  }

  /// Whether some process listens on the socket at `path` (`connect(2)`).
  public static func isAlive(at path: String) throws(Errno) -> Bool {
    let probe = try Socket.stream(nonBlocking: true)
    do throws(Errno) {
      try Socket.withAddress(path) { (address, size) throws(Errno) in
        try retrying { connect(probe.rawValue, address, size) }
      }
      return true
    } catch .resourceTemporarilyUnavailable {
      // Its queue is full.
      return true
    } catch .connectionRefused, .noSuchFileOrDirectory {
      return false
    }
  }
}

/// Who is at the other end of a socket, as of when he connected (`SO_PEERCRED`).
public struct PeerCredentials: Equatable, Sendable {
  /// The process; 0 when it is in another pid namespace.
  public let pid: Int32
  /// The effective user.
  public let user: UInt32
  /// The effective group.
  public let group: UInt32
}

extension Socket {
  /// Who is at the other end (`getsockopt(2)`, `SO_PEERCRED`).
  public func peer() throws(Errno) -> PeerCredentials {
    var credentials = linux_ucred()
    var size = socklen_t(MemoryLayout<linux_ucred>.size)
    try once { getsockopt(descriptor.rawValue, SOL_SOCKET, SO_PEERCRED, &credentials, &size) }
    return PeerCredentials(pid: credentials.pid, user: credentials.uid, group: credentials.gid)
  }

  /// Sends as much of `bytes` as can be sent without waiting, and says how much (`send(2)`, `MSG_DONTWAIT`).
  ///
  /// - Throws: `.resourceTemporarilyUnavailable` when that is nothing.
  public func sendNow(_ bytes: UnsafeRawBufferPointer) throws(Errno) -> Int {
    try Self.sendNow(bytes, over: descriptor)
  }

  /// Does the same over what is known to be a socket.
  public static func sendNow(
    _ bytes: UnsafeRawBufferPointer, over socket: borrowing FileDescriptor
  ) throws(Errno) -> Int {
    try retrying {
      Glibc.send(socket.rawValue, bytes.baseAddress, bytes.count, Int32(MSG_NOSIGNAL | MSG_DONTWAIT))
    }
  }

  /// How much of what was sent the other end has not read, in bytes of the kernel's memory (`ioctl(2)`, `SIOCOUTQ`).
  public func unreadSize() throws(Errno) -> Int {
    var size: Int32 = 0
    // For terminals the request has another name, and the same number.
    try once { linux_ioctl_pointer(descriptor.rawValue, UInt(TIOCOUTQ), &size) }
    return Int(size)
  }

  /// What has come, at most `limit` bytes; empty at the end (`recv(2)`, `MSG_DONTWAIT`).
  ///
  /// - Throws: `.resourceTemporarilyUnavailable` when nothing has come.
  public func receiveNow(limit: Int) throws(Errno) -> [UInt8] {
    var result: Result<Int, Errno> = .success(0)
    let bytes = [UInt8](unsafeUninitializedCapacity: limit) { (buffer, count) in
      result = Result { () throws(Errno) in
        try retrying { recv(descriptor.rawValue, buffer.baseAddress, limit, Int32(MSG_DONTWAIT)) }
      }
      if case .success(let received) = result { count = received }
    }
    _ = try result.get()
    return bytes
  }

  /// Tells the other end that nothing more comes from here (`shutdown(2)`, `SHUT_WR`).
  public func endSending() throws(Errno) { try once { shutdown(descriptor.rawValue, Int32(SHUT_WR)) } }
}
