import OCI

/// `swiftjail partition-names`, which completion calls.
enum PartitionNames: Command {
  static let name = "partition-names"
  static let summary = "print the names of the supervisor's partitions"
  static let operands = ""
  static let operandCount = 0...0
  static let options: [Option] = []
  static let isHidden = true

  static func run(_ arguments: Arguments, _ settings: Settings) throws(Failure) -> Int32 {
    try Output.print(settings.partitionNames(all: true).map { "\($0)\n" }.joined())
    return 0
  }
}

extension Settings {
  /// The names of the supervisor's partitions: of all, or of those that run.
  func partitionNames(all: Bool) throws(Failure) -> [String] {
    guard case .array(let partitions) = try document("/containers/json\(all ? "?all=1" : "")") else {
      throw Failure(.failed, "the supervisor's answer cannot be read: it is no list")
    }
    return partitions.compactMap { partition in
      guard case .object(let object) = partition, case .array(let names)? = object["Names"],
        case .string(let name)? = names.first
      else { return nil }
      return String(name.drop { $0 == "/" })
    }
  }
}
