import Linux
import OCI

extension Container {
  /// Puts the limits that the configuration of its bundle has now on the container's cgroup.
  ///
  /// - Throws: `ContainerError` naming the field that the kernel or the hierarchy refuses; those before it are in force.
  public func updateLimits() throws(ContainerError) {
    let (config, bytes) = try Self.config(at: "\(record.bundle)/config.json")
    let plan = try Plan(config, bundle: record.bundle)
    let cgroup = try requireCgroup(for: "change the limits of")
    try cgroup.takeOver(plan.cgroupSettings)
    let path = "\(directory)/config.json"
    try attempt("write \(path)") { () throws(Errno) in try File.replace(path, with: bytes) }
  }
}
