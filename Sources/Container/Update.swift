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
    try cgroup.takeOver(plan.cgroupSettings.filter { !files.contains($0.file) })
    let path = "\(directory)/config.json"
    try attempt("write \(path)") { () throws(Errno) in try File.replace(path, with: written.bytes) }
  }
}
