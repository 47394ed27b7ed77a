import Container
import Linux
import OCI

/// `swiftjail ps`
enum Ps: Command {
  static let name = "ps"
  static let summary = "list all containers with what they use, or the processes of one"
  static let operands = "[ID]"
  static let operandCount = 0...1
  static let options = [
    Option("format", letter: "f", value: "FORMAT", choices: ["table", "json"], "table (the default) or json")
  ]

  static func run(_ arguments: Arguments, _ settings: Settings) throws(Failure) -> Int32 {
    let format = arguments["format"] ?? "table"
    guard format == "table" || format == "json" else {
      throw Failure(.usage, "ps: --format \(format): must be table or json")
    }
    if arguments.operands.isEmpty {
      try listContainers(settings.store, asJSON: format == "json")
    } else {
      try listProcesses(of: try arguments.containerID(), settings.store, asJSON: format == "json")
    }
    return 0
  }

  private static func listProcesses(
    of id: ContainerID, _ store: ContainerStore, asJSON: Bool
  ) throws(Failure) {
    let pids = try carryOut { () throws(ContainerError) in try store.container(id).processes() }
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
        Amount.duration(microseconds: microseconds), printable(command),
      ])
    }
    try Output.print(table.text)
  }

  private static func listContainers(_ store: ContainerStore, asJSON: Bool) throws(Failure) {
    let containers = try carryOut { () throws(ContainerError) in try store.list() }
    let now = Clock.now()
    var table = Table(["ID", "STATUS", "PID", "AGE", "MEMORY", "CPU", "COMMAND"])
    var documents: [JSON] = []
    for container in containers {
      let state = container.state()
      let usage = container.usage()
      let command = (try? container.config().process?.args.joined(separator: " ")) ?? ""
      let age = UInt64(max(0, now - container.record.created)) / 1000
      if asJSON {
        var object = JSON.Object()
        object.add("id", state.id)
        object.add("status", state.status)
        object.add("pid", state.pid ?? 0)
        object.add("ageSeconds", age / 1_000_000)
        object.add("memoryBytes", ifPresent: usage.memory)
        object.add("cpuMicroseconds", ifPresent: usage.processorTime)
        object.add("command", command)
        documents.append(.object(object))
      } else {
        table.add([
          state.id, state.status.rawValue, String(state.pid ?? 0), Amount.age(microseconds: age),
          usage.memory.map(Amount.bytes) ?? "-",
          usage.processorTime.map { Amount.duration(microseconds: $0) } ?? "-", printable(command),
        ])
      }
    }
    try Output.print(asJSON ? JSON.array(documents).text() + "\n" : table.text)
  }

  /// `text` as it may be shown: a container decides what its processes are called, not what a terminal does.
  static func printable(_ text: String) -> String {
    String(text.unicodeScalars.map { $0.properties.generalCategory == .control ? "?" : Character($0) })
  }
}

/// Amounts as people read them.
enum Amount {
  /// Bytes with a binary unit and, below ten, one decimal.
  static func bytes(_ count: UInt64) -> String {
    var amount = Double(count)
    var unit = ""
    for next in ["K", "M", "G", "T"] where amount >= 1024 {
      amount /= 1024
      unit = next
    }
    if unit.isEmpty { return "\(count)B" }
    let tenths = Int((amount * 10).rounded())
    return tenths < 100 ? "\(tenths / 10).\(tenths % 10)\(unit)" : "\(tenths / 10)\(unit)"
  }

  /// A time in seconds with two decimals, or in minutes and hours.
  static func duration(microseconds: UInt64) -> String {
    let hundredths = microseconds / 10_000
    let seconds = hundredths / 100
    if seconds < 60 {
      let rest = hundredths % 100
      return "\(seconds).\(rest < 10 ? "0" : "")\(rest)s"
    }
    return age(microseconds: microseconds)
  }

  /// The two largest units of a time that matter.
  static func age(microseconds: UInt64) -> String {
    let seconds = microseconds / 1_000_000
    if seconds < 60 { return "\(seconds)s" }
    if seconds < 3600 { return "\(seconds / 60)m\(seconds % 60)s" }
    if seconds < 86_400 { return "\(seconds / 3600)h\(seconds / 60 % 60)m" }
    return "\(seconds / 86_400)d\(seconds / 3600 % 24)h"
  }
}
