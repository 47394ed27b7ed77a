import Glibc
import Linux
import Testing

@testable import Supervisor

private func get(_ target: String, _ fields: String = "") -> String {
  "GET \(target) HTTP/1.1\r\nHost: x\r\n\(fields)\r\n"
}

private func ok(_ text: String) -> String {
  "HTTP/1.1 200 OK\r\nContent-Length: \(text.utf8.count)\r\n\r\n\(text)"
}

private func echo(_ request: HTTPRequest, _ exchange: HTTPExchange) {
  exchange.respond(HTTPResponse(.ok, body: Array(request.target.path.utf8) + request.body))
}

@Suite("The HTTP server")
struct HTTPServerTests {
  @Test("A request is answered, and the handler knows who asked")
  func answer() throws {
    var peer: PeerCredentials?
    let service = try HTTPService { request, exchange in
      peer = exchange.peer
      echo(request, exchange)
    }
    let client = try service.client("POST /a HTTP/1.1\r\nHost: x\r\nContent-Length: 2\r\n\r\nbc")
    #expect(try service.wait(client, for: "bc") == ok("/abc"))
    #expect(peer?.pid == getpid())
    #expect(peer?.user == getuid())
    #expect(peer?.group == getgid())
  }

  @Test("A connection is kept for the next request until the client says that there is none")
  func keepAlive() throws {
    let service = try HTTPService(handler: echo)
    let client = try service.client()
    for path in ["/a", "/b"] {
      client.forget()
      try service.send(get(path), by: client)
      #expect(try service.wait(client, for: path) == ok(path))
    }
    client.forget()
    try service.send(get("/c", "Connection: close\r\n"), by: client)
    #expect(
      try service.waitForEnd(client)
        == "HTTP/1.1 200 OK\r\nContent-Length: 2\r\nConnection: close\r\n\r\n/c")
    #expect(service.server?.connectionCount == 0)

    let old = try service.client("GET /d HTTP/1.0\r\n\r\n")
    #expect(try service.waitForEnd(old) == ok("/d"))
    let keeping = try service.client("GET /e HTTP/1.0\r\nConnection: keep-alive\r\n\r\n")
    #expect(
      try service.wait(keeping, for: "/e")
        == "HTTP/1.1 200 OK\r\nContent-Length: 2\r\nConnection: keep-alive\r\n\r\n/e")
    #expect(service.server?.connectionCount == 1)
  }

  @Test("Requests that are sent ahead are answered in their order, also when the first takes longest")
  func pipelining() throws {
    var first: HTTPExchange?
    var paths: [String] = []
    let service = try HTTPService { request, exchange in
      paths.append(request.target.path)
      if first == nil { first = exchange } else { echo(request, exchange) }
    }
    let client = try service.client(get("/a") + get("/b") + get("/c"))
    try service.turn { first != nil }
    try service.settle()
    #expect(paths == ["/a"])
    #expect(client.receive() == "")
    first?.respond(HTTPResponse(.ok, body: Array("late".utf8)))
    #expect(try service.wait(client, for: "/c") == ok("late") + ok("/b") + ok("/c"))
  }

  @Test("Thousands of requests in one piece are answered, and never one inside the other")
  func manyAhead() throws {
    var depth = 0
    var deepest = 0
    let service = try HTTPService { request, exchange in
      depth += 1
      deepest = max(deepest, depth)
      echo(request, exchange)
      depth -= 1
    }
    let client = try service.client()
    let all = (0..<5000).map { get("/\($0)") }.joined()
    try service.send(all, by: client)
    try service.wait(client, for: "/4999")
    #expect(deepest == 1)
  }

  @Test("Requests that are sent ahead let others have their turn in between")
  func turns() throws {
    var paths: [String] = []
    let service = try HTTPService { request, exchange in
      paths.append(request.target.path)
      echo(request, exchange)
    }
    let ahead = try service.client()
    let other = try service.client()
    try service.settle()
    try service.send((0..<20).map { get("/\($0)") }.joined(), by: ahead)
    try service.send(get("/other"), by: other)
    try service.wait(ahead, for: "/19")
    #expect(paths.firstIndex(of: "/other") ?? .max <= 2, "\(paths)")
    #expect(paths.filter { $0 != "/other" } == (0..<20).map { "/\($0)" })
  }

  @Test("Who sends ahead without end is read no further than it is answered")
  func aheadWithoutEnd() throws {
    let service = try HTTPService(handler: echo)
    let client = try service.client()
    let piece = Array((0..<1000).map { _ in get("/") }.joined().utf8)
    var sent = 0
    for _ in 0..<100 {
      sent += try client.send(piece)
      try service.loop.turn(longest: 0)
    }
    // What the kernel keeps, and little more.
    #expect(sent < 1 << 20, "\(sent)")
    #expect(client.receive().hasPrefix(ok("/")))
  }

  @Test("Half a request holds up nobody, and is answered when it is whole")
  func halfRequests() throws {
    let service = try HTTPService(handler: echo)
    let slow = try service.client()
    for byte in get("/slow") {
      try service.send(String(byte), by: slow)
      let other = try service.client(get("/other", "Connection: close\r\n"))
      #expect(try service.waitForEnd(other).hasSuffix("/other"))
    }
    #expect(try service.wait(slow, for: "/slow") == ok("/slow"))
  }

  @Test("A client that has sent all that it will still gets its answer")
  func halfClose() throws {
    var exchange: HTTPExchange?
    let service = try HTTPService { exchange = $1 }
    let client = try service.client(get("/"))
    try client.endSending()
    try service.turn { exchange != nil }
    try service.settle()
    exchange?.respond(HTTPResponse(.ok, body: Array("bye".utf8)))
    #expect(try service.waitForEnd(client) == ok("bye"))
  }

  @Test("A client that waits to be told to send its body is told")
  func expectation() throws {
    let service = try HTTPService(handler: echo)
    let head = "POST /a HTTP/1.1\r\nHost: x\r\nExpect: 100-continue\r\nContent-Length: 1\r\n\r\n"
    let client = try service.client(head)
    #expect(try service.wait(client, for: "\r\n\r\n") == "HTTP/1.1 100 Continue\r\n\r\n")
    client.forget()
    try service.send("b", by: client)
    #expect(try service.wait(client, for: "b") == ok("/ab"))
    client.forget()
    try service.send(head + "c", by: client)
    #expect(try service.wait(client, for: "c") == ok("/ac"))
  }

  @Test("The first answer counts, and one that is never given is an error")
  func answers() throws {
    let service = try HTTPService { request, exchange in
      guard request.target.path == "/twice" else { return }
      echo(request, exchange)
      exchange.respond(HTTPResponse(.conflict))
      let stream = exchange.startStream(.ok)
      stream.write([1])
      _ = exchange.hijack()
    }
    let client = try service.client(get("/twice"))
    #expect(try service.wait(client, for: "/twice") == ok("/twice"))
    client.forget()
    try service.send(get("/never"), by: client)
    let text = try service.wait(client, for: "}\n")
    #expect(text.hasPrefix("HTTP/1.1 500 Internal Server Error\r\n"))
    #expect(text.hasSuffix("{\"message\":\"the supervisor gave no answer to this request\"}\n"))
    #expect(service.server?.connectionCount == 1)
  }

  @Test("What is no request is answered as an error, and the connection ends there")
  func badRequest() throws {
    var requests = 0
    let service = try HTTPService {
      requests += 1; echo($0, $1)
    }
    let client = try service.client(get("/a") + "GET /b\r\n\r\n" + get("/c"))
    let text = try service.waitForEndSending(client)
    #expect(text.hasPrefix(ok("/a") + "HTTP/1.1 400 Bad Request\r\n"))
    #expect(text.contains("Connection: close\r\n"))
    #expect(text.hasSuffix("{\"message\":\"a request line must be METHOD TARGET HTTP/1.1\"}\n"))
    #expect(requests == 1)
  }

  @Test("A client whose body is refused can send on until it has seen why")
  func tooLarge() throws {
    var settings = HTTPServer.Settings()
    settings.limits.body = 10
    let service = try HTTPService(settings, handler: echo)
    let client = try service.client("POST / HTTP/1.1\r\nHost: x\r\nContent-Length: 1000000\r\n\r\n")
    try service.settle()
    try service.send(String(repeating: "x", count: 1_000_000), by: client)
    #expect(try service.waitForEndSending(client).hasPrefix("HTTP/1.1 413 Content Too Large\r\n"))
  }

  @Test("No more requests are under way than allowed, and the others are told so")
  func connections() throws {
    var settings = HTTPServer.Settings()
    settings.connections = 2
    settings.reserved = 0
    var exchanges: [HTTPExchange] = []
    let service = try HTTPService(settings) { exchanges.append($1) }
    let served = try [service.client(get("/a")), service.client(get("/b"))]
    try service.turn { exchanges.count == 2 }
    let refused = try service.client(get("/c"))
    let text = try service.waitForEndSending(refused)
    #expect(text.hasPrefix("HTTP/1.1 503 Service Unavailable\r\n"))
    #expect(service.server?.connectionCount == 2)
    served[0].vanish()
    try service.turn { service.server?.connectionCount == 1 }
    let next = try service.client(get("/d"))
    try service.turn { exchanges.count == 3 }
    exchanges.last?.respond(HTTPResponse(.ok, body: [97]))
    #expect(try service.wait(next, for: "a") == ok("a"))
  }

  @Test("Some places are kept for root", .enabled(if: getuid() == 0))
  func reserved() throws {
    var settings = HTTPServer.Settings()
    settings.connections = 1
    settings.reserved = 1
    var exchanges: [HTTPExchange] = []
    let service = try HTTPService(settings) { exchanges.append($1) }
    let first = try service.client(get("/a"))
    try service.turn { exchanges.count == 1 }
    let second = try service.client(get("/b"))
    try service.turn { exchanges.count == 2 }
    let third = try service.client(get("/c"))
    #expect(try service.waitForEndSending(third).hasPrefix("HTTP/1.1 503 "))
    withExtendedLifetime((first, second)) {}
  }

  @Test("A connection that is idle gives way to a new one, the one that is idle longest first")
  func idleGivesWay() throws {
    var settings = HTTPServer.Settings()
    settings.connections = 3
    settings.reserved = 0
    var kept: HTTPExchange?
    let service = try HTTPService(settings) { request, exchange in
      if request.target.path == "/busy" { kept = exchange } else { echo(request, exchange) }
    }
    let busy = try service.client(get("/busy"))
    try service.turn { kept != nil }
    let idle = try ["/a", "/b"].map { path in
      let client = try service.client(get(path))
      try service.wait(client, for: path)
      return client
    }
    // What has come and was not looked at yet counts.
    try service.send(get("/again"), by: idle[0])
    let next = try service.client(get("/c"))
    #expect(try service.wait(next, for: "/c") == ok("/c"))
    #expect(try service.wait(idle[0], for: "/again") == ok("/a") + ok("/again"))
    #expect(try service.waitForEnd(idle[1]) == ok("/b"))
    kept?.respond(HTTPResponse(.ok, body: [97]))
    #expect(try service.wait(busy, for: "a") == ok("a"))
  }

  @Test("Streams take no place from requests, and it is known when there are as many as there may be")
  func streams() throws {
    var settings = HTTPServer.Settings()
    settings.connections = 1
    settings.streams = 3
    settings.reserved = 0
    var streams: [HTTPStream] = []
    let service = try HTTPService(settings) { request, exchange in
      if exchange.canStream { streams.append(exchange.startStream(.ok)) } else { echo(request, exchange) }
    }
    let clients = try (0..<3).map { _ in
      let client = try service.client(get("/"))
      try service.wait(client, for: "\r\n\r\n")
      return client
    }
    #expect(streams.count == 3)
    let next = try service.client(get("/next"))
    #expect(try service.wait(next, for: "/next") == ok("/next"))
    streams[0].end()
    next.forget()
    try service.send(get("/more"), by: next)
    try service.wait(next, for: "\r\n\r\n")
    #expect(streams.count == 4)
    withExtendedLifetime(clients) {}
  }

  @Test("What has come of requests' bodies is bounded in all, and small ones are served all the same")
  func bodies() throws {
    var settings = HTTPServer.Settings()
    settings.bodies = 150_000
    settings.smallBody = 1000
    let service = try HTTPService(settings) { $1.respond(HTTPResponse(.ok, text: "\($0.body.count)")) }
    func head(_ size: Int) -> String { "POST / HTTP/1.1\r\nHost: x\r\nContent-Length: \(size)\r\n\r\n" }
    func part(_ size: Int) -> String { String(repeating: "x", count: size) }
    let first = try service.client(head(120_000) + part(100_000))
    let second = try service.client(head(120_000) + part(40_000))
    try service.settle()
    let third = try service.client(head(120_000))
    try service.send(part(30_000), by: third)
    let text = try service.waitForEndSending(third)
    #expect(text.hasPrefix("HTTP/1.1 503 ") && text.contains("too many large requests"))
    let small = try service.client(head(900) + part(900))
    try service.wait(small, for: "900")
    try service.send(part(80_000), by: second)
    #expect(try service.waitForEndSending(second).hasPrefix("HTTP/1.1 503 "))
    try service.send(part(20_000), by: first)
    try service.wait(first, for: "120000")
    // What was given back can be taken again.
    let last = try service.client(head(140_000) + part(140_000))
    try service.wait(last, for: "140000")
  }

  @Test("A flood of connections beyond those is closed, and each is told why")
  func flood() throws {
    var settings = HTTPServer.Settings()
    settings.connections = 1
    settings.reserved = 0
    var exchange: HTTPExchange?
    let service = try HTTPService(settings) { exchange = $1 }
    let served = try service.client(get("/a"))
    try service.turn { exchange != nil }
    let flood = try (0..<100).map { _ in try service.client(get("/b")) }
    for client in flood {
      #expect(try service.waitForEnd(client).hasPrefix("HTTP/1.1 503 "))
      #expect(!client.isReset)
    }
    exchange?.respond(HTTPResponse(.ok, body: [97]))
    #expect(try service.wait(served, for: "a") == ok("a"))
  }

  @Test("A request that does not get whole, and a connection without one, end in time")
  func timeouts() throws {
    var settings = HTTPServer.Settings()
    settings.requestTime = 20
    settings.idleTime = 60
    let service = try HTTPService(settings, handler: echo)
    let start = Clock.monotonic()
    let silent = try service.client()
    let half = try service.client("GET / HTTP/1.1\r\nHo")
    let idle = try service.client(get("/a"))
    #expect(try service.waitForEnd(silent) == "")
    #expect(try service.waitForEndSending(half).hasPrefix("HTTP/1.1 408 Request Timeout\r\n"))
    #expect(try service.waitForEnd(idle) == ok("/a"))
    #expect(Clock.monotonic() - start >= 60_000_000)
    try service.turn { service.server?.connectionCount == 0 }
  }

  @Test("An answer may take its time")
  func slowHandler() throws {
    var settings = HTTPServer.Settings()
    settings.requestTime = 5
    settings.idleTime = 5
    var exchange: HTTPExchange?
    let service = try HTTPService(settings) { exchange = $1 }
    let client = try service.client(get("/"))
    var isTime = false
    service.loop.after(milliseconds: 30) { isTime = true }
    try service.turn { isTime }
    exchange?.respond(HTTPResponse(.ok, body: [97]))
    try service.wait(client, for: ok("a"))
  }

  @Test("A large answer reaches a client that reads it slowly, and nothing is lost")
  func largeAnswer() throws {
    let body = (0..<1_000_000).map { UInt8(truncatingIfNeeded: $0 &* 31 >> 3) }
    let service = try HTTPService { $1.respond(HTTPResponse(.ok, body: body)) }
    let client = try service.client(get("/"))
    try service.turn {
      client.receive(atMost: 40_000)
      return client.bytes.count >= body.count + 43
    }
    #expect(Array(client.bytes.suffix(body.count)) == body)
  }

  @Test("An answer that is never read ends the connection, and until then no further request is looked at")
  func unreadAnswer() throws {
    var settings = HTTPServer.Settings()
    settings.idleTime = 50
    var requests = 0
    let service = try HTTPService(settings) {
      requests += 1
      $1.respond(HTTPResponse(.ok, body: [UInt8](repeating: 97, count: 100_000)))
    }
    let client = try service.client(String(repeating: get("/"), count: 1000))
    try service.settle()
    #expect(requests > 1 && requests < 20, "\(requests)")
    try service.turn { service.server?.connectionCount == 0 }
    _ = client
  }

  @Test("Requests that waited because answers were not read are answered when they are")
  func resumed() throws {
    let service = try HTTPService {
      $1.respond(HTTPResponse(.ok, body: [UInt8](repeating: 97, count: 100_000)))
    }
    let client = try service.client(String(repeating: get("/"), count: 50))
    try service.settle()
    let size = 50 * (100_000 + ok("").utf8.count + 5)
    try service.turn {
      client.receive(atMost: 30_000)
      return client.bytes.count >= size
    }
    #expect(client.bytes.count == size)
  }

  @Test("A client that goes away while its answer is awaited is noticed, once")
  func vanishing() throws {
    var exchange: HTTPExchange?
    var closed = 0
    let service = try HTTPService {
      exchange = $1
      $1.whenClosed { closed += 1 }
    }
    let client = try service.client(get("/"))
    try service.turn { exchange != nil }
    client.vanish()
    try service.turn { closed > 0 }
    exchange?.respond(HTTPResponse(.ok))
    try service.settle()
    #expect(closed == 1)
    exchange?.whenClosed { closed += 10 }
    #expect(closed == 11)
    #expect(service.server?.connectionCount == 0)
  }

  @Test("Nobody is told of a client that goes after its answer")
  func goneAfterwards() throws {
    var closed = 0
    let service = try HTTPService {
      $1.whenClosed { closed += 1 }
      echo($0, $1)
      $1.whenClosed { closed += 1 }
    }
    let client = try service.client(get("/"))
    try service.wait(client, for: "/")
    client.vanish()
    try service.turn { service.server?.connectionCount == 0 }
    #expect(closed == 0)
  }

  @Test("Clients that send noise, half requests or nothing, and vanish, leave nothing behind")
  func chaos() throws {
    var settings = HTTPServer.Settings()
    settings.connections = 20
    var streams: [HTTPStream] = []
    let service = try HTTPService(settings) { request, exchange in
      switch request.target.path {
      case "/stream":
        let stream = exchange.startStream(.ok)
        stream.write([UInt8](repeating: 97, count: 1000))
        streams.append(stream)
      case "/hijack": exchange.hijack().write([97])
      default: echo(request, exchange)
      }
    }
    let pieces = [
      get("/a"), get("/stream"), get("/hijack"), "GET / HT", "\r\n", "POST / HTTP/1.1\r\nHost: x\r\n",
      "Content-Length: 5\r\n\r\nab", "Transfer-Encoding: chunked\r\n\r\n", "3\r\nabc\r\n", "\u{0}", "noise",
    ]
    var clients: [HTTPClient] = []
    for _ in 0..<2000 {
      switch Int.random(in: 0..<6) {
      case 0: if clients.count < 40 { clients.append(try service.client()) }
      case 1, 2:
        // The server may have closed this one.
        _ = try? clients.randomElement()?.send(Array(pieces.randomElement()?.utf8 ?? "".utf8))
      case 3: _ = try? clients.randomElement()?.endSending()
      case 4: if !clients.isEmpty { clients.remove(at: .random(in: clients.indices)).vanish() }
      default: try service.loop.turn(longest: 0)
      }
      if streams.count > 5 { streams.removeFirst().end() }
    }
    for client in clients { client.vanish() }
    try service.turn { service.server?.connectionCount == 0 }
    let client = try service.client(get("/b"))
    #expect(try service.wait(client, for: "/b") == ok("/b"))
  }

  @Test("A server that is closed closes its connections and takes its socket away")
  func closing() throws {
    let service = try HTTPService(handler: echo)
    let client = try service.client(get("/"))
    try service.wait(client, for: "/")
    service.closeServer()
    #expect(try service.waitForEnd(client) == ok("/"))
    #expect(throws: Errno.noSuchFileOrDirectory) { try FileStatus.of(service.path) }
  }
}

extension HTTPService {
  convenience init(
    _ settings: HTTPServer.Settings = HTTPServer.Settings(), handler: @escaping HTTPServer.Handler
  ) throws {
    try self.init(settings, handler)
  }

  /// All that has come to `client` when the server will send no more; the client then closes as well.
  func waitForEndSending(_ client: HTTPClient) throws -> String {
    let text = try waitForEnd(client)
    client.vanish()
    try settle()
    return text
  }
}
