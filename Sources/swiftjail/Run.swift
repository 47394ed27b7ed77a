import Container
import Linux

/// `swiftjail run`
enum Run: Command {
  static let name = "run"
  static let summary = "make a container and run its program"
  static let operands = "ID"
  static let operandCount = 1...1
  static let options =
    BundleOptions.options + [
      Option("detach", letter: "d", "do not wait for the program to end"),
      Option("keep", "keep the container's state when the program has ended, until delete"),
    ]

  static func run(_ arguments: Arguments, _ settings: Settings) throws(Failure) -> Int32 {
    let id = try arguments.containerID()
    let options = try BundleOptions.read(arguments, settings)
    return try run(
      id, options, settings, detached: arguments.has("detach"), keeps: arguments.has("keep"))
  }

  /// Runs a container's program, in the foreground unless `detached`, and removes the container at its end unless it
  /// `keeps`.
  static func run(
    _ id: ContainerID, _ options: CreateOptions, _ settings: Settings, detached: Bool, keeps: Bool
  ) throws(Failure) -> Int32 {
    if detached {
      var options = options
      options.isDetached = true
      return try carryOut { () throws(ContainerError) in
        _ = try settings.store.run(id, options)
        return 0
      }
    }
    let foreground = try carryOut { () throws(ContainerError) in try Foreground() }
    let status = try carryOut { () throws(ContainerError) in
      let process = try settings.store.run(id, options)
      let container = process.container
      let status = try foreground.wait(for: process)
      if container.wasOutOfMemory {
        settings.log.write(.warning, "container \(id) was killed: out of memory (its limit is in memory.max)")
      }
      return status
    }
    if !keeps {
      try carryOut { () throws(ContainerError) in try settings.store.delete(id, force: true) }
    }
    return status.shellStatus
  }
}
