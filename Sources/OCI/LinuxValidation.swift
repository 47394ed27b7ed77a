extension RuntimeConfig.Linux {
  /// The namespace of that kind that is made or joined.
  public func namespace(_ kind: NamespaceKind) -> Namespace? {
    namespaces.first { $0.type == kind }
  }

  /// Whether a namespace of that kind is made or joined.
  func has(_ kind: NamespaceKind) -> Bool { namespace(kind) != nil }

  func validate() throws(ConfigError) {
    try each(namespaces, "namespaces") { (namespace) throws(ConfigError) in
      try check(isAbsolute(namespace.path ?? "/"), "path", "must be an absolute path")
    }
    try distinct(namespaces, "namespaces", by: \.type.rawValue, "type")
    try validateMappings("uidMappings", uidMappings)
    try validateMappings("gidMappings", gidMappings)
    try validateTimeOffsets()
    try each(devices, "devices") { (device) throws(ConfigError) in try device.validate() }
    try validateNetDevices()
    try check(
      cgroupsPath.map(hasParentComponent) != true,
      "cgroupsPath", "must not hold \"..\"")
    try inside("resources") { () throws(ConfigError) in try resources.validate() }
    for name in sysctl.names {
      do {
        try validateSysctl(name)
      } catch {
        throw error.inside(name).inside("sysctl")
      }
    }
    try validatePaths("maskedPaths", maskedPaths)
    try validatePaths("readonlyPaths", readonlyPaths)
    try memoryPolicy?.validate()
    try intelRdt?.validate()
    try inside("seccomp") { () throws(ConfigError) in try seccomp?.validate() }
  }

  private func validatePaths(_ property: String, _ paths: [String]) throws(ConfigError) {
    try check(
      paths.isEmpty || has(.mount), property,
      "needs a mount namespace, else it would change the mounts of the host")
    try each(paths, property) { (path) throws(ConfigError) in
      try check(isAbsolute(path), "", "must be an absolute path")
    }
  }

  private func validateMappings(_ property: String, _ mappings: [RuntimeConfig.IDMapping]) throws(ConfigError)
  {
    let user = namespace(.user)
    if let user, user.path == nil {
      try check(!mappings.isEmpty, property, "is required with a new user namespace")
    } else {
      try check(user != nil || mappings.isEmpty, property, "needs a user namespace")
    }
    try checkRanges(mappings, property)
  }

  private func validateTimeOffsets() throws(ConfigError) {
    if timeOffsets == TimeOffsets() { return }
    guard let time = namespace(.time) else {
      throw ConfigError(path: "timeOffsets", reason: "needs a time namespace")
    }
    try check(time.path == nil, "timeOffsets", "needs a new time namespace, not one joined by its path")
    func validate(_ property: String, _ offset: TimeOffset?) throws(ConfigError) {
      try check(offset?.nanosecs ?? 0 < 1_000_000_000, property, "must be below 1000000000")
    }
    try validate("timeOffsets.monotonic.nanosecs", timeOffsets.monotonic)
    try validate("timeOffsets.boottime.nanosecs", timeOffsets.boottime)
  }

  private func validateNetDevices() throws(ConfigError) {
    if netDevices.isEmpty { return }
    try check(has(.network), "netDevices", "needs a network namespace")
    var names: Set<String> = []
    for element in netDevices.elements {
      let name = element.name
      let inside = element.value.name ?? name
      do throws(ConfigError) {
        try check(isInterfaceName(name), "", "is not the name of a network interface")
        try check(isInterfaceName(inside), "name", "\(quoted(inside)) cannot name a network interface")
        let percents = inside.utf8.count { $0 == UInt8(ascii: "%") }
        let hasNumber = percents == 1 && inside.hasPercentD
        try check(
          percents == 0 || hasNumber, "name", "may have one %d, which becomes a number, and no other %")
        try check(
          hasNumber || names.insert(inside).inserted, "name", "another interface gets the same name")
      } catch {
        throw error.inside(name).inside("netDevices")
      }
    }
  }

  private func validateSysctl(_ name: String) throws(ConfigError) {
    let parts = name.utf8.split(omittingEmptySubsequences: false) {
      $0 == UInt8(ascii: ".") || $0 == UInt8(ascii: "/")
    }
    try check(
      parts.count > 1 && !parts.contains(where: \.isEmpty), "",
      "is not the name of a kernel parameter, such as net.ipv4.ip_forward")
    try check(
      name != "kernel.hostname" && name != "kernel/hostname", "", "is what the property hostname is for")
    let dotted = parts.map { String(Substring($0)) }.joined(separator: ".")
    guard let kind = Self.namespace(ofSysctl: dotted) else {
      throw ConfigError(path: "", reason: "belongs to no namespace: it would change the host")
    }
    try check(has(kind), "", "needs a \(kind.rawValue) namespace, else it would change the host")
  }

  /// The kind of namespace that a kernel parameter belongs to (sysctl/kernel.rst, namespaces(7)); `nil` for one of the host.
  ///
  /// - Parameter name: its parts, separated by dots.
  public static func namespace(ofSysctl name: String) -> NamespaceKind? {
    switch name {
    case "kernel.msgmax", "kernel.msgmnb", "kernel.msgmni", "kernel.sem", "kernel.shmall", "kernel.shmmax",
      "kernel.shmmni", "kernel.shm_rmid_forced":
      .ipc
    case "kernel.domainname": .uts
    case _ where name.utf8.starts(with: "fs.mqueue.".utf8): .ipc
    case _ where name.utf8.starts(with: "net.".utf8): .network
    case _ where name.utf8.starts(with: "user.".utf8): .user
    default: nil
    }
  }
}

extension RuntimeConfig.Linux.Device {
  func validate() throws(ConfigError) {
    try check(isAbsolute(path), "path", "must be an absolute path")
    if type != .fifo {
      try check(major != nil, "major", "is required unless the type is p")
      try check(minor != nil, "minor", "is required unless the type is p")
    }
    try check(major ?? 0 < 1 << 12, "major", "must be below 4096")
    try check(minor ?? 0 < 1 << 20, "minor", "must be below 1048576")
    try check(fileMode ?? 0 <= 0o177777, "fileMode", "is more than a file mode holds")
  }
}

/// Whether `..` is between two slashes or at an end.
private func hasParentComponent(_ path: String) -> Bool {
  path.utf8.split(separator: UInt8(ascii: "/")).contains { $0.elementsEqual("..".utf8) }
}

extension String {
  /// Whether `%d` is in it.
  fileprivate var hasPercentD: Bool {
    guard let percent = utf8.firstIndex(of: UInt8(ascii: "%")) else { return false }
    return utf8[utf8.index(after: percent)...].first == UInt8(ascii: "d")
  }
}

/// Whether Linux allows the name for an interface (`dev_valid_name` in net/core/dev.c).
private func isInterfaceName(_ name: String) -> Bool {
  (1...15).contains(name.utf8.count) && name != "." && name != ".."
    && !name.utf8.contains { byte in
      switch byte {
      case 0x09...0x0D, UInt8(ascii: " "), UInt8(ascii: "/"), UInt8(ascii: ":"): true
      default: false
      }
    }
}
