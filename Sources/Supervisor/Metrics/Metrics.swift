import Definitions
import Linux

/// The supervisor's metrics for Prometheus.
///
/// Partitions have the label `name`. What the machine does not count for a partition has no sample of it.
public enum Metrics {
  /// A partition with what it uses.
  public typealias Partition = (status: PartitionStatus, usage: PartitionUsage?)

  /// The text that is served at `/metrics`.
  public static func text(_ partitions: [Partition], _ counters: SupervisorCounters) -> [UInt8] {
    var text = PrometheusText()
    text.supervisor(counters)
    text.states(partitions)
    text.functions(counters.functions)
    let families = PartitionFamilies(partitions)
    families.life(&text)
    families.processor(&text)
    families.memory(&text)
    families.devices(&text)
    families.tasks(&text)
    families.pressure(&text)
    families.load(&text)
    return text.bytes
  }
}

extension PrometheusText {
  fileprivate mutating func supervisor(_ counters: SupervisorCounters) {
    family("swiftjaild_build_info", .gauge, "The version of the supervisor, in a label.")
    sample(1, Labels(["version": counters.version]))
    family(
      "process_start_time_seconds", .gauge, "When the supervisor was started, in seconds since 1970.")
    sample(time: counters.started)
    if let process = counters.process {
      family("process_cpu_seconds_total", .counter, "Processor time of the supervisor.")
      sample(microseconds: process.processorTime)
      family(
        "process_resident_memory_bytes", .gauge, "Memory of the supervisor, shared pages counted in full.")
      sample(process.residentBytes)
      family("process_open_fds", .gauge, "Open descriptors of the supervisor.")
      sample(process.openDescriptors)
      family("process_max_fds", .gauge, "The most descriptors that the supervisor may have open.")
      sample(process.maximumDescriptors)
    }
    family(
      "swiftjaild_log_written_bytes_total", .counter, "Bytes that were appended to the partitions' logs.")
    sample(counters.logs.writtenBytes)
    family(
      "swiftjaild_log_dropped_bytes_total", .counter,
      "Bytes that would have been appended to logs and are lost, to a full disk for one.")
    sample(counters.logs.droppedBytes)
    family("swiftjaild_log_dropped_entries_total", .counter, "Entries of logs that are lost.")
    sample(counters.logs.droppedEntries)
    family("swiftjaild_api_requests_total", .counter, "Requests of the API that were answered, by status.")
    for requests in counters.requests {
      sample(requests.count, Labels(["code": String(requests.status)]))
    }
    family("swiftjaild_partition_starts_total", .counter, "Partitions that were started, again or not.")
    sample(counters.starts)
    family("swiftjaild_partition_start_failures_total", .counter, "Starts of partitions that failed.")
    sample(counters.failedStarts)
  }

  fileprivate mutating func states(_ partitions: [Metrics.Partition]) {
    family("swiftjail_partitions", .gauge, "Partitions by state.")
    for state in PartitionStatus.State.allCases {
      let count = partitions.reduce(0 as UInt64) { $1.status.state == state ? $0 + 1 : $0 }
      sample(count, Labels(["state": state.rawValue]))
    }
  }

  fileprivate mutating func functions(_ functions: [FunctionCounts]) {
    family("swiftjail_function_instances_wanted", .gauge, "How many instances of it are to wait.")
    for function in functions { sample(function.wanted, Labels(["name": function.name])) }
    family("swiftjail_function_instances_ready", .gauge, "How many instances of it wait to be started.")
    for function in functions { sample(function.ready, Labels(["name": function.name])) }
    family(
      "swiftjail_function_starts_total", .counter,
      "Its starts: warm ones of an instance that waited, and cold ones that found none.")
    for function in functions {
      let labels = Labels(["name": function.name])
      sample(function.warmStarts, labels.adding("start", "warm"))
      sample(function.coldStarts, labels.adding("start", "cold"))
    }
    family(
      "swiftjail_function_build_failures_total", .counter,
      "Instances of it that could not be built, or ended while they waited.")
    for function in functions { sample(function.failures, Labels(["name": function.name])) }
  }

  /// Writes a sample of the family: nanoseconds since 1970 as seconds.
  fileprivate mutating func sample(time nanoseconds: Int64, _ labels: Labels = Labels()) {
    sample(microseconds: UInt64(max(0, nanoseconds)) / 1000, labels)
  }
}

/// The families that have samples for each partition.
private struct PartitionFamilies {
  private typealias Labels = PrometheusText.Labels
  private let partitions: [(labels: PrometheusText.Labels, status: PartitionStatus, usage: PartitionUsage?)]

  init(_ partitions: [Metrics.Partition]) {
    self.partitions = partitions.map { (Labels(["name": $0.status.definition.name]), $0.status, $0.usage) }
  }

  func life(_ text: inout PrometheusText) {
    text.family("swiftjail_partition_state", .gauge, "1 for the state that the partition is in.")
    for (labels, status, _) in partitions { text.sample(1, labels.adding("state", status.state.rawValue)) }
    text.family("swiftjail_partition_health", .gauge, "1 for what the health check says, where there is one.")
    for (labels, status, _) in partitions {
      // Whoever is alarmed by it does not want to hear of what was stopped.
      guard let health = status.health, [.running, .paused].contains(status.state) else { continue }
      text.sample(1, labels.adding("health", health.rawValue))
    }
    text.family("swiftjail_partition_restarts_total", .counter, "How often it was started again.")
    for (labels, status, _) in partitions { text.sample(status.restarts, labels) }
    text.family(
      "swiftjail_partition_start_time_seconds", .gauge, "When it was last started, in seconds since 1970.")
    for (labels, status, _) in partitions {
      if let started = status.started { text.sample(time: started, labels) }
    }
    text.family("swiftjail_partition_exit_status", .gauge, "How it last ended, as a shell says it.")
    for (labels, status, _) in partitions {
      if let exit = status.exitStatus { text.sample(exit, labels) }
    }
  }

  func processor(_ text: inout PrometheusText) {
    text.family("swiftjail_partition_cpu_seconds_total", .counter, "Processor time.")
    each(\.processor) { text.sample(microseconds: $1.usage, $0) }
    text.family("swiftjail_partition_cpu_user_seconds_total", .counter, "Processor time in programs.")
    each(\.processor) { text.sample(microseconds: $1.user, $0) }
    text.family("swiftjail_partition_cpu_system_seconds_total", .counter, "Processor time in the kernel.")
    each(\.processor) { text.sample(microseconds: $1.system, $0) }
    text.family("swiftjail_partition_cpu_periods_total", .counter, "Periods of the limit in which it ran.")
    each(\.processor?.throttling) { text.sample($1.periods, $0) }
    text.family(
      "swiftjail_partition_cpu_throttled_periods_total", .counter, "Periods in which it reached the limit.")
    each(\.processor?.throttling) { text.sample($1.throttledPeriods, $0) }
    text.family(
      "swiftjail_partition_cpu_throttled_seconds_total", .counter,
      "For how long the limit kept processors from it.")
    each(\.processor?.throttling) { text.sample(microseconds: $1.time, $0) }
  }

  func memory(_ text: inout PrometheusText) {
    text.family("swiftjail_partition_memory_bytes", .gauge, "Memory in use, with the cache of files.")
    each(\.memory) { text.sample($1.current, $0) }
    text.family("swiftjail_partition_memory_peak_bytes", .gauge, "The most memory that was in use.")
    each(\.memory?.peak) { text.sample($1, $0) }
    text.family("swiftjail_partition_memory_limit_bytes", .gauge, "The most memory that may be in use.")
    each(\.memory?.limit) { text.sample($1, $0) }
    text.family("swiftjail_partition_swap_bytes", .gauge, "Swap in use.")
    each(\.memory?.swap) { text.sample($1, $0) }
    text.family(
      "swiftjail_partition_memory_events_total", .counter,
      "How often a bound of memory was reached (low, high, max), memory lacked (oom) and a process was ended for it (oom_kill)."
    )
    each(\.memory) { labels, memory in
      for event in memory.events { text.sample(event.value, labels.adding("event", event.name)) }
    }
  }

  func devices(_ text: inout PrometheusText) {
    text.family("swiftjail_partition_io_read_bytes_total", .counter, "Bytes read from block devices.")
    eachDevice { text.sample($1.readBytes, $0) }
    text.family("swiftjail_partition_io_written_bytes_total", .counter, "Bytes written to block devices.")
    eachDevice { text.sample($1.writtenBytes, $0) }
    text.family("swiftjail_partition_io_reads_total", .counter, "Requests to read from block devices.")
    eachDevice { text.sample($1.reads, $0) }
    text.family("swiftjail_partition_io_writes_total", .counter, "Requests to write to block devices.")
    eachDevice { text.sample($1.writes, $0) }
  }

  func tasks(_ text: inout PrometheusText) {
    text.family("swiftjail_partition_pids", .gauge, "Processes and threads.")
    each(\.tasks) { text.sample($1.current, $0) }
    text.family("swiftjail_partition_pids_peak", .gauge, "The most processes and threads there were.")
    each(\.tasks?.peak) { text.sample($1, $0) }
    text.family("swiftjail_partition_pids_limit", .gauge, "The most processes and threads there may be.")
    each(\.tasks?.limit) { text.sample($1, $0) }
  }

  func pressure(_ text: inout PrometheusText) {
    text.family(
      "swiftjail_partition_pressure_waiting_seconds_total", .counter,
      "For how long some of its work waited for a resource.")
    eachPressure { text.sample(microseconds: $1.some.total, $0) }
    text.family(
      "swiftjail_partition_pressure_stalled_seconds_total", .counter,
      "For how long all of its work waited for a resource.")
    eachPressure { labels, pressure in
      if let full = pressure.full { text.sample(microseconds: full.total, labels) }
    }
  }

  func load(_ text: inout PrometheusText) {
    let following = partitions.compactMap { partition in partition.status.load.map { (partition.labels, $0) }
    }
    text.family(
      "swiftjail_partition_memory_reclaimed_bytes_total", .counter,
      "Memory that was given back while it was idle.")
    for (labels, load) in following { text.sample(load.reclaimed, labels) }
    text.family(
      "swiftjail_partition_memory_lent_bytes", .gauge,
      "How much of its limit of memory others have.")
    for (labels, load) in following { text.sample(max(0, -load.borrowed), labels) }
    text.family(
      "swiftjail_partition_memory_borrowed_bytes", .gauge,
      "How much its limit of memory is above what it was given.")
    for (labels, load) in following { text.sample(max(0, load.borrowed), labels) }
  }

  private func each<Value>(
    _ value: (PartitionUsage) -> Value?, _ body: (PrometheusText.Labels, Value) -> Void
  ) {
    for (labels, _, usage) in partitions {
      if let value = usage.flatMap(value) { body(labels, value) }
    }
  }

  private func eachDevice(_ body: (PrometheusText.Labels, PartitionUsage.Device) -> Void) {
    each(\.devices) { labels, devices in
      for device in devices {
        body(labels.adding("device", "\(device.number.major):\(device.number.minor)"), device)
      }
    }
  }

  private func eachPressure(_ body: (PrometheusText.Labels, PartitionUsage.Pressure) -> Void) {
    each({ $0 }) { labels, usage in
      let resources = [
        ("cpu", usage.processorPressure), ("memory", usage.memoryPressure), ("io", usage.devicePressure),
      ]
      for case (let resource, let pressure?) in resources {
        body(labels.adding("resource", resource), pressure)
      }
    }
  }
}
