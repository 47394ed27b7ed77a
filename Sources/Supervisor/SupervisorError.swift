import Container
import Layers
import Linux

/// Why the supervisor could not do something, in one line for the person who reads it.
public struct SupervisorError: Error, Sendable, CustomStringConvertible {
  /// What a caller may want to react to.
  public enum Kind: UInt8, Sendable {
    /// The kernel or the system refused.
    case failed = 1
    /// What was asked for cannot be.
    case invalid
    /// There is no such thing.
    case notFound
    /// It is in the wrong state for what was asked, or there is one already.
    case conflict
    /// It is that way already.
    case unchanged
    /// It must not be written to.
    case forbidden
    /// The limit is reached: the client can retry later.
    case busy
  }

  /// What a caller may want to react to.
  public let kind: Kind
  /// What failed, on what, why, and what to do.
  public let description: String

  /// An error of the kind `kind` that says `description`.
  public init(_ kind: Kind, _ description: String) {
    self.kind = kind
    self.description = description
  }

  /// The kernel refused `operation` with `errno`.
  public init(_ operation: String, _ errno: Errno) {
    self.init(.failed, "\(operation): \(errno)")
  }

  /// What a partition's files said no to.
  public init(_ error: LayerError) {
    let kind: Kind =
      switch error.kind {
      case .failed: .failed
      case .invalid: .invalid
      case .alreadyExists: .conflict
      case .noSuchFile: .notFound
      case .readOnly: .forbidden
      }
    self.init(kind, error.description)
  }

  /// What a container said no to.
  public init(_ error: ContainerError) {
    let kind: Kind =
      switch error.kind {
      case .failed, .damaged, .programNotFound, .programNotExecuted: .failed
      case .noSuchContainer: .notFound
      case .alreadyExists, .wrongStatus: .conflict
      case .invalidConfig: .invalid
      }
    self.init(kind, error.description)
  }
}
