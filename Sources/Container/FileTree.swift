import Linux
import OCI

/// What a container sees of files, for a process of the caller's that works on them: it has the container's root directory
/// as its own, and there is no way back. The process must be single-threaded, and no descriptor of a directory of the
/// host's may be used in it any more.
public enum FileTree {
  /// Enters the file tree of a container that runs, with all that is mounted in it.
  ///
  /// - Throws: `ContainerError` of the kind `.wrongStatus` when it does not run.
  public static func enter(_ container: Container) throws(ContainerError) {
    let first = try container.initProcess()
    let pid = container.record.process?.pid ?? 0
    let kinds = container.record.namespaces
    try attempt("enter the file tree of \(container.id)") { () throws(Errno) in
      try ProcessControl.setDumpable(false)
      let root = try FileDescriptor.open("/proc/\(pid)/root", [.path, .directory])
      // Nobody can have had the pid but the one that has it still.
      try first.send(Signal(rawValue: 0))
      try first.enter(kinds.intersection([.mount, .user]))
      if kinds.contains(.user) { try becomeRoot() }
      try Directory.changeRoot(to: root)
    }
    Credentials.setUmask(0)
  }

  /// Enters the file tree that a container of the bundle in the directory `bundle` would have, but for the kernel's own
  /// file systems. Directories in memory are empty, and nothing can be written to them.
  ///
  /// - Throws: `ContainerError`, also for a bundle that is to join a mount namespace or a user namespace.
  public static func enter(bundle: String) throws(ContainerError) {
    let bundle = try attempt("the bundle \(bundle)") { () throws(Errno) in try File.realPath(bundle) }
    var plan = try Plan(try BundleConfig(at: "\(bundle)/config.json").config, bundle: bundle)
    for namespace in plan.joinedNamespaces where [.mount, .user].contains(namespace.kind) {
      throw ContainerError(
        .wrongStatus,
        "its file tree is that of \(namespace.path), which it joins when it runs: start it first")
    }
    plan.mounts.removeAll { mount in
      switch mount.kind {
      case .cgroup: true
      case .bind, .remount: false
      case .fileSystem(let type, _): kernels.contains(type)
      }
    }
    let destinations = Set(plan.mounts.filter { $0.kind != .remount }.map { $0.destination })
    plan.mounts.removeAll {
      $0.kind == .remount && $0.destination != "/" && !destinations.contains($0.destination)
    }
    plan.devices = []
    var users: FileDescriptor?
    if plan.hasUserNamespace {
      users = try UserNamespace.make(uidMappings: plan.uidMappings, gidMappings: plan.gidMappings)
    }
    let sources = try HostMounts.copy(for: plan)
    try attempt("make a mount namespace") { () throws(Errno) in
      try ProcessControl.setDumpable(false)
      Credentials.setUmask(0)
      try unshare(.mount)
    }
    var root = try RootFilesystem(plan, sources, id: try ContainerID("files"), cgroup: nil)
    try root.buildFiles(sources)
    try root.restrict()
    try root.enter(pivot: true)
    switch users {
    case .some(let users):
      try attempt("enter the user namespace") { () throws(Errno) in
        try users.enter(.user)
        try becomeRoot()
      }
    case .none: break
    }
  }

  /// File systems that are no files of anybody's but the kernel's own view of the system.
  private static let kernels: Set<String> = [
    "proc", "sysfs", "devpts", "mqueue", "bpf", "debugfs", "tracefs", "securityfs", "configfs", "devtmpfs",
    "binfmt_misc", "efivarfs", "fusectl", "hugetlbfs", "pstore",
  ]

  private static func becomeRoot() throws(Errno) {
    try Credentials.setGroups([])
    try Credentials.setGroup(0)
    try Credentials.setUser(0)
    try ProcessControl.setDumpable(false)
  }
}
