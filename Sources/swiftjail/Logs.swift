import Linux
import OCI

/// `swiftjail logs`
enum Logs: Command {
  static let name = "logs"
  static let summary = "print what a partition of the supervisor has written"
  static let operands = "NAME"
  static let operandCount = 1...1
  static let options = [
    Option("follow", letter: "f", "go on with what it writes from now on"),
    Option("tail", letter: "n", value: "LINES", "the last LINES alone"),
    Option("timestamps", letter: "t", "each line with its time"),
  ]

  static func run(_ arguments: Arguments, _ settings: Settings) throws(Failure) -> Int32 {
    var query = "/logs?stdout=1&stderr=1"
    if arguments.has("follow") { query += "&follow=1" }
    if arguments.has("timestamps") { query += "&timestamps=1" }
    if let lines = try arguments.number("tail", in: 0...Int.max) { query += "&tail=\(lines)" }
    let name = arguments.operands[0]
    var output = PartitionOutput(isRaw: try settings.streams(of: name).hasTerminal)
    try settings.pass(partitionTarget(name, query)) { (bytes) throws(Errno) in try output.add(bytes) }
    return 0
  }
}
