import Linux

/// Makes the new file systems among a container's mounts, none of which is attached yet.
struct FileSystems {
  let plan: Plan
  /// The directory of the container's own cgroup, when it has one.
  let ownCgroup: String?
  /// The number of a descriptor of the container's sysfs, when that was made beforehand.
  let sysfs: Int32?

  /// What is to be mounted by `entry`; `nil` for a bind mount, and where it can only be made in its place.
  func make(_ entry: MountPlan) throws(ContainerError) -> HostMounts.HeldMount? {
    switch entry.kind {
    case .bind, .remount: return nil
    case .fileSystem where entry.options.hasLongValue: return nil
    case .fileSystem("sysfs", _) where sysfs != nil && entry.options.data.isEmpty:
      return HostMounts.HeldMount(try sysfsMadeBeforehand(entry))
    case .fileSystem("sysfs", let source) where plan.hasUserNamespace:
      do throws(ContainerError) { return HostMounts.HeldMount(try make("sysfs", source, entry)) } catch {
        guard error.errno == .notPermitted else { throw error }
        // It shows a network namespace, which the user namespace does not own.
        return HostMounts.HeldMount(try copyOfSysfs(entry))
      }
    case .fileSystem(let type, let source): return HostMounts.HeldMount(try make(type, source, entry))
    case .cgroup: return HostMounts.HeldMount(try cgroup(entry))
    }
  }

  private func make(
    _ type: String, _ source: String, _ entry: MountPlan
  ) throws(ContainerError) -> Mount {
    let operation = "\(entry.field): mount \(type) on \(entry.destination)"
    let context = try attempt(operation) { () throws(Errno) in try FileSystemContext(type) }
    do throws(Errno) {
      let mount: Mount
      do throws(Errno) { mount = try make(context, source, entry) } catch {
        // A device that is write-protected can only have a file system that is so as a whole.
        guard entry.options.set.contains(.readOnly),
          error == .permissionDenied || error == .readOnlyFileSystem
        else { throw error }
        mount = try make(try FileSystemContext(type), source, entry, .readOnly)
      }
      if type == "mqueue", let label = plan.mountLabel {
        let directory = try FileDescriptor.open(".", [.readOnly, .directory], at: mount.root.rawValue)
        try directory.setAttribute(SELinux.attribute, to: Array(label.utf8))
      }
      return mount
    } catch {
      let said = Self.isHidden(type, error) ? Self.hidden : context.messages()
      throw ContainerError(operation, error, advice: said.isEmpty ? nil : said)
    }
  }

  private func make(
    _ context: borrowing FileSystemContext, _ source: String, _ entry: MountPlan,
    _ flags: SuperblockFlags = []
  ) throws(Errno) -> Mount {
    try context.set("source", source)
    try context.set(entry.options.superblockSet.union(flags), clear: entry.options.superblockClear)
    for option in entry.options.data { try context.set(option.key, option.value) }
    return try context.mount(
      entry.isReadOnlyAtEnd ? entry.options.set.subtracting(.readOnly) : entry.options.set)
  }

  /// The kernel lets a user namespace mount these only where it sees all of them already (`mount_too_revealing`).
  private static func isHidden(_ type: String, _ error: Errno) -> Bool {
    error == .notPermitted && (type == "proc" || type == "sysfs")
  }

  private static let hidden =
    "a user namespace may mount it only where all of it can be seen: parts of it are hidden or read-only here, as in a container that was started without --privileged (podman: --security-opt unmask=ALL; Docker: --security-opt systempaths=unconfined)"

  private func sysfsMadeBeforehand(_ entry: MountPlan) throws(ContainerError) -> Mount {
    try attempt("\(entry.field): mount sysfs on \(entry.destination)") { () throws(Errno) in
      let mount = Mount(detached: try FileDescriptor.duplicate(of: sysfs ?? -1))
      try mount.change(set: entry.options.set)
      return mount
    }
  }

  /// A copy of the host's sysfs, with what is mounted in it.
  private func copyOfSysfs(_ entry: MountPlan) throws(ContainerError) -> Mount {
    try attempt("\(entry.field): bind /sys") { () throws(Errno) in
      let copy = try Mount.copy(of: "/sys", recursive: true)
      try copy.change(set: entry.options.set, propagation: .private, recursive: true)
      return copy
    }
  }

  private func cgroup(_ entry: MountPlan) throws(ContainerError) -> Mount {
    if let copy = try copyOfOwnCgroup(entry) { return copy }
    if Self.isInFirstCgroupNamespace { return try copyOfHierarchy(entry) }
    do throws(ContainerError) {
      return try make("cgroup2", "cgroup", entry)
    } catch {
      guard error.errno == .notPermitted || error.errno == .resourceBusy else { throw error }
      // A user namespace that does not own its cgroup namespace may not mount the hierarchy, only see it.
      return try copyOfHierarchy(entry)
    }
  }

  /// Whether this process is in the initial cgroup namespace. To mount the hierarchy there changes the options of every
  /// mount of it (`nsdelegate`, `memory_recursiveprot`).
  private static var isInFirstCgroupNamespace: Bool {
    // PROC_CGROUP_INIT_INO
    let first: UInt64 = 0xEFFF_FFFB
    return (try? FileStatus.of("/proc/self/ns/cgroup"))?.inode ?? first == first
  }

  /// A copy of the host's mount of the hierarchy.
  private func copyOfHierarchy(_ entry: MountPlan) throws(ContainerError) -> Mount {
    if let option = entry.options.data.first {
      throw .config(
        "\(entry.field).options",
        "\"\(option.key)\" would change the host's cgroup file system: give the container a cgroup namespace")
    }
    let hierarchy = try CgroupHierarchy.find()
    return try attempt("\(entry.field): bind \(hierarchy.root)") { () throws(Errno) in
      let copy = try Mount.copy(of: hierarchy.root, recursive: false)
      try copy.change(set: entry.options.set, clear: entry.options.clear, propagation: .private)
      return copy
    }
  }

  /// A mount of the container's cgroup that cannot be told from one of the file system, whose root that is in the container's
  /// cgroup namespace: a file system of its own would be one more for the kernel to look at whenever it makes another.
  private func copyOfOwnCgroup(_ entry: MountPlan) throws(ContainerError) -> Mount? {
    guard let ownCgroup, plan.newNamespaces.contains(.cgroup), !plan.hasUserNamespace,
      entry.options.data.isEmpty
    else { return nil }
    return try attempt("\(entry.field): mount \(ownCgroup) on \(entry.destination)") { () throws(Errno) in
      let copy = try Mount.copy(of: ownCgroup, recursive: false)
      // The host's may be shared with others.
      try copy.change(set: entry.options.set, clear: .all, propagation: .private)
      return copy
    }
  }
}
