import Linux
import OCI

/// What is kept of a container on disk: who it is, where its parts are, and enough to tell its first process from any other.
public struct Record: Equatable, Sendable, JSONRepresentable {
  /// The container's name.
  public var id: ContainerID
  /// The version of the specification that its configuration follows.
  public var ociVersion: String
  /// The absolute path of its bundle.
  public var bundle: String
  /// The absolute path of its root directory.
  public var root: String
  /// Its first process; `nil` before that exists.
  public var process: Process?
  /// When it was created, in nanoseconds since 1970.
  public var created: Int64
  /// The cgroup's path from the hierarchy's root; `nil` when it has none of its own.
  public var cgroup: String?
  /// The number of the cgroup, which tells it from a later one with the same path.
  public var cgroupNumber: UInt64?
  /// The systemd unit that the cgroup belongs to; `nil` when it is nobody's but the container's.
  public var unit: String?
  /// The namespaces that are not the host's.
  public var namespaces: Namespaces
  /// The configuration's annotations.
  public var annotations: NamedValues<String>
  /// A directory that belongs to the container alone and goes with it.
  public var ownedDirectory: String?

  /// Whether a supervisor has made it, which knows what it is to be and keeps what it writes.
  public var isSupervised = false

  /// Whether its processes can do anything with keyrings.
  public var hasKeyrings = true

  /// Whether its processes have the system call filter that is stored beside this.
  public var hasSeccomp = false

  /// The execution domain of its processes (`personality(2)`); `nil` when that is the caller's.
  public var personality: UInt64?

  /// The NUMA memory policy of its processes; `nil` when that is the caller's.
  public var memoryPolicy: RuntimeConfig.Linux.MemoryPolicy?

  /// Its group in the resctrl file system; `nil` when its configuration says nothing of that.
  public var resourceControl: ResourceControlGroup?

  /// Whether its processes can make device files where their capabilities allow it.
  public var makesDevices = true

  /// Whether its configuration has a program.
  public var hasProgram = true

  /// The kinds of hooks that are run after its creation.
  public var hooks: [String] = []

  /// Whether hooks of its creation may still run. When nobody is at work on it any more, they do not.
  public var isBeingCreated = false

  /// Whether the kernel ended a process of it for lack of memory, when that was seen at its end: its cgroup, which counts
  /// that, may not outlive it.
  public var wasOutOfMemory = false

  /// A process, named for good.
  public struct Process: Equatable, Sendable {
    /// The pid.
    public var pid: Int32
    /// When it started, in clock ticks since boot.
    public var startTime: UInt64
    /// The number that no other process has until the next boot; `nil` where the kernel gives none (before Linux 6.9).
    public var uniqueNumber: UInt64?
  }

  init(
    id: ContainerID, ociVersion: String, bundle: String, root: String, created: Int64, cgroup: String?,
    unit: String? = nil, namespaces: Namespaces, annotations: NamedValues<String>, ownedDirectory: String?
  ) {
    self.id = id
    self.ociVersion = ociVersion
    self.bundle = bundle
    self.root = root
    self.created = created
    self.cgroup = cgroup
    self.unit = unit
    self.namespaces = namespaces
    self.annotations = annotations
    self.ownedDirectory = ownedDirectory
  }

  /// Reads what `json` wrote.
  ///
  /// - Throws: `ConfigError` with the path of what is wrong.
  public init(json: JSON) throws(ConfigError) {
    let object = try JSON.Object(json: json)
    let name: String = try object.required("id")
    do throws(ContainerError) { id = try ContainerID(name) } catch {
      throw ConfigError(path: "id", reason: error.description)
    }
    ociVersion = try object.required("ociVersion")
    bundle = try object.required("bundle")
    root = try object.required("root")
    created = try object.required("created")
    guard created >= 0 else { throw ConfigError(path: "created", reason: "\(created) is before 1970") }
    cgroup = try object.text("cgroup")
    if let cgroup, cgroup == "/" || MountPlan.clean(cgroup) != cgroup {
      throw ConfigError(path: "cgroup", reason: "\"\(cgroup)\" is no container's")
    }
    let number: UInt64 = try object.optional("cgroupNumber", or: 0)
    cgroupNumber = number == 0 ? nil : number
    unit = try object.text("unit")
    namespaces = Namespaces(rawValue: try object.required("namespaces"))
    annotations = try object.optional("annotations", or: [:])
    ownedDirectory = try object.text("ownedDirectory")
    isSupervised = try object.optional("supervised", or: false)
    hasKeyrings = try object.optional("keyrings", or: true)
    hasSeccomp = try object.optional("seccomp", or: false)
    personality = try object.optional("personality")
    memoryPolicy = try object.optional("memoryPolicy")
    resourceControl = try object.optional("resourceControl")
    makesDevices = try object.optional("makesDevices", or: true)
    hasProgram = try object.optional("program", or: true)
    hooks = try object.optional("hooks", or: [])
    isBeingCreated = try object.optional("creating", or: false)
    wasOutOfMemory = try object.optional("outOfMemory", or: false)
    let pid: Int32 = try object.required("pid")
    if pid != 0 {
      let unique: UInt64 = try object.optional("processNumber", or: 0)
      process = Process(
        pid: pid, startTime: try object.required("startTime"), uniqueNumber: unique == 0 ? nil : unique)
    }
  }

  /// The record as it is on disk.
  public var json: JSON {
    var object = JSON.Object()
    object.add("id", id.description)
    object.add("ociVersion", ociVersion)
    object.add("bundle", bundle)
    object.add("root", root)
    object.add("pid", process?.pid ?? 0)
    object.add("startTime", process?.startTime ?? 0)
    object.add("processNumber", process?.uniqueNumber ?? 0, unless: 0)
    object.add("created", created)
    object.add("cgroup", ifPresent: cgroup)
    object.add("cgroupNumber", cgroupNumber ?? 0, unless: 0)
    object.add("unit", ifPresent: unit)
    object.add("namespaces", namespaces.rawValue)
    object.add("annotations", annotations, unless: [:])
    object.add("ownedDirectory", ifPresent: ownedDirectory)
    object.add("supervised", isSupervised, unless: false)
    object.add("keyrings", hasKeyrings, unless: true)
    object.add("seccomp", hasSeccomp, unless: false)
    object.add("personality", ifPresent: personality)
    object.add("memoryPolicy", ifPresent: memoryPolicy)
    object.add("resourceControl", ifPresent: resourceControl)
    object.add("makesDevices", makesDevices, unless: true)
    object.add("program", hasProgram, unless: true)
    object.add("hooks", hooks, unless: [])
    object.add("creating", isBeingCreated, unless: false)
    object.add("outOfMemory", wasOutOfMemory, unless: false)
    return .object(object)
  }
}
