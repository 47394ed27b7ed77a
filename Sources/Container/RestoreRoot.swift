import Linux

/// What criu finds around it when it restores a container: a mount namespace that ends with it, and in that the container's
/// root as a mount of its own.
struct RestoreRoot: Sendable {
  let plan: Plan
  let id: ContainerID
  /// The directory where the root is mounted, without links on the way: the container's own, which nobody looks into from
  /// there.
  let place: String

  /// Prepares the mount namespace of this process.
  func prepare() throws(ContainerError) {
    try attempt("keep the container's mounts from the host") { () throws(Errno) in
      try changeMount(at: "/", propagation: .slave, recursive: true)
    }
    try makeMountPoints()
    _ = try attachRoot()
  }

  private func attachRoot() throws(ContainerError) -> HostMounts.HeldMount {
    guard let root = try HostMounts.copyOfRoot(plan) else {
      throw .config("root.path", "a mount takes the place of \(plan.root)")
    }
    try attempt("attach the root \(plan.root) for criu") { () throws(Errno) in
      try root.mount.attach(to: try FileDescriptor.open(place, [.path, .directory]))
    }
    return root
  }

  /// Creates the mount points that the root lacks, as when a container is created: criu needs them. What is in a file system
  /// that the container itself mounts, criu restores.
  private func makeMountPoints() throws(ContainerError) {
    let root = try attachRoot()
    let tree = RootFilesystem(
      try attempt("open the root \(plan.root)") { () throws(Errno) in try root.mount.root.duplicate() },
      forMountPointsOf: plan, id: id)
    for (index, mount) in plan.mounts.enumerated() where mount.destination != "/" {
      let isInside = plan.mounts[..<index].contains { earlier in
        earlier.isNew && mount.destination.hasPrefix(earlier.destination + "/")
      }
      if isInside { continue }
      switch mount.kind {
      case .cgroup, .remount: continue
      case .fileSystem: _ = try tree.place(mount.destination, isDirectory: true)
      case .bind(let source):
        guard plan.innerSource(of: index) == nil else { continue }
        let copy = try attempt("\(mount.field): bind \(source)") { () throws(Errno) in
          try Mount.copy(of: source, recursive: mount.options.bind == .recursive)
        }
        let isDirectory = try attempt("\(mount.field): look at the source") { () throws(Errno) in
          try copy.root.status().kind == .directory
        }
        let target = try tree.place(mount.destination, isDirectory: isDirectory)
        // For mount points in it.
        try attempt("\(mount.field): mount \(mount.destination)") { () throws(Errno) in
          try copy.change(propagation: .private, recursive: true)
          try copy.attach(to: target)
        }
      }
    }
    try attempt("detach the root \(plan.root)") { () throws(Errno) in try detachMount(at: place) }
  }

  /// Tells criu what is mounted from outside, by the names that it has in the images.
  func addMounts(to request: inout CheckpointRequestOptions) throws(ContainerError) {
    var isAnyRecursive = false
    for (index, mount) in plan.mounts.enumerated() {
      guard case .bind(let source) = mount.kind, plan.innerSource(of: index) == nil else { continue }
      request.addExternalMount(mount.destination, source)
      if mount.options.bind == .recursive { isAnyRecursive = true }
    }
    if isAnyRecursive {
      let entries = try attempt("look at the mounts of this process") { () throws(Errno) in
        CheckpointMounts.Entry.parse(try File.text("/proc/self/mountinfo"))
      }
      for mount in plan.mounts {
        guard case .bind(let source) = mount.kind else { continue }
        for below in CheckpointMounts.below(source, of: mount, in: entries) {
          request.addExternalMount(below.name, below.path)
        }
      }
    }
    if !plan.maskedPaths.isEmpty {
      request.addExternalMount(CheckpointMounts.null, CheckpointMounts.null)
      // As crun calls them.
      for path in plan.maskedPaths { request.addExternalMount(path, CheckpointMounts.null) }
    }
    for device in DevicePlan.defaults + plan.devices where device.path != CheckpointMounts.null {
      request.addExternalMount(device.path, device.path)
    }
  }
}

extension MountPlan {
  /// Whether it is a file system that the container alone has.
  fileprivate var isNew: Bool {
    switch kind {
    case .fileSystem, .cgroup: true
    case .bind, .remount: false
    }
  }
}
