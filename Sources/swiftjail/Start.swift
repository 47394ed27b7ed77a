import Container

/// `swiftjail start`
enum Start: Command {
  static let name = "start"
  static let summary = "run the programs of containers that were created, or partitions of the supervisor"
  static let operands = "ID..."
  static let operandCount = 1...Int.max
  static let options: [Option] = []

  static func run(_ arguments: Arguments, _ settings: Settings) throws(Failure) -> Int32 {
    try settings.each(arguments.operands) { (name) throws(Failure) in
      try start(try carryOut { () throws(ContainerError) in try ContainerID(name) }, settings)
    }
    return 0
  }

  private static func start(_ id: ContainerID, _ settings: Settings) throws(Failure) {
    let container = try? settings.store.container(id)
    // A container is started once; what has ended, and what has none yet, is the supervisor's.
    if settings.supervisorSocket != nil || (container?.status() != .created && settings.hasSupervisor) {
      try settings.ask("POST", partitionTarget(id.description, "/start"))
      return
    }
    try carryOut { () throws(ContainerError) in try settings.store.container(id).start() }
  }
}
