import Container
import Definitions
import OCI

/// `swiftjail start`
enum Start: Command {
  static let name = "start"
  static let summary = "run the programs of containers that were created, or partitions and functions"
  static let operands = "ID..."
  static let operandCount = 1...Int.max
  static let options = [
    Option("attach", letter: "a", "pass on what goes in and out, and exit with the program's status")
  ]

  static func run(_ arguments: Arguments, _ settings: Settings) throws(Failure) -> Int32 {
    if arguments.has("attach") {
      guard arguments.operands.count == 1 else {
        throw Failure(
          .usage, "--attach: one can be attached to, and \(arguments.operands.count) are to be started")
      }
      return try startAttached(arguments.operands[0], settings)
    }
    try settings.each(arguments.operands) { (name) throws(Failure) in
      try start(try carryOut { () throws(ContainerError) in try ContainerID(name) }, settings)
    }
    return 0
  }

  private static func start(_ id: ContainerID, _ settings: Settings) throws(Failure) {
    let container = try? settings.store.container(id)
    // A container is started once; what has ended, and what has none yet, is the supervisor's, and so is what it has made
    // to wait.
    let isOwn =
      container?.status() == .created
      && container?.record.annotations[PartitionDefinition.functionLabel] == nil
    if settings.supervisorSocket != nil || (!isOwn && settings.hasSupervisor) {
      return try startSupervised(id.description, settings)
    }
    try carryOut { () throws(ContainerError) in
      var container = try settings.store.container(id)
      container.debug = settings.log.debugMessages
      guard container.status() == .created, let manager = ServiceManager.socket else {
        return try container.start()
      }
      let readiness = try container.readiness(for: manager)
      let process = try container.initProcess()
      try container.start()
      try readiness?.wait(for: process, main: container.record.process?.pid)
    }
    settings.log.debugMessages?.say("started \(id): told its first process to execute its program")
  }

  private static func startSupervised(_ name: String, _ settings: Settings) throws(Failure) {
    if let instance = try ask("start", name, settings) { return try Output.print("\(instance)\n") }
    try settings.ask("POST", partitionTarget(name, "/start"))
  }

  private static func startAttached(_ name: String, _ settings: Settings) throws(Failure) -> Int32 {
    let instance = try ask("claim", name, settings) ?? name
    return try AttachedStart(instance, settings).run()
  }

  /// Asks for an instance of the function `name`.
  ///
  /// - Returns: its name; `nil` when there is no such function.
  private static func ask(_ word: String, _ name: String, _ settings: Settings) throws(Failure) -> String? {
    let answer = try settings.supervisor.send("POST", "/functions/\(percentEncoded(name))/\(word)")
    if answer.status == 404 { return nil }
    guard answer.isSuccess else { throw Failure(.failed, answer.message) }
    do throws(ConfigError) {
      return try JSON.Object(parsing: answer.body).required("Name")
    } catch {
      throw Failure(.failed, "the supervisor's answer cannot be read: \(error)")
    }
  }
}
