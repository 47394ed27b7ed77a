import Linux

/// The container's file tree, while its first process builds it. Every path in it is walked below its root by the kernel
/// itself, so that no link in it leads out (`openat2(2)`, `RESOLVE_IN_ROOT`).
struct RootFilesystem: ~Copyable {
  private(set) var root: FileDescriptor
  let plan: Plan
  private let id: ContainerID
  /// The new file systems of each mount that is one, until they are attached.
  private var fileSystems: [HostMounts.HeldMount?]
  /// Sources of shared bind mounts that were copied once more.
  private let shared: [HostMounts.HeldMount?]
  /// The host's `/dev/null`, when there may be files to hide behind it.
  let null: HostMounts.HeldMount?
  /// The empty file tree of which the container's mount namespace has a copy.
  private let emptyTree: EmptyFileTree?
  /// For `tmpcopyup`: procfs may be out of reach when the container's mounts are made.
  private let held: HeldFiles?
  /// Whether there is nothing of the host's around the container's root.
  private var isAlone: Bool { emptyTree != nil }
  /// Whether the container's `/dev` is a directory of the host's, in which nothing is to be made.
  let devIsBound: Bool
  /// Where messages go that only help to find a fault.
  var notes: DebugMessages?

  /// What was mounted on `/dev`. Devices are created there, whatever somebody who shares a directory with the container has
  /// put on the way to it since.
  private(set) var dev: HostMounts.HeldMount?
  /// What was mounted where paths are to be hidden or write-protected.
  private(set) var anchors: [Anchor] = []
  /// Directories in memory that become read-only once everything is in them.
  private(set) var readOnlyAtEnd: [HostMounts.HeldMount] = []

  /// The root of a mount. What is below it is looked up from there: who shares a directory on the way to it with the
  /// container could put something else in its place once it is mounted.
  final class Anchor {
    let prefix: String
    let root: FileDescriptor
    init(_ destination: String, _ root: consuming FileDescriptor) {
      prefix = destination + "/"
      self.root = root
    }
  }

  /// Puts the container's root over the root of this mount namespace.
  ///
  /// - Parameters:
  ///   - cgroup: the container's own.
  ///   - emptyTree: in a copy of which that is done.
  ///   - sysfs: the number of a descriptor of the container's sysfs, when that was made beforehand.
  init(
    _ plan: Plan, _ mounts: borrowing HostMounts, id: ContainerID, cgroup: Cgroup?,
    emptyTree: EmptyFileTree? = nil, sysfs: Int32? = nil
  ) throws(ContainerError) {
    // While the host's paths lead to the host's files.
    let sources = FileSystems(plan: plan, ownCgroup: cgroup?.directory, sysfs: sysfs)
    let fileSystems = try plan.mounts.map { (mount) throws(ContainerError) in try sources.make(mount) }
    let null = plan.maskedPaths.isEmpty ? nil : try Self.copyOfNull()
    let held: HeldFiles?
    if plan.mounts.contains(where: { $0.options.copyUp }) {
      held = try attempt("tmpcopyup: open /proc/self/fd") { () throws(Errno) in try HeldFiles() }
    } else {
      held = nil
    }
    let shared = try Self.copiesOfShared(plan, emptyTree)
    let propagation = plan.rootPropagation.propagation
    try attempt("keep the container's mounts from the host") { () throws(Errno) in
      if let emptyTree { return try emptyTree.enterCopy() }
      try changeMount(at: "/", propagation: propagation == .private ? .private : .slave, recursive: true)
    }
    let top = plan.replacesRoot ? fileSystems.first ?? nil : nil
    let attaching = "attach the root \(plan.root)"
    do throws(ContainerError) {
      root = try attempt(attaching) { () throws(Errno) in
        guard let held = top ?? mounts.root else { throw .invalidArgument }
        return try Self.attachRoot(held.mount, plan)
      }
    } catch  where error.errno == .tooManySymbolicLinks && top == nil {
      let again = try HostMounts.withoutNamespaces(emptyTree) { () throws(ContainerError) in
        guard let copy = try HostMounts.copyOfRoot(plan) else { throw error }
        return copy
      }
      root = try attempt(attaching) { () throws(Errno) in try Self.attachRoot(again.mount, plan) }
    }
    self.plan = plan
    self.id = id
    self.fileSystems = fileSystems
    self.null = null
    self.shared = shared
    self.emptyTree = emptyTree
    self.held = held
    devIsBound = plan.mounts.contains { mount in
      if case .bind = mount.kind { mount.destination == "/dev" } else { false }
    }
  }

  /// Copies the sources of recursive shared bind mounts in this copy of the host's mount namespace, before it gets to know
  /// of the host's mounts only: those that were copied in the host's cannot be attached here when a mount namespace is mounted
  /// in them, and later copies would share nothing with the host.
  private static func copiesOfShared(
    _ plan: Plan, _ emptyTree: EmptyFileTree?
  ) throws(ContainerError) -> [HostMounts.HeldMount?] {
    guard emptyTree == nil, !plan.hasUserNamespace, plan.mounts.contains(where: { $0.isSharedTree }) else {
      return []
    }
    let users = MountUsers(plan, joining: [])
    return try plan.mounts.enumerated().map { (index, mount) throws(ContainerError) in
      guard mount.isSharedTree, plan.innerSource(of: index) == nil, case .bind(let path) = mount.kind else {
        return nil
      }
      return try HostMounts.source(path, of: mount, users)
    }
  }

  /// The tree with the root `root`, in which the mount points of `plan` are to be created and nothing else.
  init(_ root: consuming FileDescriptor, forMountPointsOf plan: Plan, id: ContainerID) {
    self.root = root
    self.plan = plan
    self.id = id
    fileSystems = []
    shared = []
    null = nil
    emptyTree = nil
    held = nil
    devIsBound = false
  }

  private static func copyOfNull() throws(ContainerError) -> HostMounts.HeldMount {
    try attempt("linux.maskedPaths: copy /dev/null, which must be there") { () throws(Errno) in
      let copy = try Mount.copy(of: "/dev/null", recursive: false)
      try copy.change(propagation: .private)
      return HostMounts.HeldMount(copy)
    }
  }

  /// Puts the root from its place over the root of this mount namespace, once hooks have seen it there.
  func leavePlace() throws(ContainerError) {
    if plan.rootPlace == "/" { return }
    try attempt("put the root \(plan.root) over the host's") { () throws(Errno) in
      try Mount(detached: try root.duplicate()).attach(to: try FileDescriptor.open("/", [.path, .directory]))
    }
  }

  /// Attaches `mount` as the root, on top of what is there.
  private static func attachRoot(
    _ mount: borrowing Mount, _ plan: Plan
  ) throws(Errno) -> FileDescriptor {
    try mount.attach(to: try FileDescriptor.open(plan.rootPlace, [.path, .directory]))
    // A root that is shared cannot be pivoted to; that comes after.
    let propagation = plan.rootPropagation.propagation
    if propagation != .shared {
      try mount.change(propagation: propagation, recursive: plan.rootPropagation.recursive)
    }
    return try mount.root.duplicate()
  }

  /// Makes all mounts, devices and links.
  mutating func build(_ hostMounts: borrowing HostMounts) throws(ContainerError) {
    try makeMounts(hostMounts)
    if !devIsBound { try makeDevices(hostMounts) }
  }

  /// Makes all mounts, and lets nobody write to those that are gone with this process.
  mutating func buildFiles(_ hostMounts: borrowing HostMounts) throws(ContainerError) {
    try makeMounts(hostMounts)
    for mount in plan.mounts {
      guard case .fileSystem(let type, _) = mount.kind, type == "tmpfs" || type == "ramfs" else { continue }
      try attempt("\(mount.field): write-protect \(mount.destination)") { () throws(Errno) in
        let place = try open(mount.destination)
        try changeMount(at: "", in: place.rawValue, set: .readOnly)
      }
    }
  }

  private mutating func makeMounts(_ hostMounts: borrowing HostMounts) throws(ContainerError) {
    for (index, mount) in plan.mounts.enumerated() where index > 0 || !plan.replacesRoot {
      switch mount.kind {
      case .bind:
        if let inner = plan.innerSource(of: index) {
          try bind(try copy(inner, for: mount), mount)
        } else if let source = (shared.isEmpty ? nil : shared[index]) ?? hostMounts.sources[index] {
          try bind(source, mount)
        }
      case .fileSystem(let type, let source): try attachFileSystem(type, source, mount, fileSystems[index])
      case .cgroup:
        guard let copy = fileSystems[index] else { continue }
        try attach(copy.mount, to: try place(mount.destination, isDirectory: true), mount)
      case .remount: try remount(mount)
      }
      notes?.say("\(mount.field): mounted \(mount.destination)")
    }
    fileSystems = []
  }

  /// Opens a place in the container for reference only.
  func open(_ path: String) throws(Errno) -> FileDescriptor {
    try FileDescriptor.open(path, .path, resolve: [.inRoot, .noMagicLinks], at: root.rawValue)
  }

  /// Creates the directory `path` when it is missing. Failure is no error here: whoever needs the directory reports it.
  func makeDirectory(_ path: String) { _ = try? target(path, isDirectory: true) }

  private mutating func attach(
    _ mount: borrowing Mount, to target: borrowing FileDescriptor, _ entry: MountPlan
  ) throws(ContainerError) {
    try attempt("\(entry.field): mount \(entry.destination)") { () throws(Errno) in
      if entry.destination == "/" { try replaceRoot(with: mount) } else { try mount.attach(to: target) }
      try hold(mount.root, at: entry.destination)
      for change in entry.options.propagation {
        try mount.change(propagation: change.propagation, recursive: change.recursive)
      }
    }
  }

  /// Keeps the root of the mount at `destination`, when something below it is to be restricted.
  private mutating func hold(_ mount: borrowing FileDescriptor, at destination: String) throws(Errno) {
    let prefix = destination + "/"
    if destination == "/" {
      anchors = []
      dev = nil
    } else if plan.maskedPaths.contains(where: { $0.hasPrefix(prefix) })
      || plan.readOnlyPaths.contains(where: { $0.hasPrefix(prefix) })
    {
      anchors.append(Anchor(destination, try mount.duplicate()))
    }
  }

  /// Puts `mount` in the place of the root; what follows goes on top of it. On top of the old root, it would be pivoted to
  /// alone: the old one would then cover the host's, and be taken away in its stead.
  private mutating func replaceRoot(with mount: borrowing Mount) throws(Errno) {
    try detachTopmostRoot()
    root = try Self.attachRoot(mount, plan)
  }

  private func detachTopmostRoot() throws(Errno) {
    try Directory.change(to: root)
    try detachMount(at: ".")
  }

  /// A copy of what is in the container at the path `inner` now, for a bind mount.
  private func copy(_ inner: String, for entry: MountPlan) throws(ContainerError) -> HostMounts.HeldMount {
    guard entry.options.idMap == nil else {
      throw .config(
        "\(entry.field).options", "the ids of a source that comes with an earlier mount stay as they are")
    }
    let copy = try attempt("\(entry.field): bind \(inner) of the container") { () throws(Errno) in
      let place = try open(inner)
      return try Mount.copy(of: "", at: place.rawValue, recursive: entry.options.bind == .recursive)
    }
    return try HostMounts.finish(copy, inner, entry)
  }

  private mutating func bind(_ source: HostMounts.HeldMount, _ entry: MountPlan) throws(ContainerError) {
    let isDirectory = try attempt("\(entry.field): look at the source") { () throws(Errno) in
      try source.isDirectory()
    }
    let target = try place(entry.destination, isDirectory: isDirectory)
    do throws(ContainerError) { try attach(source.mount, to: target, entry) } catch {
      guard error.errno == .tooManySymbolicLinks, case .bind(let path) = entry.kind else { throw error }
      let again = try HostMounts.withoutNamespaces(emptyTree) { () throws(ContainerError) in
        try HostMounts.source(path, of: entry, MountUsers(plan, joining: []))
      }
      try attach(again.mount, to: target, entry)
    }
  }

  private mutating func attachFileSystem(
    _ type: String, _ source: String, _ entry: MountPlan, _ fileSystem: HostMounts.HeldMount?
  ) throws(ContainerError) {
    // A link on the way could be turned elsewhere, by who shares a volume with the container, before what is below is
    // hidden and write-protected.
    let followsLinks = type != "proc" && type != "sysfs"
    let target = try target(entry.destination, isDirectory: true, followsLinks: followsLinks)
    let options = entry.options
    // A directory in memory has the mode of the one that it covers.
    var mode: UInt32?
    if entry.isInMemory, !target.isNew, !options.data.contains(where: { $0.key == "mode" }) {
      mode = try attempt("\(entry.field): look at \(entry.destination)") { () throws(Errno) in
        try target.place.status().permissions
      }
    }
    guard let fileSystem else {
      var data = options.data.map { $0.text }
      if let mode { data.append("mode=\(String(mode, radix: 8))") }
      try attempt("\(entry.field): mount \(type) on \(entry.destination)") { () throws(Errno) in
        try Directory.change(to: target.place)
        try mountOnWorkingDirectory(
          type, source: source, attributes: options.set, flags: options.superblockSet,
          data: data.joined(separator: ","))
      }
      // Devices are created in what is on top.
      if entry.destination == "/dev" { dev = nil }
      return try finishNamedMount(entry)
    }
    if let mode {
      try attempt("\(entry.field): set the mode of \(entry.destination)") { () throws(Errno) in
        try File.changeMode(".", mode, at: fileSystem.mount.root.rawValue)
      }
    }
    if options.copyUp {
      try attempt("\(entry.field): copy \(entry.destination) into its tmpfs") { () throws(Errno) in
        let below = try FileDescriptor.open(".", [.readOnly, .directory], at: target.place.rawValue)
        switch held {
        case .some(let held): try TreeCopy.copy(below, to: fileSystem.mount.root, try held.duplicate())
        case .none: throw .noSuchDevice
        }
      }
    }
    let recursiveSet = entry.isInMemory ? options.recursiveSet.subtracting(.readOnly) : options.recursiveSet
    if !recursiveSet.isEmpty || !options.recursiveClear.isEmpty {
      try attempt("\(entry.field): set the options of \(entry.destination)") { () throws(Errno) in
        try fileSystem.mount.change(set: recursiveSet, clear: options.recursiveClear, recursive: true)
      }
    }
    if entry.isReadOnlyAtEnd { readOnlyAtEnd.append(fileSystem) }
    try attach(fileSystem.mount, to: target.place, entry)
    if entry.destination == "/dev" { dev = fileSystem }
  }

  /// Opens a mount that was made without a descriptor, and does with it what is done with the others.
  private mutating func finishNamedMount(_ entry: MountPlan) throws(ContainerError) {
    try attempt("\(entry.field): open \(entry.destination)") { () throws(Errno) in
      // From the root of a tree, ".." leads to the same place again, but to what is mounted on it last.
      let top =
        entry.destination != "/"
        ? try open(entry.destination)
        : plan.rootPlace == "/"
          ? try FileDescriptor.open("..", [.path, .directory], at: root.rawValue)
          : try FileDescriptor.open(plan.rootPlace, [.path, .directory])
      try hold(top, at: entry.destination)
      let options = entry.options
      if !options.recursiveSet.isEmpty || !options.recursiveClear.isEmpty {
        try changeMount(
          at: "", in: top.rawValue, set: options.recursiveSet, clear: options.recursiveClear, recursive: true)
      }
      for change in options.propagation {
        try changeMount(
          at: "", in: top.rawValue, propagation: change.propagation, recursive: change.recursive)
      }
      if entry.destination == "/" {
        let copy = try Mount.copy(of: "", at: top.rawValue, recursive: false)
        try detachTopmostRoot()
        try replaceRoot(with: copy)
      }
    }
  }

  /// Makes the tree this process's root, and lets go of the host's.
  consuming func enter(pivot: Bool) throws(ContainerError) {
    let pivot = pivot && !isAlone
    try attempt(pivot ? "pivot_root into \(plan.root)" : "chroot into \(plan.root)") { () throws(Errno) in
      try Directory.change(to: root)
      if isAlone {
        try Directory.changeRoot(to: root)
      } else if pivot {
        try pivotRootToWorkingDirectory()
      } else {
        try HostRemains.hide()
        try Directory.change(to: root)
        try Directory.changeRoot(to: root)
      }
      let change = plan.rootPropagation
      if change.propagation == .shared {
        try changeMount(at: "/", propagation: .shared, recursive: change.recursive)
      }
    }
  }
}
