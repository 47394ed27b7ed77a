import OCI

/// `swiftjail top`
enum Top: Command {
  static let name = "top"
  static let summary = "list the processes of a partition of the supervisor"
  static let operands = "NAME"
  static let operandCount = 1...1
  static let options: [Option] = []

  static func run(_ arguments: Arguments, _ settings: Settings) throws(Failure) -> Int32 {
    let answer = try settings.document(partitionTarget(arguments.operands[0], "/top"))
    let titles: [String]
    let rows: [[String]]
    do throws(ConfigError) {
      let object = try JSON.Object(json: answer)
      titles = try object.optional("Titles", or: [])
      rows = try object.optional("Processes", or: [])
    } catch {
      throw Failure(.failed, "top: the supervisor's answer cannot be read: \(error)")
    }
    var table = Table(titles)
    for row in rows { table.add(row) }
    try Output.print(table.text)
    return 0
  }
}
