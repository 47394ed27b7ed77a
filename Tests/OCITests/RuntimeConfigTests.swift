import Testing

@testable import OCI

func config(_ text: String) throws(ConfigError) -> RuntimeConfig {
  try RuntimeConfig(parsing: Array(text.utf8))
}

/// A config whose text has these members beside the required ones.
func config(with members: String) throws(ConfigError) -> RuntimeConfig {
  try config(#"{"ociVersion":"1.2.1","root":{"path":"rootfs"},\#(members)}"#)
}

@Suite("Runtime configs")
struct RuntimeConfigTests {
  @Test("A config needs no more than a version and a root")
  func minimal() throws {
    let config = try config(#"{"ociVersion":"1.0.0","root":{"path":"rootfs"}}"#)
    #expect(config == RuntimeConfig(ociVersion: "1.0.0", root: .init(path: "rootfs")))
    #expect(config.json.text() == #"{"ociVersion":"1.0.0","root":{"path":"rootfs"}}"#)
  }

  @Test("A config with every property is written and read as the same")
  func roundTrip() throws {
    let full = Self.full
    #expect(try RuntimeConfig(json: full.json) == full)
    #expect(try RuntimeConfig(parsing: full.json.bytes(.tabs)) == full)
    #expect(try RuntimeConfig(json: RuntimeConfig.default.json) == .default)
  }

  @Test("Unknown properties are ignored")
  func extensibility() throws {
    let config = try config(with: #""x":{"y":[1]},"linux":{"new":7,"resources":{"oomScoreAdj":100}}"#)
    #expect(config == RuntimeConfig(ociVersion: "1.2.1", root: .init(path: "rootfs")))
  }

  @Test("null, an empty text, list or object stand for an absent property")
  func empty() throws {
    let config = try config(
      with: #"""
        "process":null,"hostname":"","domainname":null,"mounts":null,"hooks":{"prestart":null,"poststop":[]},
        "annotations":null,"linux":{"namespaces":[{"type":"pid","path":""}],"sysctl":null,"resources":{
        "memory":{},"cpu":null,"pids":null,"devices":[]},"seccomp":null,"rootfsPropagation":null},"vm":null
        """#)
    var expected = RuntimeConfig(ociVersion: "1.2.1", root: .init(path: "rootfs"))
    expected.linux.namespaces = [.init(type: .pid)]
    #expect(config == expected)
  }

  @Test("Sections for other platforms leave a trace", arguments: RuntimeConfig.OtherPlatform.allCases)
  func otherPlatforms(platform: RuntimeConfig.OtherPlatform) throws {
    let config = try config(with: "\"\(platform.rawValue)\":{\"x\":1}")
    #expect(config.otherPlatforms == [platform])
    #expect(try RuntimeConfig(json: config.json) == config)
  }

  @Test("A process can be read alone")
  func process() throws {
    let text = #"{"args":["id"],"cwd":"/","user":{"uid":1000,"additionalGids":[4294967295]}}"#
    let process = try RuntimeConfig.Process(parsing: Array(text.utf8))
    #expect(process.args == ["id"])
    #expect(process.user == .init(uid: 1000, additionalGids: [.max]))
    #expect(process.capabilities == nil)
  }

  @Test(
    "A wrong property is an error that names its path",
    arguments: [
      (#""process":{"cwd":"/","args":"sh"}"#, "process.args", "must be a list, not a string"),
      (#""process":{"args":["sh"]}"#, "process.cwd", "is required"),
      (#""process":{"cwd":"/","user":{"uid":4294967296}}"#, "process.user.uid", "between 0 and 4294967295"),
      (#""process":{"cwd":"/","user":{"gid":-1}}"#, "process.user.gid", "-1 is not between 0"),
      (#""process":{"cwd":"/","user":{"gid":1.0}}"#, "process.user.gid", "not a whole number"),
      (#""process":{"cwd":"/","env":["A=\u0000"]}"#, "process.env[0]", "NUL"),
      (
        #""process":{"cwd":"/","rlimits":[{"type":"RLIMIT_CORE","soft":1}]}"#, "process.rlimits[0].hard",
        "required"
      ),
      (#""process":{"cwd":"/","terminal":"yes"}"#, "process.terminal", "true or false"),
      (
        #""process":{"cwd":"/","ioPriority":{"class":"fast"}}"#, "process.ioPriority.class", "IOPRIO_CLASS_RT"
      ),
      (#""process":[]"#, "process", "must be an object, not a list"),
      (#""mounts":[{"destination":"/a"},{"type":"proc"}]"#, "mounts[1].destination", "is required"),
      (#""mounts":{}"#, "mounts", "must be a list, not an object"),
      (#""annotations":{"a.b":1}"#, #"annotations["a.b"]"#, "must be a string"),
      (#""annotations":{"a\u0000":"x"}"#, #"annotations["a\u0000"]"#, "NUL"),
      (#""hostname":7"#, "hostname", "must be a string, not a number"),
      (#""hooks":{"poststop":[{"args":[]}]}"#, "hooks.poststop[0].path", "is required"),
      (
        #""linux":{"namespaces":[{"type":"pid"},{"type":"mnt"}]}"#, "linux.namespaces[1].type",
        #""mnt" is not one of mount, pid, network"#
      ),
      (#""linux":{"resources":{"cpu":{"shares":-1}}}"#, "linux.resources.cpu.shares", "-1 is not between 0"),
      (
        #""linux":{"resources":{"memory":{"limit":9223372036854775808}}}"#, "linux.resources.memory.limit",
        "between -9223372036854775808"
      ),
      (#""linux":{"devices":[{"type":"x","path":"/dev/x"}]}"#, "linux.devices[0].type", "one of b, c, u, p"),
      (#""linux":{"uidMappings":[{"containerID":0,"size":1}]}"#, "linux.uidMappings[0].hostID", "required"),
      (#""linux":{"rootfsPropagation":"sideways"}"#, "linux.rootfsPropagation", "rslave"),
      (#""linux":{"netDevices":{"eth0":{"name":23}}}"#, "linux.netDevices.eth0.name", "must be a string"),
      (#""windows":3"#, "windows", "must be an object"),
    ])
  func wrong(members: String, path: String, reason: String) throws {
    let error = try #require(throws: ConfigError.self) { try config(with: members) }
    #expect(error.path == path)
    #expect(error.reason.contains(reason), "\(error)")
    #expect(!error.description.contains("\n"))
  }

  @Test("A text that is no config at all is one line of error")
  func notAConfig() throws {
    let syntax = try #require(throws: ConfigError.self) { try config("{\n]") }
    #expect(syntax.description == "not valid JSON: line 2, column 1: a name in quotes is expected, not \"]\"")
    let list = try #require(throws: ConfigError.self) { try config("[]") }
    #expect(list.description == "must be an object, not a list")
    let none = try #require(throws: ConfigError.self) { try config("{}") }
    #expect(none.description == "ociVersion: is required")
  }

  /// Every property, with a value that is not its default.
  static let full = RuntimeConfig(
    process: .init(
      terminal: true, consoleSize: .init(height: 24, width: 80),
      user: .init(uid: 1, gid: 2, umask: 0o22, additionalGids: [3, 4], username: "u"), args: ["a", "é"],
      commandLine: "c", env: ["A=1", ""], cwd: "/",
      capabilities: .init(
        bounding: ["CAP_KILL"], effective: ["CAP_A"], permitted: ["CAP_B"], inheritable: ["CAP_C"],
        ambient: ["CAP_D"]),
      rlimits: [.init(type: "RLIMIT_CORE", hard: .max, soft: 0)], noNewPrivileges: true,
      apparmorProfile: "p", oomScoreAdj: -5,
      scheduler: .init(
        policy: .deadline, nice: 1, priority: 2, flags: [.reclaim, .resetOnFork], runtime: 1, deadline: 2,
        period: .max),
      selinuxLabel: "l", ioPriority: .init(class: .idle, priority: 3),
      execCPUAffinity: .init(initial: "0", final: "1-2")),
    root: .init(path: "/r", readonly: true), hostname: "h", domainname: "d",
    mounts: [
      .init(
        destination: "/m", type: "bind", source: "/s", options: ["ro"],
        uidMappings: [.init(containerID: 0, hostID: 1, size: 2)],
        gidMappings: [.init(containerID: 3, hostID: 4, size: 5)])
    ],
    hooks: .init(
      prestart: [.init(path: "/1")], createRuntime: [.init(path: "/2", args: ["2"])],
      createContainer: [.init(path: "/3", env: ["A=b"])], startContainer: [.init(path: "/4", timeout: 9)],
      poststart: [.init(path: "/5")], poststop: [.init(path: "/6")]),
    annotations: ["a.b": "c", "é": ""],
    linux: .init(
      namespaces: RuntimeConfig.Linux.NamespaceKind.allCases.map { .init(type: $0, path: "/proc/1/ns/x") },
      uidMappings: [.init(containerID: 0, hostID: 100, size: 10)],
      gidMappings: [.init(containerID: 0, hostID: 200, size: 10)],
      timeOffsets: .init(monotonic: .init(secs: -1, nanosecs: 2), boottime: .init(secs: 3)),
      devices: [.init(type: .block, path: "/dev/x", major: 8, minor: 1, fileMode: 0o660, uid: 1, gid: 2)],
      netDevices: ["eth1": .init(name: "eth0"), "eth2": .init()], cgroupsPath: "/c",
      resources: resources, sysctl: ["net.ipv4.ip_forward": "1"],
      seccomp: .init(
        defaultAction: .errno, defaultErrnoRet: 38, architectures: [.x86_64, .x32], flags: [.log],
        listenerPath: "/l", listenerMetadata: "m",
        syscalls: [
          .init(
            names: ["a", "b"], action: .trace, errnoRet: 3,
            args: [.init(index: 5, value: .max, valueTwo: 7, op: .maskedEqual)])
        ]),
      rootfsPropagation: .rslave, maskedPaths: ["/a"], readonlyPaths: ["/b"], mountLabel: "m",
      intelRdt: .init(
        closID: "c", schemata: ["L3:0=f"], l3CacheSchema: "L3", memBwSchema: "MB:", enableMonitoring: true,
        enableCMT: true, enableMBM: true),
      memoryPolicy: .init(mode: .preferredMany, nodes: "0-1", flags: [.staticNodes]),
      personality: .init(domain: .linux32, flags: ["f"])),
    otherPlatforms: [.windows, .freebsd])

  static let resources = RuntimeConfig.Linux.Resources(
    devices: [
      .init(allow: false, access: "rwm"), .init(allow: true, type: .character, major: 1, minor: -1),
    ],
    memory: .init(
      limit: -1, reservation: 2, swap: 3, kernel: 4, kernelTCP: 5, swappiness: 6, disableOOMKiller: false,
      useHierarchy: true, checkBeforeUpdate: true),
    cpu: .init(
      shares: 1, quota: -1, burst: 2, period: .max, realtimeRuntime: -3, realtimePeriod: 4, cpus: "0",
      mems: "1", idle: 1),
    pids: .init(limit: -1),
    blockIO: .init(
      weight: 10, leafWeight: 11, weightDevice: [.init(major: 8, minor: 0, weight: 12, leafWeight: 13)],
      throttleReadBpsDevice: [.init(major: 8, minor: 1, rate: 1)],
      throttleWriteBpsDevice: [.init(major: 8, minor: 2, rate: 2)],
      throttleReadIOPSDevice: [.init(major: 8, minor: 3, rate: .max)],
      throttleWriteIOPSDevice: [.init(major: 8, minor: 4)]),
    hugepageLimits: [.init(pageSize: "2MB", limit: .max)],
    network: .init(classID: 1, priorities: [.init(name: "eth0", priority: 2)]),
    rdma: ["mlx": .init(hcaHandles: 1, hcaObjects: 2)], unified: ["memory.high": "1"])
}
