import Linux
import OCI

/// `linux.seccomp` of a configuration, compiled.
struct SeccompPlan: Equatable, Sendable {
  /// The filter.
  var filter: SystemCallFilter
  /// Who gets the filter's listener; `nil` when it has none.
  var listener: Listener?

  /// Who is asked about system calls.
  struct Listener: Equatable, Sendable {
    /// The path of the socket that the listener is sent to.
    var path: String
    /// What is sent with it.
    var metadata: String?
  }

  /// The plan for `seccomp`, which is valid.
  ///
  /// - Throws: `ContainerError` when this kernel or this program cannot have the filter.
  init(_ seccomp: RuntimeConfig.Linux.Seccomp) throws(ContainerError) {
    if seccomp.notifies, let path = seccomp.listenerPath {
      listener = Listener(path: path, metadata: seccomp.listenerMetadata)
    }
    let flags = Self.flags(seccomp, hasListener: listener != nil)
    filter = SystemCallFilter(SystemCallRules(seccomp), flags: flags)
    guard filter.instructions.count <= SystemCallFilter.mostInstructions else {
      throw .config(
        "linux.seccomp.syscalls",
        "come to \(filter.instructions.count) instructions, and Linux takes \(SystemCallFilter.mostInstructions)"
      )
    }
    if SystemCallFilter.supports(flags) { return }
    guard !SystemCallFilter.supports([]) else {
      throw .config("linux.seccomp.flags", "this kernel does not have all of them")
    }
    throw .config("linux.seccomp", "this kernel has no system call filters: it needs CONFIG_SECCOMP_FILTER")
  }

  private static func flags(
    _ seccomp: RuntimeConfig.Linux.Seccomp, hasListener: Bool
  ) -> SystemCallFilter.Flags {
    // As with runc, whose default this is.
    var flags: SystemCallFilter.Flags = seccomp.flags == nil ? .speculation : []
    for flag in seccomp.flags ?? [] {
      // Without a listener there is nothing to wait for, and the kernel refuses it.
      if flag != .waitKillable || hasListener { flags.formUnion(SystemCallFilter.Flags(flag)) }
    }
    if hasListener {
      flags.insert(.listener)
      if flags.contains(.synchronized) { flags.insert(.synchronizedOrError) }
    }
    return flags
  }
}

extension SystemCallFilter.Flags {
  /// The kernel's flag for `flag`.
  init(_ flag: RuntimeConfig.Linux.Seccomp.Flag) {
    self =
      switch flag {
      case .synchronized: .synchronized
      case .log: .log
      case .speculation: .speculation
      case .waitKillable: .waitKillable
      }
  }
}

extension SystemCallRules {
  /// The rules of `seccomp`, which is valid. Names that no architecture has are passed over.
  public init(_ seccomp: RuntimeConfig.Linux.Seccomp) {
    var architectures = [SystemCallArchitecture.ofThisMachine[0]]
    for architecture in seccomp.architectures {
      // In another one, nothing can run on this machine.
      guard let known = SystemCallArchitecture(architecture),
        SystemCallArchitecture.ofThisMachine.contains(known),
        !architectures.contains(known)
      else { continue }
      architectures.append(known)
    }
    self.init(seccomp, architectures: architectures)
  }

  /// The rules of `seccomp` for calls in `architectures`.
  init(_ seccomp: RuntimeConfig.Linux.Seccomp, architectures: [SystemCallArchitecture]) {
    var rules: [Rule] = []
    for rule in seccomp.syscalls {
      let action = Action(rule.action, rule.errnoRet)
      let conditions = rule.args.map(Condition.init)
      // As with runc, which has it from older versions of libseccomp: of several conditions on one argument, one is enough.
      let areAlternatives = conditions.indices.contains { index in
        conditions[..<index].contains { $0.argument == conditions[index].argument }
      }
      for name in rule.names {
        guard let call = SystemCallName(name) else { continue }
        if areAlternatives {
          for condition in conditions { rules.append(Rule(call, action, when: [condition])) }
        } else {
          rules.append(Rule(call, action, when: conditions))
        }
      }
    }
    let standard = Action(seccomp.defaultAction, seccomp.defaultErrnoRet)
    // A default that lets calls through lets new ones through as well, and a tracer knows what to do.
    let hidesNewerCalls =
      switch standard {
      case .allow, .log, .trace: false
      case .killThread, .killProcess, .trap, .errno, .notify: true
      }
    self.init(
      defaultAction: standard, rules: rules, architectures: architectures, hidesNewerCalls: hidesNewerCalls)
  }
}

extension SystemCallRules.Action {
  fileprivate init(_ action: RuntimeConfig.Linux.Seccomp.Action, _ errno: UInt32?) {
    let number = errno ?? UInt32(Errno.notPermitted.rawValue)
    self =
      switch action {
      case .kill, .killThread: .killThread
      case .killProcess: .killProcess
      case .trap: .trap
      case .errno: .errno(number)
      case .trace: .trace(number)
      case .allow: .allow
      case .log: .log
      case .notify: .notify
      }
  }
}

extension SystemCallRules.Condition {
  fileprivate init(_ argument: RuntimeConfig.Linux.Seccomp.Argument) {
    let index = Int(argument.index)
    let value = argument.value
    switch argument.op {
    case .notEqual: self.init(argument: index, .notEqual, value)
    case .less: self.init(argument: index, .less, value)
    case .lessOrEqual: self.init(argument: index, .lessOrEqual, value)
    case .equal: self.init(argument: index, .equal, value)
    case .greaterOrEqual: self.init(argument: index, .greaterOrEqual, value)
    case .greater: self.init(argument: index, .greater, value)
    case .maskedEqual: self.init(argument: index, mask: value, .equal, argument.valueTwo)
    }
  }
}

extension SystemCallArchitecture {
  fileprivate init?(_ architecture: RuntimeConfig.Linux.Seccomp.Architecture) {
    switch architecture {
    case .x86_64: self = .x86_64
    case .x32: self = .x32
    case .x86: self = .i386
    case .aarch64: self = .aarch64
    case .arm: self = .arm
    default: return nil
    }
  }
}

extension RuntimeConfig.Linux.Seccomp.Architecture {
  /// The specification's name for `architecture`.
  init(_ architecture: SystemCallArchitecture) {
    self =
      switch architecture {
      case .x86_64: .x86_64
      case .x32: .x32
      case .i386: .x86
      case .aarch64: .aarch64
      case .arm: .arm
      }
  }
}
