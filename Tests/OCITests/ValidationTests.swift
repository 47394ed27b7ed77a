import Testing

@testable import OCI

@Suite("Validation")
struct ValidationTests {
  @Test("The default config is valid")
  func defaultConfig() throws {
    try RuntimeConfig.default.validate()
  }

  @Test(
    "A version other than 1.x.y is refused",
    arguments: [
      "", "1", "1.0", "0.5.0-dev", "2.0.0", "01.0.0", "1.00.0", "1.0.0-", "1.0.0.0", "1.0.0-a b", "v1.0.0",
    ])
  func badVersion(version: String) {
    #expect(!isVersion1(version))
  }

  @Test("A version 1.x.y is accepted", arguments: ["1.0.0", "1.0.2-dev", "1.3.0+build.7", "1.10.0-rc.1"])
  func goodVersion(version: String) {
    #expect(isVersion1(version))
  }

  @Test(
    "Lists of CPUs are numbers and ranges",
    arguments: [
      ("0", true), ("0-3,7", true), ("0, 2-3", true),
      ("", false), ("-", false), ("3-1", false), ("1-2-3", false), ("a", false), ("1,", false),
      ("1--2", false), ("+1", false),
    ])
  func numberList(text: String, valid: Bool) {
    #expect(isNumberList(text) == valid)
  }

  typealias Change = @Sendable (inout RuntimeConfig) -> Void

  @Test("What makes no sense is refused by its path", arguments: refused.indices)
  func refuses(index: Int) throws {
    let (path, change) = Self.refused[index]
    var config = RuntimeConfig.default
    change(&config)
    let error = try #require(throws: ConfigError.self, "\(path)") { try config.validate() }
    #expect(error.path == path)
    #expect(!error.reason.isEmpty)
  }

  @Test("What makes sense is accepted", arguments: accepted.indices)
  func accepts(index: Int) throws {
    var config = RuntimeConfig.default
    Self.accepted[index](&config)
    try config.validate()
  }

  @Test("What is in a list twice is named")
  func twice() throws {
    func error(_ change: Change) throws -> ConfigError {
      var config = RuntimeConfig.default
      change(&config)
      return try #require(throws: ConfigError.self) { try config.validate() }
    }
    let namespace = try error { $0.linux.namespaces.append(.init(type: .ipc)) }
    #expect(namespace.path == "linux.namespaces[6].type")
    #expect(namespace.reason.contains(#""ipc""#))
    let limit = try error { $0.process?.rlimits.append(.init(type: "RLIMIT_NOFILE", hard: 1, soft: 1)) }
    #expect(limit.path == "process.rlimits[1].type")
    #expect(limit.reason.contains(#""RLIMIT_NOFILE""#))
    let page = RuntimeConfig.Linux.HugepageLimit(pageSize: "2MB", limit: 1)
    let pages = try error { $0.linux.resources.hugepageLimits = [page, page] }
    #expect(pages.path == "linux.resources.hugepageLimits[1].pageSize")
    #expect(pages.reason.contains(#""2MB""#))
  }

  static let refused: [(String, Change)] = [
    ("ociVersion", { $0.ociVersion = "2.0.0" }),
    ("root.path", { $0.root.path = "" }),
    ("process.args", { $0.process?.args = [] }),
    ("process.args[0]", { $0.process?.args = [""] }),
    ("process.cwd", { $0.process?.cwd = "tmp" }),
    ("process.cwd", { $0.process?.cwd = "" }),
    ("process.user.umask", { $0.process?.user.umask = 0o1000 }),
    ("process.rlimits[0].soft", { $0.process?.rlimits[0].soft = 1025 }),
    ("process.rlimits[0].type", { $0.process?.rlimits[0].type = "NOFILE" }),
    (
      "process.rlimits[1].type",
      { $0.process?.rlimits.append(.init(type: "RLIMIT_NOFILE", hard: 1, soft: 1)) }
    ),
    ("process.oomScoreAdj", { $0.process?.oomScoreAdj = 1001 }),
    ("process.scheduler.nice", { $0.process?.scheduler = .init(policy: .other, nice: 20) }),
    ("process.scheduler.priority", { $0.process?.scheduler = .init(policy: .batch, priority: 1) }),
    ("process.scheduler.priority", { $0.process?.scheduler = .init(policy: .rr, priority: 100) }),
    ("process.scheduler.priority", { $0.process?.scheduler = .init(policy: .fifo) }),
    ("process.scheduler.runtime", { $0.process?.scheduler = .init(policy: .deadline) }),
    (
      "process.scheduler.deadline",
      { $0.process?.scheduler = .init(policy: .deadline, runtime: 2, deadline: 1) }
    ),
    ("process.scheduler.period", { $0.process?.scheduler = .init(policy: .fifo, priority: 1, period: 1) }),
    ("process.ioPriority.priority", { $0.process?.ioPriority = .init(class: .idle, priority: 8) }),
    ("process.execCPUAffinity.final", { $0.process?.execCPUAffinity = .init(final: "x") }),
    ("mounts[0].destination", { $0.mounts[0].destination = "" }),
    ("mounts[1].gidMappings", { $0.mounts[1].uidMappings = [.init(containerID: 0, hostID: 0, size: 1)] }),
    ("hostname", { $0.hostname = String(repeating: "x", count: 65) }),
    ("hostname", { $0.linux.namespaces.removeAll { $0.type == .uts } }),
    (
      "domainname",
      {
        $0.hostname = nil
        $0.domainname = "d"
        $0.linux.namespaces.removeAll { $0.type == .uts }
      }
    ),
    ("hooks.poststop[0].path", { $0.hooks.poststop = [.init(path: "x")] }),
    (
      "hooks.prestart[1].timeout", { $0.hooks.prestart = [.init(path: "/x"), .init(path: "/x", timeout: 0)] }
    ),
    ("annotations", { $0.annotations = ["": "x"] }),
    ("linux.namespaces[6].type", { $0.linux.namespaces.append(.init(type: .pid)) }),
    ("linux.namespaces[1].path", { $0.linux.namespaces[1].path = "proc" }),
    ("linux.uidMappings", { $0.linux.uidMappings = [.init(containerID: 0, hostID: 0, size: 1)] }),
    ("linux.uidMappings", { $0.linux.namespaces.append(.init(type: .user)) }),
    ("linux.uidMappings[0].size", { user(&$0, [.init(containerID: 0, hostID: 0, size: 0)]) }),
    ("linux.uidMappings[0].size", { user(&$0, [.init(containerID: 2, hostID: 0, size: .max)]) }),
    (
      "linux.uidMappings[1].containerID",
      { user(&$0, [.init(containerID: 0, hostID: 10, size: 5), .init(containerID: 4, hostID: 20, size: 5)]) }
    ),
    (
      "linux.uidMappings[1].hostID",
      { user(&$0, [.init(containerID: 0, hostID: 10, size: 5), .init(containerID: 5, hostID: 9, size: 2)]) }
    ),
    ("linux.timeOffsets", { $0.linux.timeOffsets.boottime = .init(secs: 1) }),
    (
      "linux.timeOffsets",
      {
        $0.linux.namespaces.append(.init(type: .time, path: "/proc/1/ns/time"))
        $0.linux.timeOffsets.boottime = .init(secs: 1)
      }
    ),
    (
      "linux.timeOffsets.monotonic.nanosecs",
      {
        $0.linux.namespaces.append(.init(type: .time))
        $0.linux.timeOffsets.monotonic = .init(nanosecs: 1_000_000_000)
      }
    ),
    ("linux.devices[0].path", { $0.linux.devices = [.init(type: .fifo, path: "dev/x")] }),
    ("linux.devices[0].major", { $0.linux.devices = [.init(type: .block, path: "/dev/x")] }),
    (
      "linux.devices[0].minor",
      { $0.linux.devices = [.init(type: .block, path: "/dev/x", major: 1, minor: 1 << 20)] }
    ),
    ("linux.netDevices.eth0.name", { $0.linux.netDevices = ["eth0": .init(name: "a/b")] }),
    ("linux.cgroupsPath", { $0.linux.cgroupsPath = "/a/../../b" }),
    ("linux.sysctl.x", { $0.linux.sysctl = ["x": "1"] }),
    (#"linux.sysctl["net..x"]"#, { $0.linux.sysctl = ["net..x": "1"] }),
    (#"linux.sysctl["/net/x"]"#, { $0.linux.sysctl = ["/net/x": "1"] }),
    (#"linux.sysctl["net/../kernel/panic"]"#, { $0.linux.sysctl = ["net/../kernel/panic": "1"] }),
    (#"linux.sysctl["kernel.panic"]"#, { $0.linux.sysctl = ["kernel.panic": "1"] }),
    (#"linux.sysctl["kernel.hostname"]"#, { $0.linux.sysctl = ["kernel.hostname": "h"] }),
    (#"linux.sysctl["user.max_user_namespaces"]"#, { $0.linux.sysctl = ["user.max_user_namespaces": "1"] }),
    (
      #"linux.sysctl["net.ipv4.ip_forward"]"#,
      {
        $0.linux.namespaces.removeAll { $0.type == .network }
        $0.linux.sysctl = ["net.ipv4.ip_forward": "1"]
      }
    ),
    ("linux.maskedPaths[0]", { $0.linux.maskedPaths = ["proc"] }),
    ("linux.readonlyPaths[1]", { $0.linux.readonlyPaths = ["/proc", ""] }),
    ("linux.maskedPaths", { $0.linux.namespaces.removeAll { $0.type == .mount } }),
    ("linux.memoryPolicy.nodes", { $0.linux.memoryPolicy = .init(mode: .bind, nodes: "x") }),
    ("linux.resources.memory.limit", { $0.linux.resources.memory.limit = -2 }),
    ("linux.resources.memory.swap", { $0.linux.resources.memory.swap = 1 << 20 }),
    ("linux.resources.memory.swap", { $0.linux.resources.memory = .init(limit: 2, swap: 1) }),
    ("linux.resources.memory.swappiness", { $0.linux.resources.memory.swappiness = 101 }),
    ("linux.resources.cpu.period", { $0.linux.resources.cpu.period = 999 }),
    ("linux.resources.cpu.period", { $0.linux.resources.cpu.period = 1_000_001 }),
    ("linux.resources.cpu.quota", { $0.linux.resources.cpu.quota = 999 }),
    ("linux.resources.cpu.burst", { $0.linux.resources.cpu = .init(quota: 1000, burst: 1001) }),
    ("linux.resources.cpu.cpus", { $0.linux.resources.cpu.cpus = "0;1" }),
    ("linux.resources.cpu.idle", { $0.linux.resources.cpu.idle = 2 }),
    ("linux.resources.pids.limit", { $0.linux.resources.pids = .init(limit: -2) }),
    ("linux.resources.blockIO.weight", { $0.linux.resources.blockIO.weight = 9 }),
    (
      "linux.resources.blockIO.weightDevice[0].weight",
      { $0.linux.resources.blockIO.weightDevice = [.init(major: 8, minor: 0, weight: 1001)] }
    ),
    (
      "linux.resources.hugepageLimits[0].pageSize",
      { $0.linux.resources.hugepageLimits = [.init(pageSize: "64kB", limit: 1)] }
    ),
    (
      "linux.resources.network.priorities[0].name",
      { $0.linux.resources.network.priorities = [.init(name: "", priority: 1)] }
    ),
    ("linux.resources.rdma.mlx", { $0.linux.resources.rdma = ["mlx": .init()] }),
    (#"linux.resources.unified["../memory.max"]"#, { $0.linux.resources.unified = ["../memory.max": "1"] }),
    (#"linux.resources.unified[".."]"#, { $0.linux.resources.unified = ["..": "1"] }),
    ("linux.resources.devices[0].access", { $0.linux.resources.devices[0].access = "rx" }),
    ("linux.resources.devices[0].major", { $0.linux.resources.devices[0].major = -2 }),
  ]

  static let accepted: [Change] = [
    { $0.process = nil },
    { $0.process?.env = ["", "no equals sign"] },
    { $0.mounts[0].destination = "relative" },
    {
      user(
        &$0, [.init(containerID: 0, hostID: 10, size: 5), .init(containerID: 5, hostID: 15, size: 5)])
    },
    { $0.linux.namespaces.append(.init(type: .user, path: "/proc/1/ns/user")) },
    { $0.linux.sysctl = ["net/ipv4/ip_forward": "1", "kernel.sem": "1", "fs.mqueue.msg_max": "1"] },
    { $0.linux.devices = [.init(type: .fifo, path: "/dev/x", fileMode: 8624)] },
    { $0.linux.resources.memory = .init(limit: 1 << 26, swap: -1) },
    { $0.linux.resources.memory = .init(limit: -1, swap: -1, kernel: -1) },
    { $0.linux.resources.cpu = .init(shares: 0, quota: 0, period: 0) },
    { $0.linux.resources.cpu = .init(quota: -1, period: 100_000) },
    { $0.linux.resources.unified = ["hugetlb.2MB.max": "0"] },
    { $0.linux.resources.blockIO.weight = 0 },
  ]

  /// Gives the config a user namespace with these user ids.
  private static func user(_ config: inout RuntimeConfig, _ mappings: [RuntimeConfig.IDMapping]) {
    config.linux.namespaces.append(.init(type: .user))
    config.linux.uidMappings = mappings
    config.linux.gidMappings = [.init(containerID: 0, hostID: 0, size: 1)]
  }
}
