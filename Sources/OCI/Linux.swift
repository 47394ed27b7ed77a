extension RuntimeConfig {
  /// What is particular to Linux (config-linux.md).
  public struct Linux: Equatable, Sendable, JSONRepresentable {
    /// The namespaces to make or join; of the others the container is in the runtime's.
    public var namespaces: [Namespace]
    /// User ids of the user namespace.
    public var uidMappings: [IDMapping]
    /// Group ids of the user namespace.
    public var gidMappings: [IDMapping]
    /// Clocks of the time namespace.
    public var timeOffsets: TimeOffsets
    /// Device nodes to make, beside the default ones.
    public var devices: [Device]
    /// Network interfaces to move into the container, by their name outside.
    public var netDevices: NamedValues<NetDevice>
    /// The cgroup: a path below the hierarchy's root, or `slice:prefix:name` for systemd.
    public var cgroupsPath: String?
    /// Limits.
    public var resources: Resources
    /// Kernel parameters, such as `net.ipv4.ip_forward`.
    public var sysctl: NamedValues<String>
    /// The system call filter.
    public var seccomp: Seccomp?
    /// How mounts propagate between the container's root and the outside.
    public var rootfsPropagation: Propagation?
    /// Paths that the container cannot read.
    public var maskedPaths: [String]
    /// Paths that the container cannot write.
    public var readonlyPaths: [String]
    /// The SELinux label of the mounts.
    public var mountLabel: String?
    /// Intel Resource Director Technology.
    public var intelRdt: IntelRdt?
    /// The NUMA memory policy.
    public var memoryPolicy: MemoryPolicy?
    /// The execution domain.
    public var personality: Personality?

    /// The properties given; the others are empty.
    public init(
      namespaces: [Namespace] = [], uidMappings: [IDMapping] = [], gidMappings: [IDMapping] = [],
      timeOffsets: TimeOffsets = TimeOffsets(), devices: [Device] = [],
      netDevices: NamedValues<NetDevice> = [:],
      cgroupsPath: String? = nil, resources: Resources = Resources(), sysctl: NamedValues<String> = [:],
      seccomp: Seccomp? = nil, rootfsPropagation: Propagation? = nil, maskedPaths: [String] = [],
      readonlyPaths: [String] = [], mountLabel: String? = nil, intelRdt: IntelRdt? = nil,
      memoryPolicy: MemoryPolicy? = nil, personality: Personality? = nil
    ) {
      self.namespaces = namespaces
      self.uidMappings = uidMappings
      self.gidMappings = gidMappings
      self.timeOffsets = timeOffsets
      self.devices = devices
      self.netDevices = netDevices
      self.cgroupsPath = cgroupsPath
      self.resources = resources
      self.sysctl = sysctl
      self.seccomp = seccomp
      self.rootfsPropagation = rootfsPropagation
      self.maskedPaths = maskedPaths
      self.readonlyPaths = readonlyPaths
      self.mountLabel = mountLabel
      self.intelRdt = intelRdt
      self.memoryPolicy = memoryPolicy
      self.personality = personality
    }

    /// Reads an object.
    public init(json: JSON) throws(ConfigError) {
      let object = try JSON.Object(json: json)
      namespaces = try object.optional("namespaces", or: [])
      uidMappings = try object.optional("uidMappings", or: [])
      gidMappings = try object.optional("gidMappings", or: [])
      timeOffsets = try object.optional("timeOffsets", or: TimeOffsets())
      devices = try object.optional("devices", or: [])
      netDevices = try object.optional("netDevices", or: [:])
      cgroupsPath = try object.text("cgroupsPath")
      resources = try object.optional("resources", or: Resources())
      sysctl = try object.optional("sysctl", or: [:])
      seccomp = try object.optional("seccomp")
      rootfsPropagation = try object.optional("rootfsPropagation")
      maskedPaths = try object.optional("maskedPaths", or: [])
      readonlyPaths = try object.optional("readonlyPaths", or: [])
      mountLabel = try object.text("mountLabel")
      intelRdt = try object.optional("intelRdt")
      memoryPolicy = try object.optional("memoryPolicy")
      personality = try object.optional("personality")
    }

    /// The value as JSON.
    public var json: JSON {
      var object = JSON.Object()
      object.add("uidMappings", uidMappings, unless: [])
      object.add("gidMappings", gidMappings, unless: [])
      object.add("sysctl", sysctl, unless: [:])
      object.add("resources", resources, unless: Resources())
      object.add("cgroupsPath", ifPresent: cgroupsPath)
      object.add("namespaces", namespaces, unless: [])
      object.add("devices", devices, unless: [])
      object.add("netDevices", netDevices, unless: [:])
      object.add("seccomp", ifPresent: seccomp)
      object.add("rootfsPropagation", ifPresent: rootfsPropagation)
      object.add("maskedPaths", maskedPaths, unless: [])
      object.add("readonlyPaths", readonlyPaths, unless: [])
      object.add("mountLabel", ifPresent: mountLabel)
      object.add("intelRdt", ifPresent: intelRdt)
      object.add("memoryPolicy", ifPresent: memoryPolicy)
      object.add("personality", ifPresent: personality)
      object.add("timeOffsets", timeOffsets, unless: TimeOffsets())
      return .object(object)
    }
  }
}
