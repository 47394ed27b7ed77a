import Linux

/// Copies of mounts of the host, made before the container exists: paths of the host are looked up once, with the host's
/// rights, in the host's file tree.
struct HostMounts: ~Copyable {
  /// The root directory; `nil` when the container joins a file tree, or a mount takes its place.
  let root: Mount?
  /// The source of each mount that is a bind mount.
  let sources: [HeldMount?]
  /// The host's device files for a container that cannot make its own, by path in the container.
  let devices: [HeldDevice]

  /// A mount in a collection.
  final class HeldMount: Sendable {
    let mount: Mount
    init(_ mount: consuming Mount) { self.mount = mount }
  }

  /// A device file of the host, and where it goes.
  struct HeldDevice: Sendable {
    let path: String
    let held: HeldMount
  }

  private init(root: consuming Mount?, sources: [HeldMount?], devices: [HeldDevice]) {
    self.root = root
    self.sources = sources
    self.devices = devices
  }

  /// Copies what `plan` needs.
  ///
  /// - Throws: `ContainerError` with the path of the field that names something which is not there.
  static func copy(for plan: Plan) throws(ContainerError) -> HostMounts {
    if plan.joinsMountNamespace { return HostMounts(root: nil, sources: [], devices: []) }
    let rootStatus = try attempt("root.path: \(plan.root)") { () throws(Errno) in
      try FileStatus.of(plan.root)
    }
    guard rootStatus.kind == .directory else {
      throw .config("root.path", "\(plan.root) is not a directory")
    }
    var sources: [HeldMount?] = []
    for mount in plan.mounts {
      if case .bind(let source) = mount.kind {
        sources.append(try Self.source(source, of: mount, plan: plan))
      } else {
        sources.append(nil)
      }
    }
    var devices: [HeldDevice] = []
    if plan.hasUserNamespace {
      // Device files cannot be made there; the host's are shown instead.
      for device in DevicePlan.defaults + plan.devices where device.kind != .fifo {
        let copy = try attempt("device \(device.path): copy it from the host") { () throws(Errno) in
          let copy = try Mount.copy(of: device.path, recursive: false)
          // The path is the container's; of the host's files, only the device itself may be shown there.
          let found = try copy.root.status()
          guard found.kind == device.kind, found.device == device.number else { throw .noSuchDevice }
          return copy
        }
        devices.append(HeldDevice(path: device.path, held: HeldMount(copy)))
      }
    }
    if plan.replacesRoot { return HostMounts(root: nil, sources: sources, devices: devices) }
    let root = try attempt("root.path: copy the mount \(plan.root)") { () throws(Errno) in
      let copy = try Mount.copy(of: plan.root, recursive: true)
      try copy.change(propagation: .private, recursive: true)
      return copy
    }
    return HostMounts(root: root, sources: sources, devices: devices)
  }

  private static func source(
    _ source: String, of mount: MountPlan, plan: Plan
  ) throws(ContainerError) -> HeldMount {
    let options = mount.options
    let copy = try attempt("\(mount.field): bind \(source)") { () throws(Errno) in
      try Mount.copy(of: source, recursive: options.bind == .recursive)
    }
    if options.idMap != nil {
      let uids = mount.uidMappings.isEmpty ? plan.uidMappings : mount.uidMappings
      let gids = mount.gidMappings.isEmpty ? plan.gidMappings : mount.gidMappings
      guard !uids.isEmpty, !gids.isEmpty else {
        throw .config(
          "\(mount.field).options", "no ids to map: the container has no user namespace of its own")
      }
      let namespace = try UserNamespace.make(uidMappings: uids, gidMappings: gids)
      try attempt(
        "\(mount.field): map the ids of \(source)", advice: "the file system may not support it"
      ) { () throws(Errno) in
        try copy.change(
          set: .idMap, userNamespace: namespace.rawValue, recursive: options.idMap == .recursive)
      }
    }
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
