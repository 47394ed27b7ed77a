import Foundation

/// Listens as a supervisor does, and has one answer to one request.
struct PretendedSupervisor {
  let socket: String
  private let listener: CInt

  /// Answers requests that begin with `request` with `document`, and others with 404, on a socket in `directory`.
  init(in directory: String, _ request: String, _ document: String) throws {
    socket = directory + "/swiftjaild.sock"
    let listener = try UnixSocket.listening(at: socket)
    self.listener = listener
    Thread.detachNewThread {
      while true {
        let connection = accept(listener, nil, nil)
        guard connection >= 0 else { break }
        var buffer = [UInt8](repeating: 0, count: 4096)
        let count = max(0, read(connection, &buffer, buffer.count))
        let isKnown = buffer[..<count].starts(with: request.utf8)
        let answer = isKnown ? "HTTP/1.1 200 OK\r\n\r\n\(document)" : "HTTP/1.1 404 Not Found\r\n\r\n{}"
        _ = answer.withCString { send(connection, $0, strlen($0), Int32(MSG_NOSIGNAL)) }
        // A program that another test starts at this moment may have a copy.
        shutdown(connection, Int32(SHUT_RDWR))
        close(connection)
      }
      close(listener)
    }
  }

  /// Listens no longer.
  func stop() { shutdown(listener, Int32(SHUT_RDWR)) }
}
