import Linux

/// The last stretch of a container's process, the same for its first one and for those that join later: from being inside
/// to being the program.
struct ContainerProcess: Sendable {
  let plan: ProcessPlan
  /// The caller's descriptors that the program gets.
  let preserved: PreservedDescriptors
  /// Whether it joins a container that is there, in which a slip of the pen is to leave nothing behind.
  var isJoining = false
  /// Whether the caller passes what the terminal shows on to its own standard output.
  var isRelayed = false
  /// The path of the hook that the process is; `nil` when it is a program, found by its arguments.
  var hookPath: String?

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
        if let size = plan.terminalSize ?? CallersTerminal.size() {
          try terminal.master.setTerminalSize(size)
        }
        // A file or a pipe gets lines that end as the program writes them.
        if isRelayed, !CallersTerminal.showsOutput {
          let slave = terminal.slave.rawValue
          try TerminalSettings(of: slave).withoutReturns.apply(to: slave)
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
      throw cannotEnter(error)
    }
    try checkWorkingDirectory()
  }

  /// The error when the working directory cannot be entered; of a command that joins, in the words that engines know.
  private func cannotEnter(_ errno: Errno) -> ContainerError {
    let path = plan.workingDirectory
    guard isJoining else { return ContainerError("process.cwd: enter \(path)", errno) }
    return ContainerError(.programNotExecuted, "chdir to cwd (\"\(path)\"): \(errno)", errno)
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
    if plan.refusesKeyrings {
      try attempt("refuse system calls", advice: "the kernel needs CONFIG_SECCOMP_FILTER") {
        () throws(Errno) in try SystemCallFilter.keyrings.load()
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
    let kept = capabilitiesForFilter(available)
    if kept != Capabilities() {
      try attempt("linux.seccomp: keep CAP_SYS_ADMIN until the filter is in force", taking: "CAP_SYS_ADMIN") {
        () throws(Errno) in
        let now = try Capabilities.permitted()
        try Capabilities.set(effective: now, permitted: now, inheritable: kept)
      }
    }
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
        effective: sets.effective.intersection(permitted).union(kept), permitted: permitted.union(kept),
        inheritable: sets.inheritable.intersection(available).union(kept))
    }
    try attempt("process.capabilities.ambient") { () throws(Errno) in
      try sets.ambient.intersection(permitted).intersection(sets.inheritable).union(kept).setAmbient()
    }
    if plan.noNewPrivileges {
      try attempt("process.noNewPrivileges") { () throws(Errno) in
        try ProcessControl.setNoNewPrivileges()
      }
    }
  }

  private func enterWorkingDirectoryAsUser() throws(ContainerError) {
    if let now = try? Directory.current(), now == plan.workingDirectory { return }
    do throws(Errno) { try Directory.change(to: plan.workingDirectory) } catch { throw cannotEnter(error) }
    try checkWorkingDirectory()
  }
}

/// The standard streams of this process.
enum StandardStreams {
  /// Makes `user` the owner of pipes, sockets and terminals among them, so that a program that is not root can open
  /// `/dev/stdout` again. Plain files stay whose they are, and the host's `/dev/null` becomes the container's.
  static func give(to user: UInt32) {
    for number in Int32(0)...2 {
      guard let stream = try? FileDescriptor.duplicate(of: number), let status = try? stream.status() else {
        continue
      }
      if status.kind == .characterDevice, status.device == null { takeOwnNull(number) }
      guard status.user != user else { continue }
      switch status.kind {
      case .fifo, .socket: try? stream.changeOwner(user: user)
      case .characterDevice where stream.isTerminal: try? stream.changeOwner(user: user)
      case .regular, .directory, .symbolicLink, .characterDevice, .blockDevice, .unknown: continue
      }
    }
  }

  private static let null = DeviceNumber(major: 1, minor: 3)

  /// Puts the container's own `/dev/null` in the place of the host's, of which criu would not know where it is.
  private static func takeOwnNull(_ number: Int32) {
    let path = "/dev/null"
    guard let there = try? FileStatus.of(path, following: false), there.kind == .characterDevice,
      there.device == null, let own = try? FileDescriptor.open(path, [.readWrite, .noFollow]),
      let opened = try? own.status(), opened.kind == .characterDevice, opened.device == null
    else { return }
    try? own.replace(number)
  }
}
