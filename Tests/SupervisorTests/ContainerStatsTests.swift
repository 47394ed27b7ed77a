import OCI
import Testing

@testable import Supervisor

@Suite("Docker's document of a container's use")
struct ContainerStatsTests {
  private func sample(_ usage: PartitionUsage, time: Int64, hostTime: UInt64) -> UsageSample {
    UsageSample(
      time: time, usage: usage, host: HostUsage(processorTime: hostTime, processors: 4, memory: 1 << 30))
  }

  /// The number at `path` of `document`.
  private func number(_ document: JSON, _ path: String...) -> Double? {
    var value = document
    for name in path {
      guard case .object(let object) = value, let next = object[name] else { return nil }
      value = next
    }
    switch value {
    case .integer(let number): return Double(number)
    case .unsigned(let number): return Double(number)
    default: return nil
    }
  }

  @Test("A client computes the right percentages from it")
  func percentages() throws {
    var earlier = PartitionUsageTests.usage()
    let later = earlier
    earlier.processor?.usage -= 500_000
    // Half a second of work in one second of four processors.
    let document = ContainerStats.document(
      name: "web", id: "abc", now: sample(later, time: 2_000_000_000, hostTime: 9_000_000_000),
      previous: sample(earlier, time: 1_000_000_000, hostTime: 5_000_000_000))
    func delta(_ path: String...) throws -> Double {
      let pair = (path.count == 1 ? [path[0]] : path)
      func value(_ root: String) -> Double? {
        pair.count == 1 ? number(document, root, pair[0]) : number(document, root, pair[0], pair[1])
      }
      return try #require(value("cpu_stats")) - #require(value("precpu_stats"))
    }
    let system = try delta("system_cpu_usage")
    let own = try delta("cpu_usage", "total_usage")
    let processors = try #require(number(document, "cpu_stats", "online_cpus"))
    #expect(own / system * processors * 100 == 50)
    let used =
      try #require(number(document, "memory_stats", "usage"))
      - #require(number(document, "memory_stats", "stats", "inactive_file"))
    #expect(used == 7_340_032)
    #expect(number(document, "memory_stats", "limit") == 67_108_864)
    #expect(number(document, "pids_stats", "current") == 3)
  }

  @Test("It has the form that the description gives")
  func form() {
    var usage = PartitionUsage()
    usage.processor = .init(usage: 5, user: 3, system: 2)
    usage.devices = [.init(number: .init(major: 8, minor: 1), readBytes: 10, writtenBytes: 20)]
    usage.memory = .init(current: 7)
    usage.tasks = .init(current: 1, limit: 9)
    let document = ContainerStats.document(
      name: "web", id: "abc", now: sample(usage, time: 1, hostTime: 6), previous: nil)
    #expect(
      document.text() == #"""
        {"read":"1970-01-01T00:00:00.000000001Z","preread":"0001-01-01T00:00:00Z",\#
        "pids_stats":{"current":1,"limit":9},\#
        "blkio_stats":{"io_service_bytes_recursive":[{"major":8,"minor":1,"op":"read","value":10},\#
        {"major":8,"minor":1,"op":"write","value":20}]},"num_procs":0,"storage_stats":{},\#
        "cpu_stats":{"cpu_usage":{"total_usage":5000,"usage_in_kernelmode":2000,"usage_in_usermode":3000},\#
        "system_cpu_usage":6,"online_cpus":4,\#
        "throttling_data":{"periods":0,"throttled_periods":0,"throttled_time":0}},\#
        "precpu_stats":{"cpu_usage":{"total_usage":0,"usage_in_kernelmode":0,"usage_in_usermode":0},\#
        "throttling_data":{"periods":0,"throttled_periods":0,"throttled_time":0}},\#
        "memory_stats":{"usage":7,"stats":{},"limit":1073741824},"name":"/web","id":"abc"}
        """#)
  }

  @Test("Of a partition that does not run there is a document as well")
  func stopped() {
    let document = ContainerStats.document(name: "web", id: "abc", now: nil, previous: nil)
    #expect(number(document, "cpu_stats", "cpu_usage", "total_usage") == 0)
    #expect(number(document, "memory_stats", "usage") == nil)
    #expect(number(document, "cpu_stats", "online_cpus") == nil)
  }
}
