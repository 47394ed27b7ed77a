import Linux
import OCI

/// The first process of a container, from its birth to its program.
struct Init: ~Copyable {
  let id: ContainerID
  let plan: Plan
  let options: CreateOptions
  /// Until the file tree is built.
  var hostMounts: HostMounts?
  /// Whether the host's mounts are in the working directory, to be copied from there (`MountStage`).
  let isStaged: Bool
  /// The container's own cgroup, when it has one.
  let cgroup: Cgroup?
  /// Read from before the program is executed, in a container that is created now and started later.
  let startFifo: FileDescriptor?
  let handshake: Handshake
  /// The namespaces that are still to be joined.
  let joining: [HeldNamespace]
  /// Where the container's file tree is made, when that is not in a copy of the host's.
  let emptyTree: EmptyFileTree?
  /// The container's network namespace, when that was made beforehand.
  let network: SpareNetwork?
  /// What hooks of the creation read; `nil` when there are none.
  let hookState: State?
  /// Where the program's labels are written, when it has some.
  var label: SecurityLabel?

  /// Carries the plan out; does not return.
  consuming func run() -> Never {
    do throws(ContainerError) {
      try prepare()
    } catch {
      handshake.sendFailure(error)
    }
    exitNow(1)
  }

  private mutating func prepare() throws(ContainerError) {
    // Until the program is executed, nobody inside may look at this process.
    try attempt("protect the new process") { () throws(Errno) in
      try ProcessControl.setDumpable(false)
      resetSignalActions()
      try SignalMask.none.restore()
    }
    label = try plan.process.openLabel()
    if isStaged, let staged = hostMounts.take() { hostMounts = try MountStage.collect(staged) }
    Credentials.setUmask(0)
    // The caller's CPU affinity does not count, only the container's cpuset.
    try? Scheduling.resetAffinity()
    for namespace in joining {
      try attempt("linux.namespaces: join \(namespace.path)") { () throws(Errno) in
        try namespace.descriptor.enter(namespace.kind)
      }
      handshake.notes?.say("joined the namespace \(namespace.path)")
    }
    try enterUserNamespace()
    if let network {
      try attempt("enter the container's network namespace") { () throws(Errno) in
        try network.namespace.enter(.network)
      }
    } else if plan.newNamespaces.contains(.network) {
      try attempt("bring the loopback interface up", taking: "CAP_NET_ADMIN") { () throws(Errno) in
        try NetworkInterface.bringLoopbackUp()
      }
    }
    try nameMachine()
    if !options.keepsKeyring {
      try ContainerProcess.takeNewKeyring()
    }

    handshake.notes?.say("namespaces are set up")
    let terminal = try buildFileTree()
    handshake.notes?.say("entered the root \(plan.root)")
    let process = ContainerProcess(
      plan: plan.process, preserved: options.preserved, isRelayed: options.isInForeground)
    try process.takeStandardStreams(terminal, controlling: true)
    if let personality = plan.personality {
      try attempt("linux.personality") { () throws(Errno) in
        try ProcessControl.setPersonality(personality)
      }
    }
    try process.enterWorkingDirectory()
    Credentials.setUmask(plan.process.umask ?? 0o022)
    try finish(process)
  }

  private func finish(_ process: ContainerProcess) throws(ContainerError) {
    // Nobody knows how long the wait for the start takes, and who may be inside by then: it is spent without a file of the
    // host's, and without this program's.
    let prelude: Trampoline.Prelude =
      switch startFifo {
      case .some(let fifo): .wait(ready: Handshake.ready, fifo: fifo.rawValue)
      case .none: .none
      }
    let execution = try process.prepareExecution(
      environment: options.extraEnvironment, after: prelude, inUserNamespace: plan.hasUserNamespace, handshake
    )
    // Everything outside the container is done.
    if hookState == nil, !handshake.expect(.proceed) { exitNow(1) }
    // Among the nodes of its cpuset, which is in force now.
    try plan.memoryPolicy?.takeOn()
    handshake.notes?.say(
      "taking on limits, user \(plan.process.user):\(plan.process.group) and capabilities, then executing \(plan.process.arguments.first ?? "")"
    )
    switch label {
    case .some(let label): try plan.process.apply(label)
    case .none: break
    }
    try process.takeOn(inUserNamespace: plan.hasUserNamespace, handshake)
    throw process.execute(execution)
  }

  private func enterUserNamespace() throws(ContainerError) {
    guard plan.hasUserNamespace else { return }
    if plan.newNamespaces.contains(.user), !handshake.expect(.mapped) { exitNow(1) }
    try attempt("become root of the user namespace") { () throws(Errno) in
      try Credentials.setGroups([])
      try Credentials.setGroup(0)
      try Credentials.setUser(0)
      // The change of user has made the process visible again.
      try ProcessControl.setDumpable(false)
    }
  }

  private func nameMachine() throws(ContainerError) {
    if let hostname = plan.hostname {
      try attempt("hostname: set \"\(hostname)\"") { () throws(Errno) in try HostName.set(hostname) }
    }
    if let domainname = plan.domainname {
      try attempt("domainname: set \"\(domainname)\"") { () throws(Errno) in
        try HostName.setDomain(domainname)
      }
    }
    for sysctl in plan.sysctl {
      let operation = "linux.sysctl: write \"\(sysctl.value)\" to /proc/sys/\(sysctl.path)"
      do throws(Errno) {
        if sysctl.path == "kernel/domainname" {
          // The file is the host's root's alone, also in a user namespace.
          try HostName.setDomain(sysctl.value)
        } else {
          try KernelParameter.open(sysctl.path).writeOnce(sysctl.value)
        }
      } catch {
        throw ContainerError(
          operation, error,
          advice: error == .readOnlyFileSystem ? "start the container around this with --privileged" : nil)
      }
    }
  }

  /// Builds the container's file tree and moves into it.
  ///
  /// - Returns: the container's terminal, when it has one; its other side is on its way.
  private mutating func buildFileTree() throws(ContainerError) -> PseudoTerminal? {
    // Closed at the end of this, so that the program's environment is made with few files open.
    guard let hostMounts = hostMounts.take() else { return nil }
    if plan.joinsMountNamespace {
      if let hookState { try runCreationHooks(hookState) }
      try attempt("root.path: enter \(plan.root)") { () throws(Errno) in
        try Directory.changeRoot(to: try FileDescriptor.open(plan.root, [.path, .directory]))
      }
      guard plan.process.terminal else { return nil }
      let terminal = try attempt("make a terminal with /dev/pts/ptmx") { () throws(Errno) in
        let terminal = try PseudoTerminal(
          devpts: try FileDescriptor.open(
            "/dev/pts", [.path, .directory], resolve: .noSymlinks, at: workingDirectory))
        try terminal.slave.changeOwner(user: plan.process.user)
        return terminal
      }
      return try send(terminal)
    }
    var root = try RootFilesystem(
      plan, hostMounts, id: id, cgroup: cgroup, emptyTree: emptyTree, sysfs: network?.sysfs.root.rawValue)
    root.notes = handshake.notes
    try root.build(hostMounts)
    handshake.notes?.say("mounts and devices are done")
    if let hookState {
      try runCreationHooks(hookState)
      try root.leavePlace()
    }
    var terminal: PseudoTerminal?
    if plan.process.terminal { terminal = try send(try root.makeTerminal(for: plan.process.user)) }
    // The working directory of a container whose root is read-only.
    if plan.rootIsReadOnly { root.makeDirectory(plan.process.workingDirectory) }
    try root.restrict()
    try root.enter(pivot: !options.noPivot)
    return terminal
  }

  private func send(_ terminal: consuming PseudoTerminal) throws(ContainerError) -> PseudoTerminal {
    let terminal = terminal
    try attempt("hand the terminal over") { () throws(Errno) in
      try handshake.sendTerminal(terminal.master)
    }
    return terminal
  }
}

/// A namespace to be joined, opened before anything is done.
final class HeldNamespace: Sendable {
  let kind: Namespaces
  let path: String
  let descriptor: FileDescriptor

  init(_ namespace: Plan.JoinedNamespace) throws(ContainerError) {
    kind = namespace.kind
    path = namespace.path
    descriptor = try attempt("linux.namespaces: open \(namespace.path)") { () throws(Errno) in
      try FileDescriptor.open(namespace.path, .readOnly)
    }
  }
}
