import Linux
import Testing

@testable import Supervisor

@Suite("What a partition uses")
struct PartitionUsageTests {
  /// The files of a cgroup of Linux 6.1, with two devices of which one was not used.
  static let files = [
    "cpu.stat": """
    usage_usec 4123456
    user_usec 3000000
    system_usec 1123456
    core_sched.force_idle_usec 0
    nr_periods 40
    nr_throttled 10
    throttled_usec 250000
    nr_bursts 0
    burst_usec 0

    """,
    "memory.current": "10485760\n",
    "memory.peak": "20971520\n",
    "memory.max": "67108864\n",
    "memory.swap.current": "4096\n",
    "memory.stat": "anon 6291456\nfile 4194304\ninactive_file 3145728\nactive_file 1048576\n",
    "memory.events": "low 0\nhigh 0\nmax 7\noom 2\noom_kill 1\noom_group_kill 0\n",
    "io.stat": """
    259:0 rbytes=1024 wbytes=2048 rios=3 wios=4 dbytes=0 dios=0
    7:0 
    8:16 rbytes=18446744073709551615 wbytes=0 rios=1 wios=0 dbytes=0 dios=0

    """,
    "pids.current": "3\n",
    "pids.peak": "9\n",
    "pids.max": "512\n",
    "cpu.pressure": """
    some avg10=1.53 avg60=0.87 avg300=0.20 total=384569988
    full avg10=0.00 avg60=0.00 avg300=0.00 total=0

    """,
    "memory.pressure": "some avg10=0.00 avg60=0.00 avg300=0.00 total=12\n",
    "io.pressure":
      "some avg10=0.00 avg60=0.00 avg300=0.00 total=5\nfull avg10=0.10 avg60=0.00 avg300=0.00 total=4\n",
  ]

  static func usage(_ files: [String: String] = files) -> PartitionUsage {
    PartitionUsage(reading: { name in files[name].map { Array($0.utf8) } })
  }

  @Test("Every number is read from its file")
  func all() throws {
    let usage = Self.usage()
    let processor = try #require(usage.processor)
    #expect(processor.usage == 4_123_456)
    #expect(processor.user == 3_000_000)
    #expect(processor.system == 1_123_456)
    #expect(processor.throttling == .init(periods: 40, throttledPeriods: 10, time: 250_000))
    let memory = try #require(usage.memory)
    #expect(memory.current == 10_485_760)
    #expect(memory.peak == 20_971_520)
    #expect(memory.limit == 67_108_864)
    #expect(memory.swap == 4096)
    #expect(memory.details.map(\.name) == ["anon", "file", "inactive_file", "active_file"])
    #expect(memory.details[2].value == 3_145_728)
    #expect(memory.events.map(\.value) == [0, 0, 7, 2, 1, 0])
    #expect(
      usage.devices == [
        .init(
          number: DeviceNumber(major: 259, minor: 0), readBytes: 1024, writtenBytes: 2048, reads: 3, writes: 4
        ),
        .init(number: DeviceNumber(major: 8, minor: 16), readBytes: .max, reads: 1),
      ])
    #expect(usage.tasks == .init(current: 3, peak: 9, limit: 512))
    #expect(
      usage.processorPressure?.some
        == .init(average10: 1.53, average60: 0.87, average300: 0.2, total: 384_569_988))
    #expect(usage.processorPressure?.full?.total == 0)
    #expect(usage.memoryPressure?.some.total == 12)
    #expect(usage.memoryPressure?.full == nil)
    #expect(usage.devicePressure?.full?.average10 == 0.1)
  }

  @Test("What the machine does not count is not known, and no limit is none")
  func missing() throws {
    let hybrid = Self.usage(["cpu.stat": "usage_usec 5\nuser_usec 3\nsystem_usec 2\n"])
    #expect(hybrid.processor == .init(usage: 5, user: 3, system: 2))
    #expect(hybrid.memory == nil)
    #expect(hybrid.devices == nil)
    #expect(hybrid.tasks == nil)
    #expect(hybrid.processorPressure == nil)
    var files = Self.files
    files["memory.max"] = "max\n"
    files["memory.peak"] = nil
    files["pids.max"] = "max\n"
    files["io.stat"] = ""
    let unlimited = Self.usage(files)
    #expect(unlimited.memory?.limit == nil)
    #expect(unlimited.memory?.peak == nil)
    #expect(unlimited.tasks?.limit == nil)
    #expect(unlimited.devices == [])
    #expect(Self.usage([:]) == PartitionUsage())
  }

  @Test("What does not have its form is passed over")
  func malformed() {
    var files: [String: String] = [:]
    for name in Self.files.keys {
      files[name] = "nonsense\n8: x=\nsome\nsome avg10=1\n= =\n99999999999999999999 1 2\n"
    }
    #expect(Self.usage(files).devices == [])
    files["io.stat"] = nil
    #expect(Self.usage(files) == PartitionUsage())
  }

  @Test("A cgroup's own files are read, and there is nothing of one that is gone")
  func directory() throws {
    let scratch = try LogScratch()
    for (name, text) in Self.files { try scratch.write(text, to: name) }
    var expected = Self.usage()
    expected.devices?.reverse()
    #expect(PartitionUsage.of(cgroup: scratch.path) == expected)
    expected.memory?.details = []
    #expect(PartitionUsage.of(cgroup: scratch.path, withDetails: false) == expected)
    #expect(PartitionUsage.of(cgroup: "\(scratch.path)/gone") == nil)
  }

  @Test("The host's time is that of all its processors, idle or not")
  func host() throws {
    let stat = """
      cpu  100 1 50 800 20 2 3 4 60 0
      cpu0 50 1 25 400 10 1 2 2 30 0
      cpu3 50 0 25 400 10 1 1 2 30 0
      intr 1 2 3
      ctxt 5

      """
    let usage = try #require(
      HostUsage(stat: stat, meminfo: "MemTotal:       16384 kB\nMemFree: 1 kB\n", ticksPerSecond: 100))
    #expect(usage.processorTime == 980 * 10_000_000)
    #expect(usage.processors == 2)
    #expect(usage.memory == 16 << 20)
    #expect(HostUsage(stat: "", meminfo: "MemTotal: 1 kB", ticksPerSecond: 100) == nil)
    #expect(HostUsage(stat: stat, meminfo: "MemFree: 1 kB", ticksPerSecond: 100) == nil)
    #expect(try HostUsage.now().processors >= 1)
  }
}
