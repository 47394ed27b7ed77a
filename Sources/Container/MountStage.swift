import Linux

/// Copies of the host's mounts on their way into a user namespace.
///
/// What the host has mounted read-only, `nosuid` and so on must stay so in a container whose root may mount, and what it has
/// covered must stay covered. The kernel locks that when a mount namespace is copied for another user namespace, but not when
/// somebody hands a detached mount over. So the copies are attached to a directory in memory, in a mount namespace that
/// the host owns; the container's process is created from there, and takes its own copies of what it finds.
struct MountStage: ~Copyable {
  private let home: FileDescriptor
  private let root: FileDescriptor
  /// `nil` when there is none that can be opened.
  private let workingDirectory: FileDescriptor?

  private static let rootName = "root"

  /// Attaches `mounts` in a new mount namespace, in which this process is then, with them in its working directory.
  ///
  /// - Parameters:
  ///   - namespaces: what the container joins.
  ///   - place: a directory to cover: nobody uses its path from then on.
  static func enter(
    _ mounts: borrowing HostMounts, of plan: Plan, joining namespaces: [HeldNamespace], at place: String
  ) throws(ContainerError) -> MountStage {
    let stage = try attempt("create a mount namespace to lock the host's mounts in") { () throws(Errno) in
      try MountStage()
    }
    do throws(ContainerError) {
      try Self.attach(mounts, of: plan, MountUsers(plan, joining: namespaces), from: stage.home, at: place)
    } catch {
      try? stage.leave()
      throw error
    }
    return stage
  }

  private init() throws(Errno) {
    let home = try FileDescriptor.open("/proc/self/ns/mnt", .readOnly)
    let root = try FileDescriptor.open("/", [.path, .directory])
    let workingDirectory = try? FileDescriptor.open(".", [.path, .directory])
    try unshare(.mount)
    self.home = home
    self.root = root
    self.workingDirectory = workingDirectory
  }

  private static let operation = "lock the host's mounts"

  /// - Parameter home: the host's mount namespace.
  private static func attach(
    _ mounts: borrowing HostMounts, of plan: Plan, _ users: MountUsers, from home: borrowing FileDescriptor,
    at place: String
  ) throws(ContainerError) {
    let stage = try attempt(operation) { () throws(Errno) in
      try changeMount(at: "/", propagation: .private, recursive: true)
      let context = try FileSystemContext("tmpfs")
      try context.set("mode", "755")
      let stage = try context.mount([.noSuid, .noDev, .noExec])
      try stage.attach(to: try FileDescriptor.open(place, [.path, .directory]))
      return stage
    }
    if let root = mounts.root {
      try attach(root, Self.rootName, at: stage.root.rawValue, from: home) { () throws(ContainerError) in
        try HostMounts.copyOfRoot(plan)
      }
    }
    for (index, source) in mounts.sources.enumerated() {
      guard let source else { continue }
      try attach(source, String(index), at: stage.root.rawValue, from: home) { () throws(ContainerError) in
        guard case .bind(let path) = plan.mounts[index].kind else { return nil }
        return try HostMounts.source(path, of: plan.mounts[index], users)
      }
    }
    try attempt(operation) { () throws(Errno) in try Directory.change(to: stage.root) }
  }

  /// - Parameter again: copies the mount again, from a mount namespace in which no mount namespace is mounted.
  private static func attach(
    _ held: HostMounts.HeldMount, _ name: String, at stage: Int32, from home: borrowing FileDescriptor,
    again: () throws(ContainerError) -> HostMounts.HeldMount?
  ) throws(ContainerError) {
    let place = try attempt(operation) { () throws(Errno) in
      if try held.isDirectory() {
        try Directory.make(name, at: stage)
      } else {
        _ = try FileDescriptor.open(name, [.writeOnly, .create, .exclusive], mode: 0o600, at: stage)
      }
      return try FileDescriptor.open(name, [.path, .noFollow], at: stage)
    }
    do throws(ContainerError) {
      try attempt(operation) { () throws(Errno) in try held.mount.attach(to: place) }
    } catch {
      let refusal = error
      guard refusal.errno == .tooManySymbolicLinks else { throw refusal }
      // Not from this namespace, whose mounts share nothing with the host's.
      let copy = try HostMounts.inCopyOfHost({ () throws(Errno) in
        try home.enter(.mount)
        try unshare(.mount)
      }) { () throws(ContainerError) in
        guard let copy = try again() else { throw refusal }
        return copy
      }
      try attempt(operation) { () throws(Errno) in try copy.mount.attach(to: place) }
    }
  }

  /// Goes back to the mount namespace from which it was made.
  ///
  /// - Returns: the one that was left. The kernel takes it apart when that is closed, and whoever closes it waits.
  consuming func end() throws(ContainerError) -> FileDescriptor {
    do throws(Errno) {
      let namespace = try FileDescriptor.open("/proc/self/ns/mnt", .readOnly)
      try leave()
      return namespace
    } catch { throw ContainerError("go back to the mount namespace", error) }
  }

  private borrowing func leave() throws(Errno) {
    try home.enter(.mount)
    // That has put this process at the namespace's root.
    try Directory.changeRoot(to: root)
    switch workingDirectory {
    case .some(let directory): try? Directory.change(to: directory)
    case .none: break
    }
  }

  /// Copies of what is in the working directory of a process that was created where `mounts` are staged.
  static func collect(_ mounts: borrowing HostMounts) throws(ContainerError) -> HostMounts {
    do throws(Errno) {
      let sources = try mounts.sources.enumerated().map { (index, source) throws(Errno) in
        source == nil ? nil : HostMounts.HeldMount(try Mount.copy(of: String(index), recursive: true))
      }
      let hasRoot = mounts.root != nil
      return HostMounts(
        root: hasRoot ? HostMounts.HeldMount(try Mount.copy(of: rootName, recursive: true)) : nil,
        sources: sources,
        devices: mounts.devices)
    } catch { throw ContainerError("copy the host's mounts", error) }
  }
}
