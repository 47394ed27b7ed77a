import OCI

extension Volume {
  /// What a bind mount of a configuration shows of the host; `nil` for a mount of another kind.
  ///
  /// - Parameter bundle: where a source that is not absolute is looked for.
  public init?(_ mount: RuntimeConfig.Mount, bundle: String) {
    guard mount.type == "bind" || mount.options.contains(where: { $0 == "bind" || $0 == "rbind" }),
      let source = mount.source
    else { return nil }
    self.source = source.hasPrefix("/") ? source : "\(bundle)/\(source)"
    destination = mount.destination
    options = mount.options.map { $0 == "ro" ? "rro" : $0 }
    makesSource = false
  }
}

extension TemporaryDirectory {
  /// The directory in memory that a mount of a configuration is; `nil` for a mount of another kind, and for those that
  /// every container has.
  public init?(_ mount: RuntimeConfig.Mount) {
    guard mount.type == "tmpfs",
      !RuntimeConfig.default.mounts.contains(where: { $0.destination == mount.destination })
    else { return nil }
    destination = mount.destination
    options = mount.options
  }
}

extension CapabilityChoice {
  /// What makes `names` of the default.
  public init(of names: [String]) {
    self.init(
      added: names.filter { !Self.default.contains($0) }, dropped: Self.default.subtracting(names).sorted())
  }
}
