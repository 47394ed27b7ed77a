import Foundation

/// Sockets of this machine by their paths.
enum UnixSocket {
  /// A socket of the kind `type` that is connected to `path`.
  static func connected(to path: String, _ type: __socket_type = SOCK_STREAM) throws -> CInt {
    try opened(type, path, "connect to") { connect($0, $1, $2) }
  }

  /// A socket of the kind `type` that listens at `path`.
  static func listening(at path: String, _ type: __socket_type = SOCK_STREAM) throws -> CInt {
    let socket = try opened(type, path, "listen at") { bind($0, $1, $2) }
    guard listen(socket, 8) == 0 else {
      throw Broken("listen at \(path): \(String(cString: strerror(errno)))")
    }
    return socket
  }

  private static func opened(
    _ type: __socket_type, _ path: String, _ what: String,
    _ body: (CInt, UnsafePointer<sockaddr>, socklen_t) -> CInt
  ) throws -> CInt {
    let socket = Glibc.socket(AF_UNIX, CInt(type.rawValue | SOCK_CLOEXEC.rawValue), 0)
    var address = sockaddr_un()
    address.sun_family = sa_family_t(AF_UNIX)
    let bytes = Array(path.utf8)
    guard bytes.count < MemoryLayout.size(ofValue: address.sun_path) else {
      throw Broken("\(path) is too long")
    }
    withUnsafeMutableBytes(of: &address.sun_path) { $0.copyBytes(from: bytes) }
    let code = withUnsafePointer(to: &address) {
      $0.withMemoryRebound(to: sockaddr.self, capacity: 1) {
        body(socket, $0, socklen_t(MemoryLayout<sockaddr_un>.size))
      }
    }
    guard code == 0 else {
      let reason = String(cString: strerror(errno))
      close(socket)
      throw Broken("\(what) \(path): \(reason)")
    }
    return socket
  }
}
