import Linux
import OCI

/// Restoring a container from what `checkpoint` has saved: the state directory, the cgroup with its limits and device rules,
/// then criu, born in that cgroup and in a mount namespace that ends with it, which restores the processes as children of
/// this one.
extension ContainerStore {
  /// Makes a container whose processes go on where they were saved.
  ///
  /// Nothing of it stays when this throws.
  ///
  /// - Returns: the container's first process, a child of the caller.
  public func restore(_ id: ContainerID, _ options: RestoreOptions) throws(ContainerError) -> StartedProcess {
    var options = options
    let creation = options.creation
    let bundle = try attempt("the bundle \(creation.bundle)") { () throws(Errno) in
      try File.realPath(creation.bundle)
    }
    let written = try BundleConfig(at: creation.configFile ?? "\(bundle)/config.json")
    let plan = try Plan(written.config, bundle: bundle)
    try plan.refuseCheckpoint()
    if creation.consoleSocket != nil, !plan.process.terminal {
      throw ContainerError(.invalidConfig, "--console-socket is given, but process.terminal is not true")
    }
    if creation.consoleSocket == nil, plan.process.terminal, creation.isDetached {
      throw .config("process.terminal", "nobody would be at the terminal: give --console-socket")
    }
    let program = try CheckpointProgram(options.settings)
    let streams = try CheckpointStreams(from: options.settings.imagePath)
    try options.check(with: program)
    options.settings.configFile = CheckpointSettings.configFile(written.config.annotations)
    let joining = try plan.joinedNamespaces.map { (namespace) throws(ContainerError) in
      try HeldNamespace(namespace)
    }
    let directories = try CheckpointDirectories(options.settings, makesImages: false)
    let cgroup = try CgroupPlan(plan, creation.cgroupDriver, id, in: self, creation.debug)

    let lock = try reserve(id)
    var record = Record(
      id: id, ociVersion: written.config.ociVersion, bundle: bundle, root: plan.root, created: Clock.now(),
      cgroup: cgroup?.cgroup.path, unit: cgroup?.scope?.unit, namespaces: plan.namespaces,
      annotations: written.config.annotations, ownedDirectory: nil)
    record.personality = plan.personality
    record.hasKeyrings = !plan.process.refusesKeyrings
    record.hasSeccomp = plan.process.seccomp != nil
    record.hooks = plan.hooks.laterKinds
    let restoration = Restoration(Container(record, in: self), plan, options, cgroup, config: written.bytes)
    do throws(ContainerError) {
      try plan.process.seccomp?.store(in: directory(of: id))
      let process = try restoration.carryOut(program, streams, joining, directories)
      lock.release()
      return process
    } catch {
      restoration.undo()
      lock.release()
      throw error
    }
  }
}

extension RestoreOptions {
  /// Refuses what criu and the kernel cannot do.
  fileprivate func check(with program: CheckpointProgram) throws(ContainerError) {
    let images = settings.imagePath
    _ = try attempt("--image-path \(images): look at inventory.img") { () throws(Errno) in
      try FileStatus.of("\(images)/inventory.img")
    }
    if settings.isLazy { try program.require(.lazyPages, for: "--lazy-pages") }
    // Older ones take the profile and change nothing.
    if securityProfile != nil { try program.require(version: 31600, for: "--lsm-profile") }
    if mountContext != nil { try program.require(version: 31600, for: "--lsm-mount-context") }
  }
}

/// The side effects of restoring a container, in order, each undone when a later one fails.
private final class Restoration {
  private var container: Container
  private let plan: Plan
  private let options: RestoreOptions
  private let cgroup: CgroupPlan?
  private let config: [UInt8]
  private var ownsCgroup = false
  /// The cgroup, as long as its number of processes is not limited.
  private var made: CgroupPlan.Made?
  private var cgroupDirectory: FileDescriptor?
  private var process: Pidfd?
  private var pid: Int32 = 0
  private var terminal: FileDescriptor?

  private var creation: CreateOptions { options.creation }

  init(
    _ container: Container, _ plan: Plan, _ options: RestoreOptions, _ cgroup: CgroupPlan?, config: [UInt8]
  ) {
    self.container = container
    self.plan = plan
    self.options = options
    self.cgroup = cgroup
    self.config = config
  }

  func carryOut(
    _ program: CheckpointProgram, _ streams: CheckpointStreams, _ joining: [HeldNamespace],
    _ directories: CheckpointDirectories
  ) throws(ContainerError) -> StartedProcess {
    try container.save()
    let directory = container.directory
    try attempt("write \(directory)/config.json") { () throws(Errno) in
      try File.replace("\(directory)/config.json", with: config)
    }
    let place = try attempt("the state directory \(directory)") { () throws(Errno) in
      try File.realPath(directory)
    }
    let root = RestoreRoot(plan: plan, id: container.id, place: place)
    var request = CheckpointRequestOptions(options.settings, log: "restore.log")
    request.restoreAsSibling()
    request.allowOtherDevices()
    request.setRoot(place)
    try root.addMounts(to: &request)
    for pipe in streams.pipes { request.inherit(pipe.name, pipe.number) }
    var inherited: [Int32] = []
    for namespace in joining {
      let joined = Plan.JoinedNamespace(kind: namespace.kind, path: namespace.path)
      if let key = joined.externalKey {
        request.inherit(key, CheckpointProgram.firstInherited + Int32(inherited.count))
        inherited.append(namespace.descriptor.rawValue)
      } else {
        request.join(namespace.kind.fileName, namespace.path)
      }
    }
    if let profile = options.securityProfile { request.setSecurityProfile(profile) }
    if let context = options.mountContext { request.setMountContext(context) }
    let born = try makeCgroup()
    if let path = container.record.cgroup { request.setCgroupRoot(path) }

    let cgroupOptions = CheckpointCgroupOptions()
    defer { cgroupOptions.restore() }
    let service = try program.start(
      in: directories, inheriting: inherited, keepsStreams: true, into: .mount, cgroup: born
    ) { () throws(ContainerError) in try root.prepare() }
    try ask(service, CheckpointRequest.message(.restore, request.message))
    guard let process = process.take() else {
      throw ContainerError(.failed, "restore \(container.id): criu did not tell of the restored process")
    }
    return StartedProcess(container: container, pid: pid, pidfd: process, terminal: terminal.take())
  }

  private func ask(
    _ service: consuming CheckpointService, _ request: CheckpointMessage
  ) throws(ContainerError) {
    let answer: CheckpointRequest.Answer
    do throws(ContainerError) {
      answer = try service.ask(request) { (notification) throws(ContainerError) in
        try self.advance(notification)
      }
      service.end()
    } catch {
      service.end()
      throw error
    }
    guard case .failed(let message) = answer else { return }
    let log = CheckpointLog(path: "\(options.settings.logDirectory)/restore.log")
    throw log.failure("restore \(container.id)", message)
  }

  /// Makes the cgroup with its limits and device rules in force.
  ///
  /// - Returns: the number of a descriptor of its directory, or -1 when the container has none of its own.
  private func makeCgroup() throws(ContainerError) -> Int32 {
    // criu and what it runs are in it as well, until the container's processes are there.
    let settings = plan.cgroupSettings.filter { !$0.limitsProcesses }
    guard let cgroup, let made = try cgroup.make(settings, for: container.id, creation.debug) else {
      container.record.cgroup = nil
      return -1
    }
    ownsCgroup = true
    container.record.cgroup = made.cgroup.path
    let directory = try made.cgroup.open()
    let number = directory.rawValue
    container.record.cgroupNumber = try attempt("look at the cgroup \(made.cgroup.directory)") {
      () throws(Errno) in try directory.status().inode
    }
    try attempt("linux.resources.devices: attach them to \(made.cgroup.directory)") { () throws(Errno) in
      try LoadedDeviceProgram().attach(
        plan.deviceRules, to: try FileDescriptor.open(made.cgroup.directory, [.readOnly, .directory]))
    }
    self.made = consume made
    cgroupDirectory = consume directory
    // For whoever removes it when this process is killed.
    try container.save()
    return number
  }

  private func limitProcesses() throws(ContainerError) {
    guard let made = made.take() else { return }
    for setting in plan.cgroupSettings where setting.limitsProcesses { try made.cgroup.write(setting) }
    // What has kept a scope open ends.
    try made.settle([])
  }

  private func advance(
    _ notification: consuming CheckpointService.Notification
  ) throws(ContainerError) {
    var notification = notification
    creation.debug?.say("criu: \(notification.script)")
    switch notification.script {
    case "orphan-pts-master":
      guard let master = notification.file.take() else { return }
      terminal = try Supervision.deliver(master, to: creation.consoleSocket)
    case "setup-namespaces": try runHooks(notification.pid)
    case "post-setup-namespaces": bringLoopbackUp(of: notification.pid)
    case "post-restore": try take(notification.pid)
    default: break
    }
  }

  /// Runs the hooks that set up what is outside of the process `pid`, such as its network, as runc does.
  private func runHooks(_ pid: Int32) throws(ContainerError) {
    guard !plan.hooks.prestart.isEmpty || !plan.hooks.createRuntime.isEmpty else { return }
    let pidfd = try attempt("look at the restored process \(pid)") { () throws(Errno) in try Pidfd(of: pid) }
    try container.runCreationHooks(plan.hooks, pid: pid, watched: pidfd, nil)
  }

  /// Puts the restored process on record, before it goes on.
  private func take(_ pid: Int32) throws(ContainerError) {
    self.pid = pid
    let operation = "look at the restored process \(pid)"
    let pidfd = try attempt(operation) { () throws(Errno) in try Pidfd(of: pid) }
    let status = try attempt(operation) { () throws(Errno) in try ProcessStatus.of(pid) }
    container.record.process = Record.Process(
      pid: pid, startTime: status.startTime, uniqueNumber: pidfd.uniqueNumber)
    container.record.namespaces = try attempt(operation) { () throws(Errno) in try Self.namespaces(of: pid) }
    process = consume pidfd
    bringLoopbackUp(of: pid)
    try limitProcesses()
    try container.save()
    if let pidFile = creation.pidFile { try PidFile.write(pid, to: pidFile) }
  }

  /// The kinds in which the process `pid` does not live with this one. criu adds a time namespace.
  private static func namespaces(of pid: Int32) throws(Errno) -> Namespaces {
    let kinds: [Namespaces] = [.time, .mount, .cgroup, .uts, .ipc, .user, .pid, .network]
    var found: Namespaces = []
    for kind in kinds {
      do throws(Errno) {
        let theirs = try FileStatus.of("/proc/\(pid)/ns/\(kind.fileName)").inode
        if try FileStatus.of("/proc/self/ns/\(kind.fileName)").inode != theirs { found.insert(kind) }
      } catch .noSuchFileOrDirectory {
        // The kernel does not have this kind.
      }
    }
    return found
  }

  /// Brings the loopback interface of a new network namespace up, which criu leaves as it is. Connections through it are
  /// restored after that.
  private func bringLoopbackUp(of pid: Int32) {
    guard plan.newNamespaces.contains(.network), pid > 0,
      let namespace = try? FileDescriptor.open("/proc/\(pid)/ns/net", .readOnly),
      let theirs = try? namespace.status().inode, let own = try? FileStatus.of("/proc/self/ns/net").inode,
      theirs != own, let cloned = try? clone(into: [])
    else { return }
    switch consume cloned {
    case .child:
      guard (try? namespace.enter(.network)) != nil, (try? NetworkInterface.bringLoopbackUp()) != nil else {
        exitNow(1)
      }
      exitNow(0)
    case .parent(_, let helper): _ = try? helper.wait()
    }
  }

  /// Takes back what was done.
  func undo() {
    if let process = process.take() {
      try? process.send(.kill)
      _ = try? process.wait()
    }
    made = nil
    if ownsCgroup { cgroup?.remove(container.record.cgroup) }
    if let pidFile = creation.pidFile, pid > 0 { PidFile.remove(pid, from: pidFile) }
    try? Directory.removeTree(container.directory)
    container.runPoststopHooks(plan.hooks.poststop, creation.warn)
  }
}

extension CgroupSetting {
  /// Whether the setting limits how many processes there are.
  fileprivate var limitsProcesses: Bool { file == "pids.max" }
}
