/// `swiftjail stop`
enum Stop: Command {
  static let name = "stop"
  static let summary = "stop partitions of the supervisor"
  static let operands = "NAME..."
  static let operandCount = 1...Int.max
  static let options = [
    Option("time", letter: "t", value: "SECONDS", "how long each has before it is killed; -1 for ever")
  ]

  static func run(_ arguments: Arguments, _ settings: Settings) throws(Failure) -> Int32 {
    let query = try stopTime(arguments)
    try settings.each(arguments.operands) { (name) throws(Failure) in
      try settings.ask("POST", partitionTarget(name, "/stop\(query)"))
    }
    return 0
  }
}

/// `swiftjail restart`
enum Restart: Command {
  static let name = "restart"
  static let summary = "stop and start partitions of the supervisor"
  static let operands = "NAME..."
  static let operandCount = 1...Int.max
  static let options = Stop.options

  static func run(_ arguments: Arguments, _ settings: Settings) throws(Failure) -> Int32 {
    let query = try stopTime(arguments)
    try settings.each(arguments.operands) { (name) throws(Failure) in
      try settings.ask("POST", partitionTarget(name, "/restart\(query)"))
    }
    return 0
  }
}

private func stopTime(_ arguments: Arguments) throws(Failure) -> String {
  guard let seconds = try arguments.number("time", in: -1...86_400) else { return "" }
  return "?t=\(seconds)"
}

/// `swiftjail rm`
enum Remove: Command {
  static let name = "rm"
  static let summary = "remove partitions of the supervisor"
  static let operands = "NAME..."
  static let operandCount = 1...Int.max
  static let options = [Option("force", letter: "f", "end those that run")]

  static func run(_ arguments: Arguments, _ settings: Settings) throws(Failure) -> Int32 {
    let query = arguments.has("force") ? "?force=1" : ""
    try settings.each(arguments.operands) { (name) throws(Failure) in
      try settings.ask("DELETE", partitionTarget(name, query))
    }
    return 0
  }
}
