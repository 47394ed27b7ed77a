import Linux
import OCI

/// Everything that starting a container will do, decided and checked before any of it is done.
struct Plan: Sendable {
  /// The namespaces that the container gets for itself.
  var newNamespaces: Namespaces = []
  /// The namespaces that it joins.
  var joinedNamespaces: [JoinedNamespace] = []
  /// What goes to `timens_offsets` of a new time namespace.
  var timeOffsets: String = ""
  var uidMappings: [RuntimeConfig.IDMapping]
  var gidMappings: [RuntimeConfig.IDMapping]
  var hostname: String?
  var domainname: String?
  /// Files below `/proc/sys` and what is written to them.
  var sysctl: [Sysctl]
  /// The root directory, as an absolute path of the host.
  var root: String
  var rootIsReadOnly: Bool
  var rootPropagation: MountOptions.PropagationChange
  var mounts: [MountPlan]
  /// The SELinux label of what is in the container's new file systems.
  var mountLabel: String?
  var devices: [DevicePlan]
  var maskedPaths: [String]
  var readOnlyPaths: [String]
  var process: ProcessPlan
  /// Whether there is a program: a container can be created without one, and not be started.
  var hasProgram: Bool
  var hooks: RuntimeConfig.Hooks
  var personality: UInt64?
  var memoryPolicy: MemoryPolicy?
  var networkDevices: [NetworkDevicePlan]
  var resourceControl: RuntimeConfig.Linux.IntelRdt?
  var cgroupsPath: String?
  var cgroupSettings: [CgroupSetting]
  var deviceRules: [DeviceRule]
  /// The configuration's annotations.
  var annotations: NamedValues<String>

  struct JoinedNamespace: Sendable {
    var kind: Namespaces
    var path: String
  }

  struct Sysctl: Equatable, Sendable {
    var path: String
    var value: String

    /// The parameter `name`, whose parts are separated by dots or by slashes as `sysctl(8)` has it: whichever comes
    /// first separates, the other is part of a name.
    init(name: String, value: String) {
      let dot = UInt8(ascii: ".")
      let slash = UInt8(ascii: "/")
      let first = name.utf8.first { $0 == dot || $0 == slash }
      path =
        first == slash
        ? name : String(decoding: name.utf8.map { $0 == dot ? slash : $0 == slash ? dot : $0 }, as: UTF8.self)
      self.value = value
    }
  }

  /// All kinds in which the container does not live with the host: what `exec` has to enter.
  var namespaces: Namespaces {
    joinedNamespaces.reduce(into: newNamespaces) { $0.formUnion($1.kind) }
  }

  /// Whether the container lives in a user namespace.
  var hasUserNamespace: Bool { namespaces.contains(.user) }

  /// Whether its device rules allow every device.
  var allowsAllDevices: Bool {
    guard let last = deviceRules.last else { return false }
    return last == DeviceRule(allow: true, kind: .all, major: nil, minor: nil, access: .everything)
  }

  /// Whether a process joins namespaces for the container's first one, and creates that: a pid namespace is joined, and a time
  /// namespace created, for children only; and in a user namespace of its own the first process has no right to join others
  /// of the host's.
  var needsProcessAhead: Bool {
    newNamespaces.contains(.time) || joinedNamespaces.contains { $0.kind == .pid }
      || hasUserNamespace && !joinedNamespaces.isEmpty
  }

  /// Whether the container joins the file tree of a mount namespace instead of getting one.
  var joinsMountNamespace: Bool { !newNamespaces.contains(.mount) }

  /// Where the container's root is attached until it becomes the root: hooks find it at its path.
  var rootPlace: String { hooks.runsAtCreation ? root : "/" }

  /// Whether the container's file tree can be made in a copy of an empty one. Of a user namespace's own, the host's mounts are
  /// not; what is mounted by name has to be done in the host's; and hooks need the host's files.
  var fitsEmptyTree: Bool {
    newNamespaces.contains(.mount) && !hasUserNamespace && !hooks.runsAtCreation
      && !mounts.contains { $0.options.hasLongValue }
  }

  /// Whether the container can have a network namespace that was made before it.
  var fitsSpareNetwork: Bool {
    newNamespaces.contains(.network) && !hasUserNamespace && networkDevices.isEmpty
  }

  /// Whether a mount takes the place of the root directory before anything is done in that.
  var replacesRoot: Bool {
    guard let first = mounts.first, first.destination == "/", case .fileSystem = first.kind else {
      return false
    }
    let options = first.options
    return !options.hasLongValue && !options.copyUp && options.propagation.isEmpty
      && options.recursiveSet.isEmpty && options.recursiveClear.isEmpty
  }

  /// The path in the container of a bind mount's source that earlier mounts bring into the root filesystem: the file
  /// that the root directory itself has at that path is another one. `nil` for every other source.
  func innerSource(of index: Int) -> String? {
    guard case .bind(let source) = mounts[index].kind, source.hasPrefix(root) else { return nil }
    let path = MountPlan.clean(source)
    let top = MountPlan.clean(root)
    guard top != "/", path.hasPrefix(top + "/") else { return nil }
    let inner = String(path.dropFirst(top.count))
    let isRecursive = mounts[index].options.bind == .recursive
    let comesWithMount = mounts[..<index].contains { mount in
      guard mount.destination != "/" else { return false }
      return inner == mount.destination || inner.hasPrefix(mount.destination + "/")
        || isRecursive && mount.destination.hasPrefix(inner + "/")
    }
    return comesWithMount ? inner : nil
  }

  /// The plan for `config` of the bundle in the directory `bundle`.
  ///
  /// - Throws: `ContainerError` with the path of a field that cannot be.
  init(_ config: RuntimeConfig, bundle: String) throws(ContainerError) {
    do throws(ConfigError) { try config.validate() } catch {
      throw ContainerError(.invalidConfig, error.description)
    }
    try Self.refuseUnsupported(config)
    let linux = config.linux
    hasProgram = config.process != nil
    // Without one, the first process waits for a start that is refused.
    process = try ProcessPlan(config.process ?? RuntimeConfig.Process(cwd: "/"))
    hooks = config.hooks

    for namespace in linux.namespaces {
      let kind = Self.namespace(namespace.type)
      if let path = namespace.path, !path.isEmpty {
        joinedNamespaces.append(JoinedNamespace(kind: kind, path: path))
      } else {
        newNamespaces.insert(kind)
      }
    }
    uidMappings = linux.uidMappings
    gidMappings = linux.gidMappings
    if newNamespaces.contains(.user) {
      // The first process becomes root of the namespace to build the root filesystem.
      for (mappings, name) in [(uidMappings, "uid"), (gidMappings, "gid")] {
        guard mappings.contains(where: { $0.containerID == 0 }) else {
          throw .config("linux.\(name)Mappings", "must map the container's id 0, for its root")
        }
      }
    }
    hostname = config.hostname
    domainname = config.domainname
    sysctl = linux.sysctl.elements.map { Sysctl(name: $0.name, value: $0.value) }
    if newNamespaces.contains(.time) {
      timeOffsets += Self.line("monotonic", linux.timeOffsets.monotonic)
      timeOffsets += Self.line("boottime", linux.timeOffsets.boottime)
    }

    root = config.root.path.hasPrefix("/") ? config.root.path : "\(bundle)/\(config.root.path)"
    rootIsReadOnly = config.root.readonly
    rootPropagation = Self.propagation(linux.rootfsPropagation ?? .rslave)
    mounts = []
    for (index, mount) in config.mounts.enumerated() {
      var entry = try MountPlan(mount, field: "mounts[\(index)]", bundle: bundle, after: mounts)
      if entry.kind == .remount, let last = mounts.lastIndex(where: { $0.destination == entry.destination }),
        mounts[last].isInMemory
      {
        mounts[last].takeReadOnly(from: &entry)
      }
      mounts.append(entry)
    }
    mountLabel = linux.mountLabel?.isEmpty == false ? linux.mountLabel : nil
    if let mountLabel {
      for index in mounts.indices { mounts[index].setLabel(mountLabel) }
    }
    devices = []
    for (index, device) in linux.devices.enumerated() {
      devices.append(try DevicePlan(device, field: "linux.devices[\(index)]"))
    }
    maskedPaths = Self.distinct(linux.maskedPaths)
    readOnlyPaths = Self.distinct(linux.readonlyPaths)
    cgroupsPath = linux.cgroupsPath
    cgroupSettings = try CgroupSettings.plan(linux.resources)
    deviceRules = DevicePlan.rules(linux.resources.devices)
    annotations = config.annotations
    personality = try Self.personality(linux.personality)
    if let policy = linux.memoryPolicy { memoryPolicy = try MemoryPolicy(policy) }
    networkDevices = linux.netDevices.elements.map { element in
      NetworkDevicePlan(
        name: element.name,
        nameInside: element.value.name.flatMap { $0.isEmpty ? nil : $0 } ?? element.name)
    }
    resourceControl = linux.intelRdt
    if let keyrings = config.annotations[Container.keyringsAnnotation] {
      guard keyrings == "none" else {
        throw .config("annotations[\"\(Container.keyringsAnnotation)\"]", "must be \"none\"")
      }
      self.process.refusesKeyrings = true
    }
    if let seccomp = linux.seccomp { self.process.seccomp = try SeccompPlan(seccomp) }
    try checkMountNamespace(linux)
  }

  /// `paths` without `.` and `..`, and without those that are there before: one mount on each is enough.
  private static func distinct(_ paths: [String]) -> [String] {
    var distinct: [String] = []
    for path in paths {
      let path = MountPlan.clean(path)
      if !distinct.contains(path) { distinct.append(path) }
    }
    return distinct
  }

  private func checkMountNamespace(_ linux: RuntimeConfig.Linux) throws(ContainerError) {
    guard namespaces.contains(.mount) else {
      throw .config(
        "linux.namespaces",
        "without a mount namespace, what is mounted for the container would be mounted on the host: add {\"type\": \"mount\"}"
      )
    }
    guard joinsMountNamespace else { return }
    let reason = "the file tree of a mount namespace that is joined is used as it is"
    if !mounts.isEmpty { throw .config("mounts", reason) }
    if !devices.isEmpty { throw .config("linux.devices", reason) }
    if !maskedPaths.isEmpty { throw .config("linux.maskedPaths", reason) }
    if !readOnlyPaths.isEmpty { throw .config("linux.readonlyPaths", reason) }
    if rootIsReadOnly { throw .config("root.readonly", reason) }
    if linux.rootfsPropagation != nil { throw .config("linux.rootfsPropagation", reason) }
  }

  /// Refuses what is in the specification and not in this program, so that nobody relies on it in vain.
  private static func refuseUnsupported(_ config: RuntimeConfig) throws(ContainerError) {
    let linux = config.linux
    func refuse(_ path: String, _ present: Bool) throws(ContainerError) {
      if present { throw .config(path, "not supported; remove it from the configuration") }
    }
    try refuse("linux.resources.network.classID", linux.resources.network.classID ?? 0 != 0)
    try refuse("linux.resources.network.priorities", !linux.resources.network.priorities.isEmpty)
    if let platform = config.otherPlatforms.first {
      throw .config(platform.rawValue, "settings for another platform; this is Linux")
    }
  }

  private static func line(_ clock: String, _ offset: RuntimeConfig.Linux.TimeOffset?) -> String {
    offset.map { "\(clock) \($0.secs) \($0.nanosecs)\n" } ?? ""
  }

  static func namespace(_ kind: RuntimeConfig.Linux.NamespaceKind) -> Namespaces {
    switch kind {
    case .mount: .mount
    case .pid: .pid
    case .network: .network
    case .uts: .uts
    case .ipc: .ipc
    case .user: .user
    case .cgroup: .cgroup
    case .time: .time
    }
  }

  private static func propagation(
    _ propagation: RuntimeConfig.Linux.Propagation
  ) -> MountOptions.PropagationChange {
    let change: (Propagation, Bool) =
      switch propagation {
      case .private: (.private, false)
      case .rprivate: (.private, true)
      case .shared: (.shared, false)
      case .rshared: (.shared, true)
      case .slave: (.slave, false)
      case .rslave: (.slave, true)
      case .unbindable: (.unbindable, false)
      case .runbindable: (.unbindable, true)
      }
    return MountOptions.PropagationChange(propagation: change.0, recursive: change.1)
  }

  private static func personality(
    _ personality: RuntimeConfig.Linux.Personality?
  ) throws(ContainerError) -> UInt64? {
    guard let personality else { return nil }
    if !personality.flags.isEmpty { throw .config("linux.personality.flags", "no flags are supported") }
    return personality.domain == .linux32 ? 8 : 0
  }
}
