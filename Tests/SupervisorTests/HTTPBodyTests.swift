import Glibc
import Linux
import Testing

@testable import Supervisor

private func put(_ fields: String, _ body: String = "") -> String {
  "PUT / HTTP/1.1\r\nHost: x\r\n\(fields)\r\n\r\n\(body)"
}

private let answer = "HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\nok"

/// Takes the bodies of requests as they come.
private final class Taker {
  var exchange: HTTPExchange?
  var bytes: [UInt8] = []
  var bodies: [String] = []
  var wasLost = false

  func take(_ exchange: HTTPExchange) {
    self.exchange = exchange
    bytes = []
    exchange.onBytes { [unowned self] in bytes += $0 }
    exchange.onReadEnd { [unowned self] in
      bodies.append(String(decoding: bytes, as: UTF8.self))
      respond()
    }
    exchange.whenClosed { [unowned self] in wasLost = true }
  }

  func respond() {
    exchange?.respond(HTTPResponse(.ok, body: Array("ok".utf8)))
    exchange = nil
  }
}

@Suite("Bodies that are streamed")
struct HTTPBodyTests {
  /// A server that streams the bodies of PUT.
  func service(
    _ change: (inout HTTPServer.Settings) -> Void = { _ in }, _ handler: @escaping HTTPServer.Handler
  ) throws -> HTTPService {
    var settings = HTTPServer.Settings()
    settings.limits.body = 100
    settings.streamsBody = { method, _ in method == .put }
    change(&settings)
    return try HTTPService(settings, handler)
  }

  @Test("A body comes piece by piece, of a stated length or in chunks, and the connection stays")
  func pieces() throws {
    let taker = Taker()
    let service = try service { request, exchange in
      #expect(request.body.isEmpty)
      taker.take(exchange)
    }
    let client = try service.client(put("Content-Length: 10", "hello"))
    try service.turn { taker.bytes.count == 5 }
    try service.send("world", by: client)
    #expect(try service.wait(client, for: "ok") == answer)
    client.forget()
    try service.send(put("Transfer-Encoding: chunked", "3\r\nabc\r\n2\r"), by: client)
    try service.turn { taker.bytes.count == 3 }
    try service.send("\nde\r\n0\r\n\r\n", by: client)
    #expect(try service.wait(client, for: "ok") == answer)
    client.forget()
    try service.send(put("Content-Length: 0"), by: client)
    #expect(try service.wait(client, for: "ok") == answer)
    #expect(taker.bodies == ["helloworld", "abcde", ""])
    #expect(!taker.wasLost)
  }

  @Test("A body may be longer than one that has to be kept; of another method it may not")
  func length() throws {
    let taker = Taker()
    let service = try service { request, exchange in taker.take(exchange) }
    let body = String(repeating: "x", count: 300_000)
    let client = try service.client(put("Content-Length: 300000", body))
    try service.wait(client, for: "ok")
    #expect(taker.bodies == [body])
    let other = try service.client("POST / HTTP/1.1\r\nHost: x\r\nContent-Length: 101\r\n\r\n")
    #expect(try service.waitForEnd(other).hasPrefix("HTTP/1.1 413 "))
  }

  @Test("Requests that were sent right behind a body are served after it")
  func sentAhead() throws {
    let taker = Taker()
    let service = try service { request, exchange in
      if request.method == .put { return taker.take(exchange) }
      exchange.respond(HTTPResponse(.ok, body: Array("ok".utf8)))
    }
    let get = "GET / HTTP/1.1\r\nHost: x\r\n\r\n"
    let client = try service.client(put("Content-Length: 1", "a") + get + put("Content-Length: 1", "b"))
    try service.turn { client.receive() == answer + answer + answer }
    #expect(taker.bodies == ["a", "b"])
  }

  @Test("A client waits as long as nothing is taken")
  func pace() throws {
    let taker = Taker()
    let service = try service { request, exchange in
      taker.take(exchange)
      exchange.pauseReading()
    }
    let client = try service.client(put("Content-Length: 40000000"))
    let piece = [UInt8](repeating: 120, count: 1 << 20)
    var sent = 0
    for _ in 0..<200 {
      sent += try client.send(piece)
      try service.settle()
    }
    #expect(sent < 4 << 20 && taker.bytes.isEmpty)
    taker.exchange?.resumeReading()
    try service.turn {
      sent += try client.send(Array(piece.prefix(40_000_000 - sent)))
      return taker.bodies.count == 1
    }
    #expect(taker.bodies[0].utf8.count == 40_000_000)
    try service.wait(client, for: "ok")
  }

  @Test("A client that waits to be told to send the body is told when somebody takes it")
  func expectation() throws {
    let taker = Taker()
    var waiting: HTTPExchange?
    let service = try service { request, exchange in waiting = exchange }
    let client = try service.client(put("Content-Length: 2\r\nExpect: 100-continue"))
    try service.turn { waiting != nil }
    try service.settle()
    #expect(client.receive().isEmpty)
    if let exchange = waiting { taker.take(exchange) }
    waiting = nil
    #expect(try service.wait(client, for: "\r\n\r\n") == "HTTP/1.1 100 Continue\r\n\r\n")
    try service.send("ab", by: client)
    try service.wait(client, for: "ok")
    #expect(taker.bodies == ["ab"])
  }

  @Test("An answer before the body's end is the last of its connection, and the client gets it")
  func earlyAnswer() throws {
    let service = try service { request, exchange in
      exchange.respond(HTTPResponse(.badRequest, body: Array("no".utf8)))
    }
    let client = try service.client(put("Content-Length: 2000000"))
    var sent = 0
    try service.turn {
      sent += try client.send([UInt8](repeating: 1, count: 100_000))
      return client.receive().hasSuffix("no")
    }
    #expect(
      client.receive() == "HTTP/1.1 400 Bad Request\r\nContent-Length: 2\r\nConnection: close\r\n\r\nno")
    #expect(!client.isReset)
    client.vanish()
    try service.turn { service.server?.connectionCount == 0 }
  }

  @Test("A client that goes away in the middle of a body is noticed, and so is one that says it has no more")
  func vanishing() throws {
    for ends in [false, true] {
      let taker = Taker()
      let service = try service { _, exchange in taker.take(exchange) }
      let client = try service.client(put("Content-Length: 10", "abc"))
      try service.turn { taker.bytes.count == 3 }
      if ends { try client.endSending() } else { client.vanish() }
      try service.turn { taker.wasLost }
      #expect(taker.bodies.isEmpty)
      try service.turn { service.server?.connectionCount == 0 }
    }
  }

  @Test(
    "Whoever takes a body hears that it does not end before what takes it is let go of",
    arguments: [false, true])
  func order(_ isWrong: Bool) throws {
    final class Sink {
      let onEnd: () -> Void
      init(onEnd: @escaping () -> Void) { self.onEnd = onEnd }
      deinit { onEnd() }
    }
    var events: [String] = []
    let service = try service { _, exchange in
      let sink = Sink { events.append("let go of") }
      exchange.onBytes { _ in withExtendedLifetime((sink, exchange)) {} }
      exchange.whenClosed { events.append("told") }
    }
    let client = try service.client(put("Transfer-Encoding: chunked", "2\r\nab\r\n"))
    try service.settle()
    if isWrong { try service.send("wrong\r\n", by: client) } else { client.vanish() }
    try service.turn { events.count == 2 }
    #expect(events == ["told", "let go of"])
  }

  @Test(
    "A body whose chunks are not as they say is answered so, and whoever takes it hears that it does not end")
  func wrongChunks() throws {
    let taker = Taker()
    let service = try service { _, exchange in taker.take(exchange) }
    let client = try service.client(put("Transfer-Encoding: chunked", "2\r\nabc\r\n"))
    try service.turn { client.receive().contains("a chunk of the body") }
    #expect(client.receive().hasPrefix("HTTP/1.1 400 "))
    #expect(taker.wasLost && taker.bodies.isEmpty)
  }

  @Test("A client that sends nothing for too long is let go of, unless it is made to wait")
  func slow() throws {
    let taker = Taker()
    let service = try service {
      $0.idleTime = 30
    } _: { _, exchange in
      taker.take(exchange)
    }
    let client = try service.client(put("Content-Length: 10", "abc"))
    try service.turn { taker.wasLost }
    #expect(try service.waitForEnd(client).isEmpty)
    taker.wasLost = false
    taker.bytes = []
    let patient = try service.client(put("Content-Length: 10", "abc"))
    try service.turn { taker.bytes.count == 3 }
    taker.exchange?.pauseReading()
    let start = Clock.monotonic()
    while Clock.monotonic() - start < 100_000_000 { try service.loop.turn(longest: 5) }
    #expect(!taker.wasLost && patient.receive().isEmpty && !patient.isEnded)
  }
}
