import Container
import Linux

/// The facts about this machine that the API tells.
struct Engine {
  let facts: EngineFacts
  let image: HostImage

  /// Asks the system.
  init(rootDirectory: String, listeners: Int) {
    let system = SystemName.current
    let release = Self.release()
    let memory = (try? File.text("/proc/meminfo")).flatMap { HostUsage.memory(meminfo: $0) }
    let facts = EngineFacts(
      id: (try? File.text("/etc/machine-id")) ?? "", hostname: system.node, version: APIService.version,
      kernelVersion: system.release, operatingSystem: release["PRETTY_NAME"] ?? "Linux",
      operatingSystemVersion: release["VERSION_ID"] ?? "", machine: system.machine,
      cpus: Processors.count, memory: Int64(clamping: memory ?? 0), rootDirectory: rootDirectory,
      descriptors: (try? FileDescriptor.openCount()) ?? 0, listeners: listeners,
      limits: .current)
    self.facts = facts
    let changed = (try? FileStatus.of("/usr"))?.changed ?? 0
    image = HostImage(created: changed, architecture: facts.architecture)
  }

  /// Whether this machine gives files labels of SELinux.
  static var hasSELinux: Bool { (try? FileStatus.of("/sys/fs/selinux/enforce")) != nil }

  /// What `os-release(5)` says.
  private static func release() -> [String: String] {
    var values: [String: String] = [:]
    for line in ((try? File.text("/etc/os-release")) ?? "").split(separator: "\n") {
      guard let equals = line.firstIndex(of: "=") else { continue }
      let value = line[line.index(after: equals)...].drop { $0 == "\"" }
      values[String(line[..<equals])] = String(value.last == "\"" ? value.dropLast() : value)
    }
    return values
  }
}
