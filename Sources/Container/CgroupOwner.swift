import Linux
import OCI

// The container's user owns the container's cgroup, and may make cgroups below it, when the configuration shows it the
// cgroup for writing (config-linux.md, "Cgroup ownership"). A systemd inside needs that.
extension Plan {
  /// The user, as the host numbers it, that is to own the container's cgroup; `nil` when that stays root.
  func cgroupOwner(joining: [HeldNamespace]) throws(ContainerError) -> UInt32? {
    guard newNamespaces.contains(.cgroup),
      let mount = mounts.last(where: { $0.destination == "/sys/fs/cgroup" }), mount.kind == .cgroup,
      !mount.options.set.contains(.readOnly)
    else { return nil }
    let user = process.user
    guard let namespace = joining.first(where: { $0.kind == .user }) else {
      let owner = newNamespaces.contains(.user) ? Self.host(user, uidMappings) : user
      return owner == 0 ? nil : owner
    }
    return try namespace.mappings().flatMap { Self.host(user, $0) }
  }

  private static func host(_ user: UInt32, _ mappings: [RuntimeConfig.IDMapping]) -> UInt32? {
    for mapping in mappings where user >= mapping.containerID && user - mapping.containerID < mapping.size {
      return mapping.hostID + (user - mapping.containerID)
    }
    return nil
  }
}

extension HeldNamespace {
  /// The mapping of users of a user namespace that is joined by the name of a process in it; `nil` when it is joined by
  /// another name.
  fileprivate func mappings() throws(ContainerError) -> [RuntimeConfig.IDMapping]? {
    let suffix = "/ns/user"
    guard path.hasPrefix("/proc/"), path.hasSuffix(suffix) else { return nil }
    let text: String
    do throws(Errno) {
      text = try File.text("\(path.dropLast(suffix.utf8.count))/uid_map")
      // Another process may have got the number.
      guard try FileStatus.of(path).inode == descriptor.status().inode else { return nil }
    } catch { return nil }
    return text.split(separator: "\n").compactMap { line in
      let numbers = line.split(separator: " ").compactMap { UInt32($0) }
      guard numbers.count == 3 else { return nil }
      return RuntimeConfig.IDMapping(containerID: numbers[0], hostID: numbers[1], size: numbers[2])
    }
  }
}

extension Cgroup {
  /// Makes `user` the owner of the cgroup's directory, and of those files in it by which a user who does not rule the
  /// machine may rule the cgroups below.
  func delegate(to user: UInt32) throws(ContainerError) {
    // Older kernels do not tell (before Linux 4.15).
    let files =
      (try? File.words("/sys/kernel/cgroup/delegate"))
      ?? ["cgroup.procs", "cgroup.subtree_control", "cgroup.threads"]
    try attempt("give the cgroup \(directory) to user \(user)") { () throws(Errno) in
      let opened = try FileDescriptor.open(directory, [.readOnly, .directory])
      try opened.changeOwner(user: user)
      for file in files where !file.contains("/") {
        do throws(Errno) {
          try File.changeOwner(file, user: user, group: .max, at: opened.rawValue)
        } catch .noSuchFileOrDirectory {}
      }
    }
  }
}
