import Container
import OCI

/// The machine and the supervisor, as the API describes them.
public struct EngineFacts: Sendable {
  /// How many partitions there are of each kind.
  public struct Counts: Sendable {
    /// Those that run, or are going to be started again.
    public var running = 0
    /// Those that are paused.
    public var paused = 0
    /// All others.
    public var stopped = 0

    /// The numbers among partitions with these states.
    public init(_ states: some Sequence<PartitionStatus.State>) { add(states) }

    /// Counts further partitions with these states.
    public mutating func add(_ states: some Sequence<PartitionStatus.State>) {
      for state in states {
        switch state {
        case .running, .restarting: running += 1
        case .paused: paused += 1
        case .created, .exited, .crashLoop, .removing, .dead: stopped += 1
        }
      }
    }

    var all: Int { running + paused + stopped }
  }

  /// What tells this machine from others.
  public var id: String
  /// The machine's name.
  public var hostname: String
  /// The version of swiftjail.
  public var version: String
  /// The kernel's release (`uname -r`).
  public var kernelVersion: String
  /// The system's name (`PRETTY_NAME` of `os-release(5)`).
  public var operatingSystem: String
  /// Its version (`VERSION_ID`).
  public var operatingSystemVersion: String
  /// The kernel's name of the instruction set (`uname -m`).
  public var machine: String
  /// How many CPUs there are.
  public var cpus: Int
  /// How much memory there is, in bytes.
  public var memory: Int64
  /// Where partitions are kept.
  public var rootDirectory: String
  /// How many descriptors the supervisor has open.
  public var descriptors: Int
  /// How many clients listen to events.
  public var listeners: Int
  /// The limits that partitions can have.
  public var limits: OfferedLimits

  /// The facts given.
  public init(
    id: String, hostname: String, version: String, kernelVersion: String, operatingSystem: String,
    operatingSystemVersion: String, machine: String, cpus: Int, memory: Int64, rootDirectory: String,
    descriptors: Int, listeners: Int, limits: OfferedLimits
  ) {
    self.id = id
    self.hostname = hostname
    self.version = version
    self.kernelVersion = kernelVersion
    self.operatingSystem = operatingSystem
    self.operatingSystemVersion = operatingSystemVersion
    self.machine = machine
    self.cpus = cpus
    self.memory = memory
    self.rootDirectory = rootDirectory
    self.descriptors = descriptors
    self.listeners = listeners
    self.limits = limits
  }

  /// How the API calls the instruction set.
  public var architecture: String {
    switch machine {
    case "x86_64": "amd64"
    case "aarch64": "arm64"
    default: machine
    }
  }

  /// All names by which clients may mean an instruction set that the API calls `architecture`.
  static func names(ofArchitecture architecture: String) -> [String] {
    switch architecture {
    case "amd64": ["amd64", "x86_64", "x86-64"]
    case "arm64": ["arm64", "aarch64", "arm64/v8"]
    default: [architecture]
    }
  }

  /// The header fields of the answer to `/_ping`, and of every other.
  public static let headers: [(name: String, value: String)] = [
    ("Api-Version", APITarget.newestVersion), ("Docker-Experimental", "false"), ("Ostype", "linux"),
    ("Server", "swiftjaild (linux)"),
  ]
  /// The header fields that the answer to `/_ping` has beside those.
  public static let pingHeaders: [(name: String, value: String)] = [
    ("Cache-Control", "no-cache, no-store, must-revalidate"), ("Pragma", "no-cache"),
  ]
  /// The body of the answer to `/_ping`.
  public static let pingBody = Array("OK".utf8)

  /// The answer to `/version` (`SystemVersion`).
  public var versionDocument: JSON {
    .members([
      "Platform": .members(["Name": .string("swiftjail")]),
      "Components": .array([
        .members([
          "Name": .string("Engine"), "Version": .string(version),
          "Details": .members([
            "ApiVersion": .string(APITarget.newestVersion), "MinAPIVersion": .string(APITarget.oldestVersion),
            "Os": .string("linux"), "Arch": .string(architecture), "KernelVersion": .string(kernelVersion),
            "Experimental": .string("false"), "GitCommit": .string(""), "GoVersion": .string(""),
            "BuildTime": .string(""),
          ]),
        ])
      ]),
      "Version": .string(version), "ApiVersion": .string(APITarget.newestVersion),
      "MinAPIVersion": .string(APITarget.oldestVersion), "GitCommit": .string(""), "GoVersion": .string(""),
      "Os": .string("linux"), "Arch": .string(architecture), "KernelVersion": .string(kernelVersion),
      "Experimental": .bool(false), "BuildTime": .string(""),
    ])
  }

  /// The answer to `/info` (`SystemInfo`).
  ///
  /// - Parameter now: nanoseconds since 1970.
  public func infoDocument(_ counts: Counts, now: Int64) -> JSON {
    var object = JSON.Object()
    object["ID"] = .string(id)
    object["Containers"] = JSON(counts.all)
    object["ContainersRunning"] = JSON(counts.running)
    object["ContainersPaused"] = JSON(counts.paused)
    object["ContainersStopped"] = JSON(counts.stopped)
    object["Images"] = .integer(1)
    object["Driver"] = .string("overlay")
    object["DriverStatus"] = .array([])
    object["SystemStatus"] = .null
    object["Plugins"] = .members([
      "Volume": .array([]), "Network": .texts(["host", "null"]), "Authorization": .null,
      "Log": .texts(["json-file"]),
    ])
    for limit in limits.named { object[limit.field] = .bool(limit.isOffered) }
    for key in ["KernelMemory", "KernelMemoryTCP", "OomKillDisable", "Debug", "ExperimentalBuild"] {
      object[key] = .bool(false)
    }
    // Nothing is forwarded or bridged for partitions; clients warn where these are false.
    for key in ["IPv4Forwarding", "BridgeNfIptables", "BridgeNfIp6tables"] { object[key] = .bool(true) }
    object["NFd"] = JSON(descriptors)
    object["NGoroutines"] = .integer(1)
    object["SystemTime"] = .string(APIText.time(now))
    object["LoggingDriver"] = .string("json-file")
    object["CgroupDriver"] = .string("cgroupfs")
    object["CgroupVersion"] = .string("2")
    object["NEventsListener"] = JSON(listeners)
    object["KernelVersion"] = .string(kernelVersion)
    object["OperatingSystem"] = .string(operatingSystem)
    object["OSVersion"] = .string(operatingSystemVersion)
    object["OSType"] = .string("linux")
    object["Architecture"] = .string(machine)
    object["IndexServerAddress"] = .string("")
    object["RegistryConfig"] = .null
    object["NCPU"] = JSON(cpus)
    object["MemTotal"] = .integer(memory)
    object["GenericResources"] = .null
    object["DockerRootDir"] = .string(rootDirectory)
    for key in ["HttpProxy", "HttpsProxy", "NoProxy", "ClusterStore", "ClusterAdvertise", "Isolation"] {
      object[key] = .string("")
    }
    object["Name"] = .string(hostname)
    object["Labels"] = .array([])
    object["ServerVersion"] = .string(version)
    object["Runtimes"] = .members(["swiftjail": .members(["path": .string("swiftjail")])])
    object["DefaultRuntime"] = .string("swiftjail")
    object["Swarm"] = .members([
      "NodeID": .string(""), "NodeAddr": .string(""), "LocalNodeState": .string("inactive"),
      "ControlAvailable": .bool(false), "Error": .string(""), "RemoteManagers": .null,
    ])
    object["LiveRestoreEnabled"] = .bool(true)
    object["InitBinary"] = .string("swiftjail")
    for key in ["ContainerdCommit", "RuncCommit", "InitCommit"] {
      object[key] = .members(["ID": .string(""), "Expected": .string("")])
    }
    object["SecurityOptions"] = .texts(["name=cgroupns"])
    object["Warnings"] = .texts(
      limits.named.filter { !$0.isOffered }.map { "WARNING: No \($0.words) support" })
    return .object(object)
  }

  /// The answer to `/system/df`.
  ///
  /// - Parameters:
  ///   - containers: those whose sizes are known, as lines of the list.
  ///   - image: the one image.
  public static func diskUsage(_ containers: [JSON], image: HostImage) -> JSON {
    .members([
      "LayersSize": .integer(0), "Images": .array([image.summary(containers: containers.count)]),
      "Containers": .array(containers), "Volumes": .array([]), "BuildCache": .array([]),
      "BuilderSize": .integer(0),
    ])
  }

  /// The answer to the pruning of what there is none of: nothing was removed.
  public static func pruned(_ absent: Endpoint.Absent) -> JSON {
    switch absent {
    case .networks: .members(["NetworksDeleted": .null])
    case .build: .members(["CachesDeleted": .null, "SpaceReclaimed": .integer(0)])
    case .images: .members(["ImagesDeleted": .null, "SpaceReclaimed": .integer(0)])
    case .volumes: .members(["VolumesDeleted": .null, "SpaceReclaimed": .integer(0)])
    }
  }

  /// The answer to `/volumes`: there are none.
  public static let volumes = JSON.members(["Volumes": .array([]), "Warnings": .null])
}

extension OfferedLimits {
  /// Each with its field in the answer to `/info`, and what Docker calls it.
  fileprivate var named: [(field: String, words: String, isOffered: Bool)] {
    let hasProcessors = controllers.contains("cpu")
    return [
      ("MemoryLimit", "memory limit", controllers.contains("memory")), ("SwapLimit", "swap limit", hasSwap),
      ("CpuCfsPeriod", "cpu cfs period", hasProcessors), ("CpuCfsQuota", "cpu cfs quota", hasProcessors),
      ("CPUShares", "cpu shares", hasProcessors), ("CPUSet", "cpuset", controllers.contains("cpuset")),
      ("PidsLimit", "pids limit", controllers.contains("pids")),
    ]
  }
}
