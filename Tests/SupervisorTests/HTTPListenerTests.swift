import Glibc
import Linux
import Testing

@testable import Supervisor

@Suite("The server's socket")
struct HTTPListenerTests {
  private func message(_ path: String) throws -> String? {
    let loop = try EventLoop()
    do throws(HTTPServerError) {
      _ = try HTTPServer(loop: loop, path: path) { _, _ in }
      return nil
    } catch {
      return error.description
    }
  }

  @Test("It is for its owner and group alone")
  func mode() throws {
    let service = try HTTPService { _, _ in }
    let status = try FileStatus.of(service.path)
    #expect(status.kind == .socket)
    #expect(status.permissions == 0o660)
  }

  @Test("A server that is alive keeps it")
  func alive() throws {
    let service = try HTTPService { $1.respond(HTTPResponse(.ok)) }
    #expect(
      try message(service.path)
        == "listening on \(service.path): another process listens there; stop it, or choose another path")
    let client = try service.client("GET / HTTP/1.1\r\nHost: x\r\n\r\n")
    try service.wait(client, for: "\r\n\r\n")
  }

  @Test("A dead server's is replaced")
  func stale() throws {
    let service = try HTTPService { _, _ in }
    let path = "\(service.directory)/stale.sock"
    do { _ = try UnixListener(binding: path) }
    #expect(try FileStatus.of(path).kind == .socket)
    let server = try HTTPServer(loop: service.loop, path: path) { _, _ in }
    _ = try Socket.connect(to: path)
    server.close()
    #expect(throws: Errno.noSuchFileOrDirectory) { try FileStatus.of(path) }
  }

  @Test("A server takes away only its own")
  func others() throws {
    let service = try HTTPService { _, _ in }
    try File.remove(service.path)
    let other = try HTTPServer(loop: service.loop, path: service.path) { _, _ in }
    service.closeServer()
    _ = try Socket.connect(to: service.path)
    other.close()
  }

  @Test("What is not a socket stays, and what cannot be one is said")
  func refusals() throws {
    let service = try HTTPService { _, _ in }
    let file = "\(service.directory)/file"
    _ = try FileDescriptor.open(file, [.writeOnly, .create], mode: 0o600)
    #expect(
      try message(file)
        == "listening on \(file): there is a file that is not a socket; remove it, or choose another path")
    #expect(try FileStatus.of(file).kind == .regular)
    let missing = "\(service.directory)/none/api.sock"
    #expect(
      try message(missing)
        == "listening on \(missing): its directory does not exist; make it, or choose another path")
    let long = "\(service.directory)/" + String(repeating: "a", count: 100)
    #expect(
      try message(long) == "listening on \(long): a socket's path has at most 107 bytes; choose a shorter one"
    )
  }
}
