import OCI

/// `swiftjail inspect`
enum Inspect: Command {
  static let name = "inspect"
  static let summary = "print all that the supervisor knows of partitions"
  static let operands = "NAME..."
  static let operandCount = 1...Int.max
  static let options: [Option] = []

  static func run(_ arguments: Arguments, _ settings: Settings) throws(Failure) -> Int32 {
    var documents: [JSON] = []
    for name in arguments.operands { documents.append(try settings.document(partitionTarget(name, "/json"))) }
    try Output.print(JSON.array(documents).text(.tabs) + "\n")
    return 0
  }
}
