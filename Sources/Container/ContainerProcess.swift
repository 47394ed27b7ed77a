import Linux

/// The last stretch of a container's process, the same for its first one and for those that join later: from being inside
/// to being the program.
struct ContainerProcess: Sendable {
  let plan: ProcessPlan
  /// How many descriptors from number 3 up the program gets.
  let preservedDescriptors: Int32
  /// Whether it joins a container that is there, in which a slip of the pen is to leave nothing behind.
  var isJoining = false

  /// Refuses to preserve `count` descriptors from number 3 up unless this process has them all open.
  static func checkPreserved(_ count: Int32) throws(ContainerError) {
    guard (0...most).contains(count) else {
      throw ContainerError(.invalidConfig, "--preserve-fds \(count): must be a number from 0 to \(most)")
    }
    for number in 3..<(3 + count) where !isOpen(number) {
      throw ContainerError(.invalidConfig, "--preserve-fds \(count): descriptor \(number) is not open")
    }
  }

  /// As many descriptors as Linux lets a process have unless it is told otherwise (`fs.nr_open`).
  private static let most: Int32 = 1 << 20

  /// The environment without which programs misbehave is completed: `HOME`.
  private func environment() -> [String] {
    var environment = plan.environment
    if !environment.contains(where: { $0.hasPrefix("HOME=") }) {
      environment.append("HOME=\(Accounts.homeDirectory(of: plan.user))")
    }
    return environment
  }

  /// Leaves the caller's session keyring, which holds what the host's user has in it.
  static func takeNewKeyring() throws(ContainerError) {
    try attempt("make a session keyring") { () throws(Errno) in
      try ProcessControl.joinNewSessionKeyring()
    }
  }

  /// Gives the process a session with its terminal as standard streams, or what it has already to its user.
  ///
  /// - Parameter controlling: whether the terminal becomes that of the session.
  func takeStandardStreams(
    _ terminal: borrowing PseudoTerminal?, controlling: Bool
  ) throws(ContainerError) {
    try attempt("start a session") { () throws(Errno) in try ProcessControl.startSession() }
    switch terminal {
    case .some(let terminal):
      try attempt("take the terminal") { () throws(Errno) in
        // Before the program can ask for it: that of the caller's terminal, unless the configuration says another.
        if let size = plan.terminalSize ?? (try? FileDescriptor.duplicate(of: 0).terminalSize()) {
          try terminal.master.setTerminalSize(size)
        }
        if controlling { try terminal.slave.becomeControllingTerminal() }
        for number in Int32(0)...2 { try terminal.slave.replace(number) }
      }
    case .none: StandardStreams.give(to: plan.user)
    }
  }

  /// Goes to the working directory, which a container's first process makes when it is missing.
  func enterWorkingDirectory() throws(ContainerError) {
    let path = plan.workingDirectory
    do throws(Errno) {
      try Directory.change(to: path)
    } catch .noSuchFileOrDirectory where !isJoining {
      try attempt("process.cwd: make \(path)") { () throws(Errno) in
        try Directory.makeAll(path)
        try Directory.change(to: path)
      }
    } catch .permissionDenied {
      // The user may be let in where its container's root is not; tried again as that user.
      return
    } catch {
      throw ContainerError(entering, error)
    }
    try checkWorkingDirectory()
  }

  /// What is done to the working directory, in the words that tell why a program was not executed.
  private var entering: String {
    isJoining ? ProgramStatus.entering(plan.workingDirectory) : "process.cwd: enter \(plan.workingDirectory)"
  }

  /// A path through a descriptor of the host's can lead out of the container's root.
  private func checkWorkingDirectory() throws(ContainerError) {
    let inside = try attempt("process.cwd: \(plan.workingDirectory)") { () throws(Errno) in
      try Directory.current() != nil
    }
    guard inside else { throw .config("process.cwd", "\(plan.workingDirectory) is outside the container") }
  }

  /// Takes on what the program is to have: limits, filter, user, capabilities.
  ///
  /// Limits come late, so that nothing on the way runs into them.
  func takeOn(inUserNamespace: Bool, _ handshake: borrowing Handshake) throws(ContainerError) {
    if inUserNamespace, !plan.resourceLimits.isEmpty {
      try attempt("ask for resource limits") { () throws(Errno) in try handshake.askForLimits() }
      guard handshake.expect(.limited) else { exitNow(1) }
    } else {
      try Supervision.apply(plan.resourceLimits, to: 0)
    }
    // While it takes no renunciation of privileges, as it does from those who have none.
    if let filter = plan.systemCallFilter {
      try attempt("refuse system calls", advice: "the kernel needs CONFIG_SECCOMP_FILTER") {
        () throws(Errno) in try filter.load()
      }
    }
    try dropPrivileges(inUserNamespace ? Capabilities.bounding() : Capabilities.atFirst)
  }

  /// Becomes the user, with the capabilities that the plan leaves.
  ///
  /// - Parameter available: the bounding set until now.
  private func dropPrivileges(_ available: Capabilities) throws(ContainerError) {
    let sets = plan.capabilities
    let bounding = sets.bounding.intersection(available)
    let permitted = sets.permitted.intersection(available)
    try attempt("process.capabilities.bounding") { () throws(Errno) in try bounding.limitBounding() }
    try attempt("process.user: become \(plan.user):\(plan.group)") { () throws(Errno) in
      try ProcessControl.setKeepCapabilities(true)
      try Credentials.setGroups(plan.additionalGroups)
      try Credentials.setGroup(plan.group)
      try Credentials.setUser(plan.user)
      try ProcessControl.setKeepCapabilities(false)
    }
    try enterWorkingDirectoryAsUser()
    try attempt("process.capabilities") { () throws(Errno) in
      try Capabilities.set(
        effective: sets.effective.intersection(permitted), permitted: permitted,
        inheritable: sets.inheritable.intersection(available))
    }
    try attempt("process.capabilities.ambient") { () throws(Errno) in
      try sets.ambient.intersection(permitted).intersection(sets.inheritable).setAmbient()
    }
    if plan.noNewPrivileges {
      try attempt("process.noNewPrivileges") { () throws(Errno) in
        try ProcessControl.setNoNewPrivileges()
      }
    }
  }

  private func enterWorkingDirectoryAsUser() throws(ContainerError) {
    if let now = try? Directory.current(), now == plan.workingDirectory { return }
    try attempt(entering) { () throws(Errno) in try Directory.change(to: plan.workingDirectory) }
    try checkWorkingDirectory()
  }

  /// The program's path, by the rules of a shell (`execvp(3)`), in the container's file tree.
  ///
  /// - Throws: `ContainerError` in the words by which engines tell a missing program (exit status 127) from one that cannot
  ///   be executed (126).
  func findProgram() throws(ContainerError) -> String {
    let name = plan.arguments[0]
    if name.utf8.contains(UInt8(ascii: "/")) {
      if let error = Self.reasonNotToExecute(name) { throw ContainerError("exec: \"\(name)\"", error) }
      return name
    }
    let variable = plan.environment.last { $0.hasPrefix("PATH=") }
    let path =
      variable.map { $0.dropFirst(5) } ?? "/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin"
    var denied = false
    if !name.isEmpty {
      for directory in path.split(separator: ":", omittingEmptySubsequences: false) {
        let candidate = directory.isEmpty ? "./\(name)" : "\(directory)/\(name)"
        switch Self.reasonNotToExecute(candidate) {
        case nil: return candidate
        case .permissionDenied?: denied = true
        case _?: continue
        }
      }
    }
    if denied { throw ContainerError("exec: \"\(name)\"", .permissionDenied) }
    throw ContainerError(.failed, "exec: \"\(name)\": executable file not found in $PATH")
  }

  private static func reasonNotToExecute(_ path: String) -> Errno? {
    do throws(Errno) {
      let status = try FileStatus.of(path)
      if status.kind == .directory { return .isDirectory }
      if status.kind != .regular || status.permissions & 0o111 == 0 { return .permissionDenied }
      return nil
    } catch { return error }
  }

  /// Executes the program, after `prelude`; does not return.
  ///
  /// - Parameter handshake: told when it cannot be.
  func execute(
    _ program: String, environment extra: [String], after prelude: Trampoline.Prelude,
    _ handshake: borrowing Handshake
  ) -> Never {
    let report = handshake.socket.descriptor.rawValue
    do throws(Errno) {
      let trampoline = try Trampoline(reportingTo: report, prelude: prelude)
      try closeOnExec(from: 3 + preservedDescriptors)
      for number in 3..<(3 + preservedDescriptors) { try keepOverExec(number) }
      try keepOverExec(report)
      if case .wait(_, let fifo) = prelude { try keepOverExec(fifo) }
      let environment = environment() + extra
      let error = trampoline.execute(program, arguments: plan.arguments, environment: environment)
      throw error
    } catch .permissionDenied {
      handshake.sendFailure(
        "exec: the trampoline in memory: \(Errno.permissionDenied): set the sysctl vm.memfd_noexec below 2")
    } catch {
      handshake.sendFailure("exec: the trampoline in memory: \(error)")
    }
    exitNow(1)
  }
}

/// The standard streams of this process.
enum StandardStreams {
  /// Makes `user` the owner of pipes, sockets and terminals among them, so that a program that is not root can open
  /// `/dev/stdout` again. Plain files stay whose they are.
  static func give(to user: UInt32) {
    for number in Int32(0)...2 {
      guard let stream = try? FileDescriptor.duplicate(of: number), let status = try? stream.status(),
        status.user != user
      else { continue }
      switch status.kind {
      case .fifo, .socket: try? stream.changeOwner(user: user)
      case .characterDevice where stream.isTerminal: try? stream.changeOwner(user: user)
      case .regular, .directory, .symbolicLink, .characterDevice, .blockDevice, .unknown: continue
      }
    }
  }
}
