import OCI
import Testing

@testable import Supervisor

@Suite("Answers")
struct HTTPResponseTests {
  private func text(_ bytes: [UInt8]) -> String { String(decoding: bytes, as: UTF8.self) }

  @Test("An answer says how long it is, and whether the connection stays")
  func lengths() {
    let response = HTTPResponse(.ok, text: "OK", type: "text/plain")
    #expect(
      text(response.bytes(keepsAlive: nil))
        == "HTTP/1.1 200 OK\r\nContent-Type: text/plain\r\nContent-Length: 2\r\n\r\nOK")
    #expect(
      text(response.bytes(keepsAlive: false, isHead: true))
        == "HTTP/1.1 200 OK\r\nContent-Type: text/plain\r\nContent-Length: 2\r\nConnection: close\r\n\r\n")
    #expect(
      text(HTTPResponse(.created).bytes(keepsAlive: nil))
        == "HTTP/1.1 201 Created\r\nContent-Length: 0\r\n\r\n")
  }

  @Test("An answer that has no body has no length")
  func empty() {
    #expect(
      text(HTTPResponse(.noContent, text: "x", type: "y").bytes(keepsAlive: nil))
        == "HTTP/1.1 204 No Content\r\nContent-Type: y\r\n\r\n")
  }

  @Test("An error is Docker's document")
  func errors() {
    let response = HTTPResponse(HTTPError(.notFound, "No such container: \"x\""))
    #expect(response.status == .notFound)
    #expect(response.headers["content-type"] == "application/json")
    #expect(text(response.body) == "{\"message\":\"No such container: \\\"x\\\"\"}\n")
  }

  @Test("A field's value cannot end its line, and framing is not the handler's")
  func injection() {
    let headers: HTTPHeaders = ["Location": "/a\r\nSet-Cookie: b", "content-length": "7"]
    #expect(
      text(HTTPResponse(.ok, headers: headers).bytes(keepsAlive: nil))
        == "HTTP/1.1 200 OK\r\nLocation: /a  Set-Cookie: b\r\nContent-Length: 0\r\n\r\n")
  }

  @Test("A chunk starts with its size")
  func chunks() {
    #expect(
      text(HTTPResponse.chunk(Array(repeating: 97, count: 26)))
        == "1a\r\n\(String(repeating: "a", count: 26))\r\n")
  }

  @Test("Fields keep their order, are found in any case, and are replaced as one")
  func headers() {
    var headers: HTTPHeaders = ["A": "1, Two,,", "B": "2", "a": " THREE "]
    #expect(headers.values("A") == ["1, Two,,", " THREE "])
    #expect(headers.words("a") == ["1", "two", "three"])
    headers["a"] = "4"
    #expect(headers.fields.map(\.name) == ["B", "a"])
    headers["B"] = nil
    #expect(headers == ["a": "4"])
  }

  @Test("Each part of a multiplexed stream says which it is and how long")
  func multiplexing() {
    #expect(MultiplexedStream.frame(.output, [7, 8, 9]) == [1, 0, 0, 0, 0, 0, 0, 3, 7, 8, 9])
    let long = MultiplexedStream.frame(.error, [UInt8](repeating: 1, count: 0x10203))
    #expect(Array(long.prefix(9)) == [2, 0, 0, 0, 0, 1, 2, 3, 1])
    #expect(long.count == 0x10203 + 8)
    #expect(MultiplexedStream.frame(.input, [UInt8]()) == [])
  }
}
