import Layers
import OCI

extension PartitionDefinition {
  /// The definition as JSON, without what is as it is anyway. `init(json:in:)` reads it as an equal definition when the
  /// program for `init` is the same, and a partition's `isTransient` is its `isRemovedAtEnd`.
  public var json: JSON {
    let usual = PartitionDefinition(name: name, content: content)
    var object = JSON.Object()
    object.add("name", name)
    switch content {
    case .bundle(let path): object.add("bundle", path)
    case .partition(let settings): settings.write(to: &object)
    }
    object.add("interactive", opensInput, unless: false)
    object.add("endInputOnce", closesInput, unless: isFunction)
    object.add("restart", restart.description, unless: RestartPolicy.no.description)
    object.add("restartDelay", restartDelay, unless: usual.restartDelay)
    object.add("healthCheck", ifPresent: healthCheck)
    object.add("load", ifPresent: load)
    object.add("stopSignal", stopSignal.rawValue, unless: usual.stopSignal.rawValue)
    if stopTimeout != usual.stopTimeout { object.add("stopTimeout", DurationText.text(stopTimeout)) }
    object.add("after", after, unless: [])
    object.add("labels", labels, unless: [:])
    object.add("log", log, unless: usual.log)
    object.add("removeAtEnd", isRemovedAtEnd, unless: isFunction)
    object.add("warm", ifPresent: warm)
    object.add("maximum", ifPresent: maximum)
    return .object(object)
  }
}

extension PartitionDefinition {
  /// How long a definition may be as JSON, in bytes: the keeper is told of it in one message, with little beside it.
  public static let longest = 120 << 10

  /// Throws when it is longer than that.
  public func checkLength() throws(ConfigError) {
    let length = json.bytes().count
    guard length > Self.longest else { return }
    throw ConfigError(
      path: "", reason: "is too long: \(length) bytes, and no more than \(Self.longest) can be started")
  }
}

extension PartitionSettings {
  /// Writes what `init(_:_:in:)` reads.
  fileprivate func write(to object: inout JSON.Object) {
    switch base {
    case .host: object.add("image", "host")
    case .directory(let path): object.add("rootfs", path)
    }
    object.add("command", command, unless: [])
    object.add("environment", environment, unless: Environment())
    object.add("memory", ifPresent: memory?.bytes)
    switch memoryAndSwap {
    case nil: break
    case .unlimited?: object.add("memorySwap", -1)
    case .total(let size)?: object.add("memorySwap", size.bytes)
    }
    if let microCPUs { object["cpus"] = .double(Double(microCPUs) / 1_000_000) }
    object.add("memoryReservation", ifPresent: memoryReservation?.bytes)
    object.add("domainname", ifPresent: domainname)
    object.add("shmSize", ifPresent: sharedMemory?.bytes)
    object.add("rlimits", resourceLimits, unless: [])
    object.add("sysctls", kernelParameters, unless: [:])
    object.add("oomScoreAdj", ifPresent: outOfMemoryAdjustment)
    object.add("cpuWeight", ifPresent: cpuWeight)
    object.add("cpusetCpus", ifPresent: cpus)
    object.add("pidsLimit", ifPresent: pidsLimit)
    object.add("volumes", volumes.map(\.text), unless: [])
    object.add("tmpfs", temporaryDirectories.map(\.text), unless: [])
    if network != .standard { object.add("network", network.rawValue) }
    object.add("readOnly", isReadOnly, unless: false)
    object.add("workdir", workingDirectory, unless: "/")
    object.add("user", ifPresent: user)
    object.add("groups", groups, unless: [])
    object.add("hostname", ifPresent: hostname)
    object.add("capAdd", capabilities.added, unless: [])
    object.add("capDrop", capabilities.dropped, unless: [])
    object.add("privileged", isPrivileged, unless: false)
    object.add("keyrings", seesKeyrings, unless: false)
    object.add("init", initProgram != nil, unless: false)
    object.add("tty", hasTerminal, unless: false)
    object.add("terminalSize", ifPresent: terminalSize)
  }
}
