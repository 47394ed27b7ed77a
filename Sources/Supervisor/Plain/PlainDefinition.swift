import Container
import Definitions
import Layers
import Linux
import OCI

extension PartitionDefinition {
  /// The image-spec's name for the signal that asks a program to end.
  static let stopSignalAnnotation = "org.opencontainers.image.stopSignal"

  /// What a definition would say of the container of which `record` is kept, and that has `config`.
  ///
  /// - Parameter hostname: the host's name, which a container has that was given none.
  init(plain record: Record, _ config: RuntimeConfig?, hostname: String) {
    self.init(
      name: record.id.description,
      content: .partition(
        config.map { PartitionSettings(plain: $0, bundle: record.bundle, hostname: hostname) }
          ?? PartitionSettings(base: .host)))
    labels = record.annotations
    if let signal = labels[Self.stopSignalAnnotation].flatMap({ Signal($0) }) { stopSignal = signal }
  }
}

extension PartitionSettings {
  /// What the options of a partition would say of a container with `config`.
  fileprivate init(plain config: RuntimeConfig, bundle: String, hostname host: String) {
    self.init(base: .host)
    hostname = config.hostname ?? host
    domainname = config.domainname
    isReadOnly = config.root.readonly
    kernelParameters = config.linux.sysctl
    network = config.linux.namespaces.contains { $0.type == .network } ? .none : .host
    take(Self.givenMounts(of: config), bundle: bundle)
    take(config.linux.resources)
    if let process = config.process { take(process) }
  }

  /// The mounts that somebody has asked for, and not those that its base is made of.
  private static func givenMounts(of config: RuntimeConfig) -> ArraySlice<RuntimeConfig.Mount> {
    guard config.annotations["org.swiftjail.base"] != nil,
      let kernels = config.mounts.firstIndex(where: { $0.type == "proc" })
    else { return config.mounts[...] }
    return config.mounts[kernels...]
  }

  private mutating func take(_ mounts: ArraySlice<RuntimeConfig.Mount>, bundle: String) {
    for mount in mounts {
      if mount.destination == Self.initPath {
        initProgram = mount.source
      } else if let volume = Volume(mount, bundle: bundle) {
        volumes.append(volume)
      } else if let directory = TemporaryDirectory(mount) {
        temporaryDirectories.append(directory)
      }
    }
  }

  private mutating func take(_ process: RuntimeConfig.Process) {
    command = process.args
    if initProgram != nil, command.first == Self.initPath { command.removeFirst() }
    for variable in process.env {
      let name = variable.prefix { $0 != "=" }
      guard name.endIndex != variable.endIndex else { continue }
      environment.set(String(name), String(variable[variable.index(after: name.endIndex)...]))
    }
    workingDirectory = process.cwd
    let id = process.user
    if id.uid != 0 || id.gid != 0 { user = id.gid == 0 ? "\(id.uid)" : "\(id.uid):\(id.gid)" }
    hasTerminal = process.terminal
    terminalSize = process.consoleSize
    resourceLimits = process.rlimits
    outOfMemoryAdjustment = process.oomScoreAdj
    capabilities = CapabilityChoice(of: process.capabilities?.bounding ?? [])
  }

  private mutating func take(_ resources: RuntimeConfig.Linux.Resources) {
    if let limit = resources.memory.limit, limit > 0 { memory = ByteSize(bytes: limit) }
    if let reservation = resources.memory.reservation, reservation > 0 {
      memoryReservation = ByteSize(bytes: reservation)
    }
    switch resources.memory.swap {
    case nil: break
    case let swap? where swap < 0: memoryAndSwap = .unlimited
    case let swap?: memoryAndSwap = .total(ByteSize(bytes: swap))
    }
    if let quota = resources.cpu.quota, quota > 0 {
      let micro = Double(quota) * 1_000_000 / Double(max(1, resources.cpu.period ?? 100_000))
      // A number of nanoseconds in a second is made of it.
      microCPUs = Int64(min(micro, 1e12))
    }
    cpuWeight =
      resources.unified["cpu.weight"].flatMap { Int($0) }
      ?? resources.cpu.shares.map { CPUShares.weight(of: Int(clamping: $0)) }
    cpus = resources.cpu.cpus
    pidsLimit = resources.pids?.limit
  }
}
