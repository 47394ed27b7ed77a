/// What a client sends, up to where somebody takes it: requests, bodies that are streamed, and what is neither.
struct HTTPRequestIntake {
  private let settings: HTTPServer.Settings
  private let room: HTTPRoom
  private var parser: HTTPRequestParser
  /// What it has taken of the room for bodies.
  private var held = 0
  /// How many requests were taken.
  private(set) var requests: UInt64 = 0
  /// How much of streamed bodies was taken, in bytes.
  private(set) var received = 0
  /// Whether a request may be there that nobody has looked at.
  private(set) var hasMore = false

  init(_ settings: HTTPServer.Settings, _ room: HTTPRoom) {
    self.settings = settings
    self.room = room
    parser = HTTPRequestParser(limits: settings.limits, streamsBody: settings.streamsBody)
  }

  /// Whether nothing of a request is there.
  var isIdle: Bool { parser.isIdle }

  /// Whether a request was taken whose body is still to come.
  var isStreaming: Bool { parser.isStreaming }

  mutating func append(_ bytes: [UInt8]) {
    parser.append(bytes)
    hasMore = true
  }

  /// What has come of a request is of no use any more.
  mutating func discard() {
    parser = HTTPRequestParser(limits: settings.limits, streamsBody: settings.streamsBody)
    hasMore = false
    release()
  }

  /// Gives back what it has taken of the room.
  mutating func release() { _ = room.hold(0, &held) }

  /// The next request, when it is there. Where there is none, the client is told over `socket` when it waits for a word
  /// to send the rest.
  mutating func next(_ socket: BufferedSocket) throws(HTTPError) -> HTTPRequest? {
    if let request = try parser.next() {
      release()
      requests += 1
      // That the client has ended is to be looked at as well.
      hasMore = !parser.isIdle || socket.hasReadEnded
      return request
    }
    hasMore = false
    askForBody(socket)
    guard socket.hasReadEnded || room.hold(parser.kept, &held) else {
      throw HTTPError(
        .serviceUnavailable, "too many large requests are under way; try again when they are answered")
    }
    return nil
  }

  /// What has come of a body, and whether that is the end of it.
  mutating func nextOfBody(_ socket: BufferedSocket) throws(HTTPError) -> (bytes: [UInt8], isLast: Bool) {
    askForBody(socket)
    let piece = try parser.nextOfBody()
    received += piece.bytes.count
    return piece
  }

  /// What is no request.
  mutating func takeRest() -> [UInt8] { parser.takeRest() }

  private mutating func askForBody(_ socket: BufferedSocket) {
    guard parser.isAwaitingContinue else { return }
    parser.didContinue()
    socket.append(Array("HTTP/1.1 100 Continue\r\n\r\n".utf8))
  }
}
