import Linux
import OCI

extension Container {
  /// Puts the limits that the configuration of its bundle has now on the container's cgroup.
  ///
  /// - Parameter files: the cgroup's files that somebody else writes, which stay as they are.
  /// - Throws: `ContainerError` naming the field that the kernel or the hierarchy refuses; those before it are in force.
  public func updateLimits(keeping files: Set<String> = []) throws(ContainerError) {
    let written = try BundleConfig(at: "\(record.bundle)/config.json")
    let plan = try Plan(written.config, bundle: record.bundle)
    let cgroup = try requireCgroup(for: "change the limits of")
    let memory = written.config.linux.resources.memory
    if memory.checkBeforeUpdate == true { try cgroup.checkUse(of: memory) }
    try cgroup.takeOver(plan.cgroupSettings.filter { !files.contains($0.file) })
    let path = "\(directory)/config.json"
    try attempt("write \(path)") { () throws(Errno) in try File.replace(path, with: written.bytes) }
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
