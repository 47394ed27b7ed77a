import Testing

@testable import Linux
@testable import Supervisor

private let get = "GET / HTTP/1.1\r\nHost: x\r\n\r\n"
private let half = "GET / HTTP/1.1\r\nHost: x\r\nX: "
private let answer = "HTTP/1.1 200 OK\r\nContent-Length: 1\r\n\r\na"
private let refusal = "HTTP/1.1 503 "

@Suite("Connections that wait for their clients")
struct HTTPWaitingTests {
  /// A server with three places.
  private func service(
    _ handler: @escaping HTTPServer.Handler = { $1.respond(HTTPResponse(.ok, body: [97])) }
  ) throws -> HTTPService {
    var settings = HTTPServer.Settings()
    settings.connections = 3
    settings.reserved = 0
    settings.streamsBody = { method, _ in method == .put }
    return try HTTPService(settings, handler)
  }

  @Test(
    "Whoever holds all places without a whole request shuts nobody out",
    arguments: [
      "", "\r", half, "POST / HTTP/1.1\r\nHost: x\r\nContent-Length: 5\r\n\r\nab",
      "PUT / HTTP/1.1\r\nHost: x\r\nContent-Length: 5\r\n\r\nab", "noise\r\n\r\n",
    ])
  func flood(_ start: String) throws {
    let service = try service { request, exchange in
      guard request.method == .put else { return exchange.respond(HTTPResponse(.ok, body: [97])) }
      exchange.onBytes { _ in withExtendedLifetime(exchange) {} }
    }
    var flood = try (0..<3).map { _ in try service.client(start) }
    try service.settle()
    for _ in 0..<20 {
      let client = try service.client(get)
      #expect(try service.wait(client, for: "a") == answer)
      flood.append(try service.client(start))
      try service.settle()
      // One byte now and then makes no difference.
      for client in flood { _ = try? client.send([120]) }
    }
    let ended = flood.filter {
      $0.receive()
      return $0.isEnded
    }
    #expect(ended.count >= 19)
  }

  @Test("A request that waits for the rest of it longest gives way, and its client is told why")
  func longest() throws {
    let service = try service()
    let clients = try (0..<3).map { _ in
      let client = try service.client(half)
      try service.settle()
      return client
    }
    let next = try service.client(get)
    #expect(try service.wait(next, for: "a") == answer)
    let text = try service.waitForEnd(clients[0])
    #expect(text.hasPrefix(refusal) && text.contains("another connection needed this one's place"))
    for client in clients.dropFirst() {
      try service.send("y\r\n\r\n", by: client)
      #expect(try service.wait(client, for: "a") == answer)
    }
  }

  @Test("A request that is whole is answered, though nobody had looked at the rest of it")
  func unseen() throws {
    let service = try service()
    let clients = try (0..<3).map { _ in
      let client = try service.client(half)
      try service.settle()
      return client
    }
    let others = try (0..<3).map { _ in try service.client(half) }
    // The server accepts first.
    _ = try clients[0].send(Array("y\r\n\r\n".utf8))
    try service.wait(clients[0], for: "a")
    #expect(clients[0].receive() == answer)
    withExtendedLifetime(others) {}
  }

  @Test("Whoever takes a body that is streamed hears that its connection gave way")
  func streamedBody() throws {
    var closed = 0
    var exchanges: [HTTPExchange] = []
    let service = try service { request, exchange in
      guard request.method == .put else { return exchange.respond(HTTPResponse(.ok, body: [97])) }
      exchanges.append(exchange)
      exchange.onBytes { _ in }
      exchange.whenClosed { closed += 1 }
    }
    let put = "PUT / HTTP/1.1\r\nHost: x\r\nContent-Length: 5\r\n\r\nab"
    let uploads = try (0..<3).map { _ in try service.client(put) }
    try service.turn { exchanges.count == 3 }
    let next = try service.client(get)
    #expect(try service.wait(next, for: "a") == answer)
    #expect(closed == 1)
    let ended = uploads.filter { $0.receive().hasPrefix(refusal) && $0.isEnded }
    #expect(ended.count == 1)
  }

  @Test("A client that does not read its answers gives way")
  func unread() throws {
    let service = try service { request, exchange in
      let size = request.target.path == "/large" ? 1_000_000 : 1
      exchange.respond(HTTPResponse(.ok, body: [UInt8](repeating: 97, count: size)))
    }
    let deaf = try (0..<3).map { _ in try service.client("GET /large HTTP/1.1\r\nHost: x\r\n\r\n") }
    try service.settle()
    let next = try service.client(get)
    #expect(try service.wait(next, for: "a") == answer)
    withExtendedLifetime(deaf) {}
  }

  @Test("Who sends requests ahead shuts nobody out, and gets whole answers until another needs the place")
  func ahead() throws {
    let service = try service()
    let flood = try (0..<3).map { _ in try service.client(String(repeating: get, count: 500)) }
    try service.settle()
    let next = try service.client(get)
    #expect(try service.wait(next, for: "a") == answer)
    try service.turn { flood.filter { $0.receive().utf8.count == 500 * answer.utf8.count }.count == 2 }
    let ended = flood.filter(\.isEnded)
    #expect(ended.count == 1)
    let text = ended.first?.receive() ?? ""
    let answers = text.split(separator: "HTTP/1.1 ", omittingEmptySubsequences: true)
    #expect(answers.last?.hasPrefix("503 ") == true)
    #expect(answers.dropLast().allSatisfy { "HTTP/1.1 \($0)" == answer })
  }

  @Test("Who has gone before he was let in takes nobody's place")
  func gone() throws {
    let service = try service()
    let clients = try (0..<3).map { _ in try service.client(half) }
    try service.settle()
    for _ in 0..<10 { try service.client(half).vanish() }
    try service.settle()
    for client in clients {
      try service.send("y\r\n\r\n", by: client)
      #expect(try service.wait(client, for: "a") == answer)
    }
  }

  @Test("What is being answered never gives way")
  func answered() throws {
    var exchanges: [HTTPExchange] = []
    let service = try service { exchanges.append($1) }
    let clients = try (0..<3).map { _ in try service.client(get) }
    try service.turn { exchanges.count == 3 }
    let next = try service.client(get)
    #expect(try service.waitForEnd(next).hasPrefix(refusal))
    for exchange in exchanges { exchange.respond(HTTPResponse(.ok, body: [97])) }
    for client in clients { #expect(try service.wait(client, for: "a") == answer) }
  }
}

@Suite("Which connection gives way")
struct HTTPWayGivingTests {
  private func waiting(
    _ number: UInt64, user: UInt32 = 0, pid: Int32 = 1, since: Int64 = 0, idle: Bool = false
  ) -> HTTPWaiting {
    let peer = PeerCredentials(pid: pid, user: user, group: 0)
    return HTTPWaiting(number: number, peer: peer, since: since, isIdle: idle)
  }

  private func next(_ waiting: [HTTPWaiting], places: Int = 100) -> UInt64? {
    HTTPWayGiving.next(of: waiting, places: places)?.number
  }

  @Test("Where none waits for its client, none gives way")
  func none() { #expect(next([]) == nil) }

  @Test("One that is idle gives way before any that is not, and the one that is so longest")
  func idle() {
    #expect(
      next([waiting(1, since: 1), waiting(2, since: 4, idle: true), waiting(3, since: 3, idle: true)]) == 3)
  }

  @Test("Where none is idle, one gives way of the user who has most, and of the process of his that has most")
  func most() {
    let few = [waiting(1, user: 1, pid: 1, since: 1), waiting(2, user: 1, pid: 1, since: 2)]
    let many = [
      waiting(3, user: 2, pid: 2, since: 3), waiting(4, user: 2, pid: 3, since: 5),
      waiting(5, user: 2, pid: 3, since: 4),
    ]
    #expect(next(few + many) == 5)
    #expect(next(few) == 1)
  }

  @Test("Where everybody has one, the one that waits longest gives way")
  func equal() {
    let all = (1...50).map { waiting(UInt64($0), pid: Int32($0), since: Int64(100 - $0)) }
    #expect(next(all) == 50)
  }

  @Test("A user or a process with more than half of the places drives out nobody's idle connection")
  func crowd() {
    let other = waiting(1, user: 1, pid: 1, since: 0, idle: true)
    let process = (2...10).map { waiting(UInt64($0), user: 1, pid: 2, since: Int64($0)) }
    #expect(next([other] + process, places: 18) == 1)
    #expect(next([other] + process, places: 17) == 2)
    let user = (2...10).map { waiting(UInt64($0), user: 2, pid: Int32($0), since: Int64($0)) }
    #expect(next([other] + user, places: 17) == 2)
  }
}
