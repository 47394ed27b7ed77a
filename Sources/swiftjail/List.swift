import Container
import Linux
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
    try settings.requireRoot()
    let (containers, damaged) = try carryOut { () throws(ContainerError) in
      settings.store.all(named: try settings.store.names().sorted())
    }
    if arguments.has("quiet") {
      let names = containers.map { $0.id.description } + damaged.map { $0.id.description }
      try Output.print(names.sorted().map { "\($0)\n" }.joined())
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
      for container in damaged {
        table.add([
          container.id.description, "0", DamagedContainer.status, DamagedContainer.unknownPath,
          Clock.text(container.changed), "root",
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
      let others = damaged.map { container -> JSON in
        var object = JSON.Object()
        object.add("id", container.id.description)
        object.add("status", DamagedContainer.status)
        object.add("pid", 0)
        object.add("created", Clock.text(container.changed))
        object.add("owner", "root")
        return .object(object)
      }
      try Output.print(JSON.array(documents + others).text() + "\n")
    case let other: throw Failure(.usage, "list: --format \(other): must be table or json")
    }
    return 0
  }
}
