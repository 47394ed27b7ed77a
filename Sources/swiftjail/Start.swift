import Container

/// `swiftjail start`
enum Start: Command {
  static let name = "start"
  static let summary = "run the program of a container that was created"
  static let operands = "ID"
  static let operandCount = 1...1
  static let options: [Option] = []

  static func run(_ arguments: Arguments, _ settings: Settings) throws(Failure) -> Int32 {
    let id = try arguments.containerID()
    try carryOut { () throws(ContainerError) in try settings.store.container(id).start() }
    return 0
  }
}
