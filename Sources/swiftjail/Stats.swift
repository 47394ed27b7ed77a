import Linux
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
    if names.isEmpty { names = try settings.partitionNames(all: false).sorted() }
    // Two looks make a share: all are looked at once, and then again.
    var before: [String: JSON] = [:]
    var failure: Failure?
    do throws(Failure) {
      try settings.each(names) { (name) throws(Failure) in before[name] = try look(name, settings) }
    } catch { failure = error }
    if !before.isEmpty {
      do throws(Errno) {
        var nobody: [PollEntry] = []
        _ = try poll(&nobody, milliseconds: 1000)
      } catch { throw Failure(.failed, "stats: wait: \(error)") }
    }
    var table = Table(["NAME", "CPU", "MEMORY", "PIDS"])
    for name in names {
      // One that is gone by now is not told of.
      guard let first = before[name], let document = try? look(name, settings) else { continue }
      table.add([
        name, cpu(document, since: first), number(document, "memory_stats", "usage").map(Amount.bytes) ?? "-",
        number(document, "pids_stats", "current").map(String.init) ?? "-",
      ])
    }
    // When there is none to tell of, the reason alone is said.
    if failure == nil || !before.isEmpty { try Output.print(table.text) }
    if let failure { throw failure }
    return 0
  }

  private static func look(_ name: String, _ settings: Settings) throws(Failure) -> JSON {
    try settings.document(partitionTarget(name, "/stats?stream=0&one-shot=1"))
  }

  /// How much of one CPU's time it used between two looks.
  private static func cpu(_ document: JSON, since former: JSON) -> String {
    guard let now = number(document, "cpu_stats", "cpu_usage", "total_usage"),
      let before = number(former, "cpu_stats", "cpu_usage", "total_usage"),
      let systemNow = number(document, "cpu_stats", "system_cpu_usage"),
      let systemBefore = number(former, "cpu_stats", "system_cpu_usage"),
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
