/// `swiftjail up`
enum Up: Command {
  static let name = "up"
  static let summary = "have the supervisor read its definitions and start all that do not run"
  static let operands = ""
  static let operandCount = 0...0
  static let options: [Option] = []

  static func run(_ arguments: Arguments, _ settings: Settings) throws(Failure) -> Int32 {
    try settings.ask("POST", "/swiftjail/up")
    return 0
  }
}

/// `swiftjail down`
enum Down: Command {
  static let name = "down"
  static let summary = "have the supervisor stop all that is defined"
  static let operands = ""
  static let operandCount = 0...0
  static let options: [Option] = []

  static func run(_ arguments: Arguments, _ settings: Settings) throws(Failure) -> Int32 {
    try settings.ask("POST", "/swiftjail/down")
    return 0
  }
}
