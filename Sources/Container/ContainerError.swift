import Linux

/// Why something could not be done to a container, in one line for the person who asked.
public struct ContainerError: Error, Sendable, CustomStringConvertible {
  /// What a caller may want to react to.
  public enum Kind: Sendable {
    /// The kernel or the system refused.
    case failed
    /// There is no container of that name.
    case noSuchContainer
    /// There is one of that name already.
    case alreadyExists
    /// The container is in the wrong state for what was asked.
    case wrongStatus
    /// The configuration asks for what cannot be.
    case invalidConfig
    /// The program that the container is to run is not there.
    case programNotFound
    /// The program cannot be executed.
    case programNotExecuted
    /// The record of the container cannot be read.
    case damaged
  }

  /// What a caller may want to react to.
  public let kind: Kind
  /// What failed, on what, why, and what to do.
  public let description: String
  /// The kernel's error, where it is the cause.
  public let errno: Errno?

  /// An error of the kind `kind` that says `description`.
  public init(_ kind: Kind = .failed, _ description: String) {
    self.kind = kind
    self.description = description
    errno = nil
  }

  /// The kernel refused `operation`, such as "mount /proc", with `errno`.
  public init(_ operation: String, _ errno: Errno, advice: String? = nil) {
    kind = .failed
    self.errno = errno
    description = advice.map { "\(operation): \(errno): \($0)" } ?? "\(operation): \(errno)"
  }

  /// The same error, with what to do about it.
  func advising(_ advice: String) -> ContainerError {
    ContainerError(kind, "\(description): \(advice)", errno)
  }

  /// The program called `name` was not executed for the reason `errno`, in the words that engines know.
  static func program(_ name: String, _ errno: Errno) -> ContainerError {
    ContainerError(
      errno == .noSuchFileOrDirectory ? .programNotFound : .programNotExecuted, "exec: \"\(name)\": \(errno)",
      errno)
  }

  init(_ kind: Kind, _ description: String, _ errno: Errno?) {
    self.kind = kind
    self.description = description
    self.errno = errno
  }

  /// The exit status by which a program that was not executed is told from one that was; `nil` when it is not about the
  /// program.
  public var programStatus: Int32? {
    switch kind {
    case .programNotFound: ProgramStatus.notFound
    case .programNotExecuted: ProgramStatus.notExecuted
    case .failed, .noSuchContainer, .alreadyExists, .wrongStatus, .invalidConfig, .damaged: nil
    }
  }

  /// The kernel refused `operation` with `errno`, which may be for want of `capability`, as in `CAP_MKNOD`.
  init(_ operation: String, _ errno: Errno, taking capability: String) {
    var advice: String?
    if errno == .notPermitted, let number = Capabilities.number(of: capability),
      let own = try? Capabilities.effective(), !own.contains(number)
    {
      advice =
        "it takes \(capability), which this process lacks: in a container, start that with --privileged or --cap-add \(capability.dropFirst(4))"
    }
    self.init(operation, errno, advice: advice)
  }

  /// The configuration's field at `path` cannot be.
  static func config(_ path: String, _ reason: String) -> ContainerError {
    ContainerError(.invalidConfig, "\(path): \(reason)")
  }
}

/// Makes the system calls of `body`, naming `operation` when one fails.
@inline(__always)
func attempt<Result: ~Copyable>(
  _ operation: @autoclosure () -> String, _ body: () throws(Errno) -> Result
) throws(ContainerError) -> Result {
  do throws(Errno) { return try body() } catch { throw ContainerError(operation(), error) }
}

/// Makes the system calls of `body`, which take `capability`, naming `operation` when one fails.
func attempt(
  _ operation: @autoclosure () -> String, taking capability: String, _ body: () throws(Errno) -> Void
) throws(ContainerError) {
  do throws(Errno) { try body() } catch { throw ContainerError(operation(), error, taking: capability) }
}

/// Makes the system calls of `body`, naming `operation` and giving `advice` when one fails.
func attempt(
  _ operation: @autoclosure () -> String, advice: String, _ body: () throws(Errno) -> Void
) throws(ContainerError) {
  do throws(Errno) { try body() } catch { throw ContainerError(operation(), error, advice: advice) }
}
