import Linux

/// How the hierarchy's mount relates to the root of this program's cgroup namespace (`cgroup_namespaces(7)`).
extension CgroupHierarchy {
  /// Whether the mount begins with the root of the namespace.
  var mountIsNamespaceRoot: Bool { mount()?.root == "/" }

  /// Refuses a mount that shows cgroups outside the namespace only: the kernel lets no process into them
  /// (cgroup-v2.rst, "Delegation Containment").
  func requireMountInNamespace() throws(ContainerError) {
    guard Self.isInNamespace, let mount = mount(), mount.root.hasPrefix("/.."), mount.isDelegated else {
      return
    }
    throw ContainerError(
      .failed,
      "\(root) was mounted outside this cgroup namespace: mount it again (umount \(root); mount -t cgroup2 cgroup2 \(root))"
    )
  }

  /// What to do where cgroups cannot be changed.
  var writableAdvice: String {
    "\(root) is mounted read-only: start the container around this program with --privileged, or mount it writable (mount -o remount,rw \(root))"
  }

  /// Whether this program is in another cgroup namespace than the first (`PROC_CGROUP_INIT_INO`).
  private static var isInNamespace: Bool {
    guard let namespace = try? FileStatus.of("/proc/self/ns/cgroup") else { return false }
    return namespace.inode != 0xEFFF_FFFB
  }

  /// Where the mount begins, seen from the namespace, and whether namespaces bound those who are in them (`nsdelegate`).
  private func mount() -> (root: String, isDelegated: Bool)? {
    guard let table = try? File.read("/proc/self/mountinfo") else { return nil }
    var found: (root: String, isDelegated: Bool)?
    for line in table.split(separator: UInt8(ascii: "\n")) {
      let fields = line.split(separator: UInt8(ascii: " "))
      guard fields.count > 6, fields[4].elementsEqual(root.utf8) else { continue }
      // The last mount hides earlier ones.
      let options = fields[fields.count - 1].split(separator: UInt8(ascii: ","))
      found = (
        String(decoding: fields[3], as: UTF8.self), options.contains { $0.elementsEqual("nsdelegate".utf8) }
      )
    }
    return found
  }
}
