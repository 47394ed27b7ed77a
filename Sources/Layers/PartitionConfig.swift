import Container
import OCI

/// What else goes into a partition's configuration: what was found on the host, and where its directories are.
struct PartitionSurroundings: Sendable {
  /// The partition's name.
  var name: String
  /// Its file tree, in the order in which it is mounted.
  var fileTree: [RuntimeConfig.Mount]
  /// The user that its program runs as.
  var user: RuntimeConfig.User
  /// The shell that it has.
  var shell: String
  /// The capabilities that can be given.
  var capabilities: [String]
  /// The capabilities that this kernel could have.
  var knownCapabilities: [String]
  /// Whether the kernel counts swap.
  var accountsForSwap: Bool
  /// All devices of the host.
  var devices: [RuntimeConfig.Linux.Device]
  /// What is hidden beside what is on every host.
  var maskedPaths: [String]
  /// Whether its layer is in memory, because the file system cannot hold it.
  var isInMemory = false
}

extension PartitionSettings {
  /// Where the program given as `initProgram` is in the partition; its arguments there are the command.
  public static let initPath = "/run/swiftjail-init"

  /// The configuration of an ordinary bundle for this partition.
  ///
  /// - Throws: `LayerError` of the kind `.invalid`, with the option that cannot be.
  func config(_ surroundings: PartitionSurroundings) throws(LayerError) -> RuntimeConfig {
    var process = RuntimeConfig.Process(
      terminal: hasTerminal, args: command.isEmpty ? [surroundings.shell] : command,
      env: fullEnvironment(surroundings.name), cwd: workingDirectory)
    if initProgram != nil { process.args = [Self.initPath] + process.args }
    process.consoleSize = hasTerminal ? terminalSize : nil
    process.user = surroundings.user
    process.noNewPrivileges = !isPrivileged
    process.rlimits = resourceLimits
    process.oomScoreAdj = outOfMemoryAdjustment
    let names = try capabilityNames(surroundings)
    process.capabilities = RuntimeConfig.Capabilities(bounding: names, effective: names, permitted: names)

    var config = RuntimeConfig(
      process: process, root: RuntimeConfig.Root(path: "rootfs", readonly: isReadOnly),
      hostname: hostname ?? String(surroundings.name.prefix(Self.longestHostname)),
      domainname: domainname,
      mounts: surroundings.fileTree + kernelMounts)
    config.mounts += temporaryDirectories.map(\.mount) + volumes.map(\.mount)
    if let initProgram {
      config.mounts.append(
        RuntimeConfig.Mount(
          destination: Self.initPath, type: "bind", source: initProgram, options: ["bind", "ro", "nosuid"]))
    }
    config.linux = try linux(surroundings)
    switch base {
    case .host: config.annotations = ["org.swiftjail.base": "host"]
    case .directory(let path): config.annotations = ["org.swiftjail.base": path]
    }
    if surroundings.isInMemory { config.annotations[Self.layerAnnotation] = "memory" }
    if !isPrivileged, !seesKeyrings { config.annotations[Container.keyringsAnnotation] = "none" }
    return config
  }

  /// The annotation of a partition whose layer is in memory.
  public static let layerAnnotation = "org.swiftjail.layer"

  private static let longestHostname = 64

  private func fullEnvironment(_ name: String) -> [String] {
    var full = Environment()
    full.set("PATH", "/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin")
    full.set("HOSTNAME", hostname ?? name)
    if hasTerminal { full.set("TERM", "xterm") }
    for variable in environment.variables {
      guard let equals = variable.firstIndex(of: "=") else { continue }
      full.set(String(variable[..<equals]), String(variable[variable.index(after: equals)...]))
    }
    return full.variables
  }

  private func capabilityNames(_ surroundings: PartitionSurroundings) throws(LayerError) -> [String] {
    var choice = capabilities
    if isPrivileged { choice.added.append("ALL") }
    return try choice.names(of: surroundings.capabilities, known: surroundings.knownCapabilities)
  }

  /// The kernel's own file systems.
  private var kernelMounts: [RuntimeConfig.Mount] {
    RuntimeConfig.default.mounts.map { mount in
      var mount = mount
      if isPrivileged { mount.options.removeAll { $0 == "ro" } }
      if let sharedMemory, mount.destination == "/dev/shm" {
        mount.options.removeAll { $0.utf8.starts(with: "size=".utf8) }
        mount.options.append("size=\(sharedMemory.bytes)")
      }
      return mount
    }
  }

  private func linux(_ surroundings: PartitionSurroundings) throws(LayerError) -> RuntimeConfig.Linux {
    var kinds: [RuntimeConfig.Linux.NamespaceKind] = [.pid, .ipc, .uts, .mount, .cgroup]
    if network != .host { kinds.append(.network) }
    var linux = RuntimeConfig.Linux(namespaces: kinds.map { RuntimeConfig.Linux.Namespace(type: $0) })
    linux.resources = try resources(surroundings)
    linux.sysctl = kernelParameters
    if isPrivileged {
      linux.devices = surroundings.devices
    } else {
      linux.maskedPaths = RuntimeConfig.default.linux.maskedPaths + surroundings.maskedPaths
      linux.readonlyPaths = RuntimeConfig.default.linux.readonlyPaths
    }
    return linux
  }

  private func resources(
    _ surroundings: PartitionSurroundings
  ) throws(LayerError) -> RuntimeConfig.Linux.Resources {
    var resources = RuntimeConfig.Linux.Resources()
    resources.devices = [RuntimeConfig.Linux.DeviceRule(allow: isPrivileged, access: "rwm")]
    resources.memory.limit = memory?.bytes
    resources.memory.reservation = memoryReservation?.bytes
    switch swapFault {
    case nil: break
    case .withoutMemory?:
      throw LayerError(
        .invalid, "--memory-swap counts memory and swap together, so --memory is needed with it")
    case .lessThanMemory?:
      throw LayerError(.invalid, "--memory-swap is less than --memory, and counts memory and swap")
    }
    switch (memoryAndSwap, memory) {
    case (.unlimited?, _): resources.memory.swap = -1
    case (.total(let total)?, _): resources.memory.swap = total.bytes
    case (nil, let memory?):
      let (twice, overflow) = memory.bytes.multipliedReportingOverflow(by: 2)
      if surroundings.accountsForSwap, !overflow { resources.memory.swap = twice }
    case (nil, nil): break
    }
    if let microCPUs {
      let period: Int64 = 100_000
      resources.cpu.quota = microCPUs * period / 1_000_000
      resources.cpu.period = UInt64(period)
    }
    resources.cpu.cpus = cpus
    // The older field for this is converted by a curve that not every weight is on.
    if let cpuWeight { resources.unified["cpu.weight"] = String(cpuWeight) }
    if let pidsLimit { resources.pids = RuntimeConfig.Linux.Pids(limit: pidsLimit) }
    return resources
  }
}
