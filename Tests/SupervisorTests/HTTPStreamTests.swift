import Linux
import Testing

@testable import Supervisor

private let get = "GET / HTTP/1.1\r\nHost: x\r\n\r\n"
private let chunkedHead = "HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n"

@Suite("Streamed answers")
struct HTTPStreamTests {
  @Test("A stream's head is sent at once, its body in chunks as they come, and the connection stays")
  func chunks() throws {
    var stream: HTTPStream?
    let service = try HTTPService { stream = $1.startStream(.ok) }
    let client = try service.client(get)
    #expect(try service.wait(client, for: "\r\n\r\n") == chunkedHead)
    client.forget()
    stream?.write(Array("hello".utf8))
    stream?.write([])
    #expect(client.receive() == "5\r\nhello\r\n")
    stream?.write(Array("!".utf8))
    stream?.end()
    stream?.write(Array("too late".utf8))
    #expect(client.receive() == "5\r\nhello\r\n1\r\n!\r\n0\r\n\r\n")
    client.forget()
    try service.send(get, by: client)
    #expect(try service.wait(client, for: "\r\n\r\n") == chunkedHead)
  }

  @Test("To a client of HTTP/1.0 the stream goes as it is, up to the connection's end")
  func oldClient() throws {
    let service = try HTTPService {
      let stream = $1.startStream(.ok, headers: ["Content-Type": "a/b"])
      stream.write(Array("hello".utf8))
      stream.end()
    }
    let client = try service.client("GET / HTTP/1.0\r\nConnection: keep-alive\r\n\r\n")
    #expect(try service.waitForEnd(client) == "HTTP/1.1 200 OK\r\nContent-Type: a/b\r\n\r\nhello")
  }

  @Test("Who asks for the head alone gets no more")
  func head() throws {
    let service = try HTTPService {
      let stream = $1.startStream(.ok)
      stream.write(Array("hello".utf8))
      stream.end()
    }
    let client = try service.client("HEAD / HTTP/1.1\r\nHost: x\r\nConnection: close\r\n\r\n")
    #expect(
      try service.waitForEnd(client)
        == "HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\nConnection: close\r\n\r\n")
  }

  @Test("A client that goes away in the middle is noticed, and what is written then goes nowhere")
  func vanishing() throws {
    var stream: HTTPStream?
    var closed = 0
    let service = try HTTPService {
      stream = $1.startStream(.ok)
      stream?.whenClosed { closed += 1 }
    }
    let client = try service.client(get)
    try service.wait(client, for: "\r\n\r\n")
    stream?.write([97])
    client.vanish()
    stream?.write([98])
    #expect(closed == 0)
    try service.turn { closed > 0 }
    stream?.write([99])
    #expect(stream?.isWritable == false)
    try service.settle()
    #expect(closed == 1)
    #expect(service.server?.connectionCount == 0)
  }

  @Test("A stream that is let go of before its end does not look whole")
  func abandoned() throws {
    var stream: HTTPStream?
    let service = try HTTPService { stream = $1.startStream(.ok) }
    let client = try service.client(get)
    try service.turn { stream != nil }
    stream?.write([97])
    stream = nil
    #expect(try service.waitForEnd(client) == chunkedHead + "1\r\na\r\n")
  }

  @Test("Who writes only while the stream is writable keeps little waiting, and loses nothing")
  func bounded() throws {
    var settings = HTTPServer.Settings()
    settings.outputMark = 10_000
    settings.outputLimit = 20_000
    let piece = [UInt8](repeating: 97, count: 1000)
    let count = 2000
    var written = 0
    var stream: HTTPStream?
    func pump() {
      guard let stream else { return }
      while stream.isWritable, written < count {
        stream.write(piece)
        written += 1
      }
      if written < count { stream.whenWritable(pump) } else { stream.end() }
    }
    let service = try HTTPService(settings) {
      stream = $1.startStream(.ok)
      pump()
    }
    let client = try service.client(get)
    try service.turn { stream != nil }
    try service.settle()
    // The kernel takes its share, and not more comes until somebody reads.
    let before = written
    #expect(before < count)
    try service.settle()
    #expect(written == before)
    try service.turn {
      client.receive(atMost: 10_000)
      return client.bytes.suffix(5).elementsEqual("0\r\n\r\n".utf8)
    }
    #expect(client.bytes.count == chunkedHead.utf8.count + count * 1007 + 5)
  }

  @Test("Who writes on regardless is broken off, and others are not held up")
  func limit() throws {
    var settings = HTTPServer.Settings()
    settings.outputMark = 10_000
    settings.outputLimit = 50_000
    var streams: [HTTPStream] = []
    var closed = 0
    let service = try HTTPService(settings) {
      let stream = $1.startStream(.ok)
      stream.whenClosed { closed += 1 }
      streams.append(stream)
    }
    let lazy = try service.client(get)
    let keen = try service.client(get)
    try service.turn { streams.count == 2 }
    var sent = 0
    while closed == 0, sent < 10_000 {
      for stream in streams { stream.write([UInt8](repeating: 97, count: 1000)) }
      sent += 1
      keen.receive()
      try service.loop.turn(longest: 0)
    }
    #expect(closed == 1)
    #expect(service.server?.connectionCount == 1)
    streams[1].end()
    try service.turn { keen.receive().hasSuffix("0\r\n\r\n") }
    #expect(keen.bytes.count == chunkedHead.utf8.count + sent * 1007 + 5)
    _ = lazy
  }
}

@Suite("What waits to be sent on all connections")
struct HTTPOutputTests {
  @Test("Where much waits in all, who does not read is broken off sooner, and who reads loses nothing")
  func budget() throws {
    var settings = HTTPServer.Settings()
    settings.outputs = 2_000_000
    settings.smallOutput = 10_000
    var streams: [HTTPStream] = []
    var closed = 0
    let service = try HTTPService(settings) {
      let stream = $1.startStream(.ok)
      stream.whenClosed { closed += 1 }
      streams.append(stream)
    }
    let deaf = try (0..<8).map { _ in try service.client(get) }
    try service.turn { streams.count == 8 }
    let keen = try service.client(get)
    try service.turn { streams.count == 9 }
    let sent = 2000
    for _ in 0..<sent {
      for stream in streams { stream.write([UInt8](repeating: 97, count: 1000)) }
      keen.receive()
      try service.loop.turn(longest: 0)
    }
    // Each alone may have four megabytes.
    #expect(closed > 0)
    streams[8].end()
    try service.turn { keen.receive().hasSuffix("0\r\n\r\n") }
    #expect(keen.bytes.count == chunkedHead.utf8.count + sent * 1007 + 5)
    withExtendedLifetime(deaf) {}
  }

  @Test("What is given back can be taken again")
  func room() {
    var settings = HTTPServer.Settings()
    settings.outputs = 100
    settings.smallOutput = 10
    let room = HTTPRoom(settings)
    var (one, other) = (0, 0)
    room.note(waiting: 60, &one)
    #expect(room.outputMark == settings.outputMark)
    room.note(waiting: 50, &other)
    #expect(room.outputMark == 10 && room.outputLimit == 10)
    room.note(waiting: 0, &one)
    #expect(room.outputMark == settings.outputMark && room.outputLimit == settings.outputLimit)
    room.note(waiting: 0, &other)
    #expect(room.output == 0)
  }
}

@Suite("Hijacked connections")
struct HijackTests {
  private let attach = "POST /attach HTTP/1.1\r\nHost: x\r\nConnection: Upgrade\r\nUpgrade: tcp\r\n\r\n"
  private let upgraded =
    "HTTP/1.1 101 UPGRADED\r\nContent-Type: application/vnd.docker.raw-stream\r\n"
    + "Connection: Upgrade\r\nUpgrade: tcp\r\n\r\n"

  @Test("Bytes go both ways, the first behind the request, and each side ends its own")
  func bothWays() throws {
    var own: HijackedConnection?
    var received = ""
    var events: [String] = []
    let service = try HTTPService {
      own = $1.hijack()
      own?.onBytes { received += String(decoding: $0, as: UTF8.self) }
      own?.onReadEnd { events.append("end") }
      own?.whenClosed { events.append("close") }
      own?.write(Array("motd\n".utf8))
    }
    let client = try service.client(attach + "ls\n")
    #expect(try service.wait(client, for: "motd\n") == upgraded + "motd\n")
    #expect(received == "ls\n")
    client.forget()
    try service.send("GET / HTTP/1.1\r\n\r\n", by: client)
    try service.turn { received == "ls\nGET / HTTP/1.1\r\n\r\n" }
    own?.write(Array("a b\n".utf8))
    #expect(client.receive() == "a b\n")
    try client.endSending()
    try service.turn { !events.isEmpty }
    try service.settle()
    #expect(events == ["end"])
    own?.write(Array("bye\n".utf8))
    own?.close()
    #expect(try service.waitForEnd(client) == "a b\nbye\n")
    #expect(events == ["end"])
    #expect(service.server?.connectionCount == 0)
  }

  @Test("What is written at once comes when the client has read the head, and not with it")
  func headAlone() throws {
    let service = try HTTPService {
      let own = $1.hijack()
      own.write(Array("motd\n".utf8))
      own.whenClosed { own.close() }
    }
    let client = try service.client(attach)
    try service.settle()
    #expect(client.receive() == upgraded)
    #expect(try service.wait(client, for: "motd\n") == upgraded + "motd\n")
    // Who does not read the head at all is not waited for.
    let deaf = try service.client(attach)
    try service.turn {
      deaf.receive(atMost: 1)
      return false || deaf.bytes.count > 0
    }
    #expect(try service.wait(deaf, for: "motd\n") == upgraded + "motd\n")
  }

  @Test("A client that asks for no upgrade gets the bytes behind an answer of status 200")
  func oldClient() throws {
    var own: HijackedConnection?
    let service = try HTTPService {
      own = $1.hijack(contentType: "application/vnd.docker.multiplexed-stream")
      own?.write([97])
      own?.close()
    }
    let client = try service.client("POST / HTTP/1.1\r\nHost: x\r\n\r\n")
    #expect(
      try service.waitForEnd(client)
        == "HTTP/1.1 200 OK\r\nContent-Type: application/vnd.docker.multiplexed-stream\r\n\r\na")
  }

  @Test("The supervisor's side can end first and still receive")
  func closeWrite() throws {
    var own: HijackedConnection?
    var received: [UInt8] = []
    var closed = 0
    let service = try HTTPService {
      own = $1.hijack()
      own?.onBytes { received += $0 }
      own?.whenClosed { closed += 1 }
      own?.write([97])
      own?.closeWrite()
      own?.write([98])
    }
    let client = try service.client(attach)
    #expect(try service.waitForEnd(client) == upgraded + "a")
    try service.send("more", by: client)
    try service.turn { received == Array("more".utf8) }
    #expect(closed == 0)
    client.vanish()
    try service.turn { closed == 1 }
  }

  @Test("What a client said before it went is received whole, also by one who paused")
  func lastWords() throws {
    var own: HijackedConnection?
    var received: [UInt8] = []
    var events: [String] = []
    let service = try HTTPService {
      own = $1.hijack()
      own?.onBytes { received += $0 }
      own?.onReadEnd { events.append("end") }
      own?.whenClosed { events.append("close") }
      own?.pauseReading()
    }
    let client = try service.client(attach)
    try service.wait(client, for: "\r\n\r\n")
    let text = [UInt8](repeating: 97, count: 50_000)
    #expect(try client.send(text) == text.count)
    try service.settle()
    #expect(received.isEmpty)
    client.vanish()
    try service.turn { events.last == "close" }
    #expect(received == text)
    #expect(events == ["end", "close"])
  }

  @Test("A client has to wait while nobody receives")
  func paused() throws {
    var own: HijackedConnection?
    var received = 0
    let service = try HTTPService {
      own = $1.hijack()
      own?.onBytes { received += $0.count }
      own?.pauseReading()
    }
    let client = try service.client(attach + "abc")
    try service.wait(client, for: "\r\n\r\n")
    var sent = 0
    let piece = [UInt8](repeating: 97, count: 10_000)
    while true {
      let count = try client.send(piece)
      if count == 0 { break }
      sent += count
      try service.loop.turn(longest: 0)
    }
    #expect(received == 0)
    own?.resumeReading()
    try service.turn { received == sent + 3 }
  }

  @Test("A connection that is let go of is closed")
  func abandoned() throws {
    let service = try HTTPService { $1.hijack().write([97]) }
    let client = try service.client(attach)
    #expect(try service.waitForEnd(client) == upgraded + "a")
  }

  @Test("Who is still sending when the connection is closed gets what was written, and its end")
  func closedWhileSending() throws {
    var own: HijackedConnection?
    let service = try HTTPService {
      own = $1.hijack()
      own?.onBytes { _ in }
      own?.pauseReading()
    }
    let client = try service.client(attach)
    try service.wait(client, for: "\r\n\r\n")
    #expect(try client.send([UInt8](repeating: 97, count: 50_000)) > 0)
    own?.write([98])
    own?.close()
    #expect(try service.waitForEnd(client) == upgraded + "b")
    #expect(!client.isReset)
    client.vanish()
    try service.turn { service.server?.connectionCount == 0 }
  }

  @Test("What a handler kept for a client goes with the client")
  func released() throws {
    weak var kept: HijackedConnection?
    var closed = false
    let service = try HTTPService {
      let own = $1.hijack()
      kept = own
      own.onBytes { own.write($0) }
      own.whenClosed {
        own.close()
        closed = true
      }
    }
    let client = try service.client(attach + "a")
    try service.wait(client, for: "\r\n\r\na")
    #expect(kept != nil)
    client.vanish()
    try service.turn { closed }
    #expect(kept == nil)
  }

  @Test("An action can be replaced that alone held what it acts on")
  func replaced() throws {
    let service = try HTTPService { _, exchange in
      func start() {
        let stream = exchange.startStream(.ok)
        stream.write([97])
        exchange.whenClosed { stream.end() }
      }
      start()
      exchange.whenClosed {}
    }
    let client = try service.client("GET / HTTP/1.1\r\nHost: x\r\n\r\n")
    #expect(try service.waitForEnd(client) == chunkedHead + "1\r\na\r\n")
  }
}
