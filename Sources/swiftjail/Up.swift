import OCI

/// `swiftjail up`
enum Up: Command {
  static let name = "up"
  static let summary = "have the supervisor read its definitions and start all that do not run"
  static let operands = ""
  static let operandCount = 0...0
  static let options: [Option] = []

  static func run(_ arguments: Arguments, _ settings: Settings) throws(Failure) -> Int32 {
    let answer = try settings.ask("POST", "/swiftjail/up")
    if answer.isEmpty { return 0 }
    var errors: [String]
    do throws(ConfigError) { errors = try JSON.Object(parsing: answer).optional("Errors", or: []) } catch {
      throw Failure(.failed, "the supervisor's answer cannot be read: \(error)")
    }
    guard let last = errors.popLast() else { return 0 }
    for error in errors { settings.log.write(.error, error) }
    throw Failure(.failed, last)
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
