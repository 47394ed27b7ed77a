extension RuntimeConfig {
  /// What `spec` prints: a shell in a terminal, isolated from the host, as `runc spec` has it on a host with
  /// cgroup v2. Hidden besides is what tells of others' work by the heat and the power that it takes.
  ///
  /// Nothing in it is newer than version 1.0.2, and there are runtimes that refuse what says it is.
  public static let `default` = RuntimeConfig(
    ociVersion: "1.0.2",
    process: Process(
      terminal: true,
      args: ["sh"],
      env: ["PATH=/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin", "TERM=xterm"],
      cwd: "/",
      capabilities: Capabilities(
        bounding: defaultCapabilities, effective: defaultCapabilities, permitted: defaultCapabilities),
      rlimits: [Rlimit(type: "RLIMIT_NOFILE", hard: 1024, soft: 1024)],
      noNewPrivileges: true),
    root: Root(path: "rootfs", readonly: true),
    hostname: "swiftjail",
    mounts: defaultMounts,
    linux: Linux(
      namespaces: [.pid, .network, .ipc, .uts, .mount, .cgroup].map { Linux.Namespace(type: $0) },
      resources: Linux.Resources(devices: [Linux.DeviceRule(allow: false, access: "rwm")]),
      maskedPaths: [
        "/proc/acpi", "/proc/asound", "/proc/kcore", "/proc/keys", "/proc/latency_stats", "/proc/timer_list",
        "/proc/timer_stats", "/proc/sched_debug", "/sys/firmware", "/proc/scsi", "/proc/interrupts",
        "/sys/devices/virtual/powercap",
      ],
      readonlyPaths: ["/proc/bus", "/proc/fs", "/proc/irq", "/proc/sys", "/proc/sysrq-trigger"]))

  /// The same for a user without privileges, as `runc spec --rootless` has it: with a user namespace in which only `user` and
  /// `group` are, as root, and with the host's network.
  public static func rootless(user: UInt32, group: UInt32) -> RuntimeConfig {
    var config = RuntimeConfig.default
    var namespaces = config.linux.namespaces
    namespaces.removeAll { $0.type == .network }
    namespaces.append(Linux.Namespace(type: .user))
    config.linux.namespaces = namespaces
    config.linux.uidMappings = [IDMapping(containerID: 0, hostID: user, size: 1)]
    config.linux.gidMappings = [IDMapping(containerID: 0, hostID: group, size: 1)]
    // A user has no cgroup to limit, and no right to a sysfs of the host's network.
    config.linux.resources = Linux.Resources()
    config.mounts.removeAll { $0.destination == "/sys" || $0.destination.hasPrefix("/sys/") }
    for index in config.mounts.indices {
      config.mounts[index].options.removeAll { $0.hasPrefix("uid=") || $0.hasPrefix("gid=") }
    }
    config.mounts.append(
      Mount(
        destination: "/sys", type: "none", source: "/sys",
        options: ["rbind", "nosuid", "noexec", "nodev", "ro"]))
    return config
  }

  private static let defaultCapabilities = ["CAP_AUDIT_WRITE", "CAP_KILL", "CAP_NET_BIND_SERVICE"]

  private static let defaultMounts = [
    Mount(destination: "/proc", type: "proc", source: "proc"),
    Mount(
      destination: "/dev", type: "tmpfs", source: "tmpfs",
      options: ["nosuid", "strictatime", "mode=755", "size=65536k"]),
    Mount(
      destination: "/dev/pts", type: "devpts", source: "devpts",
      options: ["nosuid", "noexec", "newinstance", "ptmxmode=0666", "mode=0620", "gid=5"]),
    Mount(
      destination: "/dev/shm", type: "tmpfs", source: "shm",
      options: ["nosuid", "noexec", "nodev", "mode=1777", "size=65536k"]),
    Mount(
      destination: "/dev/mqueue", type: "mqueue", source: "mqueue", options: ["nosuid", "noexec", "nodev"]),
    Mount(
      destination: "/sys", type: "sysfs", source: "sysfs", options: ["nosuid", "noexec", "nodev", "ro"]),
    Mount(
      destination: "/sys/fs/cgroup", type: "cgroup", source: "cgroup",
      options: ["nosuid", "noexec", "nodev", "relatime", "ro"]),
  ]
}
