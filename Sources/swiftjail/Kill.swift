import Container
import Linux

/// `swiftjail kill`
enum Kill: Command {
  static let name = "kill"
  static let summary = "send a signal to a container's first process, or to all of them"
  static let operands = "ID [SIGNAL]"
  static let operandCount = 1...2
  static let options = [Option("all", letter: "a", "send it to every process of the container")]

  static func run(_ arguments: Arguments, _ settings: Settings) throws(Failure) -> Int32 {
    let id = try arguments.containerID()
    let text = arguments.operands.count > 1 ? arguments.operands[1] : "TERM"
    guard let signal = text == "0" ? Signal.probe : Signal(text) else {
      throw Failure(.usage, "kill: unknown signal \"\(text)\"")
    }
    let container = try settings.container(id)
    try carryOut { () throws(ContainerError) in try container.kill(signal, all: arguments.has("all")) }
    return 0
  }
}
