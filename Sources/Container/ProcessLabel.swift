import Linux

extension ProcessPlan {
  /// Whether a security module is to confine the program.
  var hasLabel: Bool { appArmorProfile != nil || selinuxLabel != nil }

  /// Refuses labels of security modules that the kernel does not run with.
  func refuseUnknownModules() throws(ContainerError) {
    if appArmorProfile != nil, !SecurityLabel.hasAppArmor {
      throw .config("process.apparmorProfile", "this kernel was started without AppArmor")
    }
    if selinuxLabel != nil, !SELinux.isEnabled {
      throw .config("process.selinuxLabel", "this kernel was started without SELinux")
    }
  }

  /// The labels of this process, when the program is to have one. For a process that still has the host's files.
  func openLabel() throws(ContainerError) -> SecurityLabel? {
    guard hasLabel else { return nil }
    return try attempt("open /proc/self/attr, to confine the program") { () throws(Errno) in
      try SecurityLabel()
    }
  }

  /// Has the security modules confine what this process executes next.
  func apply(_ label: borrowing SecurityLabel) throws(ContainerError) {
    if let profile = appArmorProfile {
      do throws(Errno) { try label.confineNextProgram(by: profile) } catch {
        throw ContainerError(
          "process.apparmorProfile: \(profile)", error,
          advice: error == .noSuchFileOrDirectory
            ? "no profile of that name is loaded (apparmor_parser(8))" : nil)
      }
    }
    if let selinuxLabel {
      try attempt("process.selinuxLabel: \(selinuxLabel)") { () throws(Errno) in
        try label.labelNextProgram(selinuxLabel)
      }
    }
  }
}
