import Linux
import OCI

/// What a partition used at a point in time, and what of the host there was.
public struct UsageSample: Equatable, Sendable {
  /// When, in nanoseconds since 1970.
  public var time: Int64
  /// What it used.
  public var usage: PartitionUsage
  /// What there was.
  public var host: HostUsage

  /// `usage` at `time`.
  public init(time: Int64, usage: PartitionUsage, host: HostUsage) {
    self.time = time
    self.usage = usage
    self.host = host
  }
}

/// Docker's document of a container's use (API 1.41, `ContainerStats`), for a host with cgroups of version 2.
public enum ContainerStats {
  /// The document of the partition called `name`.
  ///
  /// - Parameters:
  ///   - now: what it uses; `nil` when it does not run.
  ///   - previous: what it used before, from which the client takes the difference; `nil` for the first document.
  public static func document(
    name: String, id: String, now: UsageSample?, previous: UsageSample?
  ) -> JSON {
    .object([
      ("read", .string(time(now))),
      ("preread", .string(time(previous))),
      ("pids_stats", tasks(now)),
      ("blkio_stats", devices(now)),
      ("num_procs", .integer(0)),
      ("storage_stats", .object([])),
      ("cpu_stats", processor(now)),
      ("precpu_stats", processor(previous)),
      ("memory_stats", memory(now)),
      ("name", .string("/\(name)")),
      ("id", .string(id)),
    ])
  }

  /// RFC 3339; what Go writes for no time at all.
  private static func time(_ sample: UsageSample?) -> String {
    guard let sample else { return "0001-01-01T00:00:00Z" }
    return Clock.text(sample.time)
  }

  private static func tasks(_ sample: UsageSample?) -> JSON {
    guard let tasks = sample?.usage.tasks else { return .object([]) }
    var members: [(String, JSON)] = [("current", JSON(tasks.current))]
    if let limit = tasks.limit { members.append(("limit", JSON(limit))) }
    return .object(members)
  }

  private static func devices(_ sample: UsageSample?) -> JSON {
    guard let devices = sample?.usage.devices else { return .object([]) }
    func entry(_ device: PartitionUsage.Device, _ operation: String, _ value: UInt64) -> JSON {
      .object([
        ("major", JSON(device.number.major)), ("minor", JSON(device.number.minor)),
        ("op", .string(operation)), ("value", JSON(value)),
      ])
    }
    let bytes = devices.flatMap {
      [entry($0, "read", $0.readBytes), entry($0, "write", $0.writtenBytes)]
    }
    return .object([("io_service_bytes_recursive", .array(bytes))])
  }

  private static func processor(_ sample: UsageSample?) -> JSON {
    // The kernel counts microseconds, the document nanoseconds.
    let processor = sample?.usage.processor ?? PartitionUsage.Processor()
    let throttling = processor.throttling ?? PartitionUsage.Throttling()
    var members: [(String, JSON)] = [
      (
        "cpu_usage",
        .object([
          ("total_usage", JSON(processor.usage * 1000)),
          ("usage_in_kernelmode", JSON(processor.system * 1000)),
          ("usage_in_usermode", JSON(processor.user * 1000)),
        ])
      )
    ]
    if let host = sample?.host {
      members.append(("system_cpu_usage", JSON(host.processorTime)))
      members.append(("online_cpus", JSON(host.processors)))
    }
    members.append(
      (
        "throttling_data",
        .object([
          ("periods", JSON(throttling.periods)),
          ("throttled_periods", JSON(throttling.throttledPeriods)),
          ("throttled_time", JSON(throttling.time * 1000)),
        ])
      ))
    return .object(members)
  }

  private static func memory(_ sample: UsageSample?) -> JSON {
    guard let sample, let memory = sample.usage.memory else { return .object([]) }
    return .object([
      ("usage", JSON(memory.current)),
      ("stats", .object(memory.details.map { ($0.name, JSON($0.value)) })),
      ("limit", JSON(min(memory.limit ?? .max, sample.host.memory))),
    ])
  }
}

extension JSON {
  fileprivate static func object(_ members: [(String, JSON)]) -> JSON {
    var object = Object()
    for (name, value) in members { object[name] = value }
    return .object(object)
  }
}
