/// What an answer says first (RFC 9110, section 15).
public enum HTTPStatus: Int, Sendable {
  case switchingProtocols = 101
  case ok = 200
  case created = 201
  case noContent = 204
  case notModified = 304
  case badRequest = 400
  case unauthorized = 401
  case forbidden = 403
  case notFound = 404
  case methodNotAllowed = 405
  case requestTimeout = 408
  case conflict = 409
  case contentTooLarge = 413
  case uriTooLong = 414
  case expectationFailed = 417
  case headerTooLarge = 431
  case internalServerError = 500
  case notImplemented = 501
  case serviceUnavailable = 503
  case versionNotSupported = 505

  /// The words after the number.
  public var reason: String {
    switch self {
    // As Docker's own daemon has it.
    case .switchingProtocols: "UPGRADED"
    case .ok: "OK"
    case .created: "Created"
    case .noContent: "No Content"
    case .notModified: "Not Modified"
    case .badRequest: "Bad Request"
    case .unauthorized: "Unauthorized"
    case .forbidden: "Forbidden"
    case .notFound: "Not Found"
    case .methodNotAllowed: "Method Not Allowed"
    case .requestTimeout: "Request Timeout"
    case .conflict: "Conflict"
    case .contentTooLarge: "Content Too Large"
    case .uriTooLong: "URI Too Long"
    case .expectationFailed: "Expectation Failed"
    case .headerTooLarge: "Request Header Fields Too Large"
    case .internalServerError: "Internal Server Error"
    case .notImplemented: "Not Implemented"
    case .serviceUnavailable: "Service Unavailable"
    case .versionNotSupported: "HTTP Version Not Supported"
    }
  }

  /// Whether an answer of this status can have a body (RFC 9112, section 6.3).
  var hasBody: Bool {
    switch self {
    case .switchingProtocols, .noContent, .notModified: false
    default: true
    }
  }
}

/// Why a request is not carried out, as an answer says it.
public struct HTTPError: Error, Equatable, Sendable, CustomStringConvertible {
  /// The answer's status.
  public let status: HTTPStatus
  /// What is wrong, in one line for the person who asked.
  public let description: String

  /// An error that is answered with `status` and says `description`.
  public init(_ status: HTTPStatus, _ description: String) {
    self.status = status
    self.description = description
  }
}
