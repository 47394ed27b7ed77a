import Linux

/// The facts about this machine that the API tells.
struct Engine {
  let facts: EngineFacts
  let image: HostImage

  /// Asks the system.
  init(rootDirectory: String, listeners: Int) {
    let system = SystemName.current
    let release = Self.release()
    let descriptors = (try? Directory.entries(of: "/proc/self/fd").count) ?? 0
    let host = try? HostUsage.now()
    let facts = EngineFacts(
      id: (try? File.text("/etc/machine-id")) ?? "", hostname: system.node, version: APIService.version,
      kernelVersion: system.release, operatingSystem: release["PRETTY_NAME"] ?? "Linux",
      operatingSystemVersion: release["VERSION_ID"] ?? "", machine: system.machine,
      cpus: host?.processors ?? 1, memory: Int64(clamping: host?.memory ?? 0), rootDirectory: rootDirectory,
      descriptors: descriptors, listeners: listeners)
    self.facts = facts
    let changed = (try? FileStatus.of("/usr"))?.changed ?? 0
    image = HostImage(created: changed, architecture: facts.architecture)
  }

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
