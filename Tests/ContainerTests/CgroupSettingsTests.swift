import Linux
import OCI
import Testing

@testable import Container

@Suite("Cgroup settings")
struct CgroupSettingsTests {
  typealias Resources = RuntimeConfig.Linux.Resources

  /// The settings for `resources` as "file=value".
  func settings(_ change: (inout Resources) -> Void) throws -> [String] {
    var resources = Resources()
    change(&resources)
    try resources.validate()
    return try CgroupSettings.plan(resources).map { "\($0.file)=\($0.value)" }
  }

  @Test("Without resources nothing is set")
  func none() throws {
    #expect(try settings { _ in } == [])
  }

  @Test("The swap limit is what is left of memory and swap together")
  func memory() throws {
    #expect(
      try settings { $0.memory = .init(limit: 100, reservation: 50, swap: 150) }
        == ["memory.max=100", "memory.swap.max=50", "memory.low=50"])
    #expect(
      try settings { $0.memory = .init(limit: 100, swap: 100) } == ["memory.max=100", "memory.swap.max=0"])
    #expect(
      try settings { $0.memory = .init(limit: 100, swap: -1) } == ["memory.max=100", "memory.swap.max=max"])
    #expect(
      try settings { $0.memory = .init(limit: -1, reservation: -1, swap: -1) }
        == ["memory.max=max", "memory.swap.max=max", "memory.low=max"])
    #expect(try settings { $0.memory = .init(limit: 0, reservation: 0, swap: 0) } == [])
    #expect(
      try settings { $0.memory = .init(limit: .max, swap: .max) }
        == ["memory.max=\(Int64.max)", "memory.swap.max=0"])
    #expect(
      try settings {
        $0.memory = .init(kernel: 0, kernelTCP: -1, disableOOMKiller: false, useHierarchy: true)
      } == [])
  }

  static let refused: [(String, @Sendable (inout Resources) -> Void)] = [
    ("memory.kernel", { $0.memory.kernel = 1 }), ("memory.kernelTCP", { $0.memory.kernelTCP = 1 }),
    ("memory.swappiness", { $0.memory.swappiness = 0 }),
    ("memory.disableOOMKiller", { $0.memory.disableOOMKiller = true }),
    ("memory.useHierarchy", { $0.memory.useHierarchy = false }),
    ("cpu.realtimeRuntime", { $0.cpu.realtimeRuntime = 1 }),
    ("cpu.realtimePeriod", { $0.cpu.realtimePeriod = 1 }),
    ("blockIO.leafWeight", { $0.blockIO.leafWeight = 10 }),
    (
      "blockIO.weightDevice[1].leafWeight",
      {
        $0.blockIO.weightDevice = [
          .init(major: 8, minor: 0, weight: 10), .init(major: 8, minor: 16, leafWeight: 10),
        ]
      }
    ),
    ("unified.memory.high", { $0.unified = ["memory.high": ""] }),
    ("unified.io.max", { $0.unified = ["io.max": "\n"] }),
  ]

  @Test("What cgroup v2 cannot do is refused by its path", arguments: refused.indices)
  func refuses(index: Int) throws {
    let (path, change) = Self.refused[index]
    var resources = Resources()
    change(&resources)
    try resources.validate()
    expectRefusal(of: "linux.resources.\(path)") { try CgroupSettings.plan(resources) }
  }

  @Test(
    "Shares become weights by the curve through 2, 1024 and 262144",
    arguments: [
      (1, 1), (2, 1), (3, 2), (512, 59), (1024, 100), (2048, 174), (131_072, 5478), (262_144, 10000),
      (262_145, 10000), (.max, 10000),
    ] as [(UInt64, UInt64)])
  func shares(shares: UInt64, weight: UInt64) throws {
    #expect(CgroupSettings.weight(shares: shares) == weight)
    #expect(try settings { $0.cpu.shares = shares } == ["cpu.weight=\(weight)"])
  }

  @Test("More shares are never less weight, and no weight is out of range")
  func monotonic() {
    var last: UInt64 = 1
    for shares in stride(from: UInt64(2), through: 262_144, by: 7) {
      let weight = CgroupSettings.weight(shares: shares)
      #expect(weight >= last && weight <= 10000)
      last = weight
    }
  }

  @Test("Every weight that shares can have comes back as shares that have it, and as the roundest of them")
  func sharesBack() {
    for weight in [1, 2, 59, 100, 174, 5478, 9999, 10_000] {
      #expect(CPUShares.weight(of: CPUShares.shares(for: weight)) == weight)
    }
    #expect(CPUShares.shares(for: 100) == 1024 && CPUShares.shares(for: 59) == 512)
  }

  @Test("Quota and period are one setting, with 100 ms for a period that is not given")
  func quota() throws {
    #expect(try settings { $0.cpu = .init(quota: 50_000, period: 200_000) } == ["cpu.max=50000 200000"])
    #expect(try settings { $0.cpu = .init(quota: 50_000) } == ["cpu.max=50000 100000"])
    #expect(try settings { $0.cpu = .init(quota: 50_000, period: 0) } == ["cpu.max=50000 100000"])
    #expect(try settings { $0.cpu = .init(quota: -1) } == ["cpu.max=max 100000"])
    #expect(try settings { $0.cpu = .init(period: 50_000) } == ["cpu.max=max 50000"])
    #expect(try settings { $0.cpu = .init(quota: 0, period: 0) } == [])
    #expect(
      try settings { $0.cpu = .init(quota: 2000, burst: 1000) } == [
        "cpu.max=2000 100000", "cpu.max.burst=1000",
      ])
  }

  @Test("An idle group has no weight, and one of no shares keeps its own")
  func idle() throws {
    #expect(try settings { $0.cpu = .init(shares: 2, idle: 1) } == ["cpu.idle=1"])
    #expect(try settings { $0.cpu = .init(shares: 2, idle: 0) } == ["cpu.weight=1"])
    #expect(try settings { $0.cpu = .init(shares: 0) } == [])
    #expect(
      try settings { $0.cpu = .init(cpus: "0-3,7", mems: "0") } == ["cpuset.cpus=0-3,7", "cpuset.mems=0"])
  }

  @Test(
    "A limit on processes of 0 leaves room for the first one, -1 is no limit, and none leaves it as it is",
    arguments: [(0, ["1"]), (-1, ["max"]), (7, ["7"]), (nil, [])] as [(Int64?, [String])])
  func pids(limit: Int64?, values: [String]) throws {
    #expect(try settings { $0.pids = .init(limit: limit) } == values.map { "pids.max=\($0)" })
  }

  @Test("Weights of block devices become weights of io, end to end")
  func ioWeight() throws {
    for (weight, expected) in [(10, 1), (100, 910), (500, 4950), (1000, 10000)] as [(UInt16, UInt64)] {
      #expect(CgroupSettings.ioWeight(weight) == expected)
    }
    #expect(
      try settings {
        $0.blockIO.weight = 10
        $0.blockIO.weightDevice = [
          .init(major: 8, minor: 0, weight: 1000), .init(major: 8, minor: 16, weight: 0),
        ]
      } == ["io.weight=default 1", "io.weight=8:0 10000"])
    #expect(try settings { $0.blockIO.weight = 0 } == [])
  }

  @Test("Throttles name their device, and a rate of 0 is no limit")
  func throttles() throws {
    #expect(
      try settings {
        $0.blockIO.throttleReadBpsDevice = [
          .init(major: 8, minor: 0, rate: 1), .init(major: 8, minor: 16, rate: 0),
        ]
        $0.blockIO.throttleWriteBpsDevice = [.init(major: 8, minor: 0, rate: 2)]
        $0.blockIO.throttleReadIOPSDevice = [.init(major: 8, minor: 0, rate: 3)]
        $0.blockIO.throttleWriteIOPSDevice = [.init(major: 8, minor: 0, rate: .max)]
      } == [
        "io.max=8:0 rbps=1", "io.max=8:16 rbps=max", "io.max=8:0 wbps=2", "io.max=8:0 riops=3",
        "io.max=8:0 wiops=\(UInt64.max)",
      ])
  }

  @Test("Huge pages are limited in use and in reservation, rdma devices by line")
  func rest() throws {
    #expect(
      try settings { $0.hugepageLimits = [.init(pageSize: "2MB", limit: 5)] }
        == ["hugetlb.2MB.max=5", "hugetlb.2MB.rsvd.max=5"])
    #expect(
      try settings { $0.rdma = ["a": .init(hcaHandles: 0, hcaObjects: 3), "b": .init(hcaHandles: 2)] } == [
        "rdma.max=a hca_handle=0 hca_object=3", "rdma.max=b hca_handle=2 hca_object=max",
      ])
  }

  @Test("Unified settings come last, in their order and a line a write")
  func unified() throws {
    #expect(
      try settings {
        $0.unified = ["memory.max": "7", "io.max": "8:0 rbps=1\n8:16 rbps=2\n"]
        $0.memory.limit = 5
        $0.pids = .init(limit: 3)
      } == ["memory.max=5", "pids.max=3", "memory.max=7", "io.max=8:0 rbps=1", "io.max=8:16 rbps=2"])
  }

  @Test("BFQ gets the weight of the configuration, whether there is io.weight beside it or not")
  func bfqWeight() throws {
    for weight in [10, 11, 99, 100, 500, 501, 999, 1000] as [UInt16] {
      #expect(Cgroup.bfqWeight("default \(CgroupSettings.ioWeight(weight))") == "default \(weight)")
      #expect(Cgroup.bfqWeight("8:0 \(CgroupSettings.ioWeight(weight))") == "8:0 \(weight)")
    }
    for line in ["", "default", "8:0 0", "8:0 10001", "a b c"] { #expect(Cgroup.bfqWeight(line) == nil) }
    let scratch = try Scratch()
    try Directory.make("\(scratch.path)/x")
    let cgroup = Cgroup(hierarchy: CgroupHierarchy(root: scratch.path, isHybrid: false), path: "/x")
    let setting = CgroupSetting(
      field: "linux.resources.blockIO.weight", file: "io.weight", value: "default 4950")
    expectRefusal(of: setting.field) { try cgroup.write(setting) }
    try scratch.write("", to: "x/io.bfq.weight")
    try cgroup.write(setting)
    #expect(try File.text("\(scratch.path)/x/io.bfq.weight") == "default 500")
    try scratch.write("", to: "x/io.weight")
    try scratch.write("", to: "x/io.bfq.weight")
    try cgroup.write(setting)
    #expect(try File.text("\(scratch.path)/x/io.weight") == "default 4950")
    #expect(try File.text("\(scratch.path)/x/io.bfq.weight") == "default 500")
  }

  @Test(
    "What takes a setting back is the line that was there, or what stands for none",
    arguments: [
      ("memory.max", "max", "5", "max"), ("cpuset.cpus", "", "0-1", "\n"),
      (
        "io.max", "8:0 rbps=1 wbps=max riops=max wiops=max", "8:0 rbps=5",
        "8:0 rbps=1 wbps=max riops=max wiops=max"
      ),
      (
        "io.max", "8:0 rbps=1 wbps=max riops=max wiops=max", "8:16 rbps=5",
        "8:16 rbps=max wbps=max riops=max wiops=max"
      ),
      ("io.weight", "default 100\n8:0 7", "default 5", "default 100"),
      ("io.weight", "default 100\n8:0 7", "8:0 5", "8:0 7"),
      ("io.weight", "default 100", "8:0 5", "8:0 default"), ("io.weight", "default 100", "77", "default 100"),
      ("rdma.max", "", "a hca_handle=1", "a hca_handle=max hca_object=max"),
      ("misc.max", "res_a 5", "res_a 7", "res_a 5"),
    ])
  func former(file: String, text: String, value: String, former: String) {
    #expect(CgroupChange.former(in: file, saying: text, before: value) == former)
  }

  @Test("checkBeforeUpdate refuses limits below what is in use, and only those")
  func useChecked() throws {
    let scratch = try Scratch()
    try Directory.make("\(scratch.path)/x")
    let cgroup = Cgroup(hierarchy: CgroupHierarchy(root: scratch.path, isHybrid: false), path: "/x")
    try scratch.write("1000\n", to: "x/memory.current")
    try scratch.write("50\n", to: "x/memory.swap.current")
    for memory in [
      Resources().memory, .init(limit: -1), .init(limit: 1000), .init(limit: 1000, swap: 1050),
      .init(limit: 2000, swap: -1),
    ] { try cgroup.checkUse(of: memory) }
    expectRefusal(of: "linux.resources.memory.limit") { try cgroup.checkUse(of: .init(limit: 999)) }
    expectRefusal(of: "linux.resources.memory.swap") {
      try cgroup.checkUse(of: .init(limit: 1000, swap: 1049))
    }
  }

  @Test("A setting knows the controller that it needs, and the field that asks for it")
  func controller() throws {
    func controller(_ file: String) -> String? { CgroupSetting(field: "", file: file, value: "").controller }
    #expect(controller("memory.swap.max") == "memory")
    #expect(controller("hugetlb.2MB.max") == "hugetlb")
    #expect(controller("cgroup.max.depth") == nil)
    var resources = Resources()
    resources.cpu.quota = 5000
    resources.unified = ["pids.max": "1"]
    #expect(
      try CgroupSettings.plan(resources).map(\.field) == [
        "linux.resources.cpu.quota", "linux.resources.unified.pids.max",
      ])
  }

  @Test("A controller that is missing is named with its field, its hierarchy and what to do")
  func missing() {
    for hybrid in [false, true] {
      let error = CgroupHierarchy(root: "/sys/fs/cgroup", isHybrid: hybrid).missing("io", for: "linux.x")
      #expect(error.kind == .invalidConfig)
      #expect(error.description.hasPrefix("linux.x: "))
      for word in ["\"io\"", "/sys/fs/cgroup", hybrid ? "cgroup_no_v1=all" : "cgroup.subtree_control"] {
        #expect(error.description.contains(word), "\(error)")
      }
    }
  }
}
