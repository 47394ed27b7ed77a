import Container
import OCI

/// `swiftjail state`
enum StateCommand: Command {
  static let name = "state"
  static let summary = "print the state of a container as JSON"
  static let operands = "ID"
  static let operandCount = 1...1
  static let options: [Option] = []

  static func run(_ arguments: Arguments, _ settings: Settings) throws(Failure) -> Int32 {
    let id = try arguments.containerID()
    let container = try carryOut { () throws(ContainerError) in try settings.store.container(id) }
    guard case .object(var object) = container.state().json else { return 1 }
    // What engines read beside the specification's own.
    object.add("rootfs", container.record.root)
    object.add("created", container.createdText)
    object.add("owner", "root")
    try Output.print(JSON.object(object).text(.spaces) + "\n")
    return 0
  }
}
