import Container

/// `swiftjail start`
enum Start: Command {
  static let name = "start"
  static let summary = "run the program of a container that was created, or a partition of the supervisor"
  static let operands = "ID"
  static let operandCount = 1...1
  static let options: [Option] = []

  static func run(_ arguments: Arguments, _ settings: Settings) throws(Failure) -> Int32 {
    let id = try arguments.containerID()
    let container = try? settings.store.container(id)
    // A container is started once; what has ended, and what has none yet, is the supervisor's.
    if settings.supervisorSocket != nil || (container?.status() != .created && settings.hasSupervisor) {
      try settings.ask("POST", partitionTarget(id.description, "/start"))
      return 0
    }
    try carryOut { () throws(ContainerError) in try settings.store.container(id).start() }
    return 0
  }
}
