import Container
import Linux

/// Why a partition's file tree or configuration could not be made, in one line for the person who asked.
public struct LayerError: Error, Sendable, CustomStringConvertible {
  /// What a caller may want to react to.
  public enum Kind: Sendable {
    /// The kernel or the system refused.
    case failed
    /// What was asked for cannot be.
    case invalid
    /// There is a partition of that name already.
    case alreadyExists
    /// There is no such file.
    case noSuchFile
    /// The file system can only be read.
    case readOnly
  }

  /// What a caller may want to react to.
  public let kind: Kind
  /// What failed, on what, why, and what to do.
  public let description: String

  /// Why it failed, without the option that it is about.
  public let reason: String

  /// An error of the kind `kind` that says `description`.
  public init(_ kind: Kind, _ description: String) {
    self.kind = kind
    self.description = description
    reason = description
  }

  /// An error of the kind `kind` about `option`, which is wrong for `reason`.
  public init(_ kind: Kind, option: String, _ reason: String) {
    self.kind = kind
    self.reason = reason
    description = "\(option): \(reason)"
  }
}

/// Makes the system calls of `body`, naming `operation` when one fails.
func attempt<Result: ~Copyable>(
  _ operation: @autoclosure () -> String, _ body: () throws(Errno) -> Result
) throws(LayerError) -> Result {
  do throws(Errno) { return try body() } catch {
    throw LayerError(error == .readOnlyFileSystem ? .readOnly : .failed, "\(operation()): \(error)")
  }
}
