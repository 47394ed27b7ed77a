import Container

/// `swiftjail pause`
enum Pause: Command {
  static let name = "pause"
  static let summary = "stop all processes of a container until resume"
  static let operands = "ID"
  static let operandCount = 1...1
  static let options: [Option] = []

  static func run(_ arguments: Arguments, _ settings: Settings) throws(Failure) -> Int32 {
    let id = try arguments.containerID()
    // A supervisor does not see it, and checks the health of what it takes to be running.
    if try settings.supervisorDoes(id, "pause") { return 0 }
    try carryOut { () throws(ContainerError) in try settings.store.container(id).pause() }
    return 0
  }
}

/// `swiftjail resume`
enum Resume: Command {
  static let name = "resume"
  static let summary = "let the processes of a paused container go on"
  static let operands = "ID"
  static let operandCount = 1...1
  static let options: [Option] = []

  static func run(_ arguments: Arguments, _ settings: Settings) throws(Failure) -> Int32 {
    let id = try arguments.containerID()
    if try settings.supervisorDoes(id, "unpause") { return 0 }
    try carryOut { () throws(ContainerError) in try settings.store.container(id).resume() }
    return 0
  }
}
