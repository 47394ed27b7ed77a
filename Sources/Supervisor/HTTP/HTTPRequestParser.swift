/// Reads requests from the bytes of a connection, in whatever pieces they come.
///
/// After an error the connection is of no use: where the next request starts is not known.
struct HTTPRequestParser {
  private enum Expected {
    case requestLine
    case fields(HTTPRequestHead)
    case sized(HTTPRequestHead, left: Int)
    case chunkSize(HTTPRequestHead)
    case chunk(HTTPRequestHead, left: Int)
    case chunkEnd(HTTPRequestHead)
    case trailer(HTTPRequestHead)
  }

  /// More than any chunk's size has digits, with room for an extension, which is ignored.
  private static let chunkSizeLimit = 256

  private let limits: HTTPLimits
  private var expected = Expected.requestLine
  private var input: [UInt8] = []
  /// Where that starts which was not read yet.
  private var position = 0
  /// Up to here there is no end of a line.
  private var searched = 0
  private var headerSize = 0
  private var fieldCount = 0
  private var hadEmptyLine = false
  private var body: [UInt8] = []
  /// Whether the client waits to be told to send the body.
  private(set) var isAwaitingContinue = false
  private let streamsBody: HTTPServer.BodyStreaming
  /// Whether a request was handed out whose body is still to come.
  private(set) var isStreaming = false

  init(
    limits: HTTPLimits = HTTPLimits(), streamsBody: @escaping HTTPServer.BodyStreaming = { _, _ in false }
  ) {
    self.limits = limits
    self.streamsBody = streamsBody
  }

  /// Whether nothing of a request is there.
  var isIdle: Bool {
    guard case .requestLine = expected else { return false }
    return position == input.count
  }

  /// How much is kept of what is still to come to its end, in bytes.
  var kept: Int { input.count - position + body.count }

  /// Takes the next bytes of the connection.
  mutating func append(_ bytes: some Collection<UInt8>) {
    input.removeFirst(position)
    searched -= position
    position = 0
    input.append(contentsOf: bytes)
  }

  /// The bytes that no request was read from. What the connection carries is no longer requests.
  mutating func takeRest() -> [UInt8] {
    defer {
      input = []
      position = 0
      searched = 0
    }
    return Array(input[position...])
  }

  /// The client has been told to send the body.
  mutating func didContinue() { isAwaitingContinue = false }

  /// The next piece of the body of a request that was handed out without it, and whether it is the last.
  mutating func nextOfBody() throws(HTTPError) -> (bytes: [UInt8], isLast: Bool) {
    if let whole = try next() { return (whole.body, true) }
    defer { body = [] }
    return (body, false)
  }

  /// The next request, when all of it is there; one whose body is streamed, when its header is.
  mutating func next() throws(HTTPError) -> HTTPRequest? {
    while true {
      switch expected {
      case .requestLine:
        let tooLong = HTTPError(
          .uriTooLong, "the request line is longer than \(limits.requestLine) bytes")
        guard let line = try line(limit: limits.requestLine, tooLong) else { return nil }
        if line.isEmpty, !hadEmptyLine {
          // Some old clients send one after a body (RFC 9112, section 2.2).
          hadEmptyLine = true
          continue
        }
        expected = .fields(try HTTPRequestHead(parsing: line))
      case .fields(var head):
        guard let field = try field() else { return nil }
        if let field {
          head.headers.add(field.name, field.value)
          expected = .fields(head)
        } else {
          try startBody(head)
          if isStreaming {
            return HTTPRequest(
              method: head.method, target: head.target, version: head.version, headers: head.headers)
          }
        }
      case .sized(let head, let left):
        let missing = take(left)
        guard missing == 0 else {
          expected = .sized(head, left: missing)
          return nil
        }
        return finish(head)
      case .chunkSize(let head):
        guard let size = try chunkSize() else { return nil }
        expected = size == 0 ? .trailer(head) : .chunk(head, left: size)
      case .chunk(let head, let left):
        let missing = take(left)
        guard missing == 0 else {
          expected = .chunk(head, left: missing)
          return nil
        }
        expected = .chunkEnd(head)
      case .chunkEnd(let head):
        let wrong = HTTPError(.badRequest, "a chunk of the body is longer than it says")
        guard let line = try line(limit: 0, wrong) else { return nil }
        guard line.isEmpty else { throw wrong }
        expected = .chunkSize(head)
      case .trailer(let head):
        guard let field = try field() else { return nil }
        if field == nil { return finish(head) }
      }
    }
  }

  private mutating func startBody(_ head: HTTPRequestHead) throws(HTTPError) {
    let expectsContinue = try head.expectsContinue()
    isStreaming = streamsBody(head.method, head.target)
    switch try head.body(limit: bodyLimit) {
    case .sized(let size):
      expected = .sized(head, left: size)
      isAwaitingContinue = expectsContinue && size > 0 && position == input.count
    case .chunked:
      expected = .chunkSize(head)
      isAwaitingContinue = expectsContinue && position == input.count
    }
  }

  /// What is streamed is nowhere kept, so it may be as long as it is.
  private var bodyLimit: Int { isStreaming ? .max : limits.body }

  private mutating func finish(_ head: HTTPRequestHead) -> HTTPRequest {
    let request = HTTPRequest(
      method: head.method, target: head.target, version: head.version, headers: head.headers, body: body)
    expected = .requestLine
    body = []
    headerSize = 0
    fieldCount = 0
    hadEmptyLine = false
    isAwaitingContinue = false
    isStreaming = false
    return request
  }

  /// Moves up to `count` bytes to the body, and says how many are missing.
  private mutating func take(_ count: Int) -> Int {
    let present = min(count, input.count - position)
    if present > 0 { isAwaitingContinue = false }
    body.append(contentsOf: input[position..<position + present])
    position += present
    searched = position
    return count - present
  }

  /// The next line without its end, when all of it is there.
  private mutating func line(limit: Int, _ tooLong: HTTPError) throws(HTTPError) -> ArraySlice<UInt8>? {
    guard let end = input[searched...].firstIndex(of: UInt8(ascii: "\n")) else {
      searched = input.count
      // One more than the limit may be the end's first half.
      if input.count - position > limit + 1 { throw tooLong }
      return nil
    }
    guard end > position, input[end - 1] == UInt8(ascii: "\r") else {
      if end - position > limit { throw tooLong }
      throw HTTPError(.badRequest, "a line must end with CR and LF")
    }
    if end - 1 - position > limit { throw tooLong }
    defer {
      position = end + 1
      searched = position
    }
    return input[position..<end - 1]
  }

  /// The next field, when its line is there; its absence is the header's end.
  private mutating func field() throws(HTTPError) -> HTTPHeaders.Field?? {
    let tooLarge = HTTPError(.headerTooLarge, "the request's header is larger than \(limits.header) bytes")
    guard let line = try line(limit: limits.header - headerSize, tooLarge) else { return nil }
    if line.isEmpty { return .some(nil) }
    fieldCount += 1
    guard fieldCount <= limits.fields else {
      throw HTTPError(.headerTooLarge, "the request's header has more than \(limits.fields) fields")
    }
    headerSize = min(headerSize + line.count + 2, limits.header)
    return try HTTPRequestHead.field(line)
  }

  /// The size of the next chunk, when its line is there.
  private mutating func chunkSize() throws(HTTPError) -> Int? {
    let wrong = HTTPError(.badRequest, "a chunk of the body must start with its size, in hexadecimal digits")
    guard let line = try line(limit: Self.chunkSizeLimit, wrong) else { return nil }
    let digits = line.prefix { $0 != UInt8(ascii: ";") }
    guard !digits.isEmpty, digits.allSatisfy({ hexadecimalValue($0) != nil }),
      line.allSatisfy({ $0 >= 0x20 && $0 != 0x7f || $0 == UInt8(ascii: "\t") })
    else { throw wrong }
    guard let size = Int(String(decoding: digits, as: UTF8.self), radix: 16),
      size <= bodyLimit - body.count
    else {
      throw HTTPError(.contentTooLarge, "the request's body is larger than \(bodyLimit) bytes")
    }
    return size
  }
}
