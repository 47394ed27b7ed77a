import Container
import Layers
import Linux

/// `swiftjail run`
enum Run: Command {
  static let name = "run"
  static let summary = "make a container and run its program"
  static let operands = "ID [COMMAND [ARGUMENT...]]"
  static let operandCount = 1...Int.max
  static let operandsEndOptions = 1
  static let options =
    BundleOptions.options + [
      Option("detach", letter: "d", "do not wait for the program to end"),
      Option("keep", "keep the container's state when the program has ended, until delete"),
    ] + PartitionOptions.options

  static func run(_ arguments: Arguments, _ settings: Settings) throws(Failure) -> Int32 {
    let id = try arguments.containerID()
    var options = try BundleOptions.read(arguments, settings)
    Inherited.repairUmask()
    options.isDetached = arguments.has("detach")
    options.isInForeground = !options.isDetached
    if let partition = try PartitionOptions.read(arguments) {
      let isInteractive = arguments.has("interactive")
      if !isInteractive { try StandardInput.close() }
      return try run(
        id, settings, detached: options.isDetached, keeps: !arguments.has("rm"), readsInput: isInteractive
      ) { () throws(Failure) in
        try start(id, partition, options, settings, keeps: !arguments.has("rm"))
      }
    }
    guard arguments.operands.count == 1 else {
      throw Failure(
        .usage,
        "run: too many arguments: a bundle's config.json says what to run; --image and --rootfs take a command"
      )
    }
    let keeps = arguments.has("keep") || options.isDetached
    return try run(id, settings, detached: options.isDetached, keeps: keeps) { () throws(Failure) in
      try carryOut { () throws(ContainerError) in try settings.store.run(id, options) }
    }
  }

  /// Makes a partition and runs its program.
  private static func start(
    _ id: ContainerID, _ partition: PartitionSettings, _ options: CreateOptions, _ settings: Settings,
    keeps: Bool
  ) throws(Failure) -> StartedProcess {
    let draft: PartitionStore.Draft
    do throws(LayerError) { draft = try settings.partitions.make(id, partition) } catch {
      throw Failure(error)
    }
    var options = options
    options.bundle = draft.directory
    let config = draft.config
    options.config = config
    options.ownedDirectory = draft.directory
    do throws(ContainerError) {
      let process = try settings.store.run(id, options)
      // What a partition that is removed at its exit writes is lost in any case.
      if draft.isInMemory, keeps {
        settings.log.write(
          .warning,
          "what \(id) writes is in memory and lost at a restart: overlayfs cannot have its layers in "
            + "\(settings.partitions.path); give --storage with a directory on a disk")
      }
      draft.keep()
      return process
    } catch {
      draft.discard()
      settings.partitions.releaseMemory()
      throw Failure(error, saying: partition.named(error, config, as: .options))
    }
  }

  /// Stays with the program that `start` starts, unless `detached`, and removes the container at its end unless it `keeps`.
  private static func run(
    _ id: ContainerID, _ settings: Settings, detached: Bool, keeps: Bool, readsInput: Bool = true,
    start: () throws(Failure) -> StartedProcess
  ) throws(Failure) -> Int32 {
    if detached {
      let process = try start()
      settings.log.started(process)
      if !keeps { try RemovalAtEnd.watch(process, in: settings) }
      try carryOut { () throws(ContainerError) in
        try process.readiness?.wait(for: process.pidfd, main: process.pid)
      }
      return 0
    }
    let foreground = try carryOut { () throws(ContainerError) in try Foreground(readsInput: readsInput) }
    let process = try start()
    settings.log.started(process)
    try carryOut { () throws(ContainerError) in try process.readiness?.watch(process.pidfd) }
    let container = process.container
    let end: (status: ExitStatus, wasOutOfMemory: Bool)
    do throws(ContainerError) { end = try foreground.waitForFirst(process) } catch { throw Failure(error) }
    settings.log.ended(container.id, end.status)
    if end.wasOutOfMemory {
      // A program may well go on without a process of its own.
      let isKilled = end.status.shellStatus == 128 + Signal.kill.rawValue
      let what = isKilled ? "container \(id)" : "a process of container \(id)"
      settings.log.write(.warning, "\(what) was killed: out of memory (its limit is in memory.max)")
      if keeps { try carryOut { () throws(ContainerError) in try container.recordOutOfMemory() } }
    }
    if !keeps {
      try carryOut { () throws(ContainerError) in
        try container.removeAtEnd(debug: settings.log.debugMessages) { settings.log.write(.warning, $0) }
      }
      if container.record.ownedDirectory != nil { settings.partitions.releaseMemory() }
    }
    return end.status.shellStatus
  }
}
