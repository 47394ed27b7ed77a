import Linux

/// The SELinux label of a container's new file systems (config-linux.md, "Mount Label").
extension MountPlan {
  /// File systems whose files have labels of the policy's own. Those of a message queue file system are set once it is
  /// mounted.
  private static let labelledByPolicy = ["proc", "sysfs", "mqueue"]

  /// Adds `label` to the options of a new file system, unless they have one.
  mutating func setLabel(_ label: String) {
    guard let type = kind.type, !Self.labelledByPolicy.contains(type),
      !options.data.contains(where: { $0.key == "context" })
    else { return }
    options.data.append(MountOptions.Data(key: "context", value: label))
  }
}

extension Plan {
  /// Refuses a label for mounts where no policy knows it.
  func refuseUnknownLabels() throws(ContainerError) {
    guard mountLabel != nil, !SELinux.isEnabled else { return }
    throw .config("linux.mountLabel", "SELinux is not enabled on this host: remove the label")
  }
}
