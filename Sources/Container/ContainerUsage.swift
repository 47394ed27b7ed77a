import Linux

/// What a container uses now.
public struct ContainerUsage: Sendable {
  /// Memory in use, in bytes; `nil` where the machine does not count it for cgroups.
  public let memory: UInt64?
  /// Processor time used since it was created, in microseconds; `nil` without a cgroup.
  public let processorTime: UInt64?
}

extension Container {
  /// What the container uses now, as its cgroup counts it.
  public func usage() -> ContainerUsage {
    guard let cgroup = try? cgroup() else { return ContainerUsage(memory: nil, processorTime: nil) }
    return ContainerUsage(
      memory: cgroup.number("memory.current"), processorTime: cgroup.number("cpu.stat", key: "usage_usec"))
  }

  /// The directory of the container's cgroup, for whoever reads more of it; `nil` when it has none of its own, or none
  /// any more.
  public func cgroupDirectory() -> String? {
    guard let cgroup = try? cgroup(), cgroup.number != nil else { return nil }
    return cgroup.directory
  }

  /// When the container was created, as RFC 3339 writes it.
  public var createdText: String { Clock.text(record.created) }
}
