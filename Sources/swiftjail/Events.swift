import Linux

/// `swiftjail events`
enum Events: Command {
  static let name = "events"
  static let summary = "print what happens to the supervisor's partitions, a line of JSON each"
  static let operands = ""
  static let operandCount = 0...0
  static let options = [
    Option("since", value: "TIME", "begin with what has happened since TIME, such as 5m (ago)"),
    Option("until", value: "TIME", "end at TIME: seconds since 1970, a date, or how long ago"),
  ]

  static func run(_ arguments: Arguments, _ settings: Settings) throws(Failure) -> Int32 {
    var query = "/events"
    var separator = "?"
    for name in ["since", "until"] {
      guard let value = arguments[name] else { continue }
      query += "\(separator)\(name)=\(percentEncoded(value))"
      separator = "&"
    }
    try settings.pass(query) { (bytes) throws(Errno) in
      try FileDescriptor.duplicate(of: 1).writeAll(bytes)
    }
    return 0
  }
}
