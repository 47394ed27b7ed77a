/// What a request does (RFC 9110, section 9): the methods that the Docker Engine API uses.
public enum HTTPMethod: String, Sendable {
  case get = "GET"
  case head = "HEAD"
  case post = "POST"
  case put = "PUT"
  case delete = "DELETE"
}

/// The version of HTTP that a client speaks. A later 1.x is as 1.1.
public enum HTTPVersion: Sendable {
  case oneZero
  case oneOne
}

/// One request, whole.
public struct HTTPRequest: Equatable, Sendable {
  /// What it does.
  public let method: HTTPMethod
  /// What it does that to.
  public let target: HTTPTarget
  /// The client's version.
  public let version: HTTPVersion
  /// The header.
  public let headers: HTTPHeaders
  /// The body, without the framing that it came in; nothing where it is streamed.
  public var body: [UInt8] = []

  /// Whether the client wants the connection for further requests (RFC 9112, section 9.3).
  public var keepsAlive: Bool {
    let words = headers.words("Connection")
    if words.contains("close") { return false }
    return version == .oneOne || words.contains("keep-alive")
  }

  /// The protocols to which the client would change on this connection, the one it likes best first.
  public var upgrade: [String] {
    headers.words("Connection").contains("upgrade") ? headers.words("Upgrade") : []
  }
}
