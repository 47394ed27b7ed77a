import OCI

/// An answer of known length.
public struct HTTPResponse: Equatable, Sendable {
  /// What it says first.
  public var status: HTTPStatus
  /// The header, without the fields that say how the body comes.
  public var headers: HTTPHeaders
  /// The body.
  public var body: [UInt8]

  /// An answer with `body`, which is nothing unless said.
  public init(_ status: HTTPStatus, headers: HTTPHeaders = [:], body: [UInt8] = []) {
    self.status = status
    self.headers = headers
    self.body = body
  }

  /// An answer that is `text`.
  public init(_ status: HTTPStatus, text: String, type: String = "text/plain; charset=utf-8") {
    self.init(status, headers: ["Content-Type": type], body: Array(text.utf8))
  }

  /// An answer that is a JSON document.
  public init(_ status: HTTPStatus, json: JSON) {
    self.init(
      status, headers: ["Content-Type": "application/json"], body: json.bytes() + [UInt8(ascii: "\n")])
  }

  /// Docker's document for what went wrong.
  public init(_ error: HTTPError) {
    var document = JSON.Object()
    document["message"] = .string(error.description)
    self.init(error.status, json: .object(document))
  }

  /// What is sent for it.
  ///
  /// - Parameters:
  ///   - keepsAlive: whether the connection stays open; `nil` says nothing about it, which to HTTP/1.1 is that it does.
  ///   - isHead: whether a body was not asked for, only what it would be like.
  func bytes(keepsAlive: Bool?, isHead: Bool = false) -> [UInt8] {
    var framing: HTTPHeaders = [:]
    if status.hasBody { framing.add("Content-Length", String(body.count)) }
    if let keepsAlive { framing.add("Connection", keepsAlive ? "keep-alive" : "close") }
    let head = Self.head(status, headers, framing)
    return status.hasBody && !isHead ? head + body : head
  }

  /// The head of an answer, whose body comes as `framing` says.
  static func head(_ status: HTTPStatus, _ headers: HTTPHeaders, _ framing: HTTPHeaders) -> [UInt8] {
    var bytes = Array("HTTP/1.1 \(status.rawValue) \(status.reason)\r\n".utf8)
    for field in headers.fields where framing[field.name] == nil { append(field, to: &bytes) }
    for field in framing.fields { append(field, to: &bytes) }
    bytes.append(contentsOf: "\r\n".utf8)
    return bytes
  }

  /// `bytes`, which are not empty, as a chunk of a body.
  static func chunk(_ bytes: [UInt8]) -> [UInt8] {
    Array("\(String(bytes.count, radix: 16))\r\n".utf8) + bytes + Array("\r\n".utf8)
  }

  /// What comes after the last chunk.
  static let lastChunk = Array("0\r\n\r\n".utf8)

  private static func append(_ field: HTTPHeaders.Field, to bytes: inout [UInt8]) {
    // What is taken from elsewhere must not end its line.
    func safe(_ text: String) -> [UInt8] { text.utf8.map { $0 < 0x20 || $0 == 0x7f ? 0x20 : $0 } }
    bytes.append(contentsOf: safe(field.name))
    bytes.append(contentsOf: ": ".utf8)
    bytes.append(contentsOf: safe(field.value))
    bytes.append(contentsOf: "\r\n".utf8)
  }
}
