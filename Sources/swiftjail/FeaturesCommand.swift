import Container
import OCI

/// `swiftjail features`
enum FeaturesCommand: Command {
  static let name = "features"
  static let summary = "print what this program supports as JSON"
  static let operands = ""
  static let operandCount = 0...0
  static let options: [Option] = []

  static func run(_ arguments: Arguments, _ settings: Settings) throws(Failure) -> Int32 {
    try Output.print(Features.supported.json.text(.spaces) + "\n")
    return 0
  }
}
