import OCI

/// `swiftjail stats`
enum Stats: Command {
  static let name = "stats"
  static let summary = "print what the supervisor's partitions use"
  static let operands = "[NAME...]"
  static let operandCount = 0...Int.max
  static let options: [Option] = []

  static func run(_ arguments: Arguments, _ settings: Settings) throws(Failure) -> Int32 {
    var names = arguments.operands
    if names.isEmpty { names = try settings.partitionNames(all: false) }
    var table = Table(["NAME", "CPU", "MEMORY", "PIDS"])
    try settings.each(names) { (name) throws(Failure) in
      let document = try settings.document(partitionTarget(name, "/stats?stream=0"))
      table.add([
        name, cpu(document), number(document, "memory_stats", "usage").map(Amount.bytes) ?? "-",
        number(document, "pids_stats", "current").map(String.init) ?? "-",
      ])
    }
    try Output.print(table.text)
    return 0
  }

  /// How much of one CPU's time it used between the two looks of the document.
  private static func cpu(_ document: JSON) -> String {
    guard let now = number(document, "cpu_stats", "cpu_usage", "total_usage"),
      let before = number(document, "precpu_stats", "cpu_usage", "total_usage"),
      let systemNow = number(document, "cpu_stats", "system_cpu_usage"),
      let systemBefore = number(document, "precpu_stats", "system_cpu_usage"),
      let cpus = number(document, "cpu_stats", "online_cpus"), systemNow > systemBefore, now >= before
    else { return "-" }
    let share = Double(now - before) / Double(systemNow - systemBefore) * Double(cpus)
    let tenths = Int((share * 1000).rounded())
    return "\(tenths / 10).\(tenths % 10) %"
  }

  private static func number(_ document: JSON, _ path: String...) -> UInt64? {
    var value = document
    for key in path {
      guard case .object(let object) = value, let next = object[key] else { return nil }
      value = next
    }
    return try? UInt64(json: value)
  }
}
