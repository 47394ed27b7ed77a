import CLinux

/// Which devices a rule is about, and what may be done with them.
public struct DeviceRule: Equatable, Sendable {
  /// Character devices, block devices, or both.
  public enum Kind: Sendable { case all, block, character }

  /// What is done with a device.
  public struct Access: OptionSet, Hashable, Sendable {
    /// The kernel's `BPF_DEVCG_ACC_*` bits.
    public let rawValue: UInt32
    /// The accesses with the kernel's bits `rawValue`.
    public init(rawValue: UInt32) { self.rawValue = rawValue }
    /// `BPF_DEVCG_ACC_MKNOD`
    public static let makeNode = Access(rawValue: 1)
    /// `BPF_DEVCG_ACC_READ`
    public static let read = Access(rawValue: 2)
    /// `BPF_DEVCG_ACC_WRITE`
    public static let write = Access(rawValue: 4)
    /// All three.
    public static let everything: Access = [.makeNode, .read, .write]
  }

  /// Whether the rule allows or denies.
  public var allow: Bool
  /// The kind of device.
  public var kind: Kind
  /// The device's major number; `nil` is any.
  public var major: UInt32?
  /// The device's minor number; `nil` is any.
  public var minor: UInt32?
  /// What it is about.
  public var access: Access

  /// A rule that allows or denies `access` to the devices given.
  public init(
    allow: Bool, kind: Kind, major: UInt32? = nil, minor: UInt32? = nil, access: Access = .everything
  ) {
    self.allow = allow
    self.kind = kind
    self.major = major
    self.minor = minor
    self.access = access
  }

  fileprivate func isAbout(sameAs other: DeviceRule) -> Bool {
    isLike(other) && minor == other.minor
  }

  /// Whether the two are about the same devices but for the minor number.
  fileprivate func isLike(_ other: DeviceRule) -> Bool {
    allow == other.allow && kind == other.kind && major == other.major
  }
}

/// A list of device rules as a program that the kernel runs whenever a process of a cgroup opens or makes a device file
/// (`BPF_PROG_TYPE_CGROUP_DEVICE`).
public struct DeviceProgram: Sendable {
  /// The program's instructions in the kernel's encoding (`bpf(2)`, struct `bpf_insn`); `nil` when everything is allowed
  /// and there is nothing to run.
  let instructions: [UInt64]?

  /// The program for `rules`. Each access that is asked for is decided by the last rule about it, and denied where there is
  /// none; all must be allowed.
  public init(_ rules: [DeviceRule]) {
    let rules = Self.merge(rules)
    guard rules.last.map(Self.isEverything) != true || rules.last?.allow == false else {
      instructions = nil
      return
    }
    var program: [UInt64] = [
      // struct bpf_cgroup_dev_ctx: access << 16 | type, major, minor.
      Self.instruction(load32, destination: 2, source: 1, offset: 0),
      Self.instruction(load32, destination: 3, source: 1, offset: 0),
      Self.instruction(load32, destination: 4, source: 1, offset: 4),
      Self.instruction(load32, destination: 5, source: 1, offset: 8),
      Self.instruction(and32, destination: 2, immediate: 0xffff),
      Self.instruction(shiftRight32, destination: 3, immediate: 16),
    ]
    for group in Self.groups(rules.reversed()) { program += Self.test(group) }
    // The kernel refuses a program with instructions that are never reached.
    if !rules.contains(where: Self.isEverything) { program += Self.answer(false) }
    instructions = program
  }

  /// Puts the program in force for the cgroup whose directory is `cgroup`, in addition to those of the cgroups above it.
  public func attach(to cgroup: borrowing FileDescriptor) throws(Errno) {
    switch try load() {
    case .some(let program): try Self.attach(program, to: cgroup)
    case .none: return
    }
  }

  func load() throws(Errno) -> FileDescriptor? {
    guard let instructions else { return nil }
    let raw = try making(.bpf) { linux_bpf_load_device_program(instructions, UInt32(instructions.count)) }
    return FileDescriptor(owning: Int32(raw))
  }

  static func attach(
    _ program: borrowing FileDescriptor, to cgroup: borrowing FileDescriptor
  ) throws(Errno) {
    try making(.bpf) { linux_bpf_attach_device_program(cgroup.rawValue, program.rawValue) }
  }

  /// Joins rules for the same devices that follow each other. The kernel's check of a program takes a good part of the time
  /// in which a container starts, and grows with its length.
  private static func merge(_ rules: [DeviceRule]) -> [DeviceRule] {
    var merged: [DeviceRule] = []
    for rule in rules where !rule.access.isEmpty {
      if isEverything(rule) { merged.removeAll() }
      let run = merged.lastIndex { $0.allow != rule.allow }.map { $0 + 1 } ?? 0
      if let index = merged[run...].firstIndex(where: { $0.isAbout(sameAs: rule) }) {
        merged[index].access.formUnion(rule.access)
      } else {
        merged.append(rule)
      }
    }
    return merged
  }

  private static func isEverything(_ rule: DeviceRule) -> Bool {
    rule.kind == .all && rule.major == nil && rule.minor == nil && rule.access == .everything
  }

  /// Rules that follow each other and differ in the minor number alone: they share the other tests.
  private struct Group {
    var rule: DeviceRule
    var minors: [UInt32]
  }

  private static func groups(_ rules: [DeviceRule]) -> [Group] {
    var groups: [Group] = []
    for rule in rules {
      if let minor = rule.minor, let last = groups.last, !last.minors.isEmpty,
        last.rule.isLike(rule), last.rule.access == rule.access
      {
        groups[groups.count - 1].minors.append(minor)
      } else {
        groups.append(Group(rule: rule, minors: rule.minor.map { [$0] } ?? []))
      }
      if isEverything(rule) { break }
    }
    return groups
  }

  /// Instructions that answer when `group` decides, and go on behind themselves otherwise. Register 3 holds what is asked
  /// for and not yet allowed.
  private static func test(_ group: Group) -> [UInt64] {
    let rule = group.rule
    let decision = decision(rule)
    // The conditions under which the group is not about the device.
    var tests: [(register: UInt64, value: UInt32)] = []
    switch rule.kind {
    case .all: break
    case .block: tests.append((2, 1))
    case .character: tests.append((2, 2))
    }
    if let major = rule.major { tests.append((4, major)) }

    let length = tests.count + group.minors.count + decision.count
    var program: [UInt64] = []
    /// The length of a jump in the next instruction to what is `before` the end.
    func jump(_ before: Int) -> UInt64 { UInt64(length - before - program.count - 1) }
    for test in tests {
      program.append(
        instruction(jumpIfNotEqual32, destination: test.register, offset: jump(0), immediate: test.value))
    }
    for minor in group.minors.dropLast() {
      program.append(
        instruction(jumpIfEqual32, destination: 5, offset: jump(decision.count), immediate: minor))
    }
    if let minor = group.minors.last {
      program.append(instruction(jumpIfNotEqual32, destination: 5, offset: jump(0), immediate: minor))
    }
    return program + decision
  }

  /// Instructions for a device that `rule` is about: an allowance settles its part and answers when nothing is left, a denial
  /// answers when it touches what is left.
  private static func decision(_ rule: DeviceRule) -> [UInt64] {
    let answer = answer(rule.allow)
    if rule.access == .everything { return answer }
    let behind = UInt64(answer.count)
    if rule.allow {
      return [
        instruction(and32, destination: 3, immediate: ~rule.access.rawValue & 7),
        instruction(jumpIfNotEqual32, destination: 3, offset: behind, immediate: 0),
      ] + answer
    }
    return [
      instruction(move32Register, destination: 1, source: 3),
      instruction(and32, destination: 1, immediate: rule.access.rawValue),
      instruction(jumpIfEqual32, destination: 1, offset: behind, immediate: 0),
    ] + answer
  }

  private static func answer(_ allow: Bool) -> [UInt64] {
    [instruction(move64, destination: 0, immediate: allow ? 1 : 0), instruction(exit)]
  }

  private static func instruction(
    _ code: UInt8, destination: UInt64 = 0, source: UInt64 = 0, offset: UInt64 = 0, immediate: UInt32 = 0
  ) -> UInt64 {
    UInt64(code) | destination << 8 | source << 12 | offset << 16 | UInt64(immediate) << 32
  }
}

// Operation codes (linux/bpf_common.h, linux/bpf.h).
private let load32: UInt8 = 0x61
private let and32: UInt8 = 0x54
private let shiftRight32: UInt8 = 0x74
private let move32Register: UInt8 = 0xbc
private let move64: UInt8 = 0xb7
private let jumpIfEqual32: UInt8 = 0x16
private let jumpIfNotEqual32: UInt8 = 0x56
private let exit: UInt8 = 0x95

/// The program that was loaded last, for who makes many containers with the same rules: the kernel's check of it takes
/// longer than all else that is done for devices.
public final class LoadedDeviceProgram {
  private var rules: [DeviceRule]?
  private var program: FileDescriptor?

  /// None yet.
  public init() {}

  /// Puts the program for `rules` in force for the cgroup whose directory is `cgroup`.
  public func attach(_ rules: [DeviceRule], to cgroup: borrowing FileDescriptor) throws(Errno) {
    if rules != self.rules {
      self.rules = nil
      program = try DeviceProgram(rules).load()
      self.rules = rules
    }
    switch program {
    case .some(let program): try DeviceProgram.attach(program, to: cgroup)
    case .none: return
    }
  }
}
