import Linux

/// Where a container's cgroup will be, and who makes it.
struct CgroupPlan: Sendable {
  /// The cgroup.
  let cgroup: Cgroup
  /// The scope that it belongs to, when systemd makes it.
  let scope: SystemdScope?
  /// What else the scope is to be.
  private var properties: [SystemdProperty] = []
  /// Whether the container may run without a cgroup: it has no limits, and nobody has named a cgroup.
  let isOptional: Bool

  /// The plan for a container that stays in no cgroup of its own is `nil`.
  ///
  /// - Throws: `ContainerError` when `driver` cannot do what `plan` asks for.
  init?(
    _ plan: Plan, _ driver: CgroupDriver, _ id: ContainerID, in store: ContainerStore,
    _ debug: DebugMessages? = nil
  ) throws(ContainerError) {
    let path = plan.cgroupsPath.flatMap { $0.isEmpty ? nil : $0 }
    switch driver {
    case .disabled:
      if let setting = plan.cgroupSettings.first {
        throw .config(setting.field, "a limit needs a cgroup, and --cgroup-manager disabled makes none")
      }
      return nil
    case .systemd:
      try Systemd.requireRunning()
      let scope = try SystemdScope(cgroupsPath: path, id: id)
      properties = try SystemdAnnotations.properties(in: plan.annotations)
      cgroup = Cgroup(hierarchy: try CgroupHierarchy.find(), path: scope.cgroupPath)
      self.scope = scope
      isOptional = false
      if Systemd.isLoaded(scope.unit), try !cgroup.processes().isEmpty { throw Systemd.exists(scope.unit) }
    case .cgroupfs:
      let isUnnamed = path == nil
      let path = MountPlan.clean(path ?? "\(store.cgroups)/\(id)")
      guard path != "/" else { throw .config("linux.cgroupsPath", "the root cgroup cannot be a container's") }
      isOptional = isUnnamed && plan.cgroupSettings.isEmpty
      do throws(ContainerError) {
        let hierarchy = try CgroupHierarchy.find()
        try hierarchy.requireMountInNamespace()
        cgroup = Cgroup(hierarchy: hierarchy, path: path)
      } catch {
        guard isOptional else { throw error }
        debug?.say(Self.without(error))
        return nil
      }
      scope = nil
    }
  }

  /// A cgroup that was made, and what keeps it until a process of the container's is in it.
  struct Made: ~Copyable {
    let cgroup: Cgroup
    private var placeholder: Placeholder?

    fileprivate init(_ cgroup: Cgroup, _ placeholder: consuming Placeholder?) {
      self.cgroup = cgroup
      self.placeholder = placeholder
    }

    /// Puts in force those of `settings` that left room for what keeps the cgroup, and ends that.
    consuming func settle(_ settings: [CgroupSetting]) throws(ContainerError) {
      switch placeholder {
      case .none: return
      case .some: for setting in settings where setting.countsProcesses { try cgroup.write(setting) }
      }
    }
  }

  /// Makes the cgroup, with `settings` in force.
  ///
  /// - Returns: `nil` when no cgroup can be made here, and the container may do without.
  /// - Throws: `ContainerError`; nothing of what was made stays then.
  func make(
    _ settings: [CgroupSetting], for id: ContainerID, _ debug: DebugMessages?
  ) throws(ContainerError) -> Made? {
    guard let scope else {
      do throws(ContainerError) { try cgroup.make(settings, debug) } catch {
        guard isOptional, let errno = error.errno, Self.impossible.contains(errno) else {
          throw error.errno == .readOnlyFileSystem ? error.advising(cgroup.hierarchy.writableAdvice) : error
        }
        debug?.say(Self.without(error))
        return nil
      }
      return Made(cgroup, nil)
    }
    let placeholder = try Placeholder()
    try Systemd.start(
      scope, with: placeholder.pid, settings, properties, description: "swiftjail container \(id)")
    do throws(ContainerError) {
      // systemd may itself live below the root of the hierarchy.
      let path = try attempt("find the cgroup of \(scope.unit)") { () throws(Errno) in
        try Cgroup.path(of: placeholder.pid)
      }
      guard path.hasSuffix("/\(scope.unit)") else {
        throw ContainerError(.failed, "systemd put \(scope.unit) into the cgroup \(path), which is another's")
      }
      let cgroup = Cgroup(hierarchy: cgroup.hierarchy, path: path)
      try cgroup.takeOver(settings.map(\.withRoomForOne))
      try cgroup.refuseIfFrozen()
      return Made(cgroup, placeholder)
    } catch {
      try? Systemd.remove(scope.unit)
      throw error
    }
  }

  /// The errors of a place where this program can make no cgroups that processes can be in.
  private static let impossible: [Errno] = [
    .readOnlyFileSystem, .permissionDenied, .notPermitted, .notSupported,
  ]

  private static func without(_ error: ContainerError) -> String {
    "the container stays in the cgroup of the caller: \(error)"
  }

  /// Removes the cgroup, whose path is `path` by now, with all that is in it.
  func remove(_ path: String?) {
    try? Cgroup(hierarchy: cgroup.hierarchy, path: path ?? cgroup.path).remove()
    if let scope { try? Systemd.remove(scope.unit) }
  }
}

extension CgroupSetting {
  /// Whether the setting limits how many processes there are.
  fileprivate var countsProcesses: Bool { file == "pids.max" }

  /// The setting with room for one more process, when it limits how many there are.
  fileprivate var withRoomForOne: CgroupSetting {
    guard countsProcesses, let count = UInt64(value) else { return self }
    return CgroupSetting(field: field, file: file, value: String(count + 1))
  }
}
