import Layers
import Testing

@testable import Definitions
@testable import Supervisor

@Suite("The metrics")
struct MetricsTests {
  private func status(_ name: String, _ state: PartitionStatus.State) -> PartitionStatus {
    let definition = PartitionDefinition(name: name, content: .bundle("/b"))
    var status = PartitionStatus(definition, id: "0", created: 1)
    status.state = state
    return status
  }

  private func lines(_ partitions: [Metrics.Partition], _ counters: SupervisorCounters? = nil) -> [Substring]
  {
    let counters = counters ?? SupervisorCounters(version: "1", started: 0)
    return String(decoding: Metrics.text(partitions, counters), as: UTF8.self).split(separator: "\n")
  }

  @Test("A text has each family once, its help and type before all its samples")
  func families() {
    let partitions = ["a", "b", "c"].map { name in
      var status = status(name, .running)
      status.load = PartitionStatus.Load()
      return Metrics.Partition(status, PartitionUsageTests.usage())
    }
    var counters = SupervisorCounters(version: "1", started: 0)
    counters.requests = [.init(status: 200, count: 5), .init(status: 404, count: 1)]
    counters.process = .init(openDescriptors: 1, maximumDescriptors: 2, residentBytes: 3, processorTime: 4)
    var seen: Set<Substring> = []
    var current: Substring = ""
    var hasType = false
    for line in lines(partitions, counters) {
      let words = line.split(separator: " ", maxSplits: 3)
      if words[0] == "#", words[1] == "HELP" {
        #expect(seen.insert(words[2]).inserted, "\(words[2])")
        current = words[2]
        hasType = false
      } else if words[0] == "#" {
        #expect(words[1] == "TYPE")
        #expect(words[2] == current)
        // As the conventions have it.
        #expect(line.hasSuffix(" counter") == current.hasSuffix("_total"), "\(current)")
        hasType = true
      } else {
        #expect(hasType)
        #expect(line.prefix { $0 != "{" && $0 != " " } == current)
      }
    }
    #expect(seen.count > 30)
  }

  @Test("Who follows the load has told what was given back, lent and borrowed")
  func load() {
    var lender = status("lender", .running)
    lender.load = PartitionStatus.Load(reclaimed: 7, borrowed: -5)
    var borrower = status("borrower", .running)
    borrower.load = PartitionStatus.Load(reclaimed: 0, borrowed: 5)
    let lines = lines([(lender, nil), (borrower, nil), (status("other", .running), nil)])
    for line in [
      #"memory_reclaimed_bytes_total{name="lender"} 7"#, #"memory_lent_bytes{name="lender"} 5"#,
      #"memory_borrowed_bytes{name="lender"} 0"#, #"memory_lent_bytes{name="borrower"} 0"#,
      #"memory_borrowed_bytes{name="borrower"} 5"#,
    ] {
      #expect(lines.contains { $0 == "swiftjail_partition_\(line)" }, "\(line)")
    }
    #expect(!lines.contains { $0.hasPrefix("swiftjail_partition_memory_lent_bytes{name=\"other\"}") })
  }

  @Test("A partition's numbers are in the units of the names")
  func values() {
    var web = status("web", .running)
    web.started = 1_700_000_000_123_456_789
    web.restarts = 4
    web.health = .healthy
    let lines = lines([(web, PartitionUsageTests.usage())])
    for line in [
      #"swiftjail_partition_state{name="web",state="running"} 1"#,
      #"swiftjail_partition_health{name="web",health="healthy"} 1"#,
      #"swiftjail_partition_restarts_total{name="web"} 4"#,
      #"swiftjail_partition_start_time_seconds{name="web"} 1700000000.123456"#,
      #"swiftjail_partition_cpu_seconds_total{name="web"} 4.123456"#,
      #"swiftjail_partition_cpu_throttled_seconds_total{name="web"} 0.250000"#,
      #"swiftjail_partition_memory_bytes{name="web"} 10485760"#,
      #"swiftjail_partition_memory_peak_bytes{name="web"} 20971520"#,
      #"swiftjail_partition_memory_limit_bytes{name="web"} 67108864"#,
      #"swiftjail_partition_memory_events_total{name="web",event="oom_kill"} 1"#,
      #"swiftjail_partition_io_read_bytes_total{name="web",device="8:16"} 18446744073709551615"#,
      #"swiftjail_partition_pids{name="web"} 3"#,
      #"swiftjail_partition_pressure_waiting_seconds_total{name="web",resource="cpu"} 384.569988"#,
      #"swiftjail_partition_pressure_stalled_seconds_total{name="web",resource="io"} 0.000004"#,
      #"swiftjail_partitions{state="running"} 1"#, #"swiftjail_partitions{state="crash-loop"} 0"#,
    ] { #expect(lines.contains(Substring(line)), "\(line)") }
  }

  @Test("What is not known of a partition has no sample, and a family without samples is not there")
  func unknown() {
    let lines = lines([(status("idle", .created), nil), (status("old", .exited), PartitionUsage())])
    #expect(lines.contains(#"swiftjail_partition_state{name="idle",state="created"} 1"#))
    #expect(!lines.contains { $0.hasPrefix("swiftjail_partition_memory") })
    #expect(!lines.contains { $0.hasPrefix("# HELP swiftjail_partition_memory") })
    #expect(!lines.contains { $0.hasPrefix("swiftjail_partition_start_time_seconds") })
  }

  @Test("The supervisor tells of itself")
  func supervisor() throws {
    var counters = SupervisorCounters(version: "0.1\"\\\n", started: 2_500_000_000)
    counters.logs = LogFiles.Counters(writtenBytes: 10, droppedBytes: 20, droppedEntries: 3)
    counters.requests = [.init(status: 200, count: 5), .init(status: 404, count: 1)]
    counters.starts = 7
    counters.failedStarts = 8
    counters.process = try .current(maximumDescriptors: 1024)
    let lines = lines([], counters)
    for line in [
      #"swiftjaild_build_info{version="0.1\"\\\n"} 1"#, "process_start_time_seconds 2.500000",
      "swiftjaild_log_written_bytes_total 10", "swiftjaild_log_dropped_bytes_total 20",
      "swiftjaild_log_dropped_entries_total 3", #"swiftjaild_api_requests_total{code="200"} 5"#,
      #"swiftjaild_api_requests_total{code="404"} 1"#, "swiftjaild_partition_starts_total 7",
      "swiftjaild_partition_start_failures_total 8", "process_max_fds 1024",
    ] { #expect(lines.contains(Substring(line)), "\(line)") }
    #expect(try #require(counters.process).openDescriptors >= 3)
    #expect(try #require(counters.process).residentBytes > 1 << 20)
  }

  @Test("Numbers are written as the format wants them")
  func numbers() {
    var text = PrometheusText()
    text.family("x", .gauge, "X.")
    text.sample(1.5)
    text.sample(Double.infinity)
    text.sample(-Double.infinity)
    text.sample(Double.nan)
    text.sample(microseconds: 1, .init(["a": "b", "c": "d"]))
    #expect(
      String(decoding: text.bytes, as: UTF8.self)
        == "# HELP x X.\n# TYPE x gauge\nx 1.5\nx +Inf\nx -Inf\nx NaN\nx{a=\"b\",c=\"d\"} 0.000001\n")
  }
}
