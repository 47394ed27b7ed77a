import Container
import Linux
import OCI

/// `swiftjail ps`
enum Ps: Command {
  static let name = "ps"
  static let summary = "list all containers with what they use, or the processes of one"
  static let operands = "[ID [PS-OPTION...]]"
  static let operandCount = 0...Int.max
  static let operandsEndOptions = 1
  static let options = [
    Option("format", letter: "f", value: "FORMAT", choices: ["table", "json"], "table (the default) or json")
  ]

  static func run(_ arguments: Arguments, _ settings: Settings) throws(Failure) -> Int32 {
    let rest = Array(arguments.operands.dropFirst())
    // Options of this command may come after the name as well.
    let own = try? Arguments(rest, options)
    let isOwn = own?.operands.isEmpty ?? false
    let format = (isOwn ? own?["format"] : nil) ?? arguments["format"] ?? "table"
    guard format == "table" || format == "json" else {
      throw Failure(.usage, "ps: --format \(format): must be table or json")
    }
    if arguments.operands.isEmpty {
      try listContainers(settings, asJSON: format == "json")
    } else if !isOwn {
      guard arguments["format"] == nil else {
        throw Failure(.usage, "ps: --format cannot be combined with options of ps(1)")
      }
      let container = try settings.container(try arguments.containerID())
      let pids = try carryOut { () throws(ContainerError) in try container.processes() }
      try Output.print(try ProcessTable.text(rest, of: pids))
    } else {
      try listProcesses(of: try arguments.containerID(), settings, asJSON: format == "json")
    }
    return 0
  }

  private static func listProcesses(
    of id: ContainerID, _ settings: Settings, asJSON: Bool
  ) throws(Failure) {
    let container = try settings.container(id)
    let pids = try carryOut { () throws(ContainerError) in try container.processes() }
    if asJSON {
      try Output.print(JSON.array(pids.map { JSON($0) }).text() + "\n")
      return
    }
    var table = Table(["UID", "PID", "PPID", "STATE", "MEMORY", "CPU", "COMMAND"])
    for pid in pids {
      // One that ends while we look is no longer in the list.
      guard let status = try? ProcessStatus.of(pid), let owner = try? FileStatus.of("/proc/\(pid)").user,
        let command = try? ProcessStatus.commandLine(of: pid)
      else { continue }
      let microseconds = status.processorTime * 1_000_000 / ProcessStatus.ticksPerSecond
      table.add([
        String(owner), String(pid), String(status.parent),
        String(decoding: [status.state], as: UTF8.self), Amount.bytes(status.residentBytes),
        Amount.duration(microseconds: microseconds), command,
      ])
    }
    try Output.print(table.text)
  }

  private static func listContainers(_ settings: Settings, asJSON: Bool) throws(Failure) {
    let list = try ContainerList(settings)
    let now = Clock.now()
    var table = Table(["ID", "STATUS", "PID", "AGE", "MEMORY", "CPU", "LAYER", "COMMAND"])
    var documents: [JSON] = []
    for container in list.containers {
      let age = UInt64(max(0, now - container.since)) / 1000
      let (memory, processorTime) = (container.usage?.memory, container.usage?.processorTime)
      if asJSON {
        var object = JSON.Object()
        object.add("id", container.name)
        object.add("status", container.status)
        object.add("pid", container.pid)
        object.add("ageSeconds", age / 1_000_000)
        object.add("memoryBytes", ifPresent: memory)
        object.add("cpuMicroseconds", ifPresent: processorTime)
        object.add("layer", ifPresent: container.layer)
        object.add("command", container.command)
        documents.append(.object(object))
      } else {
        table.add([
          container.name, container.status, String(container.pid), Amount.age(microseconds: age),
          memory.map(Amount.bytes) ?? "-", processorTime.map { Amount.duration(microseconds: $0) } ?? "-",
          container.layer ?? "-", container.command,
        ])
      }
    }
    try Output.print(asJSON ? JSON.array(documents).text() + "\n" : table.text)
  }
}
