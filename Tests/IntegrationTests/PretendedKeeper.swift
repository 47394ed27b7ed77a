import Foundation

/// Listens as a keeper does, has nothing, and never answers what it is asked for.
struct PretendedKeeper {
  private let listener: CInt

  /// Listens where the first keeper of a supervisor does that has `root`.
  init(root: String) throws {
    let path = root + "/.keeper/keeper"
    unlink(path)
    let listener = try UnixSocket.listening(at: path, SOCK_SEQPACKET)
    self.listener = listener
    Thread.detachNewThread {
      let connection = accept(listener, nil, nil)
      guard connection >= 0 else { return }
      _ = #"{"complete":true}"#.withCString { send(connection, $0, strlen($0), Int32(MSG_NOSIGNAL)) }
      var buffer = [UInt8](repeating: 0, count: 4096)
      // Until the listener is shut down nothing more comes of it.
      while accept(listener, nil, nil) >= 0 || errno == EINTR {}
      while recv(connection, &buffer, buffer.count, Int32(MSG_DONTWAIT)) > 0 {}
      shutdown(connection, Int32(SHUT_RDWR))
      close(connection)
      close(listener)
    }
  }

  /// Is gone, as if it had been killed.
  func stop() { shutdown(listener, Int32(SHUT_RDWR)) }
}
