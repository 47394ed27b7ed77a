import Linux
import OCI

/// How a process joins a running container.
public struct ExecOptions: Sendable {
  /// What the process is.
  public var process: RuntimeConfig.Process
  /// Told what the process asks for and does not get, in one line each.
  public var warn: @Sendable (String) -> Void = { _ in }
  /// Whether the caller stays with the process, and passes what its terminal shows on to its own standard output.
  public var isInForeground = false
  /// A listening socket to which the master side of its terminal is sent.
  public var consoleSocket: String?
  /// A file to which its pid is written.
  public var pidFile: String?
  /// A listening socket to which a pidfd of it is sent.
  public var pidfdSocket: String?
  /// The caller's descriptors that the program gets.
  public var preserved = PreservedDescriptors.none
  /// A cgroup below the container's in which the process lives; `nil` is the container's own.
  public var cgroup: String?
  /// Whether the process is a child of the caller's parent, who then waits for it.
  public var isSibling = false
  /// Where messages go that only help to find a fault.
  public var debug: DebugMessages?
  /// Whether a process is put into a paused container, to run when that is resumed.
  public var ignoresPause = false

  /// The path of the hook that the process is, in the container: it has no other environment than its own.
  var hookPath: String?

  /// Options for `process`.
  public init(process: RuntimeConfig.Process) { self.process = process }
}

extension Container {
  /// Executes a program in the running container, beside what runs there.
  ///
  /// - Returns: the process, a child of the caller.
  /// - Throws: `ContainerError` of the kind `.wrongStatus` when the container does not run.
  public func exec(_ options: ExecOptions) throws(ContainerError) -> StartedProcess {
    // Until a container is made, its first process is partly still with the host.
    if isBeingMade {
      try lock(shared: true).release()
      return try Container(id, in: store).join(options)
    }
    return try join(options)
  }

  /// Does what `exec` does, for who holds the container's lock.
  func join(_ options: ExecOptions) throws(ContainerError) -> StartedProcess {
    let status = status()
    switch status {
    case .running, .created:
      // In a frozen cgroup, the new process would do nothing, and this one would wait for it.
      if !options.ignoresPause { try cgroup()?.refuseIfFrozen() }
    case .paused:
      guard options.ignoresPause else {
        throw ContainerError(
          .wrongStatus, "cannot exec in \(id): it is paused; resume it, or use --ignore-paused")
      }
    case .stopped, .creating:
      throw ContainerError(
        .wrongStatus, "cannot exec in \(id): container is not running (\(status.rawValue))")
    }
    do throws(ConfigError) { try options.process.validate() } catch {
      throw ContainerError(.invalidConfig, "process.\(error)")
    }
    var plan = try ProcessPlan(options.process)
    try plan.refuseUnknownModules()
    plan.refusesKeyrings = !record.hasKeyrings
    if record.hasSeccomp { plan.seccomp = try SeccompPlan(storedIn: directory) }
    for warning in plan.warnings(inUserNamespace: record.namespaces.contains(.user)) { options.warn(warning) }
    if !record.makesDevices { plan.capabilities.remove(ProcessPlan.CapabilitySets.makeNode) }
    let first = try initProcess()
    options.debug?.say("validated the process, which joins \(id), cgroup \(record.cgroup ?? "of the caller")")
    // Whoever may not set the limits of other users' processes has each set its own.
    if record.namespaces.contains(.user) || Supervision.setsLimits {
      plan.lastLimits = plan.resourceLimits
      plan.resourceLimits = []
    }
    let joiner = try spawn(plan, options, first)
    return try accompany(joiner, plan, options)
  }

  private func spawn(
    _ plan: ProcessPlan, _ options: ExecOptions, _ first: borrowing Pidfd
  ) throws(ContainerError) -> Joiner {
    let pair = try attempt("make a connection to the new process") { () throws(Errno) in
      try Socket.pair()
    }
    // Before the container's cgroup, whose CPUs may be others.
    var callers: [UInt64]?
    if let cpus = plan.initialAffinity {
      callers = try attempt("process.execCPUAffinity.initial") { () throws(Errno) in
        let mask = try Scheduling.affinityMask()
        try Scheduling.setAffinity(cpus, of: 0)
        return mask
      }
    }
    defer { if let callers { try? Scheduling.setAffinityMask(callers) } }
    switch try cloneIntoCgroup(options) {
    case .parent(let pid, let pidfd):
      return Joiner(handshake: Handshake(pair.here, options.debug), pid: pid, pidfd: pidfd)
    case .child:
      // The caller's end: when the caller is gone, this process is to see it.
      pair.here.close()
      let handshake = Handshake(pair.there, options.debug)
      do throws(ContainerError) {
        try join(first, plan, options, handshake)
      } catch {
        handshake.sendFailure(error)
      }
      exitNow(1)
    }
  }

  private func cloneIntoCgroup(_ options: ExecOptions) throws(ContainerError) -> Cloned {
    if options.cgroup != nil { _ = try requireCgroup(for: "use --cgroup in") }
    guard let path = record.cgroup else {
      return try attempt("clone a process for \(id)") { () throws(Errno) in
        try clone(into: [], asSibling: options.isSibling)
      }
    }
    let own = Cgroup(hierarchy: try CgroupHierarchy.find(), path: path)
    // Removed, and perhaps another container's by now: the first process had left it.
    guard try cgroup() != nil else { return try cloneBesideFirst(options, in: own.hierarchy) }
    var cgroup = own
    if let below = options.cgroup {
      guard !below.split(separator: "/").contains("..") else {
        throw ContainerError(.invalidConfig, "--cgroup \(below): must stay below the container's cgroup")
      }
      cgroup = Cgroup(hierarchy: own.hierarchy, path: own.path + MountPlan.clean(below))
    }
    do throws(Errno) {
      let directory = try FileDescriptor.open(cgroup.directory, [.path, .directory])
      return try clone(into: [], cgroup: directory.rawValue, asSibling: options.isSibling)
    } catch {
      switch error {
      // The container has handed its controllers to cgroups below its own, which may then hold no process itself; or the
      // cgroup was removed.
      case .resourceBusy, .noSuchFileOrDirectory, .noSuchDevice:
        if options.cgroup == nil { return try cloneBesideFirst(options, in: own.hierarchy) }
      default: break
      }
      throw ContainerError("clone a process into the cgroup \(cgroup.directory)", error)
    }
  }

  /// Clones a process into the cgroup in which the container's first one is now.
  private func cloneBesideFirst(
    _ options: ExecOptions, in hierarchy: CgroupHierarchy
  ) throws(ContainerError) -> Cloned {
    let path = try attempt("find a cgroup in container \(id)") { () throws(Errno) in
      try Cgroup.path(of: record.process?.pid ?? 0)
    }
    return try attempt("clone a process into the cgroup \(path)") { () throws(Errno) in
      let directory = try FileDescriptor.open(hierarchy.root + path, [.path, .directory])
      return try clone(into: [], cgroup: directory.rawValue, asSibling: options.isSibling)
    }
  }

  /// The new process's way in; does not return unless it fails.
  ///
  /// It ends at the door of the pid namespace, where those inside could look at it and trace it if they may
  /// (`CAP_SYS_PTRACE`): its last image makes the program's process there, when nothing of the host's is left.
  private func join(
    _ first: borrowing Pidfd, _ plan: ProcessPlan, _ options: ExecOptions,
    _ handshake: borrowing Handshake
  ) throws(ContainerError) {
    try attempt("protect the new process") { () throws(Errno) in
      // Its files would be the host's to anybody inside who could look at it.
      try ProcessControl.setDumpable(false)
      resetSignalActions()
      try SignalMask.none.restore()
    }
    Credentials.setUmask(0)
    let label = try plan.openLabel()
    let kinds = record.namespaces
    try attempt("enter the namespaces of \(id)") { () throws(Errno) in
      if !kinds.isEmpty { try first.enter(kinds) }
      if kinds.contains(.user) {
        try Credentials.setGroups([])
        try Credentials.setGroup(0)
        try Credentials.setUser(0)
        try ProcessControl.setDumpable(false)
      }
    }
    handshake.notes?.say("joined the namespaces of \(id)")
    try ContainerProcess.takeNewKeyring()
    let process = ContainerProcess(
      plan: plan, preserved: options.preserved, isJoining: true, isRelayed: options.isInForeground,
      hookPath: options.hookPath)
    var terminal: PseudoTerminal?
    if plan.terminal { terminal = try makeTerminal(plan, handshake) }
    try process.takeStandardStreams(terminal, controlling: false)
    if let personality = record.personality {
      try attempt("linux.personality") { () throws(Errno) in
        try ProcessControl.setPersonality(personality)
      }
    }
    if let policy = record.memoryPolicy { try MemoryPolicy(policy).takeOn() }
    try process.enterWorkingDirectory()
    Credentials.setUmask(plan.umask ?? 0o022)
    if let cpus = plan.finalAffinity {
      try attempt("process.execCPUAffinity.final") { () throws(Errno) in
        try Scheduling.setAffinity(cpus, of: 0)
      }
    } else {
      // The caller's CPU affinity does not count, only the container's cpuset.
      try? Scheduling.resetAffinity()
    }
    let execution = try process.prepareExecution(
      environment: [], after: .becomeSibling(takesTerminal: plan.terminal),
      inUserNamespace: kinds.contains(.user), handshake)
    handshake.notes?.say(
      "taking on limits, user \(plan.user):\(plan.group) and capabilities, then executing \(plan.arguments.first ?? "")"
    )
    switch label {
    case .some(let label): try plan.apply(label)
    case .none: break
    }
    try process.takeOn(inUserNamespace: kinds.contains(.user), handshake)
    throw process.execute(execution)
  }

  private func makeTerminal(
    _ plan: ProcessPlan, _ handshake: borrowing Handshake
  ) throws(ContainerError) -> PseudoTerminal {
    let terminal = try attempt("make a terminal with /dev/pts/ptmx of the container") { () throws(Errno) in
      let terminal = try PseudoTerminal(
        devpts: try FileDescriptor.open(
          "/dev/pts", [.path, .directory], resolve: .noSymlinks, at: workingDirectory))
      try terminal.slave.changeOwner(user: plan.user)
      return terminal
    }
    try attempt("hand the terminal over") { () throws(Errno) in
      try handshake.sendTerminal(terminal.master)
    }
    return terminal
  }

  private func accompany(
    _ joiner: consuming Joiner, _ plan: ProcessPlan, _ options: ExecOptions
  ) throws(ContainerError) -> StartedProcess {
    do throws(ContainerError) {
      let arrived = try joiner.follow(plan, options, into: self)
      let process = try bringUp(arrived, joiner.handshake, plan, options)
      _ = try? joiner.pidfd.wait()
      return process
    } catch {
      try? joiner.pidfd.send(.kill)
      _ = try? joiner.pidfd.wait()
      throw error
    }
  }

  /// A program that is not executed within so many milliseconds is taken for one that is.
  private static let patience: Int32 = 10_000

  private func bringUp(
    _ process: consuming Arrived, _ handshake: borrowing Handshake, _ plan: ProcessPlan,
    _ options: ExecOptions
  ) throws(ContainerError) -> StartedProcess {
    do throws(ContainerError) {
      options.debug?.say("process \(process.pid) is in the container")
      try Supervision.prepare(process.pid, plan)
      try record.resourceControl?.add(joining: process.pid)
      // Only now: the process that has made it must not run into them.
      try Supervision.apply(plan.lastLimits, to: process.pid)
      if let pidFile = options.pidFile { try PidFile.write(process.pid, to: pidFile) }
      try Supervision.deliver(process.pidfd, to: options.pidfdSocket, as: "setns")
      try attempt("tell the new process to go on") { () throws(Errno) in try handshake.send(.proceed) }
      // From inside, so no other word is taken from it, and it is not waited for without end: others there may have
      // stopped it, or got hold of its end of the connection.
      var listener = plan.seccomp?.listener
      waiting: while true {
        let message = try handshake.receive(orEndOf: process.pidfd, milliseconds: Self.patience)
        switch consume message {
        case .closed:
          options.debug?.say("process \(process.pid) has executed \(plan.arguments.first ?? "")")
          break waiting
        case .notExecuted(let errno): throw .program(plan.arguments[0], errno)
        case .unfiltered(let error): throw error
        case .listener(let number):
          guard let listener = listener.take() else {
            throw ContainerError(.failed, "unexpected message from the container's process")
          }
          try listener.handOver(number, of: process.pid, in: record, status: .running, handshake)
        default: throw ContainerError(.failed, "unexpected message from the container's process")
        }
      }
      return StartedProcess(
        container: self, pid: process.pid, pidfd: process.pidfd, terminal: process.terminal)
    } catch {
      try? process.pidfd.send(.kill)
      _ = try? process.pidfd.wait()
      if let pidFile = options.pidFile { PidFile.remove(process.pid, from: pidFile) }
      throw error
    }
  }
}

/// The process on its way into a container, which makes the one inside and ends.
private struct Joiner: ~Copyable {
  let handshake: Handshake
  let pid: Int32
  let pidfd: Pidfd

  /// Stays with it until the process inside is there.
  func follow(
    _ plan: ProcessPlan, _ options: ExecOptions, into container: Container
  ) throws(ContainerError) -> Arrived {
    let id = container.id
    var terminal: FileDescriptor?
    var held: SeccompPlan.HeldListener?
    while true {
      // Its calls may be what the listener is asked about.
      if held?.isAsked(before: handshake) == true { try held.take()?.handOver(pid, container.record) }
      let message = try handshake.receive(orEndOf: pidfd)
      switch consume message {
      case .terminal(let master): terminal = try Supervision.deliver(master, to: options.consoleSocket)
      case .limits: try Supervision.grant(plan.resourceLimits, to: pid, handshake)
      case .pid(let pid):
        // A child of this process, so nobody else gets its pid before it is waited for.
        let pidfd = try attempt("watch process \(pid)") { () throws(Errno) in try Pidfd(of: pid) }
        try held.take()?.handOver(pid, container.record)
        return Arrived(pid: pid, pidfd: pidfd, terminal: terminal)
      case .listener(let number):
        held = try plan.seccomp?.listener?.hold(number, of: self.pid, handshake)
      case .failed(let error): throw error
      case .unfiltered(let error): throw error
      case .notExecuted(let errno):
        throw ContainerError(
          "clone a process into the pid namespace of \(id)", errno,
          advice: errno == .outOfMemory ? "the container is at its end, or at its memory limit" : nil)
      case .closed:
        throw ContainerError(
          .failed, "the process on its way into \(id) ended: it was killed, or lacked memory")
      default:
        throw ContainerError(.failed, "unexpected message from the container's process")
      }
    }
  }
}

/// A process inside that waits to execute its program.
private struct Arrived: ~Copyable {
  let pid: Int32
  let pidfd: Pidfd
  var terminal: FileDescriptor?
}
