/// What is answered to the system calls of a process: a default, and rules for calls that are answered otherwise
/// (`seccomp(2)`).
public struct SystemCallRules: Equatable, Sendable {
  /// What the kernel does with a call.
  public enum Action: Equatable, Sendable {
    case killThread, killProcess
    /// Sends `SIGSYS` to the thread.
    case trap
    /// Answers with the error number, of which the kernel takes 16 bits and at most 4095.
    case errno(UInt32)
    /// Asks the process's tracer, which gets the number's low 16 bits, and answers `ENOSYS` where there is none.
    case trace(UInt32)
    /// Asks who holds the filter's listener.
    case notify
    /// Logs the call and makes it.
    case log
    case allow

    /// `SECCOMP_RET_*` of linux/seccomp.h.
    var answer: UInt32 {
      switch self {
      case .killThread: 0
      case .killProcess: 0x8000_0000
      case .trap: 0x0003_0000
      case .errno(let number): 0x0005_0000 | number & 0xffff
      case .trace(let number): 0x7ff0_0000 | number & 0xffff
      case .notify: 0x7fc0_0000
      case .log: 0x7ffc_0000
      case .allow: 0x7fff_0000
      }
    }
  }

  /// How an argument is compared with a value; both are taken as unsigned numbers.
  public enum Comparison: Sendable {
    case equal, notEqual, less, lessOrEqual, greater, greaterOrEqual
  }

  /// A condition on one argument of a call.
  public struct Condition: Equatable, Sendable {
    /// The argument's number, 0 to 5.
    public var argument: Int
    /// The bits of the argument that are compared, the others taken as 0.
    public var mask: UInt64
    /// How it is compared.
    public var comparison: Comparison
    /// With what it is compared.
    public var value: UInt64

    /// Holds when the argument's bits of `mask`, compared with `value`, are as `comparison` says. On a 32-bit architecture, the
    /// low 32 bits of each are compared.
    public init(argument: Int, mask: UInt64 = .max, _ comparison: Comparison, _ value: UInt64) {
      self.argument = argument
      self.mask = mask
      self.comparison = comparison
      self.value = value
    }
  }

  /// A rule about one call.
  public struct Rule: Equatable, Sendable {
    /// The call.
    public var call: SystemCallName
    /// What is answered when all conditions hold.
    public var action: Action
    /// The conditions.
    public var conditions: [Condition]

    /// Answers `call` with `action` when all `conditions` hold.
    public init(_ call: SystemCallName, _ action: Action, when conditions: [Condition] = []) {
      self.call = call
      self.action = action
      self.conditions = conditions
    }
  }

  /// What is answered to calls that no rule is about.
  public var defaultAction: Action
  /// The rules. A rule without conditions counts before those with conditions, and the earlier before the later.
  public var rules: [Rule]
  /// The architectures in which calls may be made. A call in another one kills the process.
  public var architectures: [SystemCallArchitecture]
  /// Whether a call with a number above those of all rules is answered `ENOSYS`: programs then do without a call that is newer
  /// than the rules, where another answer may be an error for them.
  public var hidesNewerCalls: Bool

  /// The rules given.
  public init(
    defaultAction: Action, rules: [Rule],
    architectures: [SystemCallArchitecture] = SystemCallArchitecture.ofThisMachine,
    hidesNewerCalls: Bool = false
  ) {
    self.defaultAction = defaultAction
    self.rules = rules
    self.architectures = architectures
    self.hidesNewerCalls = hidesNewerCalls
  }
}
