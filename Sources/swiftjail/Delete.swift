import Container
import Layers

/// `swiftjail delete`
enum Delete: Command {
  static let name = "delete"
  static let summary = "remove a container that has stopped, with all that belongs to it"
  static let operands = "ID"
  static let operandCount = 1...1
  static let options = [
    Option("force", letter: "f", "end it first if it runs; remove what is left of one that was cut short")
  ]

  static func run(_ arguments: Arguments, _ settings: Settings) throws(Failure) -> Int32 {
    let id = try arguments.containerID()
    let force = arguments.has("force")
    do throws(ContainerError) { try settings.store.delete(id, force: force) } catch {
      // Who forces wants it gone, and it is.
      guard force, error.kind == .noSuchContainer else { throw settings.failure(error, of: id) }
    }
    if force {
      do throws(LayerError) { try settings.partitions.removeLeftover(id) } catch {
        throw Failure(error)
      }
    }
    settings.partitions.releaseMemory()
    return 0
  }
}
