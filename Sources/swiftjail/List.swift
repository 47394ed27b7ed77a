import Container
import OCI

/// `swiftjail list`
enum List: Command {
  static let name = "list"
  static let summary = "list the containers"
  static let operands = ""
  static let operandCount = 0...0
  static let options = [
    Option(
      "format", letter: "f", value: "FORMAT", choices: ["table", "json"], "table (the default) or json"),
    Option("quiet", letter: "q", "print names alone"),
  ]

  static func run(_ arguments: Arguments, _ settings: Settings) throws(Failure) -> Int32 {
    let containers = try carryOut { () throws(ContainerError) in try settings.store.list() }
    if arguments.has("quiet") {
      try Output.print(containers.map { "\($0.id)\n" }.joined())
      return 0
    }
    switch arguments["format"] ?? "table" {
    case "table":
      var table = Table(["ID", "PID", "STATUS", "BUNDLE", "CREATED", "OWNER"])
      for container in containers {
        let status = container.status()
        let pid = status == .stopped ? 0 : container.record.process?.pid ?? 0
        table.add([
          container.id.description, String(pid), status.rawValue, container.record.bundle,
          container.createdText, "root",
        ])
      }
      try Output.print(table.text)
    case "json":
      let documents = containers.map { container -> JSON in
        guard case .object(var object) = container.state().json else { return .null }
        object.add("rootfs", container.record.root)
        object.add("created", container.createdText)
        object.add("owner", "root")
        return .object(object)
      }
      try Output.print(JSON.array(documents).text() + "\n")
    case let other: throw Failure(.usage, "list: --format \(other): must be table or json")
    }
    return 0
  }
}
