import Linux
import OCI

/// How a process joins a running container.
public struct ExecOptions: Sendable {
  /// What the process is.
  public var process: RuntimeConfig.Process
  /// A listening socket to which the master side of its terminal is sent.
  public var consoleSocket: String?
  /// A file to which its pid is written.
  public var pidFile: String?
  /// How many of the caller's descriptors from number 3 up the program gets.
  public var preservedDescriptors: Int32 = 0
  /// A cgroup below the container's in which the process lives; `nil` is the container's own.
  public var cgroup: String?
  /// Whether a process is put into a paused container, to run when that is resumed.
  public var ignoresPause = false

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

  private func join(_ options: ExecOptions) throws(ContainerError) -> StartedProcess {
    let status = status()
    switch status {
    case .running, .created: break
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
    let plan = try ProcessPlan(options.process)
    try ContainerProcess.checkPreserved(options.preservedDescriptors)
    let first = try initProcess()
    let spawned = try spawn(plan, options, first)
    return try accompany(spawned, plan, options)
  }

  private struct Spawned: ~Copyable {
    let handshake: Handshake
    let pid: Int32
    let pidfd: Pidfd
  }

  private func spawn(
    _ plan: ProcessPlan, _ options: ExecOptions, _ first: borrowing Pidfd
  ) throws(ContainerError) -> Spawned {
    let pair = try attempt("make a connection to the new process") { () throws(Errno) in
      try Socket.pair()
    }
    let kinds = record.namespaces
    if kinds.contains(.pid) {
      try attempt("enter the pid namespace of \(id)") { () throws(Errno) in try first.enter(.pid) }
    }
    switch try cloneIntoCgroup(options) {
    case .parent(let pid, let pidfd):
      return Spawned(handshake: Handshake(pair.here), pid: pid, pidfd: pidfd)
    case .child:
      let handshake = Handshake(pair.there)
      do throws(ContainerError) {
        try join(first, kinds.subtracting(.pid), plan, options, handshake)
      } catch {
        handshake.sendFailure(error.description)
      }
      exitNow(1)
    }
  }

  private func cloneIntoCgroup(_ options: ExecOptions) throws(ContainerError) -> Cloned {
    guard let own = try cgroup() else {
      return try attempt("clone a process for \(id)") { () throws(Errno) in try clone(into: []) }
    }
    var cgroup = own
    if let below = options.cgroup {
      guard !below.split(separator: "/").contains("..") else {
        throw ContainerError(.invalidConfig, "--cgroup \(below): must stay below the container's cgroup")
      }
      cgroup = Cgroup(hierarchy: own.hierarchy, path: own.path + MountPlan.clean(below))
    }
    do throws(Errno) {
      let directory = try FileDescriptor.open(cgroup.directory, [.path, .directory])
      return try clone(into: [], cgroup: directory.rawValue)
    } catch .resourceBusy where options.cgroup == nil {
      // The container has handed its controllers to cgroups below its own, which may then hold no process
      // itself; its first process knows a place.
      let path = try attempt("find a cgroup in container \(id)") { () throws(Errno) in
        try Cgroup.path(of: record.process?.pid ?? 0)
      }
      return try attempt("clone a process into the cgroup \(path)") { () throws(Errno) in
        let directory = try FileDescriptor.open(own.hierarchy.root + path, [.path, .directory])
        return try clone(into: [], cgroup: directory.rawValue)
      }
    } catch {
      throw ContainerError("clone a process into the cgroup \(cgroup.directory)", error)
    }
  }

  /// The new process's way in; does not return unless it fails.
  private func join(
    _ first: borrowing Pidfd, _ kinds: Namespaces, _ plan: ProcessPlan, _ options: ExecOptions,
    _ handshake: borrowing Handshake
  ) throws(ContainerError) {
    try attempt("protect the new process") { () throws(Errno) in
      // Its files would be the host's to anybody inside who could look at it.
      try ProcessControl.setDumpable(false)
      resetSignalActions()
      try SignalMask.none.restore()
    }
    Credentials.setUmask(0)
    if let cpus = plan.initialAffinity {
      try attempt("process.execCPUAffinity.initial") { () throws(Errno) in
        try Scheduling.setAffinity(cpus, of: 0)
      }
    }
    try attempt("enter the namespaces of \(id)") { () throws(Errno) in
      if !kinds.isEmpty { try first.enter(kinds) }
      if kinds.contains(.user) {
        try Credentials.setGroups([])
        try Credentials.setGroup(0)
        try Credentials.setUser(0)
        try ProcessControl.setDumpable(false)
      }
    }
    try ContainerProcess.takeNewKeyring()
    let process = ContainerProcess(plan: plan, preservedDescriptors: options.preservedDescriptors)
    var terminal: PseudoTerminal?
    if plan.terminal { terminal = try makeTerminal(plan, handshake) }
    try process.takeStandardStreams(terminal)
    try process.enterWorkingDirectory()
    Credentials.setUmask(plan.umask ?? 0o022)
    if let cpus = plan.finalAffinity {
      try attempt("process.execCPUAffinity.final") { () throws(Errno) in
        try Scheduling.setAffinity(cpus, of: 0)
      }
    }
    let program = try process.findProgram()
    try process.takeOn(inUserNamespace: kinds.contains(.user), handshake)
    process.execute(program, environment: [], handshake: handshake)
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
    _ spawned: consuming Spawned, _ plan: ProcessPlan, _ options: ExecOptions
  ) throws(ContainerError) -> StartedProcess {
    do throws(ContainerError) {
      try Supervision.prepare(spawned.pid, plan)
      if let pidFile = options.pidFile { try PidFile.write(spawned.pid, to: pidFile) }
      try attempt("tell the new process to go on") { () throws(Errno) in
        try spawned.handshake.send(.proceed)
      }
      let terminal = try Supervision.bringUp(
        spawned.handshake, pid: spawned.pid, process: plan, consoleSocket: options.consoleSocket)
      return StartedProcess(container: self, pid: spawned.pid, pidfd: spawned.pidfd, terminal: terminal)
    } catch {
      try? spawned.pidfd.send(.kill)
      _ = try? spawned.pidfd.wait()
      if let pidFile = options.pidFile { try? File.remove(pidFile) }
      throw error
    }
  }
}
