extension RuntimeConfig.Linux {
  /// A system call filter (config-linux.md, "Seccomp").
  public struct Seccomp: Equatable, Sendable, JSONRepresentable {
    /// What is done with calls that no rule is about.
    public var defaultAction: Action
    /// The error number of `defaultAction`; `nil` is `EPERM`.
    public var defaultErrnoRet: UInt32?
    /// The architectures in which calls may be made, beside the machine's own.
    public var architectures: [Architecture]
    /// How the filter is put in force; `nil` leaves that to the runtime, and an empty list is no flag.
    public var flags: [Flag]?
    /// The Unix socket to which the filter's listener is sent.
    public var listenerPath: String?
    /// What is sent with the listener.
    public var listenerMetadata: String?
    /// The rules.
    public var syscalls: [Rule]

    /// The filter with these properties.
    public init(
      defaultAction: Action, defaultErrnoRet: UInt32? = nil, architectures: [Architecture] = [],
      flags: [Flag]? = nil, listenerPath: String? = nil, listenerMetadata: String? = nil,
      syscalls: [Rule] = []
    ) {
      self.defaultAction = defaultAction
      self.defaultErrnoRet = defaultErrnoRet
      self.architectures = architectures
      self.flags = flags
      self.listenerPath = listenerPath
      self.listenerMetadata = listenerMetadata
      self.syscalls = syscalls
    }

    /// Reads an object.
    public init(json: JSON) throws(ConfigError) {
      let object = try JSON.Object(json: json)
      defaultAction = try object.required("defaultAction")
      defaultErrnoRet = try object.optional("defaultErrnoRet")
      architectures = try object.optional("architectures", or: [])
      flags = try object.optional("flags")
      listenerPath = try object.text("listenerPath")
      listenerMetadata = try object.text("listenerMetadata")
      syscalls = try object.optional("syscalls", or: [])
    }

    /// The value as JSON.
    public var json: JSON {
      var object = JSON.Object()
      object.add("defaultAction", defaultAction)
      object.add("defaultErrnoRet", ifPresent: defaultErrnoRet)
      object.add("architectures", architectures, unless: [])
      object.add("flags", ifPresent: flags)
      object.add("listenerPath", ifPresent: listenerPath)
      object.add("listenerMetadata", ifPresent: listenerMetadata)
      object.add("syscalls", syscalls, unless: [])
      return .object(object)
    }

    /// A rule about calls.
    public struct Rule: Equatable, Sendable, JSONRepresentable {
      /// The calls' names.
      public var names: [String]
      /// What is done with them.
      public var action: Action
      /// The error number of `action`; `nil` is `EPERM`.
      public var errnoRet: UInt32?
      /// Conditions on the arguments, all of which must hold; when two are about the same argument, one is enough.
      public var args: [Argument]

      /// The rule that does `action` with the calls `names` under the conditions `args`.
      public init(names: [String], action: Action, errnoRet: UInt32? = nil, args: [Argument] = []) {
        self.names = names
        self.action = action
        self.errnoRet = errnoRet
        self.args = args
      }

      /// Reads an object.
      public init(json: JSON) throws(ConfigError) {
        let object = try JSON.Object(json: json)
        names = try object.required("names")
        action = try object.required("action")
        errnoRet = try object.optional("errnoRet")
        args = try object.optional("args", or: [])
      }

      /// The value as JSON.
      public var json: JSON {
        var object = JSON.Object()
        object.add("names", names)
        object.add("action", action)
        object.add("errnoRet", ifPresent: errnoRet)
        object.add("args", args, unless: [])
        return .object(object)
      }
    }

    /// A condition on an argument of a call.
    public struct Argument: Equatable, Sendable, JSONRepresentable {
      /// The argument, 0 to 5.
      public var index: UInt32
      /// What the argument is compared with; of `SCMP_CMP_MASKED_EQ`, the mask.
      public var value: UInt64
      /// What the masked argument is compared with, for `SCMP_CMP_MASKED_EQ`.
      public var valueTwo: UInt64
      /// How it is compared.
      public var op: Operator

      /// Compares the argument `index` by `op` with `value`.
      public init(index: UInt32, value: UInt64, valueTwo: UInt64 = 0, op: Operator) {
        self.index = index
        self.value = value
        self.valueTwo = valueTwo
        self.op = op
      }

      /// Reads an object.
      public init(json: JSON) throws(ConfigError) {
        let object = try JSON.Object(json: json)
        index = try object.required("index")
        value = try object.required("value")
        valueTwo = try object.optional("valueTwo", or: 0)
        op = try object.required("op")
      }

      /// The value as JSON.
      public var json: JSON {
        var object = JSON.Object()
        object.add("index", index)
        object.add("value", value)
        object.add("valueTwo", valueTwo, unless: 0)
        object.add("op", op)
        return .object(object)
      }
    }

    /// What is done with a call (seccomp(2)).
    public enum Action: String, CaseIterable, Sendable, JSONRepresentable {
      /// As `killThread`.
      case kill = "SCMP_ACT_KILL"
      /// Kills the process.
      case killProcess = "SCMP_ACT_KILL_PROCESS"
      /// Kills the thread.
      case killThread = "SCMP_ACT_KILL_THREAD"
      /// Sends `SIGSYS`.
      case trap = "SCMP_ACT_TRAP"
      /// Answers with an error number.
      case errno = "SCMP_ACT_ERRNO"
      /// Asks the process's tracer.
      case trace = "SCMP_ACT_TRACE"
      /// Makes the call.
      case allow = "SCMP_ACT_ALLOW"
      /// Logs the call and makes it.
      case log = "SCMP_ACT_LOG"
      /// Asks who holds the listener.
      case notify = "SCMP_ACT_NOTIFY"
    }

    /// How an argument is compared.
    public enum Operator: String, CaseIterable, Sendable, JSONRepresentable {
      /// It is another one.
      case notEqual = "SCMP_CMP_NE"
      /// It is less.
      case less = "SCMP_CMP_LT"
      /// It is less, or the same.
      case lessOrEqual = "SCMP_CMP_LE"
      /// It is the same.
      case equal = "SCMP_CMP_EQ"
      /// It is greater, or the same.
      case greaterOrEqual = "SCMP_CMP_GE"
      /// It is greater.
      case greater = "SCMP_CMP_GT"
      /// Its bits of a mask are the same.
      case maskedEqual = "SCMP_CMP_MASKED_EQ"
    }

    /// How the filter is put in force (seccomp(2)).
    public enum Flag: String, CaseIterable, Sendable, JSONRepresentable {
      /// For all threads.
      case synchronized = "SECCOMP_FILTER_FLAG_TSYNC"
      /// Calls that are not allowed are logged.
      case log = "SECCOMP_FILTER_FLAG_LOG"
      /// Without protection against speculative store bypass.
      case speculation = "SECCOMP_FILTER_FLAG_SPEC_ALLOW"
      /// Only a fatal signal interrupts the wait for the listener's answer.
      case waitKillable = "SECCOMP_FILTER_FLAG_WAIT_KILLABLE_RECV"
    }

    /// An architecture with system calls of its own.
    public enum Architecture: String, CaseIterable, Sendable, JSONRepresentable {
      case x86 = "SCMP_ARCH_X86"
      case x86_64 = "SCMP_ARCH_X86_64"
      case x32 = "SCMP_ARCH_X32"
      case arm = "SCMP_ARCH_ARM"
      case aarch64 = "SCMP_ARCH_AARCH64"
      case loongarch64 = "SCMP_ARCH_LOONGARCH64"
      case m68k = "SCMP_ARCH_M68K"
      case mips = "SCMP_ARCH_MIPS"
      case mips64 = "SCMP_ARCH_MIPS64"
      case mips64n32 = "SCMP_ARCH_MIPS64N32"
      case mipsel = "SCMP_ARCH_MIPSEL"
      case mipsel64 = "SCMP_ARCH_MIPSEL64"
      case mipsel64n32 = "SCMP_ARCH_MIPSEL64N32"
      case ppc = "SCMP_ARCH_PPC"
      case ppc64 = "SCMP_ARCH_PPC64"
      case ppc64le = "SCMP_ARCH_PPC64LE"
      case s390 = "SCMP_ARCH_S390"
      case s390x = "SCMP_ARCH_S390X"
      case sh = "SCMP_ARCH_SH"
      case sheb = "SCMP_ARCH_SHEB"
      case parisc = "SCMP_ARCH_PARISC"
      case parisc64 = "SCMP_ARCH_PARISC64"
      case riscv64 = "SCMP_ARCH_RISCV64"
    }
  }
}
