/// How large a request may be.
public struct HTTPLimits: Equatable, Sendable {
  /// The request line, in bytes.
  public var requestLine = 8 << 10
  /// All fields of the header together, in bytes.
  public var header = 16 << 10
  /// The number of fields.
  public var fields = 100
  /// The body, in bytes.
  public var body = 4 << 20

  /// 8 KiB, 16 KiB, 100 and 4 MiB.
  public init() {}
}

/// A request line and the fields after it (RFC 9112, sections 2 to 6).
///
/// What two programs could read in two ways is refused.
struct HTTPRequestHead {
  /// How the body comes.
  enum Body: Equatable {
    case sized(Int)
    case chunked
  }

  let method: HTTPMethod
  let target: HTTPTarget
  let version: HTTPVersion
  var headers = HTTPHeaders()

  /// Reads a request line, without its end.
  init(parsing line: ArraySlice<UInt8>) throws(HTTPError) {
    let parts = line.split(separator: UInt8(ascii: " "), omittingEmptySubsequences: false)
    guard parts.count == 3, !parts[0].isEmpty, parts[0].allSatisfy(Self.isTokenByte) else {
      throw HTTPError(.badRequest, "a request line must be METHOD TARGET HTTP/1.1")
    }
    version = try Self.version(parts[2])
    let name = String(decoding: parts[0], as: UTF8.self)
    guard let method = HTTPMethod(rawValue: name) else {
      throw HTTPError(.notImplemented, "the method \(name) is not supported")
    }
    self.method = method
    target = try HTTPTarget(parsing: parts[1])
  }

  private static func version(_ bytes: ArraySlice<UInt8>) throws(HTTPError) -> HTTPVersion {
    let digits = UInt8(ascii: "0")...UInt8(ascii: "9")
    let tail = Array(bytes.dropFirst(5))
    guard bytes.starts(with: "HTTP/".utf8), tail.count == 3, digits.contains(tail[0]),
      tail[1] == UInt8(ascii: "."), digits.contains(tail[2])
    else { throw HTTPError(.badRequest, "a request line must end with HTTP/1.1") }
    guard tail[0] == UInt8(ascii: "1") else {
      throw HTTPError(.versionNotSupported, "only HTTP/1.0 and HTTP/1.1 are supported")
    }
    return tail[2] == UInt8(ascii: "0") ? .oneZero : .oneOne
  }

  /// Reads one field, without the end of its line.
  static func field(_ line: ArraySlice<UInt8>) throws(HTTPError) -> HTTPHeaders.Field {
    guard let colon = line.firstIndex(of: UInt8(ascii: ":")), colon > line.startIndex,
      line[..<colon].allSatisfy(isTokenByte)
    else {
      // A line that starts with a space, too: the continuation of a field over lines is obsolete.
      throw HTTPError(.badRequest, "a header field must be NAME: VALUE on one line")
    }
    let value = trimmed(line[(colon + 1)...])
    let name = String(decoding: line[..<colon], as: UTF8.self)
    guard value.allSatisfy({ $0 >= 0x20 && $0 != 0x7f || $0 == UInt8(ascii: "\t") }),
      let text = String(validating: value, as: UTF8.self)
    else { throw HTTPError(.badRequest, "the header field \(name) has a character that is not allowed") }
    return HTTPHeaders.Field(name: name, value: text)
  }

  /// How the body comes, once all fields are there.
  func body(limit: Int) throws(HTTPError) -> Body {
    let hosts = headers.values("Host").count
    if hosts > 1 || hosts == 0 && version == .oneOne {
      throw HTTPError(.badRequest, "a request must have one header field Host")
    }
    let lengths = headers.values("Content-Length")
    let encodings = headers.values("Transfer-Encoding")
    guard encodings.isEmpty else {
      guard lengths.isEmpty, version == .oneOne else {
        throw HTTPError(.badRequest, "Transfer-Encoding goes neither with Content-Length nor with HTTP/1.0")
      }
      guard encodings.count == 1, isSameWord(encodings[0], "chunked") else {
        throw HTTPError(.notImplemented, "the only Transfer-Encoding supported is chunked")
      }
      return .chunked
    }
    guard let length = lengths.first else { return .sized(0) }
    guard lengths.count == 1, !length.isEmpty,
      length.utf8.allSatisfy((UInt8(ascii: "0")...UInt8(ascii: "9")).contains)
    else { throw HTTPError(.badRequest, "Content-Length must be one number") }
    guard let size = Int(length), size <= limit else {
      throw HTTPError(.contentTooLarge, "the request's body is larger than \(limit) bytes")
    }
    return .sized(size)
  }

  /// Whether the client waits to be told to send the body (RFC 9110, section 10.1.1).
  func expectsContinue() throws(HTTPError) -> Bool {
    guard version == .oneOne, let expectation = headers["Expect"] else { return false }
    guard isSameWord(expectation, "100-continue"), headers.values("Expect").count == 1 else {
      throw HTTPError(.expectationFailed, "the only expectation that can be met is 100-continue")
    }
    return true
  }

  private static func isTokenByte(_ byte: UInt8) -> Bool {
    switch byte {
    case UInt8(ascii: "a")...UInt8(ascii: "z"), UInt8(ascii: "A")...UInt8(ascii: "Z"),
      UInt8(ascii: "0")...UInt8(ascii: "9"):
      true
    default: "!#$%&'*+-.^_`|~".utf8.contains(byte)
    }
  }
}
