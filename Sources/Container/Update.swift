import Linux
import OCI

extension Container {
  /// Puts the limits that the configuration of its bundle has now on the container's cgroup.
  ///
  /// - Parameter files: the cgroup's files that somebody else writes, which stay as they are.
  /// - Throws: `ContainerError` naming the field that the kernel or the hierarchy refuses; nothing has changed then.
  public func updateLimits(keeping files: Set<String> = []) throws(ContainerError) {
    let written = try BundleConfig(at: "\(record.bundle)/config.json")
    let plan = try Plan(written.config, bundle: record.bundle)
    let cgroup = try requireCgroup(for: "change the limits of")
    let memory = written.config.linux.resources.memory
    if memory.checkBeforeUpdate == true { try cgroup.checkUse(of: memory) }
    try change(
      cgroup, plan.cgroupSettings.filter { !files.contains($0.file) }, devices: nil, config: written.bytes)
  }

  /// Changes limits of a container that runs, is paused, or waits to be started.
  ///
  /// - Parameters:
  ///   - change: the new limits. What it does not have stays as it is; a list of device rules takes the place of the one that
  ///     there is.
  ///   - schemata: new values for the container's resctrl group.
  /// - Throws: `ContainerError` naming the field that cannot be, or that the kernel refuses; nothing has changed then.
  public func update(
    _ change: RuntimeConfig.Linux.Resources, _ schemata: SchemataChange = SchemataChange()
  ) throws(ContainerError) {
    // Two changes at once could each be lost in the other's configuration.
    let lock = try lock()
    let status = status()
    guard status != .stopped, status != .creating else {
      throw ContainerError(
        .wrongStatus, "cannot update \(id): container is not running (\(status.rawValue))")
    }
    let cgroup = try requireCgroup(for: "change the limits of")
    var config = try config()
    let former = config.linux.resources
    let update = former.updated(by: change)
    config.linux.resources = update.result
    // All of it is checked before anything is written, with what the change leaves as it is.
    let plan = try Plan(config, bundle: record.bundle)
    var settings = try CgroupSettings.plan(update.settings)
    // What is given with another limit, as the other is computed from it, stays as it is.
    if change.memory.limit == nil { settings.removeAll { $0.field == "linux.resources.memory.limit" } }
    if change.cpu.idle == 0, cgroup.number("cpu.idle") == 1 {
      settings.insert(
        CgroupSetting(field: "linux.resources.cpu.idle", file: "cpu.idle", value: "0"), at: 0)
    }
    // What was written to a file by its name is no longer so.
    for setting in settings where change.unified[setting.file] == nil {
      config.linux.resources.unified[setting.file] = nil
    }
    if update.result.memory.checkBeforeUpdate == true { try cgroup.checkUse(of: update.settings.memory) }
    let bytes = try replacingResources(with: config.linux.resources, schemata)
    try self.change(
      cgroup, settings,
      devices: change.devices.isEmpty ? nil : (plan.deviceRules, DevicePlan.rules(former.devices)),
      schemata, config: bytes)
    lock.release()
  }

  /// The container's configuration with other limits, and all else as it is written there.
  private func replacingResources(
    with resources: RuntimeConfig.Linux.Resources, _ schemata: SchemataChange
  ) throws(ContainerError) -> [UInt8] {
    let written: BundleConfig
    let path = "\(directory)/config.json"
    do throws(ContainerError) { written = try BundleConfig(at: path) } catch {
      guard error.errno == .noSuchFileOrDirectory else { throw error }
      written = try BundleConfig(at: "\(record.bundle)/config.json")
    }
    do throws(ConfigError) {
      var document = try JSON.Object(parsing: written.bytes)
      var linux: JSON.Object = try document.optional("linux", or: JSON.Object())
      linux["resources"] = resources.json
      try schemata.note(in: &linux)
      document["linux"] = .object(linux)
      return JSON.object(document).bytes()
    } catch {
      throw ContainerError(.invalidConfig, "\(path): \(error)")
    }
  }

  /// Puts `settings` and device rules in force, and keeps `config` as the container's configuration: all or nothing.
  private func change(
    _ cgroup: Cgroup, _ settings: [CgroupSetting], devices: (new: [DeviceRule], former: [DeviceRule])?,
    _ schemata: SchemataChange = SchemataChange(), config: [UInt8]
  ) throws(ContainerError) {
    try cgroup.enableControllers(for: settings)
    // systemd writes its properties to the same files, in its own precision.
    let unit = try record.unit.map { (unit) throws(ContainerError) in
      try Systemd.Change(of: unit, settings)
    }
    var files = CgroupChange(cgroup)
    var hasDevices = false
    var former: SchemataChange.Former?
    do throws(ContainerError) {
      try files.write(settings)
      if let devices {
        try replace(devices.new, of: cgroup)
        hasDevices = true
      }
      former = try schemata.write(to: record)
      let path = "\(directory)/config.json"
      try attempt("write \(path)") { () throws(Errno) in try File.replace(path, with: config) }
    } catch {
      former?.putBack()
      if hasDevices, let devices { try? replace(devices.former, of: cgroup) }
      unit?.putBack()
      files.putBack()
      throw error
    }
  }

  private func replace(_ rules: [DeviceRule], of cgroup: Cgroup) throws(ContainerError) {
    try attempt("linux.resources.devices: replace them at \(cgroup.directory)") { () throws(Errno) in
      try DeviceProgram(rules).replace(
        at: try FileDescriptor.open(cgroup.directory, [.readOnly, .directory]))
    }
  }
}

extension Cgroup {
  /// Refuses limits below what is in use now, at which the kernel would end processes.
  func checkUse(of memory: RuntimeConfig.Linux.Memory) throws(ContainerError) {
    let field = "linux.resources.memory"
    let used = number("memory.current") ?? 0
    if let limit = memory.limit, limit > 0, used > UInt64(limit) {
      throw .config(
        "\(field).limit", "\(limit) is below the \(used) bytes in use, and checkBeforeUpdate is true")
    }
    let swapped = number("memory.swap.current") ?? 0
    if let swap = memory.swap, let limit = memory.limit, limit > 0, swap >= limit,
      swapped > UInt64(swap - limit)
    {
      throw .config(
        "\(field).swap",
        "\(swap) leaves less swap than the \(swapped) bytes in use, and checkBeforeUpdate is true")
    }
  }
}
