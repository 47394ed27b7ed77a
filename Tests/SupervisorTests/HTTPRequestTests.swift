import Testing

@testable import Supervisor

@Suite("Requests")
struct HTTPRequestTests {
  private func request(_ text: String, limits: HTTPLimits = HTTPLimits()) throws -> HTTPRequest? {
    var parser = HTTPRequestParser(limits: limits)
    parser.append(text.utf8)
    return try parser.next()
  }

  private func status(_ text: String, limits: HTTPLimits = HTTPLimits()) -> HTTPStatus? {
    do {
      _ = try request(text, limits: limits)
      return nil
    } catch {
      return (error as? HTTPError)?.status
    }
  }

  private func get(_ target: String) throws -> HTTPTarget? {
    try request("GET \(target) HTTP/1.1\r\nHost: x\r\n\r\n")?.target
  }

  private let several = [
    "POST /v1.41/containers/create?name=web HTTP/1.1\r\nHost: docker\r\nContent-Length: 13\r\n\r\n{\"Image\":\"a\"}",
    "\r\nGET /events HTTP/1.1\r\nhost:docker\r\nX-Empty:\r\n\r\n",
    "PUT /a HTTP/1.1\r\nHost: docker\r\nTransfer-Encoding: Chunked\r\n\r\n"
      + "5\r\nhello\r\n00A;x=y\r\n, chunked!\r\n0\r\nSum: 1\r\n\r\n",
    "DELETE /b HTTP/1.0\r\n\r\n",
  ].joined()

  private func check(_ requests: [HTTPRequest]) {
    #expect(requests.map(\.method) == [.post, .get, .put, .delete])
    #expect(requests.map(\.target.path) == ["/v1.41/containers/create", "/events", "/a", "/b"])
    #expect(
      requests.map { String(decoding: $0.body, as: UTF8.self) } == [
        "{\"Image\":\"a\"}", "", "hello, chunked!", "",
      ])
    #expect(requests.map(\.keepsAlive) == [true, true, true, false])
    guard requests.count == 4 else { return }
    #expect(requests[0].target["name"] == "web")
    #expect(requests[1].headers["HOST"] == "docker")
    #expect(requests[1].headers["X-Empty"] == "")
    #expect(requests[2].headers["Sum"] == nil)
  }

  @Test("Requests that follow one another are read one by one, byte by byte")
  func bytes() throws {
    var parser = HTTPRequestParser()
    var requests: [HTTPRequest] = []
    for byte in several.utf8 {
      parser.append([byte])
      while let request = try parser.next() { requests.append(request) }
    }
    check(requests)
    #expect(parser.isIdle)
  }

  @Test("It does not matter in what pieces they come")
  func pieces() throws {
    for _ in 0..<200 {
      var parser = HTTPRequestParser()
      var requests: [HTTPRequest] = []
      var rest = Array(several.utf8)[...]
      while !rest.isEmpty {
        let piece = rest.prefix(Int.random(in: 1...60))
        rest = rest.dropFirst(piece.count)
        parser.append(piece)
        while let request = try parser.next() { requests.append(request) }
      }
      check(requests)
    }
  }

  @Test("A path is decoded segment by segment, a query item by item")
  func targets() throws {
    let target = try #require(try get("/images/a%2Fb%20c//json?q=1+2&all&q=%C3%A4%26&=x"))
    #expect(target.segments == ["images", "a/b c", "", "json"])
    #expect(target.path == "/images/a/b c//json")
    #expect(target.values("q") == ["1 2", "ä&"])
    #expect(target["all"] == "")
    #expect(target.query.count == 4)
    #expect(target["none"] == nil)
    #expect(try get("http://docker:80/info?a=b")?.path == "/info")
    #expect(try get("http://docker?a=b") == get("/?a=b"))
    #expect(try get("/a/")?.segments == ["a", ""])
  }

  @Test(
    "A flag of a query is set unless it says no",
    arguments: [
      ("a=1", true), ("a=true", true), ("a=yes", true), ("a=0", false), ("a=False", false), ("a", false),
      ("a=none", false), ("b=1", false),
    ])
  func flags(query: String, value: Bool) throws { #expect(try get("/?\(query)")?.flag("a") == value) }

  @Test(
    "A target that is not one is refused",
    arguments: ["x", "*", "//%", "/%4", "/%zz", "/%00", "/%ff", "/#a", "/ä", "/?a=%", "https://a/b", ""])
  func badTargets(target: String) {
    #expect(status("GET \(target) HTTP/1.1\r\nHost: x\r\n\r\n") == .badRequest)
  }

  @Test("Who keeps the connection is known from version and header")
  func keepAlive() throws {
    func keeps(_ version: String, _ connection: String) throws -> Bool? {
      try request("GET / HTTP/\(version)\r\nHost: x\r\nConnection: \(connection)\r\n\r\n")?.keepsAlive
    }
    #expect(try keeps("1.1", "") == true)
    #expect(try keeps("1.1", "Close") == false)
    #expect(try keeps("1.1", "upgrade , close") == false)
    #expect(try keeps("1.0", "") == false)
    #expect(try keeps("1.0", "Keep-Alive") == true)
    #expect(try keeps("1.7", "") == true)
  }

  @Test("An upgrade counts when the connection's field says so")
  func upgrade() throws {
    func upgrade(_ connection: String) throws -> [String]? {
      try request("POST / HTTP/1.1\r\nHost: x\r\nConnection: \(connection)\r\nUpgrade: tcp, h2c\r\n\r\n")?
        .upgrade
    }
    #expect(try upgrade("keep-alive, Upgrade") == ["tcp", "h2c"])
    #expect(try upgrade("keep-alive") == [])
  }

  @Test("A client that waits to send its body is noticed, and no other")
  func expectation() throws {
    let head = "POST / HTTP/1.1\r\nHost: x\r\nExpect: 100-Continue\r\nContent-Length: 2\r\n\r\n"
    var parser = HTTPRequestParser()
    parser.append(head.utf8)
    #expect(try parser.next() == nil)
    #expect(parser.isAwaitingContinue)
    parser.append("ab".utf8)
    #expect(try parser.next()?.body == [97, 98])
    #expect(!parser.isAwaitingContinue)

    parser.append((head + "a").utf8)
    #expect(try parser.next() == nil)
    #expect(!parser.isAwaitingContinue)

    #expect(status("GET / HTTP/1.1\r\nHost: x\r\nExpect: miracles\r\n\r\n") == .expectationFailed)
    #expect(status("GET / HTTP/1.1\r\nHost: x\r\nExpect: 100-continue\r\n\r\n") == nil)
  }

  @Test("What comes behind a request is left for whoever takes the connection over")
  func rest() throws {
    var parser = HTTPRequestParser()
    parser.append("POST / HTTP/1.1\r\nHost: x\r\n\r\nls\n".utf8)
    #expect(try parser.next() != nil)
    #expect(parser.takeRest() == Array("ls\n".utf8))
    #expect(parser.isIdle)
  }

  // MARK: Limits

  @Test("A request may be as large as the limits, and one byte more is too much")
  func limits() throws {
    var limits = HTTPLimits()
    limits.requestLine = 20
    limits.header = 30
    limits.fields = 3
    limits.body = 10
    // "GET / HTTP/1.1" has 14 bytes, a field's line two more than its text.
    func line(_ more: Int) -> String { "GET /" + String(repeating: "a", count: more) + " HTTP/1.1\r\n" }
    #expect(status(line(6) + "Host: x\r\n\r\n", limits: limits) == nil)
    #expect(status(line(7) + "Host: x\r\n\r\n", limits: limits) == .uriTooLong)
    #expect(status(String(repeating: "a", count: 21), limits: limits) == nil)
    #expect(status(String(repeating: "a", count: 22), limits: limits) == .uriTooLong)
    func header(_ more: Int) -> String { line(0) + "Host: x\r\nA: " + String(repeating: "b", count: more) }
    #expect(status(header(16) + "\r\n\r\n", limits: limits) == nil)
    #expect(status(header(19) + "\r\n\r\n", limits: limits) == .headerTooLarge)
    #expect(status(header(40), limits: limits) == .headerTooLarge)
    #expect(status(line(0) + "Host: x\r\nA:\r\nA:\r\n\r\n", limits: limits) == nil)
    #expect(status(line(0) + "Host: x\r\nA:\r\nA:\r\nA:\r\n\r\n", limits: limits) == .headerTooLarge)
    let post = "POST / HTTP/1.1\r\nHost: x\r\n"
    #expect(HTTPLimits().header == 16 << 10)
    limits.header = 100
    #expect(status(post + "Content-Length: 10\r\n\r\n0123456789", limits: limits) == nil)
    #expect(status(post + "Content-Length: 11\r\n\r\n", limits: limits) == .contentTooLarge)
    #expect(
      status(post + "Content-Length: 99999999999999999999\r\n\r\n", limits: limits) == .contentTooLarge)
    let chunked = post + "Transfer-Encoding: chunked\r\n\r\n"
    #expect(status(chunked + "5\r\n01234\r\n5\r\n56789\r\n0\r\n\r\n", limits: limits) == nil)
    #expect(status(chunked + "5\r\n01234\r\n6\r\n", limits: limits) == .contentTooLarge)
    #expect(status(chunked + "ffffffffffffffff\r\n", limits: limits) == .contentTooLarge)
    let trailer = "A: " + String(repeating: "a", count: 70) + "\r\n"
    #expect(status(chunked + "0\r\n" + trailer + "\r\n", limits: limits) == .headerTooLarge)
    #expect(status(chunked + "0\r\nA:\r\nA:\r\n\r\n", limits: limits) == .headerTooLarge)
  }

  @Test("A version or method that is not spoken is refused by name")
  func unsupported() {
    #expect(status("GET / HTTP/2.0\r\n") == .versionNotSupported)
    #expect(status("PRI * HTTP/2.0\r\n") == .versionNotSupported)
    #expect(status("GET / HTTP/0.9\r\n") == .versionNotSupported)
    #expect(status("GET / HTTP/11\r\n") == .badRequest)
    #expect(status("GET / http/1.1\r\n") == .badRequest)
    #expect(status("TRACE / HTTP/1.1\r\n") == .notImplemented)
    #expect(status("get / HTTP/1.1\r\n") == .notImplemented)
    #expect(status("POST / HTTP/1.1\r\nHost: x\r\nTransfer-Encoding: gzip\r\n\r\n") == .notImplemented)
  }

  @Test(
    "What two programs could read in two ways is refused",
    arguments: [
      // Two lengths.
      "Host: x\r\nContent-Length: 3\r\nTransfer-Encoding: chunked\r\n\r\n",
      "Host: x\r\nContent-Length: 3\r\nContent-Length: 3\r\n\r\nabc",
      "Host: x\r\nContent-Length: 3, 3\r\n\r\nabc",
      // Lengths that some take for numbers.
      "Host: x\r\nContent-Length: +3\r\n\r\nabc", "Host: x\r\nContent-Length: -1\r\n\r\n",
      "Host: x\r\nContent-Length: 0x3\r\n\r\nabc", "Host: x\r\nContent-Length:\r\n\r\n",
      "Host: x\r\nContent-Length: 3 3\r\n\r\nabc",
      // Names that some would clean, and fields over two lines.
      "Host: x\r\nContent-Length : 3\r\n\r\nabc", "Host: x\r\n Content-Length: 3\r\n\r\nabc",
      "Host: x\r\nA: b\r\n\tc\r\n\r\n", "Host: x\r\n: b\r\n\r\n", "Host: x\r\nA\r\n\r\n",
      "Host: x\r\nA\u{0}: b\r\n\r\n", "Host: x\r\nA: b\u{0}c\r\n\r\n", "Host: x\r\nÄ: b\r\n\r\n",
      // Lines that end in one byte.
      "Host: x\nA: b\r\n\r\n", "Host: x\r\nA: b\rC: d\r\n\r\n", "Host: x\r\n\n", "Host: x\r\r\n\r\n",
      // Who is asked.
      "\r\n", "Host: x\r\nHost: y\r\n\r\n",
      // Chunks.
      "Host: x\r\nTransfer-Encoding: chunked\r\n\r\n0x3\r\nabc\r\n",
      "Host: x\r\nTransfer-Encoding: chunked\r\n\r\n 3\r\nabc\r\n",
      "Host: x\r\nTransfer-Encoding: chunked\r\n\r\n3 \r\nabc\r\n",
      "Host: x\r\nTransfer-Encoding: chunked\r\n\r\n-3\r\nabc\r\n",
      "Host: x\r\nTransfer-Encoding: chunked\r\n\r\n+3\r\nabc\r\n",
      "Host: x\r\nTransfer-Encoding: chunked\r\n\r\n\r\nabc\r\n",
      "Host: x\r\nTransfer-Encoding: chunked\r\n\r\n;a\r\nabc\r\n",
      "Host: x\r\nTransfer-Encoding: chunked\r\n\r\n3\nabc\r\n",
      "Host: x\r\nTransfer-Encoding: chunked\r\n\r\n3;a\u{1}\r\nabc\r\n",
      "Host: x\r\nTransfer-Encoding: chunked\r\n\r\n3\r\nabcd\r\n",
      "Host: x\r\nTransfer-Encoding: chunked\r\n\r\n3\r\nabc0\r\n\r\n",
      "Host: x\r\nTransfer-Encoding: chunked\r\n\r\n0\r\n A: b\r\n\r\n",
      "Host: x\r\nTransfer-Encoding: chunked\r\n\r\n0\r\nGET / HTTP/1.1\r\n\r\n",
    ])
  func smuggling(fields: String) {
    #expect(status("POST / HTTP/1.1\r\n\(fields)") == .badRequest)
  }

  @Test("A coding that is not chunked, or more than that, is not guessed at")
  func codings() {
    for coding in [
      "identity", "chunked, chunked", "gzip, chunked", "xchunked", "chun\u{212a}ed", "\u{b}chunked", "",
    ] {
      let status = status("POST / HTTP/1.1\r\nHost: x\r\nTransfer-Encoding: \(coding)\r\n\r\n")
      #expect(status == (coding == "\u{b}chunked" ? .badRequest : .notImplemented), "\(coding)")
    }
    #expect(
      status("POST / HTTP/1.1\r\nHost: x\r\nTransfer-Encoding: chunked\r\nTransfer-Encoding: chunked\r\n\r\n")
        == .notImplemented)
    #expect(status("POST / HTTP/1.0\r\nTransfer-Encoding: chunked\r\n\r\n") == .badRequest)
  }

  @Test(
    "A request line has three words with one space between them",
    arguments: [
      "GET /", "GET  / HTTP/1.1", " GET / HTTP/1.1", "GET / HTTP/1.1 ", "GET\t/ HTTP/1.1", "G(T / HTTP/1.1",
    ])
  func requestLines(line: String) { #expect(status("\(line)\r\n") == .badRequest) }

  @Test("One empty line before a request is passed over, not two, and no line that ends in LF alone")
  func emptyLines() {
    #expect(status("\r\n\r\nGET / HTTP/1.1\r\n") == .badRequest)
    #expect(status("\nGET / HTTP/1.1\r\n") == .badRequest)
    #expect(status("GET / HTTP/1.1\nHost: x\n\n") == .badRequest)
  }

  @Test("Random bytes are never read as a request, and never more than the limits are kept")
  func noise() {
    let alphabet = Array("GET / HTTP/1.1\r\n\r\nHost:x0123;,% \u{0}".utf8)
    for _ in 0..<500 {
      var parser = HTTPRequestParser()
      do throws(HTTPError) {
        for _ in 0..<20 {
          parser.append((0..<40).map { _ in alphabet.randomElement() ?? 0 })
          while try parser.next() != nil {}
        }
      } catch {
        #expect(error.status.rawValue >= 400)
      }
    }
  }
}
