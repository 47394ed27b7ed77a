import Linux
import OCI
import Testing

@testable import Container

@Suite("Plans of processes")
struct ProcessPlanTests {
  func plan(_ change: (inout RuntimeConfig.Process) -> Void = { _ in }) throws -> ProcessPlan {
    var process = RuntimeConfig.Process(args: ["a", "b"], env: ["X=1"], cwd: "/w")
    change(&process)
    try process.validate()
    return try ProcessPlan(process)
  }

  @Test("A process is planned as its configuration says")
  func plain() throws {
    let plan = try plan {
      $0.user = .init(uid: 5, gid: 6, umask: 0o27, additionalGids: [7, 8])
      $0.oomScoreAdj = -1000
      $0.noNewPrivileges = true
      $0.terminal = true
      $0.consoleSize = .init(height: 24, width: 80)
    }
    #expect(plan.arguments == ["a", "b"] && plan.environment == ["X=1"] && plan.workingDirectory == "/w")
    #expect(plan.user == 5 && plan.group == 6 && plan.additionalGroups == [7, 8] && plan.umask == 0o27)
    #expect(plan.oomScoreAdjustment == -1000 && plan.noNewPrivileges && plan.terminal)
    #expect(plan.terminalSize?.rows == 24 && plan.terminalSize?.columns == 80)
    #expect(try self.plan().scheduler == nil)
  }

  @Test("Of variables with the same name the last one counts")
  func repeatedVariables() {
    let given = ["A=1", "B=x", "A=2", "AB=3", "A", "=", "A=\u{301}", "B=x"]
    #expect(ProcessPlan.withoutRepeats(given) == ["AB=3", "=", "A=\u{301}", "B=x"])
    #expect(ProcessPlan.withoutRepeats(["A=1", "B=1"]) == ["A=1", "B=1"])
    #expect(ProcessPlan.withoutRepeats([]) == [])
  }

  @Test("A variable without a name or a value is refused by its place", arguments: ["A", "", "=", "=x"])
  func wrongVariable(variable: String) {
    expectRefusal(of: "process.env[1]") { try plan { $0.env = ["A=", variable] } }
  }

  @Test("Each list of capabilities is a set of its own, and none is no capability")
  func capabilities() throws {
    let sets = try plan {
      $0.capabilities = .init(
        bounding: ["CAP_CHOWN", "CAP_KILL", "CAP_CHOWN"], effective: ["CAP_KILL"],
        permitted: ["CAP_SYS_ADMIN"],
        inheritable: ["CAP_BPF"], ambient: ["CAP_CHECKPOINT_RESTORE"])
    }.capabilities
    #expect(sets.bounding.rawValue == 1 | 1 << 5)
    #expect(sets.effective.rawValue == 1 << 5)
    #expect(sets.permitted.rawValue == 1 << 21)
    #expect(sets.inheritable.rawValue == 1 << 39)
    #expect(sets.ambient.rawValue == 1 << 40)
    #expect(try plan().capabilities.bounding.rawValue == 0)
  }

  @Test("Capabilities that cannot be had are left out, and one line for each reason says so")
  func unknownCapabilities() throws {
    let sets = try plan {
      $0.capabilities = .init(
        bounding: ["CAP_KILL", "CAP_NONSENSE", "cap_kill"],
        permitted: ["CAP_KILL", "CAP_NONSENSE", "CAP_BPF"],
        inheritable: ["CAP_KILL"], ambient: ["CAP_CHOWN", "CAP_KILL"])
    }.capabilities
    #expect(sets.bounding.rawValue == 1 << 5)
    #expect(
      sets.warnings(available: Capabilities(rawValue: 1 | 1 << 5)) == [
        "process.capabilities: unknown, ignored: CAP_NONSENSE, cap_kill",
        "process.capabilities: not available here, ignored: CAP_BPF",
        "process.capabilities: cannot be ambient without being permitted and inheritable, ignored: CAP_CHOWN",
      ])
    let plain = try plan { $0.capabilities = .init(bounding: ["CAP_KILL"]) }.capabilities
    #expect(plain.warnings(available: Capabilities(rawValue: 1 << 5)) == [])
  }

  @Test("A limit that Linux does not have is refused by its place")
  func unknown() {
    expectRefusal(of: "process.rlimits[1].type") {
      try plan {
        $0.rlimits = [
          .init(type: "RLIMIT_CORE", hard: 1, soft: 0), .init(type: "RLIMIT_FILES", hard: 1, soft: 0),
        ]
      }
    }
  }

  @Test("Resource limits keep their order and values")
  func limits() throws {
    let limits = try plan {
      $0.rlimits = [
        .init(type: "RLIMIT_NOFILE", hard: .max, soft: 5), .init(type: "RLIMIT_RTTIME", hard: 0, soft: 0),
      ]
    }.resourceLimits
    #expect(limits.map(\.resource) == [7, 15])
    #expect(limits.map(\.soft) == [5, 0] && limits.map(\.hard) == [.max, 0])
  }

  @Test("Scheduling policies and flags are the kernel's numbers")
  func scheduler() throws {
    let policies: [(RuntimeConfig.Scheduler, UInt32)] = [
      (.init(policy: .other, nice: -5), 0), (.init(policy: .fifo, priority: 9), 1),
      (.init(policy: .rr, priority: 9), 2), (.init(policy: .batch), 3), (.init(policy: .iso), 4),
      (.init(policy: .idle), 5), (.init(policy: .deadline, runtime: 1, deadline: 2, period: 3), 6),
    ]
    for (scheduler, number) in policies {
      let planned = try #require(try plan { $0.scheduler = scheduler }.scheduler)
      #expect(planned.policy == number && planned.nice == scheduler.nice ?? 0)
      #expect(
        planned.priority == UInt32(scheduler.priority ?? 0) && planned.runtime == scheduler.runtime ?? 0)
      #expect(planned.deadline == scheduler.deadline ?? 0 && planned.period == scheduler.period ?? 0)
    }
    // In the order of the kernel's bits.
    for (bit, flag) in [
      RuntimeConfig.Scheduler.Flag.resetOnFork, .reclaim, .deadlineOverrun, .keepPolicy, .keepParameters,
      .utilizationClampMinimum, .utilizationClampMaximum,
    ].enumerated() {
      #expect(try plan { $0.scheduler = .init(policy: .other, flags: [flag]) }.scheduler?.flags == 1 << bit)
    }
    #expect(
      try plan { $0.scheduler = .init(policy: .other, flags: [.resetOnFork, .keepPolicy]) }.scheduler?.flags
        == 9)
  }

  @Test("Classes of input and output priority are the kernel's numbers")
  func ioPriority() throws {
    for (kind, number) in [
      (RuntimeConfig.IOPriority.Class.realTime, 1), (.bestEffort, 2), (.idle, 3),
    ] as [(RuntimeConfig.IOPriority.Class, Int32)] {
      let planned = try plan { $0.ioPriority = .init(class: kind, priority: 7) }.ioPriority
      #expect(planned?.class == number && planned?.level == 7)
    }
  }

  @Test("A list of CPUs is its numbers")
  func cpus() throws {
    let lists: [(String, [Int])] = [
      ("0", [0]), ("0-3,7", [0, 1, 2, 3, 7]), ("5-5", [5]), ("0, 2-3", [0, 2, 3]), ("1 - 2", [1, 2]),
      ("8191", [8191]),
    ]
    for (text, expected) in lists {
      let plan = try plan { $0.execCPUAffinity = .init(initial: text, final: text) }
      #expect(plan.initialAffinity == expected && plan.finalAffinity == expected, "\(text)")
    }
    #expect(try plan().initialAffinity == nil)
    for text in ["8192", "0-8192", "4294967295"] {
      expectRefusal(of: "process.execCPUAffinity.final") {
        try plan { $0.execCPUAffinity = .init(final: text) }
      }
    }
  }
}
