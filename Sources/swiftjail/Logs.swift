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
    var frames = Frames()
    var failure: [UInt8] = []
    let status = try settings.supervisor.stream(
      "GET", partitionTarget(arguments.operands[0], query)
    ) { bytes in
      failure = Array((failure + bytes).prefix(4096))
      frames.add(bytes)
    }
    guard status == 200 else {
      throw Failure(.failed, APIClient.Response(status: status, body: failure).message)
    }
    return 0
  }
}
