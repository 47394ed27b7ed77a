import OCI

/// Why a request of the API cannot be answered as asked: an HTTP status, and a sentence for the person who sent it.
public struct APIError: Error, Equatable, Sendable, CustomStringConvertible {
  /// The HTTP status, 400 to 599.
  public let status: Int
  /// What is wrong, in one line.
  public let message: String

  /// The error with that status and message. Clients show it at a terminal as it is.
  public init(status: Int, _ message: String) {
    self.status = status
    self.message = message.printable
  }

  /// What was asked for is wrong in itself.
  public static func badRequest(_ message: String) -> APIError { APIError(status: 400, message) }

  /// There is no such thing.
  public static func notFound(_ message: String) -> APIError { APIError(status: 404, message) }

  /// It cannot be as things are now.
  public static func conflict(_ message: String) -> APIError { APIError(status: 409, message) }

  /// It is of the description, and not offered here.
  public static func notOffered(_ what: String) -> APIError {
    APIError(status: 501, "\(what) is not offered by swiftjaild")
  }

  /// There is no container that `reference` names.
  public static func noSuchContainer(_ reference: String) -> APIError {
    notFound("No such container: \(reference)")
  }

  /// There is no image but `host`.
  public static func noSuchImage(_ name: String) -> APIError {
    notFound("No such image: \(name): host is the only image")
  }

  /// The message.
  public var description: String { message }

  /// The body of the answer (`ErrorResponse`).
  public var json: JSON { .members(["message": .string(message)]) }
}
