import Layers
import OCI

extension PartitionSettings {
  /// The names of resource limits as the API has them, each that of `setrlimit(2)` in small letters.
  private static let limits = [
    "core", "cpu", "data", "fsize", "locks", "memlock", "msgqueue", "nice", "nofile", "nproc", "rss",
    "rtprio",
    "rttime", "sigpending", "stack",
  ]

  /// Reads what a `HostConfig` says of the kernel's settings for the partition.
  mutating func readKernelSettings(_ host: inout Fields) throws(APIError) {
    resourceLimits = try Self.resourceLimits(&host)
    kernelParameters = try host.optional("Sysctls") ?? [:]
    try host.check(kernelParameters.elements.count, "Sysctls", most: 256)
    if let adjustment = try host.number("OomScoreAdj") {
      guard (-1000...1000).contains(adjustment) else {
        throw host.wrong(
          "OomScoreAdj", "Invalid value \(adjustment), range for oom score adj is [-1000, 1000]")
      }
      outOfMemoryAdjustment = Int32(adjustment)
    }
    if let size = try host.number("ShmSize") {
      guard size > 0 else { throw host.wrong("ShmSize", "SHM size can not be less than 0") }
      if size != Self.defaultSharedMemory.bytes { sharedMemory = ByteSize(bytes: size) }
    }
    try checkKernelParameters(host)
  }

  private static func resourceLimits(_ host: inout Fields) throws(APIError) -> [RuntimeConfig.Rlimit] {
    var limits: [RuntimeConfig.Rlimit] = []
    for entry in try host.list("Ulimits") {
      var entry = entry
      guard let name = try entry.text("Name"), Self.limits.contains(name) else {
        throw entry.wrong("Name", "is not one of \(Self.limits.joined(separator: ", "))")
      }
      let type = "RLIMIT_\(name.uppercased())"
      guard !limits.contains(where: { $0.type == type }) else {
        throw entry.wrong("Name", "\"\(name)\" is there twice")
      }
      let soft = try entry.optional("Soft", as: Int64.self) ?? 0
      let hard = try entry.optional("Hard", as: Int64.self) ?? 0
      try entry.refuseRest()
      // -1 is no limit, which is the largest number for the kernel.
      let limit = RuntimeConfig.Rlimit(
        type: type, hard: UInt64(bitPattern: max(hard, -1)), soft: UInt64(bitPattern: max(soft, -1)))
      guard limit.soft <= limit.hard else {
        throw entry.wrong(
          "Soft", "ulimit soft limit must be less than or equal to hard limit: \(soft) > \(hard)")
      }
      limits.append(limit)
    }
    return limits
  }

  /// Refuses parameters that are not the partition's own.
  private func checkKernelParameters(_ host: Fields) throws(APIError) {
    var kinds: [RuntimeConfig.Linux.NamespaceKind] = [.pid, .ipc, .uts, .mount, .cgroup]
    if network != .host { kinds.append(.network) }
    var config = RuntimeConfig(root: RuntimeConfig.Root(path: "/"))
    config.linux = RuntimeConfig.Linux(namespaces: kinds.map { RuntimeConfig.Linux.Namespace(type: $0) })
    for element in kernelParameters.elements {
      config.linux.sysctl = [element.name: element.value]
      do throws(ConfigError) { try config.validate() } catch {
        throw host.wrong("Sysctls", "\(element.name) \(error.reason)")
      }
    }
  }
}
