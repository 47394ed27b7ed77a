import Linux
import OCI
import Testing

@testable import Container

@Suite("Plans")
struct PlanTests {
  func plan(_ change: (inout RuntimeConfig) -> Void = { _ in }) throws -> Plan {
    try Plan(config(change), bundle: "/bundle")
  }

  @Test("The default configuration gets new namespaces of the six kinds, and its root from the bundle")
  func standard() throws {
    let plan = try plan()
    #expect(plan.newNamespaces == [.mount, .pid, .network, .ipc, .uts, .cgroup])
    #expect(plan.joinedNamespaces.isEmpty)
    #expect(!plan.joinsMountNamespace && !plan.hasUserNamespace)
    #expect(plan.root == "/bundle/rootfs")
    #expect(plan.rootPropagation == .init(propagation: .slave, recursive: true))
    #expect(plan.timeOffsets == "" && plan.personality == nil)
    #expect(try self.plan { $0.root.path = "/srv/root" }.root == "/srv/root")
  }

  @Test("A namespace with a path is joined", arguments: RuntimeConfig.Linux.NamespaceKind.allCases)
  func joined(kind: RuntimeConfig.Linux.NamespaceKind) throws {
    let plan = try plan { config in
      config.linux.namespaces.removeAll { $0.type == kind }
      config.linux.namespaces.append(.init(type: kind, path: "/proc/1/ns/x"))
      if kind == .mount {
        config.mounts = []
        config.root.readonly = false
        config.linux.maskedPaths = []
        config.linux.readonlyPaths = []
      }
    }
    let bit = Plan.namespace(kind)
    #expect(plan.joinedNamespaces.map(\.kind) == [bit])
    #expect(plan.joinedNamespaces.map(\.path) == ["/proc/1/ns/x"])
    #expect(!plan.newNamespaces.contains(bit) && plan.namespaces.contains(bit))
    #expect(plan.joinsMountNamespace == (kind == .mount))
    #expect(plan.hasUserNamespace == (kind == .user))
  }

  typealias Change = @Sendable (inout RuntimeConfig) -> Void

  static let refused: [(String, Change)] = [
    ("linux.seccomp.defaultAction", { $0.linux.seccomp = .init(defaultAction: .notify) }),
    (#"annotations["org.swiftjail.keyrings"]"#, { $0.annotations["org.swiftjail.keyrings"] = "" }),
    ("linux.intelRdt.closID", { $0.linux.intelRdt = .init(closID: "a/b") }),
    ("linux.intelRdt.enableMBM", { $0.linux.intelRdt = .init(enableMBM: true) }),
    ("linux.memoryPolicy.nodes", { $0.linux.memoryPolicy = .init(mode: .local, nodes: "0") }),
    ("linux.memoryPolicy.nodes", { $0.linux.memoryPolicy = .init(mode: .bind, nodes: "5000") }),
    ("linux.netDevices.eth0.name", { $0.linux.netDevices = ["eth0": .init(name: "a%db%")] }),
    ("linux.resources.network.classID", { $0.linux.resources.network.classID = 1 }),
    (
      "linux.resources.network.priorities",
      { $0.linux.resources.network.priorities = [.init(name: "eth0", priority: 1)] }
    ),
    ("linux.personality.flags", { $0.linux.personality = .init(domain: .linux, flags: ["x"]) }),
    ("windows", { $0.otherPlatforms = [.windows] }), ("vm", { $0.otherPlatforms = [.vm] }),
    ("process.commandLine", { $0.process?.commandLine = "x" }),
    (
      "linux.namespaces",
      {
        $0.linux.namespaces.removeAll { $0.type == .mount }
        $0.linux.maskedPaths = []
        $0.linux.readonlyPaths = []
      }
    ),
    ("mounts", { join(&$0) { $0.mounts = [.init(destination: "/p", type: "proc")] } }),
    ("linux.devices", { join(&$0) { $0.linux.devices = [.init(type: .fifo, path: "/f")] } }),
    ("linux.maskedPaths", { join(&$0) { $0.linux.maskedPaths = ["/x"] } }),
    ("linux.readonlyPaths", { join(&$0) { $0.linux.readonlyPaths = ["/x"] } }),
    ("root.readonly", { join(&$0) { $0.root.readonly = true } }),
    ("linux.rootfsPropagation", { join(&$0) { $0.linux.rootfsPropagation = .private } }),
    ("mounts[1].type", { $0.mounts[1] = .init(destination: "/d") }),
    ("linux.resources.memory.swappiness", { $0.linux.resources.memory.swappiness = 60 }),
    ("ociVersion", { $0.ociVersion = "2.0.0" }),
    ("process.rlimits[0].type", { $0.process?.rlimits[0].type = "RLIMIT_NONSENSE" }),
    ("process.user.username", { $0.process?.user.username = "somebody" }),
  ]

  /// Has the configuration join a mount namespace.
  private static func join(_ config: inout RuntimeConfig, _ change: (inout RuntimeConfig) -> Void) {
    config.linux.namespaces.removeAll { $0.type == .mount }
    config.linux.namespaces.append(.init(type: .mount, path: "/proc/1/ns/mnt"))
    config.mounts = []
    config.root.readonly = false
    config.linux.maskedPaths = []
    config.linux.readonlyPaths = []
    change(&config)
  }

  @Test("What is not built or makes no sense is refused by its path", arguments: refused.indices)
  func refuses(index: Int) {
    let (path, change) = Self.refused[index]
    expectRefusal(of: path) { try plan(change) }
  }

  @Test("A configuration without keyrings has the calls for them refused, and no other has")
  func keyrings() throws {
    try #expect(!plan().process.refusesKeyrings)
    try #expect(plan { $0.annotations["org.swiftjail.keyrings"] = "none" }.process.refusesKeyrings)
  }

  @Test("Fields that are there and say nothing are no reason to refuse")
  func empty() throws {
    _ = try plan {
      $0.linux.mountLabel = ""
      $0.linux.resources.network.classID = 0
      $0.process?.apparmorProfile = ""
      $0.process?.selinuxLabel = ""
    }
  }

  @Test(
    "A kernel parameter's name is separated by what comes first, dots or slashes",
    arguments: [
      ("net.ipv4.ip_forward", "net/ipv4/ip_forward"), ("net/ipv4/ip_forward", "net/ipv4/ip_forward"),
      ("net.ipv4.conf.eth0/1.rp_filter", "net/ipv4/conf/eth0.1/rp_filter"),
      ("net/ipv4/conf/eth0.1/rp_filter", "net/ipv4/conf/eth0.1/rp_filter"),
      ("kernel.shm_rmid_forced", "kernel/shm_rmid_forced"), ("fs.mqueue.msg_max", "fs/mqueue/msg_max"),
      ("kernel.domainname", "kernel/domainname"),
    ])
  func sysctl(name: String, path: String) throws {
    let plan = try plan { $0.linux.sysctl = [name: "1"] }
    #expect(plan.sysctl.map(\.path) == [path])
    #expect(plan.sysctl.map(\.value) == ["1"])
  }

  @Test(
    "No name of a kernel parameter leads out of the container's namespaces",
    arguments: [
      "kernel.panic", "vm.swappiness", "net/../kernel/panic", "net...kernel.panic", "net", "/net/core/x",
      "net.", ".net.x", "", "user.max_user_namespaces", "kernel.hostname", "fs.file-max", "kernel.msgmax/x",
      "network.x",
    ])
  func sysctlRefused(name: String) {
    let error = #expect(throws: ContainerError.self) { try plan { $0.linux.sysctl = [name: "1"] } }
    #expect(error?.description.hasPrefix("linux.sysctl") == true)
  }

  @Test("A parameter of a namespace that is shared with the host is refused")
  func sysctlShared() {
    for (name, kind) in [
      ("net.core.somaxconn", .network), ("kernel.sem", .ipc), ("fs.mqueue.msg_max", .ipc),
      ("kernel.domainname", .uts),
    ] as [(String, RuntimeConfig.Linux.NamespaceKind)] {
      expectRefusal(of: #"linux.sysctl["\#(name)"]"#) {
        try plan { config in
          config.linux.namespaces.removeAll { $0.type == kind }
          config.hostname = nil
          config.linux.sysctl = [name: "1"]
        }
      }
    }
  }

  @Test("The offsets of a new time namespace are lines for the kernel")
  func time() throws {
    let plan = try plan {
      $0.linux.namespaces.append(.init(type: .time))
      $0.linux.timeOffsets = .init(
        monotonic: .init(secs: -5, nanosecs: 999_999_999), boottime: .init(secs: 1 << 40))
    }
    #expect(plan.timeOffsets == "monotonic -5 999999999\nboottime 1099511627776 0\n")
    #expect(try self.plan { $0.linux.namespaces.append(.init(type: .time)) }.timeOffsets == "")
  }

  @Test("Propagation, personality and read-only root are as given")
  func rest() throws {
    let changes: [(RuntimeConfig.Linux.Propagation, Propagation, Bool)] = [
      (.private, .private, false), (.rprivate, .private, true), (.shared, .shared, false),
      (.rshared, .shared, true), (.slave, .slave, false), (.rslave, .slave, true),
      (.unbindable, .unbindable, false), (.runbindable, .unbindable, true),
    ]
    for (given, propagation, recursive) in changes {
      let plan = try plan { $0.linux.rootfsPropagation = given }
      #expect(plan.rootPropagation == .init(propagation: propagation, recursive: recursive))
    }
    #expect(try plan { $0.linux.personality = .init(domain: .linux32) }.personality == 8)
    #expect(try plan { $0.linux.personality = .init(domain: .linux) }.personality == 0)
    #expect(try plan { $0.root.readonly = true }.rootIsReadOnly)
    #expect(try !plan { $0.root.readonly = false }.rootIsReadOnly)
  }
}
