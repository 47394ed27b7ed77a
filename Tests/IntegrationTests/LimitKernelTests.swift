import Foundation
import Testing

/// What cgroup v2 enforces.
extension LimitTests {
  struct Value: CustomTestStringConvertible, Sendable {
    /// `linux.resources`, as JSON.
    let resources: String
    let file: String
    let allowed: Set<String>
    var testDescription: String { resources }

    init(_ resources: String, _ file: String, _ allowed: String...) {
      self.resources = resources
      self.file = file
      self.allowed = Set(allowed)
    }

    var controller: String { String(file.prefix { $0 != "." }) }
  }

  static let values = [
    Value(#"{"memory": {"limit": 67108864}}"#, "memory.max", "67108864"),
    Value(#"{"memory": {"limit": -1}}"#, "memory.max", "max"),
    Value(#"{"memory": {"reservation": 33554432}}"#, "memory.low", "33554432"),
    // v1 counts memory and swap together, v2 swap alone.
    Value(#"{"memory": {"limit": 67108864, "swap": 100663296}}"#, "memory.swap.max", "33554432"),
    Value(#"{"memory": {"limit": 67108864, "swap": 67108864}}"#, "memory.swap.max", "0"),
    Value(#"{"memory": {"limit": 67108864, "swap": -1}}"#, "memory.swap.max", "max"),
    Value(#"{"unified": {"memory.high": "50331648"}}"#, "memory.high", "50331648"),
    Value(
      #"{"memory": {"limit": 67108864}, "unified": {"memory.max": "33554432"}}"#, "memory.max", "33554432"),
    Value(#"{"cpu": {"quota": 50000, "period": 100000}}"#, "cpu.max", "50000 100000"),
    Value(#"{"cpu": {"quota": 20000}}"#, "cpu.max", "20000 100000"),
    Value(#"{"cpu": {"period": 200000}}"#, "cpu.max", "max 200000"),
    Value(#"{"cpu": {"quota": -1, "period": 50000}}"#, "cpu.max", "max 50000"),
    Value(#"{"cpu": {"quota": 50000, "period": 100000, "burst": 10000}}"#, "cpu.max.burst", "10000"),
    Value(#"{"cpu": {"idle": 1}}"#, "cpu.idle", "1"),
    Value(#"{"cpu": {"shares": 2}}"#, "cpu.weight", "1"),
    // The linear conversion gives 39; the one since runc 1.4, which keeps default as default, 100.
    Value(#"{"cpu": {"shares": 1024}}"#, "cpu.weight", "39", "100"),
    Value(#"{"cpu": {"shares": 262144}}"#, "cpu.weight", "10000"),
    Value(#"{"unified": {"cpu.weight": "77"}}"#, "cpu.weight", "77"),
    Value(#"{"cpu": {"cpus": "0", "mems": "0"}}"#, "cpuset.cpus", "0"),
    Value(#"{"cpu": {"cpus": "0", "mems": "0"}}"#, "cpuset.mems", "0"),
    Value(#"{"pids": {"limit": 17}}"#, "pids.max", "17"),
    Value(#"{"pids": {"limit": -1}}"#, "pids.max", "max"),
    Value(#"{"pids": {"limit": 0}}"#, "pids.max", "1"),
    Value(#"{"unified": {"pids.max": "23"}}"#, "pids.max", "23"),
    Value(#"{"hugepageLimits": [{"pageSize": "2MB", "limit": 4194304}]}"#, "hugetlb.2MB.max", "4194304"),
    Value(#"{"hugepageLimits": [{"pageSize": "2MB", "limit": 4194304}]}"#, "hugetlb.2MB.rsvd.max", "4194304"),
    Value(
      #"{"hugepageLimits": [{"pageSize": "2MB", "limit": 4194304}], "unified": {"hugetlb.2MB.rsvd.max": "0"}}"#,
      "hugetlb.2MB.rsvd.max", "0"),
    Value(#"{"blockIO": {"weight": 10}}"#, "io.weight", "default 1"),
    Value(#"{"blockIO": {"weight": 1000}}"#, "io.weight", "default 10000"),
  ]

  @Test("A value arrives in its cgroup file", arguments: values.filter { Kernel.has($0.controller) })
  func arrives(value: Value) throws {
    try withSandbox { box in
      box.config["linux.resources"] = try Self.resources(value.resources)
      try box.create()
      let path = try Self.directory(of: box) + "/" + value.file
      // Some kernels are built without one file or the other.
      guard exists(path) else { return }
      #expect(
        value.allowed.contains((contents(path) ?? "").trimmed), "\(path): \(contents(path) ?? "unreadable")")
    }
  }

  /// A field of a flat-keyed file such as cpu.stat.
  static func field(_ name: String, of path: String) -> Int? {
    (contents(path) ?? "").lines.first { $0.hasPrefix(name + " ") }.flatMap { Int($0.words[1]) }
  }

  @Test("A container has every controller of the machine, for runtimes inside it", .needs(.memory))
  func controllers() throws {
    try withSandbox { box in
      try box.create()
      let own = (contents(try Self.directory(of: box) + "/cgroup.controllers") ?? "").trimmed.words
      let wanted = ["cpuset", "cpu", "io", "memory", "pids", "hugetlb", "rdma", "misc"].filter(Kernel.has)
      #expect(wanted.filter { !own.contains($0) } == [], "\(own) of \(Kernel.controllers.sorted())")
    }
  }

  @Test("Rates of a block device arrive in io.max", .needs(.io), .enabled(if: disk != nil))
  func rates() throws {
    let disk = try #require(Self.disk)
    try withSandbox { box in
      func throttle(_ rate: Int) -> [[String: Int]] {
        [["major": disk.major, "minor": disk.minor, "rate": rate]]
      }
      box.config["linux.resources"] = [
        "blockIO": [
          "throttleReadBpsDevice": throttle(1_048_576), "throttleWriteBpsDevice": throttle(2_097_152),
          "throttleReadIOPSDevice": throttle(100), "throttleWriteIOPSDevice": throttle(200),
        ]
      ]
      try box.create()
      let line = (contents(try Self.directory(of: box) + "/io.max") ?? "").trimmed
      #expect(line == "\(disk.major):\(disk.minor) rbps=1048576 wbps=2097152 riops=100 wiops=200")
    }
  }

  @Test(
    "Weights arrive where the scheduler BFQ looks for them, those of a device too", .needs(.io, .testKernel))
  func weights() throws {
    for module in ["bfq", "null_blk"] {
      guard try Program("/sbin/modprobe", [module]).call().status == 0 else {
        throw Broken("no module \(module)")
      }
    }
    try write("bfq", to: "/sys/block/nullb0/queue/scheduler")
    let numbers = (contents("/sys/block/nullb0/dev") ?? "").trimmed
    let parts = numbers.split(separator: ":").compactMap { Int($0) }
    try withSandbox { box in
      box.config["process.args"] = ["sleep", "1000"]
      box.config["linux.resources"] = [
        "blockIO": [
          "weight": 500, "weightDevice": [["major": parts[0], "minor": parts[1], "weight": 200]],
        ]
      ]
      try box.detach()
      let directory = try Self.directory(of: box)
      func lines() -> [String] { (contents(directory + "/io.bfq.weight") ?? "").lines }
      #expect(lines() == ["default 500", "\(numbers) 200"])
      try box.succeed("update", "--blkio-weight", "300", box.id)
      #expect(lines() == ["default 300", "\(numbers) 200"])
      let rest = #""weightDevice": [{"major": \#(parts[0]), "minor": \#(parts[1]), "weight": 900}]"#
      expectRefusal(
        try UpdateTests.update(box, #"{"blockIO": {\#(rest)}, "unified": {"io.max": "x"}}"#), saying: "io.max"
      )
      #expect(lines() == ["default 300", "\(numbers) 200"], "it is put back")
      try #expect(UpdateTests.update(box, #"{"blockIO": {\#(rest)}}"#).status == 0)
      #expect(lines() == ["default 300", "\(numbers) 900"])
    }
  }

  /// Some whole block device of this machine.
  static let disk: (major: Int, minor: Int)? = {
    let names = (try? FileManager.default.contentsOfDirectory(atPath: "/sys/block")) ?? []
    for name in names.sorted() {
      let numbers = (contents("/sys/block/\(name)/dev") ?? "").trimmed.split(separator: ":").compactMap {
        Int($0)
      }
      let size = Int((contents("/sys/block/\(name)/size") ?? "").trimmed) ?? 0
      if numbers.count == 2, size > 0 { return (numbers[0], numbers[1]) }
    }
    return nil
  }()

  @Test("A value that the kernel refuses is refused, and nothing stays", .needs(.cpu))
  func refused() throws {
    try withSandbox { box in
      box.config["linux.resources"] = try Self.resources(#"{"cpu": {"quota": 1, "period": 5}}"#)
      expectRefusal(try box.run(), saying: "cpu")
      box.config["linux.resources"] = try Self.resources(#"{"unified": {"memory.nonsense": "1"}}"#)
      expectRefusal(try box.run(), saying: "memory.nonsense")
      expectNothingLeft(of: box)
    }
  }

  @Test("A memory hog dies with 137, and run says why", .needs(.memory))
  func hog() throws {
    try withSandbox { box in
      box.config["linux.resources"] = ["memory": ["limit": 64 << 20, "swap": 64 << 20]]
      box.config["process.args"] = ["dd", "if=/dev/zero", "of=/dev/null", "bs=256M", "count=1"]
      let outcome = try box.run()
      #expect(outcome.status == 137, "\(outcome)")
      let lines = outcome.complaints.filter { $0.lowercased().contains("out of memory") }
      #expect(lines.count == 1, "\(outcome)")
    }
  }

  @Test("An out-of-memory kill is to be seen in state", .needs(.memory))
  func hogState() throws {
    try withSandbox { box in
      box.config["linux.resources"] = ["memory": ["limit": 64 << 20, "swap": 64 << 20]]
      box.config["process.args"] = ["dd", "if=/dev/zero", "of=/dev/null", "bs=256M", "count=1"]
      try box.detach()
      try box.waitForStatus("stopped")
      let annotations = try box.state()["annotations"] as? [String: String]
      #expect(annotations?["org.swiftjail.oom-killed"] == "true")
    }
  }

  @Test(
    "events tells at once of a kill for lack of memory, and counts against limits", .needs(.memory, .pids))
  func hogEvents() throws {
    try withSandbox { box in
      box.config["linux.resources"] = [
        "memory": ["limit": 64 << 20, "swap": 64 << 20], "pids": ["limit": 50],
      ]
      box.config.shell(
        "while [ ! -e /tmp/go ]; do sleep 0.1; done; dd if=/dev/zero of=/dev/null bs=256M count=1")
      try box.detach()
      let following = try box.program(["events", "--interval", "1h", box.id]).start()
      defer { following.forget() }
      #expect(poll { following.text.lines.count == 1 })
      try write("", to: box.rootfs + "/tmp/go")
      try #expect(following.wait().status == 0)
      let events = following.text.lines.compactMap {
        try? JSONSerialization.jsonObject(with: Data($0.utf8)) as? [String: Any]
      }
      #expect(events.map { $0["type"] as? String } == ["stats", "oom"], "\(following.text)")
      let data = (events.first?["data"] as? [String: Any])?.compactMapValues { $0 as? [String: Any] }
      #expect((data?["memory"]?["usage"] as? [String: Any])?["limit"] as? Int == 64 << 20)
      #expect(data?["memory"]?["psi"] != nil && data?["pids"]?["limit"] as? Int == 50, "\(following.text)")
    }
  }

  @Test(
    "A container that stays within its limit is not said to be out of memory",
    .needs(.memory))
  func modest() throws {
    try withSandbox { box in
      box.config["linux.resources"] = ["memory": ["limit": 64 << 20, "swap": 64 << 20]]
      box.config["process.args"] = ["dd", "if=/dev/zero", "of=/dev/null", "bs=16M", "count=1"]
      try box.detach()
      try box.waitForStatus("stopped")
      let annotations = try box.state()["annotations"] as? [String: String]
      #expect(annotations?["org.swiftjail.oom-killed"] != "true")
    }
  }

  @Test("A small container starts in little memory", .needs(.memory))
  func small() throws {
    try withSandbox { box in
      box.config["linux.resources"] = ["memory": ["limit": 4 << 20, "swap": 4 << 20]]
      let outcome = try box.run()
      #expect(outcome.status == 0, "\(outcome)")
    }
  }

  @Test("A busy loop at half a processor uses half of one", .needs(.cpu))
  func busy() throws {
    try withSandbox { box in
      box.config["linux.resources"] = ["cpu": ["quota": 50_000, "period": 100_000]]
      box.config.shell("while :; do :; done")
      try box.detach()
      let stat = try Self.directory(of: box) + "/cpu.stat"
      let clock = ContinuousClock()
      // The start is not part of the window.
      #expect(poll { (Self.field("nr_throttled", of: stat) ?? 0) >= 2 })
      let begin = clock.now
      let before = try #require(Self.field("usage_usec", of: stat))
      let periods = try #require(Self.field("nr_periods", of: stat))
      #expect(poll { (Self.field("nr_periods", of: stat) ?? 0) >= periods + 20 })
      let after = try #require(Self.field("usage_usec", of: stat))
      let window = (clock.now - begin) / .microseconds(1)
      let share = Double(after - before) / window
      #expect(share > 0.45 && share < 0.55, "it used \(share) of a processor")
    }
  }

  @Test("A fork bomb stops at the pids limit, and the host goes on", .needs(.pids))
  func forkBomb() throws {
    try withSandbox { box in
      box.config["linux.resources"] = ["pids": ["limit": 20]]
      // Each process starts two of the kind. One whose fork is refused exits. The first process forks only once,
      // below the limit, so that the container goes on.
      box.config.shell(
        "bomb() { bomb & bomb & while :; do sleep 1000; done; }; bomb 2> /dev/null & exec sleep 1000")
      try box.detach()
      let directory = try Self.directory(of: box)
      #expect(poll { (Self.field("max", of: directory + "/pids.events") ?? 0) > 0 })
      #expect((Int((contents(directory + "/pids.current") ?? "").trimmed) ?? 99) <= 20)
      try #expect(Program("/bin/true", []).call(within: 20).status == 0, "the host still starts programs")
      try box.delete()
      expectNothingLeft(of: box)
    }
  }

  @Test("exec is subject to the container's limits as well", .needs(.pids))
  func exec() throws {
    try withSandbox { box in
      box.config["linux.resources"] = ["pids": ["limit": 1]]
      box.config["process.args"] = ["sleep", "1000"]
      // The limit takes what joins as it is; only a fork is refused.
      try box.detach()
      let outcome = try box.exec([], "sh", "-c", "true & wait; echo forked")
      #expect(!outcome.text.contains("forked") || outcome.stderr.contains("fork"), "\(outcome)")
    }
  }
}
