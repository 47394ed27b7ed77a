import Linux

/// `swiftjail events`
enum Events: Command {
  static let name = "events"
  static let summary = "print what happens to the supervisor's partitions, a line of JSON each"
  static let operands = ""
  static let operandCount = 0...0
  static let options = [
    Option("since", value: "TIME", "begin with what has happened since TIME, seconds since 1970"),
    Option("until", value: "TIME", "end at TIME"),
  ]

  static func run(_ arguments: Arguments, _ settings: Settings) throws(Failure) -> Int32 {
    var query = "/events"
    var separator = "?"
    for name in ["since", "until"] {
      guard let value = arguments[name] else { continue }
      query += "\(separator)\(name)=\(percentEncoded(value))"
      separator = "&"
    }
    var failure: [UInt8] = []
    let status = try settings.supervisor.stream("GET", query) { bytes in
      failure = Array((failure + bytes).prefix(4096))
      try? FileDescriptor.duplicate(of: 1).writeAll(bytes)
    }
    guard status == 200 else {
      throw Failure(.failed, APIClient.Response(status: status, body: failure).message)
    }
    return 0
  }
}
