import CLinux
import Glibc

extension Socket {
  /// A socket at `path` to which others connect, with messages kept apart and in order (`SOCK_SEQPACKET`, `listen(2)`).
  /// What has that path is replaced.
  public static func listenForPackets(at path: String) throws(Errno) -> Socket {
    let end = Socket(FileDescriptor(owning: try open()))
    do throws(Errno) { try File.remove(path) } catch .noSuchFileOrDirectory {}
    let raw = end.descriptor.rawValue
    try withAddress(path) { bind(raw, $0, $1) }
    try once { chmod(path, 0o600) }
    try once { listen(raw, 16) }
    return end
  }

  /// A connection to the listening socket at `path` (`connect(2)`).
  ///
  /// - Throws: `.noSuchFileOrDirectory` or `.connectionRefused` when nobody listens there.
  public static func connectForPackets(to path: String) throws(Errno) -> Socket {
    let end = Socket(FileDescriptor(owning: try open()))
    let raw = end.descriptor.rawValue
    try withAddress(path) { Glibc.connect(raw, $0, $1) }
    return end
  }

  /// The next connection to this listening socket; `nil` when none waits (`accept4(2)`).
  public func acceptPackets() throws(Errno) -> Socket? {
    do throws(Errno) {
      let raw = try retrying {
        linux_accept4(descriptor.rawValue, Int32(SOCK_CLOEXEC.rawValue | SOCK_NONBLOCK.rawValue))
      }
      return Socket(FileDescriptor(owning: Int32(raw)))
    } catch .resourceTemporarilyUnavailable { return nil }
  }

  /// Sends `message` to the datagram socket at `path`, where `@` stands for the NUL with which abstract names begin.
  public static func sendDatagram(_ message: [UInt8], to path: String) throws(Errno) {
    let raw = try once { socket(AF_UNIX, Int32(SOCK_DGRAM.rawValue | SOCK_CLOEXEC.rawValue), 0) }
    let end = FileDescriptor(owning: raw)
    var address = sockaddr_un()
    address.sun_family = sa_family_t(AF_UNIX)
    var bytes = Array(path.utf8)
    if bytes.first == UInt8(ascii: "@") { bytes[0] = 0 }
    guard bytes.count < MemoryLayout.size(ofValue: address.sun_path) else { throw .nameTooLong }
    withUnsafeMutableBytes(of: &address.sun_path) { $0.copyBytes(from: bytes) }
    let size = socklen_t(MemoryLayout<sa_family_t>.size + bytes.count)
    try retrying {
      withUnsafePointer(to: &address) {
        $0.withMemoryRebound(to: sockaddr.self, capacity: 1) {
          sendto(end.rawValue, message, message.count, Int32(MSG_NOSIGNAL), $0, size)
        }
      }
    }
  }

  private static func open() throws(Errno) -> Int32 {
    try once {
      socket(
        AF_UNIX,
        Int32(SOCK_SEQPACKET.rawValue | SOCK_CLOEXEC.rawValue | SOCK_NONBLOCK.rawValue), 0)
    }
  }

  private static func withAddress(
    _ path: String, _ call: (UnsafePointer<sockaddr>, socklen_t) -> Int32
  ) throws(Errno) {
    var address = sockaddr_un()
    address.sun_family = sa_family_t(AF_UNIX)
    let bytes = Array(path.utf8)
    guard bytes.count < MemoryLayout.size(ofValue: address.sun_path) else { throw .nameTooLong }
    withUnsafeMutableBytes(of: &address.sun_path) { $0.copyBytes(from: bytes) }
    let size = socklen_t(MemoryLayout<sockaddr_un>.size)
    try retrying {
      withUnsafePointer(to: &address) {
        $0.withMemoryRebound(to: sockaddr.self, capacity: 1) { call($0, size) }
      }
    }
  }
}
