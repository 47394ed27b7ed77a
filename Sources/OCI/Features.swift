/// What a runtime can do (runtime-spec 1.3, features.md and features-linux.md): what `features` prints.
///
/// Of a property that is `nil` nothing is said; an empty list says that there is nothing of the kind.
public struct Features: Equatable, Sendable {
  /// The oldest version of the specification that `config.json` may follow.
  public var ociVersionMin: String
  /// The newest version of the specification that `config.json` may follow.
  public var ociVersionMax: String
  /// The hooks, by their names in `config.json`.
  public var hooks: [String]?
  /// The mount options.
  public var mountOptions: [String]?
  /// What is particular to Linux.
  public var linux: Linux?
  /// Whatever else there is to know about the runtime.
  public var annotations: [String: String]
  /// Annotations of a config that may change how the runtime behaves; a name that ends in `.` is a prefix.
  public var potentiallyUnsafeConfigAnnotations: [String]

  /// The features given.
  public init(
    ociVersionMin: String = "1.0.0", ociVersionMax: String = RuntimeConfig.latestVersion,
    hooks: [String]? = nil, mountOptions: [String]? = nil, linux: Linux? = nil,
    annotations: [String: String] = [:], potentiallyUnsafeConfigAnnotations: [String] = []
  ) {
    self.ociVersionMin = ociVersionMin
    self.ociVersionMax = ociVersionMax
    self.hooks = hooks
    self.mountOptions = mountOptions
    self.linux = linux
    self.annotations = annotations
    self.potentiallyUnsafeConfigAnnotations = potentiallyUnsafeConfigAnnotations
  }

  /// The value as JSON.
  public var json: JSON {
    var object = JSON.Object()
    object.add("ociVersionMin", ociVersionMin)
    object.add("ociVersionMax", ociVersionMax)
    object.add("hooks", ifPresent: hooks)
    object.add("mountOptions", ifPresent: mountOptions)
    if let linux { object["linux"] = linux.json }
    object.add("annotations", annotations, unless: [:])
    object.add("potentiallyUnsafeConfigAnnotations", potentiallyUnsafeConfigAnnotations, unless: [])
    return .object(object)
  }
}

extension Features {
  /// What is particular to Linux (features-linux.md).
  public struct Linux: Equatable, Sendable {
    /// The kinds of namespaces.
    public var namespaces: [RuntimeConfig.Linux.NamespaceKind]?
    /// The capabilities, by name.
    public var capabilities: [String]?
    /// Control groups.
    public var cgroup: Cgroup?
    /// System call filters.
    public var seccomp: Seccomp?
    /// Whether AppArmor profiles can be set.
    public var apparmor: Bool?
    /// Whether SELinux labels can be set.
    public var selinux: Bool?
    /// Whether Intel RDT can be set up, its `schemata` given and its monitoring enabled.
    public var intelRdt: Bool?
    /// NUMA memory policies.
    public var memoryPolicy: MemoryPolicy?
    /// Whether mounts can be id-mapped.
    public var idmappedMounts: Bool?
    /// Whether network interfaces can be moved into the container.
    public var netDevices: Bool?

    /// The features given.
    public init(
      namespaces: [RuntimeConfig.Linux.NamespaceKind]? = nil, capabilities: [String]? = nil,
      cgroup: Cgroup? = nil, seccomp: Seccomp? = nil, apparmor: Bool? = nil, selinux: Bool? = nil,
      intelRdt: Bool? = nil, memoryPolicy: MemoryPolicy? = nil, idmappedMounts: Bool? = nil,
      netDevices: Bool? = nil
    ) {
      self.namespaces = namespaces
      self.capabilities = capabilities
      self.cgroup = cgroup
      self.seccomp = seccomp
      self.apparmor = apparmor
      self.selinux = selinux
      self.intelRdt = intelRdt
      self.memoryPolicy = memoryPolicy
      self.idmappedMounts = idmappedMounts
      self.netDevices = netDevices
    }

    /// The value as JSON.
    public var json: JSON {
      var object = JSON.Object()
      object.add("namespaces", ifPresent: namespaces)
      object.add("capabilities", ifPresent: capabilities)
      if let cgroup { object["cgroup"] = cgroup.json }
      if let seccomp { object["seccomp"] = seccomp.json }
      if let apparmor { object["apparmor"] = enabled(apparmor) }
      if let selinux { object["selinux"] = enabled(selinux) }
      if let memoryPolicy { object["memoryPolicy"] = memoryPolicy.json }
      if let intelRdt {
        var status = JSON.Object()
        for name in ["enabled", "schemata", "monitoring"] { status[name] = .bool(intelRdt) }
        object["intelRdt"] = .object(status)
      }
      if let idmappedMounts {
        var extensions = JSON.Object()
        extensions["idmap"] = enabled(idmappedMounts)
        object["mountExtensions"] = .object(extensions)
      }
      if let netDevices { object["netDevices"] = enabled(netDevices) }
      return .object(object)
    }

    private func enabled(_ enabled: Bool) -> JSON {
      var object = JSON.Object()
      object["enabled"] = .bool(enabled)
      return .object(object)
    }
  }

  /// NUMA memory policies, by their names in `config.json`.
  public struct MemoryPolicy: Equatable, Sendable {
    /// The modes.
    public var modes: [RuntimeConfig.Linux.MemoryPolicy.Mode]
    /// The flags.
    public var flags: [RuntimeConfig.Linux.MemoryPolicy.Flag]

    /// All that the specification has.
    public static let all = MemoryPolicy(modes: .init(Modes.allCases), flags: .init(Flags.allCases))
    private typealias Modes = RuntimeConfig.Linux.MemoryPolicy.Mode
    private typealias Flags = RuntimeConfig.Linux.MemoryPolicy.Flag

    /// The value as JSON.
    public var json: JSON {
      var object = JSON.Object()
      object.add("modes", modes)
      object.add("flags", flags)
      return .object(object)
    }
  }

  /// Control groups.
  public struct Cgroup: Equatable, Sendable {
    /// Whether cgroup v1 is supported.
    public var v1: Bool
    /// Whether cgroup v2 is supported.
    public var v2: Bool
    /// Whether systemd can manage the cgroups of the system.
    public var systemd: Bool
    /// Whether systemd can manage the cgroups of a user.
    public var systemdUser: Bool
    /// Whether RDMA limits are supported.
    public var rdma: Bool

    /// The features given.
    public init(
      v1: Bool = false, v2: Bool = false, systemd: Bool = false, systemdUser: Bool = false, rdma: Bool = false
    ) {
      self.v1 = v1
      self.v2 = v2
      self.systemd = systemd
      self.systemdUser = systemdUser
      self.rdma = rdma
    }

    /// The value as JSON.
    public var json: JSON {
      var object = JSON.Object()
      object.add("v1", v1)
      object.add("v2", v2)
      object.add("systemd", systemd)
      object.add("systemdUser", systemdUser)
      object.add("rdma", rdma)
      return .object(object)
    }
  }

  /// System call filters. Names are those of `linux.seccomp` in `config.json`.
  public struct Seccomp: Equatable, Sendable {
    /// Whether filters are supported.
    public var enabled: Bool
    /// Actions, such as `SCMP_ACT_ERRNO`.
    public var actions: [String]?
    /// Comparisons, such as `SCMP_CMP_EQ`.
    public var operators: [String]?
    /// Architectures, such as `SCMP_ARCH_X86_64`.
    public var archs: [String]?
    /// Flags that are known, such as `SECCOMP_FILTER_FLAG_LOG`.
    public var knownFlags: [String]?
    /// Flags that this kernel also has.
    public var supportedFlags: [String]?

    /// The features given.
    public init(
      enabled: Bool, actions: [String]? = nil, operators: [String]? = nil, archs: [String]? = nil,
      knownFlags: [String]? = nil, supportedFlags: [String]? = nil
    ) {
      self.enabled = enabled
      self.actions = actions
      self.operators = operators
      self.archs = archs
      self.knownFlags = knownFlags
      self.supportedFlags = supportedFlags
    }

    /// The value as JSON.
    public var json: JSON {
      var object = JSON.Object()
      object.add("enabled", enabled)
      object.add("actions", ifPresent: actions)
      object.add("operators", ifPresent: operators)
      object.add("archs", ifPresent: archs)
      object.add("knownFlags", ifPresent: knownFlags)
      object.add("supportedFlags", ifPresent: supportedFlags)
      return .object(object)
    }
  }
}
