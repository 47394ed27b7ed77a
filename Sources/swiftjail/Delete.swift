import Container
import Layers
import Linux

/// `swiftjail delete`
enum Delete: Command {
  static let name = "delete"
  static let summary = "remove a container that has stopped, with all that belongs to it"
  static let operands = "ID"
  static let operandCount = 1...1
  static let options = [
    Option("force", letter: "f", "end it first if it runs; remove what is left of one that was cut short"),
    Option("regex", "remove all containers in whose names the regular expression ID matches a part"),
  ]

  static func run(_ arguments: Arguments, _ settings: Settings) throws(Failure) -> Int32 {
    let force = arguments.has("force")
    guard arguments.has("regex") else {
      try delete(try arguments.containerID(), settings, force: force)
      return 0
    }
    let pattern = arguments.operands[0]
    // Most likely a variable that is not set.
    guard !pattern.isEmpty else {
      throw Failure(.usage, "delete: --regex: the expression is empty; .* matches every container")
    }
    guard let expression = RegularExpression(pattern) else {
      throw Failure(.usage, "delete: --regex \(pattern): is no extended regular expression (regex(7))")
    }
    var names = try carryOut { () throws(ContainerError) in try settings.store.names() }
    names.removeAll { (try? ContainerID($0)) == nil || !expression.matches($0) }
    try settings.each(names.sorted()) { (name) throws(Failure) in
      let id = try carryOut { () throws(ContainerError) in try ContainerID(name) }
      try delete(id, settings, force: force)
    }
    return 0
  }

  private static func delete(_ id: ContainerID, _ settings: Settings, force: Bool) throws(Failure) {
    do throws(ContainerError) {
      try settings.store.delete(id, force: force, debug: settings.log.debugMessages) {
        settings.log.write(.warning, $0)
      }
    } catch {
      // Who forces wants it gone, and it is.
      guard force, error.kind == .noSuchContainer else { throw settings.failure(error, of: id) }
    }
    if force {
      do throws(LayerError) { try settings.partitions.removeLeftover(id) } catch {
        throw Failure(error)
      }
    }
    settings.partitions.releaseMemory()
  }
}
