import Linux
import OCI

/// A container whose record (`state.json`) is damaged, such as by a power failure: its name, and what is known without the
/// record.
public struct DamagedContainer: Sendable {
  /// The store that it is in.
  public let store: ContainerStore
  /// Its name.
  public let id: ContainerID

  /// The container `id` of `store`, whose record is damaged.
  public init(store: ContainerStore, id: ContainerID) {
    self.store = store
    self.id = id
  }

  private var directory: String { store.directory(of: id) }

  /// The word that lists have in the place of a status.
  public static let status = "damaged"

  /// When its directory last changed, in nanoseconds since 1970.
  public var changed: Int64 { (try? FileStatus.of(directory))?.modified ?? 0 }

  /// What lists have in the place of the path of its bundle, which is in the record alone.
  public static let unknownPath = "-"

  /// Whether there is such a container, its record is damaged, and no process is in its cgroup.
  public var isStopped: Bool {
    do throws(ContainerError) { _ = try Container(id, in: store) } catch {
      guard error.kind == .damaged, let cgroups = try? cgroups() else { return false }
      return cgroups.allSatisfy { (try? $0.processes().isEmpty) ?? false }
    }
    return false
  }

  /// Ends the processes in the container's cgroup.
  public func kill() throws(ContainerError) {
    for cgroup in try cgroups() { try cgroup.kill() }
  }

  /// Ends what is in the container's cgroup and removes that. The caller holds the lock of the state directory.
  func removeCgroups() throws(ContainerError) {
    // Without linux.cgroupsPath, the scope is named after the container alone. It may belong to another store.
    if namedCgroup != nil || !hasOwnCgroup, let scope = try? SystemdScope(cgroupsPath: namedCgroup, id: id),
      try !store.list().contains(where: { $0.record.unit == scope.unit })
    {
      try Systemd.remove(scope.unit)
    }
    for cgroup in try cgroups() { try cgroup.remove() }
  }

  /// Whether the cgroup is there that the store gives a container of that name.
  private var hasOwnCgroup: Bool {
    guard let hierarchy = try? CgroupHierarchy.find() else { return false }
    return Cgroup(hierarchy: hierarchy, path: "\(store.cgroups)/\(id)").number != nil
  }

  /// The cgroup that the store gives a container of that name, and the one that the copy of the configuration names, as far
  /// as they are there and no other container of the store has them on record.
  private func cgroups() throws(ContainerError) -> [Cgroup] {
    guard let hierarchy = try? CgroupHierarchy.find() else { return [] }
    let others = try store.list()
    var cgroups: [Cgroup] = []
    for name in [namedCgroup ?? "/", "\(store.cgroups)/\(id)"] {
      let cgroup = Cgroup(hierarchy: hierarchy, path: MountPlan.clean(name))
      if cgroup.path == "/" || others.contains(where: { $0.record.cgroup == cgroup.path }) { continue }
      if cgroup.number != nil { cgroups.append(cgroup) }
    }
    return cgroups
  }

  /// What `linux.cgroupsPath` is in the copy of the configuration.
  private var namedCgroup: String? {
    let path = (try? BundleConfig(at: "\(directory)/config.json"))?.config.linux.cgroupsPath
    return path == "" ? nil : path
  }
}

extension ContainerError {
  /// The record in `file` is damaged: `reason`.
  static func damaged(_ id: ContainerID, _ file: String, _ reason: String) -> ContainerError {
    ContainerError(
      .damaged,
      "\(file): \(reason): container \(id) is damaged: swiftjail delete --force \(id) ends and removes it")
  }
}

extension ContainerStore {
  /// Those of the containers called `names` that there are, and those whose record is damaged.
  public func all(named names: [String]) -> (containers: [Container], damaged: [DamagedContainer]) {
    var containers: [Container] = []
    var damaged: [DamagedContainer] = []
    for name in names {
      guard let id = try? ContainerID(name) else { continue }
      // One that is removed meanwhile is no longer in the list; one whose creation was cut short has no record.
      do throws(ContainerError) { containers.append(try Container(id, in: self)) } catch {
        if error.kind == .damaged { damaged.append(DamagedContainer(store: self, id: id)) }
      }
    }
    return (containers, damaged)
  }
}
