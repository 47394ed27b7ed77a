import Linux
import OCI

extension Features {
  /// What this program supports (features.md, features-linux.md).
  public static let supported = Features(
    ociVersionMin: "1.0.0", ociVersionMax: RuntimeConfig.latestVersion,
    hooks: HookRun.Kind.allCases.map { $0.rawValue },
    mountOptions: MountOptions.known.sorted(),
    linux: Linux(
      namespaces: RuntimeConfig.Linux.NamespaceKind.allCases, capabilities: Capabilities.names,
      cgroup: Cgroup(v1: false, v2: true, systemd: true, systemdUser: false, rdma: true),
      seccomp: .supported, apparmor: true, selinux: true, intelRdt: true,
      memoryPolicy: .all, idmappedMounts: true, netDevices: true),
    annotations: ["org.opencontainers.runc.checkpoint.enabled": "true"],
    potentiallyUnsafeConfigAnnotations: [
      SystemdAnnotations.prefix, CheckpointSettings.configAnnotation, Container.keyringsAnnotation,
    ])
}

extension MountOptions {
  /// The options that are not left to the file system.
  static let known: [String] = {
    let attributes = [
      "ro", "rw", "nosuid", "suid", "nodev", "dev", "noexec", "exec", "noatime", "atime", "strictatime",
      "nostrictatime", "relatime", "norelatime", "nodiratime", "diratime", "nosymfollow", "symfollow",
    ]
    let fileSystem = [
      "sync", "async", "dirsync", "lazytime", "nolazytime", "mand", "nomand", "silent", "loud", "iversion",
      "noiversion", "remount",
    ]
    let propagation = ["private", "shared", "slave", "unbindable"]
    return fileSystem + attributes + attributes.map { "r\($0)" } + propagation + propagation.map { "r\($0)" }
      + ["bind", "rbind", "defaults", "tmpcopyup", "idmap", "ridmap"]
  }()
}

extension Features.Seccomp {
  /// What this program supports.
  fileprivate static let supported = Features.Seccomp(
    enabled: true, actions: RuntimeConfig.Linux.Seccomp.Action.allCases.map { $0.rawValue },
    operators: RuntimeConfig.Linux.Seccomp.Operator.allCases.map { $0.rawValue },
    archs: SystemCallArchitecture.allCases.map { RuntimeConfig.Linux.Seccomp.Architecture($0).rawValue },
    knownFlags: RuntimeConfig.Linux.Seccomp.Flag.allCases.map { $0.rawValue },
    supportedFlags: RuntimeConfig.Linux.Seccomp.Flag.allCases.filter { flag in
      // The kernel takes this one with a listener only.
      let others: SystemCallFilter.Flags = flag == .waitKillable ? .listener : []
      return SystemCallFilter.supports(SystemCallFilter.Flags(flag).union(others))
    }.map { $0.rawValue })
}
