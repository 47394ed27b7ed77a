import Linux
import OCI

extension ContainerStore {
  /// Makes a container whose first process waits to be started.
  ///
  /// Nothing of it stays when this throws.
  ///
  /// - Parameter groundwork: what was done beforehand for this container and others.
  /// - Returns: the container's first process.
  @discardableResult
  public func create(
    _ id: ContainerID, _ options: CreateOptions, _ groundwork: Groundwork = Groundwork()
  ) throws(ContainerError) -> StartedProcess {
    try make(id, options, groundwork, startsAtOnce: false)
  }

  /// Makes a container and executes its program.
  ///
  /// Nothing of it stays when this throws.
  ///
  /// - Parameter groundwork: what was done beforehand for this container and others.
  /// - Returns: the container's first process, a child of the caller.
  public func run(
    _ id: ContainerID, _ options: CreateOptions, _ groundwork: Groundwork = Groundwork()
  ) throws(ContainerError) -> StartedProcess {
    try make(id, options, groundwork, startsAtOnce: true)
  }

  private func make(
    _ id: ContainerID, _ options: CreateOptions, _ groundwork: Groundwork, startsAtOnce: Bool
  ) throws(ContainerError) -> StartedProcess {
    let bundle = try attempt("the bundle \(options.bundle)") { () throws(Errno) in
      try File.realPath(options.bundle)
    }
    let written =
      switch options.config {
      case .some(let config): config
      case .none: try BundleConfig(at: options.configFile ?? "\(bundle)/config.json")
      }
    let config = written.config
    var plan = try Plan(config, bundle: bundle)
    if options.startsByWord, let kind = plan.hooks.laterKinds.first(where: { $0 != "poststop" }) {
      throw .config("hooks.\(kind)", "an instance of a function is started without hooks")
    }
    try plan.process.refuseUnknownModules()
    plan.process.setDefaultLimit(options.openFiles)
    try checkTerminal(plan, options, startsAtOnce: startsAtOnce)
    options.debug?.say(
      "validated \(options.configFile ?? "\(bundle)/config.json"): root \(plan.root), \(plan.mounts.count) mounts, \(plan.cgroupSettings.count) limits, program \(plan.process.arguments.first ?? "")"
    )
    for warning in plan.process.warnings(inUserNamespace: plan.hasUserNamespace) { options.warn(warning) }
    let joining = try plan.joinedNamespaces.map { (namespace) throws(ContainerError) in
      try HeldNamespace(namespace)
    }
    try plan.refuseChangesToHost(joining)
    try plan.refuseUnknownLabels()
    try plan.refuseImmovableDevices(joining)
    let resourceControl = try plan.resourceControl.map { (rdt) throws(ContainerError) in
      try ResourceControl(rdt, id: id)
    }
    let cgroup = try CgroupPlan(plan, options.cgroupDriver, id, in: self, options.debug)
    let cgroupOwner = try plan.cgroupOwner(joining: joining)

    var annotations = config.annotations
    for extra in options.extraAnnotations.elements { annotations[extra.name] = extra.value }
    if startsAtOnce || options.startsByWord, !plan.hasProgram {
      throw .config("process", "is required to run the container")
    }
    let lock = try reserve(id)
    let readiness = try addReadiness(to: &plan, options.notifySocket, id)
    let hostMounts = try copyMounts(for: plan, joining, id)
    options.debug?.say("created the state directory \(directory(of: id))")
    var record = Record(
      id: id, ociVersion: config.ociVersion, bundle: bundle, root: plan.root, created: Clock.now(),
      cgroup: cgroup?.cgroup.path, unit: cgroup?.scope?.unit, namespaces: plan.namespaces,
      annotations: annotations, ownedDirectory: options.ownedDirectory)
    record.isSupervised = options.isSupervised
    record.personality = plan.personality
    record.memoryPolicy = config.linux.memoryPolicy
    record.resourceControl = resourceControl?.group
    record.hasKeyrings = !plan.process.refusesKeyrings
    record.hasSeccomp = plan.process.seccomp != nil
    record.hasProgram = plan.hasProgram
    record.hooks = plan.hooks.laterKinds
    record.isBeingCreated = plan.hooks.runsAtCreation
    var birth = Birth(
      container: Container(record, in: self), plan: plan, options: options, groundwork: groundwork,
      cgroup: cgroup, cgroupOwner: cgroupOwner, resourceControl: resourceControl)
    birth.container.debug = options.debug
    var process = try Self.carryOut(
      &birth, hostMounts, joining, config: written, startsAtOnce: startsAtOnce, lock)
    if startsAtOnce, !plan.hooks.poststart.isEmpty {
      do throws(ContainerError) {
        try process.container.runPoststartHooks(plan.hooks.poststart, options.openFiles)
      } catch {
        try? delete(id, force: true, warn: options.warn)
        throw error
      }
    }
    process.readiness = readiness
    return process
  }

  /// Gives a container a place for the socket by which it says that it is ready, where a service manager asks for that.
  private func addReadiness(
    to plan: inout Plan, _ manager: String?, _ id: ContainerID
  ) throws(ContainerError) -> Readiness? {
    guard let manager, !plan.joinsMountNamespace else { return nil }
    let directory = directory(of: id)
    do throws(ContainerError) {
      try attempt("NOTIFY_SOCKET: make a directory in \(directory)") { () throws(Errno) in
        try Directory.make("\(directory)/\(Readiness.directory)", mode: 0o755)
      }
      plan.mounts.append(try Readiness.mount(of: directory))
      plan.process.environment = ProcessPlan.withoutRepeats(plan.process.environment + [Readiness.variable])
      return try Readiness(in: directory, for: manager)
    } catch {
      try? Directory.removeTree(directory)
      throw error
    }
  }

  /// Copies the host's mounts for a container of which there is nothing but its directory.
  private func copyMounts(
    for plan: Plan, _ joining: [HeldNamespace], _ id: ContainerID
  ) throws(ContainerError) -> HostMounts {
    do throws(ContainerError) { return try HostMounts.copy(for: plan, joining: joining) } catch {
      try? Directory.removeTree(directory(of: id))
      throw error
    }
  }

  /// Carries `birth` out, or undoes it.
  private static func carryOut(
    _ birth: inout Birth, _ hostMounts: consuming HostMounts, _ joining: [HeldNamespace],
    config: BundleConfig, startsAtOnce: Bool, _ lock: consuming Lock
  ) throws(ContainerError) -> StartedProcess {
    do throws(ContainerError) {
      let process = try birth.carryOut(hostMounts, joining, config: config, startsAtOnce: startsAtOnce)
      lock.release()
      return process
    } catch {
      birth.undo()
      lock.release()
      birth.container.runPoststopHooks(birth.plan.hooks.poststop, birth.options.warn)
      throw error
    }
  }

  private func checkTerminal(
    _ plan: Plan, _ options: CreateOptions, startsAtOnce: Bool
  ) throws(ContainerError) {
    if options.consoleSocket != nil, !plan.process.terminal {
      throw ContainerError(.invalidConfig, "--console-socket is given, but process.terminal is not true")
    }
    if options.consoleSocket == nil, plan.process.terminal, !startsAtOnce || options.isDetached {
      throw .config("process.terminal", "nobody would be at the terminal: give --console-socket")
    }
  }
}

/// The side effects of making a container, in order, each undone when a later one fails.
private struct Birth {
  var container: Container
  var plan: Plan
  let options: CreateOptions
  let groundwork: Groundwork
  let cgroup: CgroupPlan?
  let cgroupOwner: UInt32?
  var resourceControl: ResourceControl?
  var ownsCgroup = false

  mutating func carryOut(
    _ hostMounts: consuming HostMounts, _ joining: [HeldNamespace], config: BundleConfig, startsAtOnce: Bool
  ) throws(ContainerError) -> StartedProcess {
    try container.save()
    try resourceControl?.make()
    var fifo: FileDescriptor?
    // Hooks run between the two parts of a start.
    let waitsForStart = !startsAtOnce || !plan.hooks.startContainer.isEmpty
    if waitsForStart {
      fifo = try attempt("make \(container.fifoPath)") { () throws(Errno) in
        try File.makeFifo(container.fifoPath, mode: 0o600)
        // Open for both sides, so that nobody waits for a partner and nobody's end closes the other's.
        return try FileDescriptor.open(container.fifoPath, .readWrite)
      }
    }
    guard let cgroup, let made = try cgroup.make(plan.cgroupSettings, for: container.id, options.debug) else {
      stayInCallersCgroup()
      let parent = try spawn(hostMounts, joining, fifo, nil)
      return try parent.accompany(
        &container, plan, options, groundwork.devices, nil, config: config, waitsForStart: waitsForStart,
        startsAtOnce: startsAtOnce)
    }
    ownsCgroup = true
    container.record.cgroup = made.cgroup.path
    options.debug?.say(
      "created the cgroup \(made.cgroup.directory), limits: \(CgroupSettings.text(plan.cgroupSettings))"
    )
    let directory = try made.cgroup.open()
    container.record.cgroupNumber = try attempt("look at the cgroup \(made.cgroup.directory)") {
      () throws(Errno) in try directory.status().inode
    }
    if let cgroupOwner { try made.cgroup.delegate(to: cgroupOwner) }
    let parent = try spawn(hostMounts, joining, fifo, directory, made.cgroup)
    return try parent.accompany(
      &container, plan, options, groundwork.devices, made, config: config, waitsForStart: waitsForStart,
      startsAtOnce: startsAtOnce)
  }

  private mutating func stayInCallersCgroup() {
    container.record.cgroup = nil
    // Device rules are attached to a cgroup. A device that the rules deny could still be made, and then used.
    if !plan.allowsAllDevices, !plan.hasUserNamespace {
      container.record.makesDevices = false
      plan.process.capabilities.remove(ProcessPlan.CapabilitySets.makeNode)
    }
  }

  private func spawn(
    _ hostMounts: consuming HostMounts, _ joining: [HeldNamespace], _ fifo: consuming FileDescriptor?,
    _ cgroup: consuming FileDescriptor?, _ ownCgroup: Cgroup? = nil
  ) throws(ContainerError) -> Parent {
    let pair = try attempt("make a connection to the new process") { () throws(Errno) in
      try Socket.pair()
    }
    let goesAhead = plan.needsProcessAhead
    var namespaces = plan.newNamespaces.subtracting(.time)
    let emptyTree = plan.fitsEmptyTree && !options.noPivot ? groundwork.emptyTree : nil
    if emptyTree != nil { namespaces.remove(.mount) }
    let network = plan.fitsSpareNetwork ? groundwork.takeNetwork() : nil
    if network != nil { namespaces.remove(.network) }
    let directory: Int32 =
      switch cgroup {
      case .some(let descriptor): descriptor.rawValue
      case .none: -1
      }
    let isStaged = plan.hasUserNamespace && hostMounts.hasMountsToLock
    var stage =
      isStaged && !goesAhead
      ? try MountStage.enter(hostMounts, of: plan, joining: joining, at: container.directory) : nil
    let cloned: Cloned
    do throws(Errno) {
      cloned = try clone(into: goesAhead ? [] : namespaces, cgroup: directory, asSibling: options.isSibling)
    } catch {
      if let stage = stage.take() { _ = try stage.end() }
      throw ContainerError("clone the container's first process", error)
    }
    switch consume cloned {
    case .parent(let pid, let pidfd):
      var left: FileDescriptor?
      do throws(ContainerError) { if let stage = stage.take() { left = try stage.end() } } catch {
        try? pidfd.send(.kill)
        _ = try? pidfd.wait()
        throw error
      }
      return Parent(
        handshake: Handshake(pair.here, options.debug), pid: pid, pidfd: pidfd, isAhead: goesAhead,
        joined: joining,
        leftNamespace: left)
    case .child:
      // The caller's end: when the caller is gone, this process is to see it.
      pair.here.close()
      let handshake = Handshake(pair.there, options.debug)
      if goesAhead { goAhead(joining, namespaces, hostMounts, isStaged: isStaged, handshake) }
      Init(
        id: container.id, plan: plan, options: options, hostMounts: hostMounts, isStaged: isStaged,
        cgroup: ownCgroup,
        startFifo: fifo, handshake: handshake, joining: goesAhead ? [] : joining, emptyTree: emptyTree,
        network: network,
        hookState: plan.hooks.runsAtCreation ? container.hookState(.creating, pid: nil) : nil
      ).run()
    }
  }

  /// Joins the namespaces and creates the container's first process as a sibling; returns in that one alone.
  ///
  /// A pid namespace is joined for children only, and a time namespace is created for them, so this process never is inside
  /// the container's, and the caller's stay as they are.
  private func goAhead(
    _ joining: [HeldNamespace], _ namespaces: Namespaces, _ hostMounts: borrowing HostMounts, isStaged: Bool,
    _ handshake: borrowing Handshake
  ) {
    do throws(ContainerError) {
      try attempt("protect the new process") { () throws(Errno) in try ProcessControl.setDumpable(false) }
      if plan.newNamespaces.contains(.time) {
        try attempt("linux.timeOffsets: create a time namespace") { () throws(Errno) in
          try unshare(.time)
          if !plan.timeOffsets.isEmpty { try File.write(plan.timeOffsets, to: "/proc/self/timens_offsets") }
        }
      }
      // This process stays there until it ends.
      let stage =
        isStaged ? try MountStage.enter(hostMounts, of: plan, joining: joining, at: container.directory) : nil
      defer { _ = stage }
      // The user namespace last: it takes the right to join the others away.
      for namespace in joining.filter({ $0.kind != .user }) + joining.filter({ $0.kind == .user }) {
        try attempt("linux.namespaces: join \(namespace.path)") { () throws(Errno) in
          try namespace.descriptor.enter(namespace.kind)
        }
        handshake.notes?.say("joined the namespace \(namespace.path)")
      }
      let cloned = try attempt("clone the container's first process") { () throws(Errno) in
        try clone(into: namespaces, asSibling: true)
      }
      switch consume cloned {
      case .child: return
      case .parent(_, let pidfd):
        try attempt("hand the container's first process over") { () throws(Errno) in
          try handshake.sendProcess(pidfd)
        }
        exitNow(0)
      }
    } catch {
      handshake.sendFailure(error)
      exitNow(1)
    }
  }

  /// Takes back what was done.
  func undo() {
    if ownsCgroup { cgroup?.remove(container.record.cgroup) }
    resourceControl?.undo()
    try? Directory.removeTree(container.directory)
  }
}

/// The creating process, beside the container's first one.
private struct Parent: ~Copyable {
  let handshake: Handshake
  var pid: Int32
  var pidfd: Pidfd
  /// Whether the process is one that makes the container's and ends.
  let isAhead: Bool
  /// The namespaces that the container joins.
  let joined: [HeldNamespace]
  /// Where the host's mounts were staged, until there is time to close it.
  var leftNamespace: FileDescriptor?

  consuming func accompany(
    _ container: inout Container, _ plan: Plan, _ options: CreateOptions, _ devices: LoadedDeviceProgram,
    _ cgroup: consuming CgroupPlan.Made?, config: BundleConfig, waitsForStart: Bool, startsAtOnce: Bool
  ) throws(ContainerError) -> StartedProcess {
    do throws(ContainerError) {
      if isAhead { try followProcessAhead() }
      let terminal = try prepare(
        &container, plan, options, devices, cgroup, config.bytes, waitsForStart: waitsForStart)
      if container.record.isBeingCreated {
        container.record.isBeingCreated = false
        try container.save()
      }
      if waitsForStart, startsAtOnce, let process = config.config.process {
        try container.runStartContainerHooks(plan.hooks.startContainer, process)
        try attempt("start \(container.id): tell its first process") { () throws(Errno) in
          try StartFifo(path: container.fifoPath).tell()
        }
        _ = try Supervision.bringUp(
          handshake, pid: pid, process: plan.process, of: container.record, consoleSocket: nil)
      }
      return StartedProcess(container: container, pid: pid, pidfd: pidfd, terminal: terminal)
    } catch {
      // Whatever became of the child, nothing of it stays.
      try? pidfd.send(.kill)
      _ = try? pidfd.wait()
      if let pidFile = options.pidFile { PidFile.remove(pid, from: pidFile) }
      // That the child is gone is no reason: it may have said why.
      if error.errno == .noSuchProcess, let reason = lastWord() { throw reason }
      throw error
    }
  }

  /// Why the child has ended, if it has said so.
  private func lastWord() -> ContainerError? {
    while let message = try? handshake.receive() {
      switch consume message {
      case .failed(let reason): return reason
      case .closed: return nil
      default: continue
      }
    }
    return nil
  }

  private mutating func followProcessAhead() throws(ContainerError) {
    let message = try handshake.receive()
    switch consume message {
    case .process(let first):
      _ = try? pidfd.wait()
      pidfd = first
      pid = try attempt("find the pid of the container's first process") { () throws(Errno) in
        try pidfd.pid()
      }
    case .failed(let error): throw error
    default:
      throw ContainerError(
        .failed, "the process that joins namespaces ended before it created the container's first process")
    }
  }

  private mutating func prepare(
    _ container: inout Container, _ plan: Plan, _ options: CreateOptions, _ devices: LoadedDeviceProgram,
    _ cgroup: consuming CgroupPlan.Made?, _ config: [UInt8], waitsForStart: Bool
  ) throws(ContainerError) -> FileDescriptor? {
    if plan.newNamespaces.contains(.user) {
      try UserNamespace.map(pid, uidMappings: plan.uidMappings, gidMappings: plan.gidMappings)
      try attempt("tell the new process of its mappings") { () throws(Errno) in
        try handshake.send(.mapped)
      }
    }
    try plan.moveNetworkDevices(to: pid, joined, options.debug)
    try Supervision.prepare(pid, plan.process)
    try container.record.resourceControl?.add(pid)
    let status = try attempt("look at process \(pid)") { () throws(Errno) in
      try ProcessStatus.of(pid)
    }
    container.record.process = Record.Process(
      pid: pid, startTime: status.startTime, uniqueNumber: pidfd.uniqueNumber)
    try container.save()
    options.debug?.say("cloned the container's first process, pid \(pid), which builds its root \(plan.root)")
    // While the new process builds its file tree; it does not go on to its program before this is done.
    if let cgroup = cgroup.take() {
      try attach(devices, plan.deviceRules, to: cgroup.cgroup)
      try cgroup.settle(plan.cgroupSettings)
    }
    if let pidFile = options.pidFile { try PidFile.write(pid, to: pidFile) }
    try Supervision.deliver(pidfd, to: options.pidfdSocket, as: "standard")
    try attempt("tell the new process to go on") { () throws(Errno) in try handshake.send(.proceed) }
    _ = leftNamespace.take()
    options.debug?.say("device rules and limits are in force; told process \(pid) to go on")
    let directory = container.directory
    try attempt("write \(directory)/config.json") { () throws(Errno) in
      try File.replace("\(directory)/config.json", with: config)
    }
    try plan.process.seccomp?.store(in: directory)
    let created = container
    let terminal = try Supervision.bringUp(
      handshake, pid: pid, process: plan.process, of: created.record, consoleSocket: options.consoleSocket,
      waitsForStart: waitsForStart
    ) { () throws(ContainerError) in
      try created.runCreationHooks(plan.hooks, pid: pid, watched: pidfd, options.openFiles)
    }
    options.debug?.say(
      waitsForStart
        ? "process \(pid) waits for start, to execute \(plan.process.arguments.first ?? "")"
        : "process \(pid) has executed \(plan.process.arguments.first ?? "")")
    return terminal
  }

  private func attach(
    _ devices: LoadedDeviceProgram, _ rules: [DeviceRule], to cgroup: Cgroup
  ) throws(ContainerError) {
    try attempt("linux.resources.devices: attach them to \(cgroup.directory)") { () throws(Errno) in
      let directory = try FileDescriptor.open(cgroup.directory, [.readOnly, .directory])
      try devices.attach(rules, to: directory)
    }
  }
}
