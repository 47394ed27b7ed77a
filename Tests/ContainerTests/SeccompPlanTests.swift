import Linux
import OCI
import Testing

@testable import Container

@Suite("The plan for linux.seccomp")
struct SeccompPlanTests {
  typealias Seccomp = RuntimeConfig.Linux.Seccomp

  func call(_ name: String) throws -> SystemCallName { try #require(SystemCallName(name)) }

  @Test("Names that no architecture has are skipped, and the others keep their order")
  func names() throws {
    let rules = SystemCallRules(
      Seccomp(
        defaultAction: .errno,
        syscalls: [
          .init(names: ["read", "not_a_call", "write"], action: .allow),
          .init(names: ["mount"], action: .errno, errnoRet: 38),
        ]))
    #expect(
      try rules.rules == [
        .init(call("read"), .allow), .init(call("write"), .allow), .init(call("mount"), .errno(38)),
      ])
    #expect(rules.defaultAction == .errno(1) && rules.hidesNewerCalls)
    #expect(rules.architectures == [SystemCallArchitecture.ofThisMachine[0]])
  }

  @Test("Conditions on several arguments must all hold, and of several on one argument one is enough")
  func conditions() throws {
    func rules(_ arguments: [Seccomp.Argument]) -> [SystemCallRules.Rule] {
      SystemCallRules(
        Seccomp(
          defaultAction: .errno, syscalls: [.init(names: ["clone"], action: .allow, args: arguments)])
      ).rules
    }
    let masked = Seccomp.Argument(index: 0, value: 0x7e02_0000, valueTwo: 1, op: .maskedEqual)
    let less = Seccomp.Argument(index: 1, value: 5, op: .less)
    let greater = Seccomp.Argument(index: 1, value: 9, op: .greater)
    let call = try call("clone")
    #expect(
      rules([masked, less]) == [
        .init(
          call, .allow,
          when: [.init(argument: 0, mask: 0x7e02_0000, .equal, 1), .init(argument: 1, .less, 5)])
      ])
    #expect(
      rules([masked, less, greater]) == [
        .init(call, .allow, when: [.init(argument: 0, mask: 0x7e02_0000, .equal, 1)]),
        .init(call, .allow, when: [.init(argument: 1, .less, 5)]),
        .init(call, .allow, when: [.init(argument: 1, .greater, 9)]),
      ])
  }

  @Test("New calls are hidden unless the default lets calls through or asks a tracer")
  func newer() {
    for action in Seccomp.Action.allCases where action != .notify {
      let rules = SystemCallRules(Seccomp(defaultAction: action))
      #expect(rules.hidesNewerCalls == ![.allow, .log, .trace].contains(action), "\(action)")
    }
  }

  @Test("Architectures of other machines are passed over, and the machine's own is always there")
  func architectures() {
    let rules = SystemCallRules(
      Seccomp(defaultAction: .allow, architectures: [.s390x, .x86, .arm, .x32, .x86, .mips64]))
    #if arch(x86_64)
      #expect(rules.architectures == [.x86_64, .i386, .x32])
    #else
      #expect(rules.architectures == [.aarch64, .arm])
    #endif
  }

  @Test("Flags are those of the configuration, and runc's default where it has none")
  func flags() throws {
    func flags(_ flags: [Seccomp.Flag]?, notifies: Bool = false) throws -> SystemCallFilter.Flags {
      let rules = notifies ? [Seccomp.Rule(names: ["mount"], action: .notify)] : []
      return try SeccompPlan(
        Seccomp(defaultAction: .allow, flags: flags, listenerPath: "/l", syscalls: rules)
      ).filter.flags
    }
    #expect(try flags(nil) == .speculation)
    #expect(try flags([]) == [])
    #expect(try flags([.log, .synchronized]) == [.log, .synchronized])
    // The kernel knows it with a listener only.
    #expect(try flags([.waitKillable]) == [])
    #expect(try flags([.waitKillable], notifies: true) == [.waitKillable, .listener])
    #expect(
      try flags([.synchronized], notifies: true) == [.synchronized, .synchronizedOrError, .listener])
  }

  @Test("A filter that is stored is read back, and nothing else is taken for one")
  func stored() throws {
    let plain = try SeccompPlan(
      Seccomp(defaultAction: .errno, syscalls: [.init(names: ["read"], action: .allow)]))
    var asking = try SeccompPlan(
      Seccomp(
        defaultAction: .errno, listenerPath: "/run/agent.sock", listenerMetadata: "é=1",
        syscalls: [.init(names: ["mount"], action: .notify)]))
    for plan in [plain, asking] {
      #expect(SeccompPlan(plan.bytes) == plan)
      for length in 0..<plan.bytes.count { #expect(SeccompPlan(Array(plan.bytes.prefix(length))) == nil) }
      #expect(SeccompPlan(plan.bytes + [0]) == nil)
    }
    asking.listener?.metadata = nil
    #expect(SeccompPlan(asking.bytes) == asking)
  }

  @Test("A filter that the kernel would not take for its length is refused")
  func tooLong() {
    let arguments = (0..<6).map { Seccomp.Argument(index: $0, value: 1 << 40, op: .equal) }
    let rules = (0..<400).map { value in
      Seccomp.Rule(
        names: ["ioctl"], action: .allow, args: arguments + [.init(index: 0, value: value, op: .equal)])
    }
    expectRefusal(of: "linux.seccomp.syscalls") {
      try SeccompPlan(Seccomp(defaultAction: .errno, syscalls: rules))
    }
  }
}
