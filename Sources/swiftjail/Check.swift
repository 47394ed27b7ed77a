import Definitions
import OCI

/// `swiftjail check`
enum Check: Command {
  static let name = "check"
  static let summary = "look for errors in the definitions of partitions"
  static let operands = "[DIR|FILE...]"
  static let operandCount = 0...Int.max
  static let options: [Option] = []

  private static let directory = "/etc/swiftjail/partitions.d"

  static func run(_ arguments: Arguments, _ settings: Settings) throws(Failure) -> Int32 {
    let paths = arguments.operands.isEmpty ? [directory] : arguments.operands
    let sources = DefinitionSet.sources(paths)
    let found = DefinitionSet(sources, initProgram: "/proc/self/exe")
    guard found.errors.isEmpty else {
      for error in found.errors { Output.error("\(error.description.printable)\n") }
      return 1
    }
    try Output.print(
      "\(count(found.entries.count, "partition")) in \(count(sources.count, "file"))\n")
    return 0
  }

  private static func count(_ number: Int, _ thing: String) -> String {
    "\(number) \(thing)\(number == 1 ? "" : "s")"
  }
}
