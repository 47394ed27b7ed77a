import Container
import Linux

/// `swiftjail create`
enum Create: Command {
  static let name = "create"
  static let summary = "make a container whose program waits to be started"
  static let operands = "ID"
  static let operandCount = 1...1
  static let options = BundleOptions.options

  static func run(_ arguments: Arguments, _ settings: Settings) throws(Failure) -> Int32 {
    let id = try arguments.containerID()
    let options = try BundleOptions.read(arguments, settings)
    Inherited.repairUmask()
    try carryOut { () throws(ContainerError) in
      _ = try settings.store.create(id, options)
    }
    return 0
  }
}
