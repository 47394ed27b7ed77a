import Linux

/// Copies of mounts of the host, made before the container exists: paths of the host are looked up once, with the host's
/// rights, in the host's file tree.
struct HostMounts: ~Copyable {
  /// The root directory; `nil` when the container joins a file tree, or a mount takes its place.
  let root: HeldMount?
  /// The source of each mount that is a bind mount.
  let sources: [HeldMount?]
  /// The host's device files for a container that cannot make its own, by path in the container.
  let devices: [HeldDevice]

  /// Whether there is a mount that the kernel must lock, with its options and what it covers. A device covers nothing.
  var hasMountsToLock: Bool {
    if sources.contains(where: { $0 != nil }) { return true }
    return switch root {
    case .some: true
    case .none: false
    }
  }

  /// A mount in a collection.
  final class HeldMount: Sendable {
    let mount: Mount
    init(_ mount: consuming Mount) { self.mount = mount }

    /// Whether its root is a directory. A FUSE file system may refuse to tell anybody but its user more than that.
    func isDirectory() throws(Errno) -> Bool {
      do throws(Errno) { return try mount.root.status().kind == .directory } catch .permissionDenied {
        do throws(Errno) {
          _ = try HeldFiles().open(mount.root, [.path, .directory])
          return true
        } catch .notDirectory { return false }
      }
    }
  }

  /// A device file of the host, and where it goes.
  struct HeldDevice: Sendable {
    let path: String
    let held: HeldMount
  }

  init(root: HeldMount?, sources: [HeldMount?], devices: [HeldDevice]) {
    self.root = root
    self.sources = sources
    self.devices = devices
  }

  /// Copies what `plan` needs.
  ///
  /// - Throws: `ContainerError` with the path of the field that names something which is not there.
  static func copy(
    for plan: Plan, joining namespaces: [HeldNamespace] = []
  ) throws(ContainerError) -> HostMounts {
    if plan.joinsMountNamespace { return HostMounts(root: nil, sources: [], devices: []) }
    let root = try copyOfRoot(plan)
    let users = MountUsers(plan, joining: namespaces)
    var sources: [HeldMount?] = []
    for (index, mount) in plan.mounts.enumerated() {
      if case .bind(let source) = mount.kind, plan.innerSource(of: index) == nil {
        sources.append(try Self.source(source, of: mount, users))
      } else {
        sources.append(nil)
      }
    }
    return HostMounts(root: root, sources: sources, devices: try copiesOfDevices(plan))
  }

  /// The root directory; `nil` when a mount takes its place.
  static func copyOfRoot(_ plan: Plan) throws(ContainerError) -> HeldMount? {
    func check(_ status: FileStatus) throws(ContainerError) {
      guard status.kind == .directory else {
        throw .config("root.path", "\(plan.root) is not a directory")
      }
    }
    if plan.replacesRoot {
      try check(try attempt("root.path: \(plan.root)") { () throws(Errno) in try FileStatus.of(plan.root) })
      return nil
    }
    let copy = try attempt("root.path: \(plan.root)") { () throws(Errno) in
      try Mount.copy(of: plan.root, recursive: true)
    }
    try check(try attempt("root.path: \(plan.root)") { () throws(Errno) in try copy.root.status() })
    try attempt("root.path: keep \(plan.root) from the host") { () throws(Errno) in
      // Only a slave mount shows what the host mounts there later.
      try copy.change(
        propagation: plan.rootPropagation.propagation == .slave ? .slave : .private, recursive: true)
    }
    return HeldMount(copy)
  }

  /// The device files of a container that cannot make its own.
  private static func copiesOfDevices(_ plan: Plan) throws(ContainerError) -> [HeldDevice] {
    guard plan.hasUserNamespace else { return [] }
    var devices: [HeldDevice] = []
    for device in DevicePlan.defaults + plan.devices where device.kind != .fifo {
      do throws(Errno) {
        devices.append(HeldDevice(path: device.path, held: try copy(of: device)))
      } catch .noSuchFileOrDirectory {
        // The container makes it itself, if the kernel lets it.
      } catch {
        throw ContainerError("device \(device.path): copy it from the host", error)
      }
    }
    return devices
  }

  /// A copy of the host's device file for `device`.
  static func copy(of device: DevicePlan) throws(Errno) -> HeldMount {
    let copy = try Mount.copy(of: device.path, recursive: false)
    // The path is the container's; of the host's files, only the device itself may be shown there.
    let found = try copy.root.status()
    guard found.kind == device.kind, found.device == device.number else { throw .noSuchDevice }
    return HeldMount(copy)
  }

  /// A copy of `source`, with the options of `mount`.
  static func source(
    _ source: String, of mount: MountPlan, _ users: MountUsers
  ) throws(ContainerError) -> HeldMount {
    let options = mount.options
    let copy = try attempt("\(mount.field): bind \(source)") { () throws(Errno) in
      try Mount.copy(of: source, recursive: options.bind == .recursive)
    }
    if options.idMap != nil {
      let namespace = try users.namespace(for: mount)
      try attempt(
        "\(mount.field): map the ids of \(source)", advice: "the file system may not support it"
      ) { () throws(Errno) in
        try copy.change(
          set: .idMap, userNamespace: namespace, recursive: options.idMap == .recursive)
      }
    }
    return try finish(copy, source, mount)
  }

  /// Sets the options of `mount` on a copy of its source.
  static func finish(
    _ copy: consuming Mount, _ source: String, _ mount: MountPlan
  ) throws(ContainerError) -> HeldMount {
    let options = mount.options
    try attempt("\(mount.field): set the options of \(source)") { () throws(Errno) in
      // Unless the configuration says otherwise, what is mounted in the container stays there.
      if options.propagation.isEmpty { try copy.change(propagation: .private, recursive: true) }
      if !options.set.isEmpty || !options.clear.isEmpty {
        try copy.change(set: options.set, clear: options.clear)
      }
      if !options.recursiveSet.isEmpty || !options.recursiveClear.isEmpty {
        try copy.change(set: options.recursiveSet, clear: options.recursiveClear, recursive: true)
      }
    }
    return HeldMount(copy)
  }
}
