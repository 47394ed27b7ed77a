import Container
import Layers

/// Why a command line was not carried out.
struct Failure: Error {
  /// Whose fault it is, which decides the exit status.
  enum Kind {
    /// The command line itself is wrong.
    case usage
    /// It was right, and could not be done.
    case failed
  }

  let kind: Kind
  /// One line for the person who asked.
  let message: String
  /// The status with which `run` and `exec` exit: when the program was not executed, as a shell and as Docker have it, so
  /// that it can be told from most programs' own.
  private(set) var programStatus = ProgramStatus.noContainer

  init(_ kind: Kind, _ message: String) {
    self.kind = kind
    self.message = message
  }

  init(_ error: ContainerError) { self.init(error, saying: error.description) }

  /// The same failure in other words.
  init(_ error: ContainerError, saying message: String) {
    self.init(.failed, message)
    programStatus = error.programStatus ?? ProgramStatus.noContainer
  }

  init(_ error: LayerError) { self.init(.failed, error.description) }
}

/// Does `body`, whose errors end the command.
func carryOut<Result: ~Copyable>(_ body: () throws(ContainerError) -> Result) throws(Failure) -> Result {
  do throws(ContainerError) { return try body() } catch { throw Failure(error) }
}
