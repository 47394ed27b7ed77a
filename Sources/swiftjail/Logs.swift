import Linux

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

  /// Output with a header before each piece that says which stream it is of, passed on as it comes.
  private struct Frames {
    private var bytes: [UInt8] = []

    mutating func add(_ more: [UInt8]) {
      bytes += more
      var start = 0
      while bytes.count - start >= 8 {
        let length = bytes[(start + 4)..<(start + 8)].reduce(0) { $0 << 8 | Int($1) }
        guard bytes.count - start - 8 >= length else { break }
        let number: Int32 = bytes[start] == 2 ? 2 : 1
        let piece = Array(bytes[(start + 8)..<(start + 8 + length)])
        try? FileDescriptor.duplicate(of: number).writeAll(piece)
        start += 8 + length
      }
      bytes.removeFirst(start)
    }
  }
}
