import Container
import Definitions
import Layers
import OCI

/// What a container shares with its host, and its limits (`HostConfig`).
struct HostConfigDocument {
  private let definition: PartitionDefinition
  private let settings: PartitionSettings
  private let notes: RequestNotes
  private let plain: PlainFacts?
  private let networkMode: String

  /// What containers are run by.
  static let runtime = "swiftjail"
  /// What is hidden from one that is not privileged, and what it cannot write to.
  static let hidden = [
    ("MaskedPaths", RuntimeConfig.default.linux.maskedPaths + HostProcessors.thermalCounters),
    ("ReadonlyPaths", RuntimeConfig.default.linux.readonlyPaths),
  ]

  init(_ container: ContainerDocument) {
    definition = container.status.definition
    settings = container.settings
    notes = container.status.notes
    plain = container.status.plain
    networkMode = container.networkMode
  }

  var document: JSON {
    var object = JSON.Object()
    let mounts = MountDocuments(settings, notes)
    object["Binds"] = names(mounts.binds)
    object["ContainerIDFile"] = .string("")
    object["LogConfig"] = plain == nil ? definition.log.document(notes) : PlainFacts.logConfig
    object["NetworkMode"] = .string(networkMode)
    object["PortBindings"] = .nothing
    object["RestartPolicy"] = definition.restart.document
    object["AutoRemove"] = .bool(definition.isRemovedAtEnd)
    object["VolumeDriver"] = .string("")
    object["VolumesFrom"] = .null
    object["CapAdd"] = names(settings.capabilities.added)
    object["CapDrop"] = names(settings.capabilities.dropped)
    object["CgroupnsMode"] = .string("private")
    for key in ["Dns", "DnsOptions", "DnsSearch"] { object[key] = .array([]) }
    for key in ["ExtraHosts", "Links"] { object[key] = .null }
    for key in ["Cgroup", "PidMode", "UTSMode", "UsernsMode", "Isolation", "CgroupParent", "CpusetMems"] {
      object[key] = .string("")
    }
    object["IpcMode"] = .string("private")
    object["OomScoreAdj"] = JSON(settings.outOfMemoryAdjustment ?? 0)
    if !settings.kernelParameters.isEmpty { object["Sysctls"] = settings.kernelParameters.json }
    object["GroupAdd"] = names(settings.groups)
    object["SecurityOpt"] = names(securityOptions)
    object["Privileged"] = .bool(settings.isPrivileged)
    object["PublishAllPorts"] = .bool(false)
    object["ReadonlyRootfs"] = .bool(settings.isReadOnly)
    if let tmpfs = mounts.tmpfs { object["Tmpfs"] = tmpfs }
    if !mounts.mounts.isEmpty { object["Mounts"] = .array(mounts.mounts) }
    object["ShmSize"] = .integer((settings.sharedMemory ?? PartitionSettings.defaultSharedMemory).bytes)
    object["Runtime"] = .string(Self.runtime)
    let size = settings.terminalSize
    object["ConsoleSize"] = .array([JSON(size?.height ?? 0), JSON(size?.width ?? 0)])
    addLimits(to: &object)
    if settings.initProgram != nil { object["Init"] = .bool(true) }
    for (key, paths) in Self.hidden { object[key] = settings.isPrivileged ? .null : .texts(paths) }
    if let plain {
      for key in plain.sharedWithHost { object[key] = .string("host") }
      object["MaskedPaths"] = names(plain.maskedPaths)
      object["ReadonlyPaths"] = names(plain.readonlyPaths)
    }
    return .object(object)
  }

  /// The options of security by which no system call is refused, the usual one first.
  static let unfiltered = ["seccomp=unconfined", "seccomp:unconfined"]

  /// A file may have asked for that in its own way.
  private var securityOptions: [String] {
    let told = notes.securityOptions
    let isUntold = settings.seesKeyrings && !told.contains(where: Self.unfiltered.contains)
    return told + (isUntold ? Array(Self.unfiltered.prefix(1)) : [])
  }

  private func names(_ names: [String]) -> JSON { names.isEmpty ? .null : .texts(names) }

  private func addLimits(to object: inout JSON.Object) {
    object["CpuShares"] = JSON(settings.cpuWeight.map { CPUShares.shares(for: $0) } ?? 0)
    object["Memory"] = .integer(settings.memory?.bytes ?? 0)
    object["NanoCpus"] = .integer((settings.microCPUs ?? 0) * 1000)
    object["MemoryReservation"] = .integer(settings.memoryReservation?.bytes ?? 0)
    object["MemorySwap"] = .integer(memoryAndSwap)
    object["MemorySwappiness"] = .null
    object["OomKillDisable"] = .null
    object["PidsLimit"] = settings.pidsLimit.map { .integer($0) } ?? .null
    object["CpusetCpus"] = .string(settings.cpus ?? "")
    for key in ["CpuPeriod", "CpuQuota", "CpuRealtimePeriod", "CpuRealtimeRuntime", "CpuCount", "CpuPercent"]
    {
      object[key] = .integer(0)
    }
    for key in ["BlkioWeight", "IOMaximumIOps", "IOMaximumBandwidth", "KernelMemory", "KernelMemoryTCP"] {
      object[key] = .integer(0)
    }
    object["BlkioWeightDevice"] = .array([])
    for key in ["BlkioDeviceReadBps", "BlkioDeviceWriteBps", "BlkioDeviceReadIOps", "BlkioDeviceWriteIOps"] {
      object[key] = .null
    }
    object["Devices"] = .array([])
    object["Ulimits"] = ulimits
    for key in ["DeviceCgroupRules", "DeviceRequests"] { object[key] = .null }
  }

  private var ulimits: JSON {
    if settings.resourceLimits.isEmpty { return .null }
    return .array(
      settings.resourceLimits.map { limit in
        .members([
          "Name": .string(limit.type.dropFirst("RLIMIT_".utf8.count).lowercased()),
          "Hard": .integer(Int64(bitPattern: limit.hard)), "Soft": .integer(Int64(bitPattern: limit.soft)),
        ])
      })
  }

  private var memoryAndSwap: Int64 {
    switch settings.memoryAndSwap {
    case .unlimited?: -1
    case .total(let size)?: size.bytes
    case nil: settings.memory.map { $0.bytes > Int64.max / 2 ? -1 : $0.bytes * 2 } ?? 0
    }
  }
}
