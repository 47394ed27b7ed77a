import Linux
import OCI

extension Container {
  /// Has the first process of a container that was created execute its program.
  ///
  /// - Throws: `ContainerError` of the kind `.wrongStatus` when it runs already or has ended.
  public func start() throws(ContainerError) {
    let lock = try lock()
    switch statusOfProcess() {
    case .created: break
    case .stopped:
      throw ContainerError(.wrongStatus, "cannot start \(id): it has stopped; delete it and create it again")
    case .running: throw ContainerError(.wrongStatus, "cannot start \(id): it runs already")
    case .paused: throw ContainerError(.wrongStatus, "cannot start \(id): it is paused; resume it first")
    case .creating: throw ContainerError(.wrongStatus, "cannot start \(id): it is still being created")
    }
    guard record.hasProgram else {
      throw ContainerError(.invalidConfig, "cannot start \(id): its configuration has no process")
    }
    let config = has(.startContainer) || has(.poststart) ? try config() : nil
    if has(.startContainer), let config, let process = config.process {
      do throws(ContainerError) {
        try runStartContainerHooks(config.hooks.startContainer, process)
      } catch {
        stop()
        throw error
      }
    }
    try attempt("start \(id): tell its first process") { () throws(Errno) in
      try StartFifo(path: fifoPath).tell()
    }
    lock.release()
    if has(.poststart), let config { try runPoststartHooks(config.hooks.poststart) }
  }

  /// The longest wait for others at work on the container, in milliseconds.
  fileprivate static let patience: Int32 = 30_000

  func lock(shared: Bool = false) throws(ContainerError) -> Lock {
    do throws(Errno) {
      return try Lock.wait(for: directory, milliseconds: Self.patience, shared: shared)
    } catch .noSuchFileOrDirectory {
      throw ContainerError(.noSuchContainer, "container \(id) does not exist (in \(store.path))")
    } catch {
      throw ContainerError(
        "lock \(directory)", error,
        advice: error == .resourceBusy ? "somebody else has been at work on this container for long" : nil)
    }
  }

  /// Sends `signal` to the first process, or to all of the container; `.probe` finds out whether there is one.
  ///
  /// `SIGKILL` ends everything in the container's cgroup: without a pid namespace of the container's own, other processes would
  /// outlive the first one.
  ///
  /// - Throws: `ContainerError` of the kind `.wrongStatus` when the container has stopped, unless `all` is asked for: a
  ///   container without a pid namespace may have processes left.
  public func kill(_ signal: Signal, all: Bool = false) throws(ContainerError) {
    guard all else {
      guard status() != .stopped else {
        if signal == .kill, let cgroup = try cgroup(), try !cgroup.processes().isEmpty {
          return try cgroup.kill()
        }
        throw ContainerError(.wrongStatus, "cannot kill \(id): container not running")
      }
      let process = try initProcess()
      try attempt("send signal \(signal.rawValue) to container \(id)") { () throws(Errno) in
        try process.send(signal)
      }
      if signal == .kill { try cgroup()?.kill() }
      return
    }
    let cgroup = try requireCgroup(for: "signal all processes of")
    if signal == .kill { return try cgroup.kill() }
    let pids = try cgroup.processes()
    // Some at a time: each is held by a descriptor.
    for start in stride(from: 0, to: pids.count, by: 128) {
      try send(signal, to: pids[start..<min(start + 128, pids.count)], in: cgroup)
    }
  }

  private func send(
    _ signal: Signal, to pids: ArraySlice<Int32>, in cgroup: Cgroup
  ) throws(ContainerError) {
    var held: [(pid: Int32, process: HeldProcess)] = []
    for pid in pids {
      try attempt("look at process \(pid) of container \(id)") { () throws(Errno) in
        do throws(Errno) { held.append((pid, HeldProcess(try Pidfd(of: pid)))) } catch .noSuchProcess {}
      }
    }
    // A pid may have passed to a process of the host's by the time it was held; one that is still in the cgroup has not.
    let now = Set(try cgroup.processes())
    for (pid, process) in held where now.contains(pid) {
      try attempt("send signal \(signal.rawValue) to process \(pid) of container \(id)") { () throws(Errno) in
        do throws(Errno) { try process.pidfd.send(signal) } catch .noSuchProcess {}
      }
    }
  }

  /// Stops every process of the container until `resume`.
  public func pause() throws(ContainerError) {
    // Who makes the container would wait for a process that is stopped.
    try lock(shared: true).release()
    let status = status()
    guard status == .running || status == .created else {
      throw ContainerError(.wrongStatus, "cannot pause \(id): it is \(status.rawValue)")
    }
    try requireCgroup(for: "pause").freeze()
  }

  /// Lets the processes of a paused container go on.
  public func resume() throws(ContainerError) {
    let status = status()
    guard status == .paused else {
      throw ContainerError(.wrongStatus, "cannot resume \(id): it is \(status.rawValue), not paused")
    }
    try requireCgroup(for: "resume").thaw()
  }

  /// The pids, as the host numbers them, of the container's processes.
  public func processes() throws(ContainerError) -> [Int32] {
    if let cgroup = try cgroup() { return try cgroup.processes() }
    _ = try initProcess()
    return record.process.map { [$0.pid] } ?? []
  }
}

extension ContainerStore {
  /// Removes a container with all that belongs to it.
  ///
  /// - Parameters:
  ///   - force: end it first when it runs, and remove also what is left of one whose making was cut short.
  ///   - debug: where messages go that only help to find a fault.
  ///   - warn: told of each hook that fails.
  /// - Throws: `ContainerError` of the kind `.wrongStatus` when it runs and is not forced, `.noSuchContainer` when there is
  ///   none.
  public func delete(
    _ id: ContainerID, force: Bool = false, debug: DebugMessages? = nil, warn: (String) -> Void = { _ in }
  ) throws(ContainerError) {
    let directory = directory(of: id)
    // The target of a symbolic link is not removed.
    if (try? FileStatus.of(directory, following: false))?.kind == .symbolicLink {
      throw ContainerError(.failed, "\(directory) is a symbolic link, and no container")
    }
    let lock: Lock
    if force { endMaking(id) }
    do throws(Errno) {
      lock = try Lock.wait(for: directory, milliseconds: Container.patience)
    } catch .noSuchFileOrDirectory {
      throw ContainerError(.noSuchContainer, "container \(id) does not exist (in \(path))")
    } catch {
      throw ContainerError(
        "lock \(directory)", error,
        advice: error == .resourceBusy ? "somebody else has been at work on this container for long" : nil)
    }
    var removed: Container?
    var hooks: [RuntimeConfig.Hook] = []
    do throws(ContainerError) {
      var container = try Container(id, in: self)
      container.debug = debug
      hooks = container.poststopHooks(warn)
      try container.remove(force: force, debug)
      removed = container
    } catch {
      guard force, error.kind == .noSuchContainer || error.kind == .damaged else { throw error }
      try refuseForeignFiles(in: directory)
      switch error.kind {
      // Cut short before its first record, when nothing but this directory was made; or somebody else removed it
      // while we waited.
      case .noSuchContainer: break
      case .damaged: try DamagedContainer(store: self, id: id).removeCgroups()
      default: break
      }
    }
    try attempt("remove \(directory)") { () throws(Errno) in try removeDirectory(directory) }
    debug?.say("removed the state directory \(directory)")
    lock.release()
    removed?.runPoststopHooks(hooks, warn)
  }

  /// Refuses to remove a directory that has no record and is no container's, for example because `--root` is mistyped.
  private func refuseForeignFiles(in directory: String) throws(ContainerError) {
    let foreign: String?
    do throws(Errno) {
      foreign = try foreignFile(in: directory)
    } catch .noSuchFileOrDirectory { return } catch { throw ContainerError("read \(directory)", error) }
    guard let foreign else { return }
    throw ContainerError(
      .failed, "\(directory) is not the directory of a container: \(foreign) is in it; is --root right?")
  }

  /// Waits for whoever is at work on the container `id`, and removes what is left of one whose making was cut short before
  /// its first record: nothing but a directory.
  ///
  /// - Parameter milliseconds: the longest wait. A process that ends holds the lock of who made it for another moment.
  public func removeUnmade(_ id: ContainerID, milliseconds: Int32 = 2000) {
    let directory = directory(of: id)
    guard let lock = try? Lock.wait(for: directory, milliseconds: milliseconds) else { return }
    _ = try? removeRemains(directory)
    lock.release()
  }

  /// Ends the first process of a container that somebody is still making, who then gives up: it may hang.
  private func endMaking(_ id: ContainerID) {
    guard let container = try? Container(id, in: self), container.isBeingMade,
      let process = try? container.initProcess()
    else { return }
    try? process.send(.kill)
  }
}

extension Container {
  /// Removes the container with all that belongs to it, when its first process has ended and was waited for. Another one that
  /// has got its name by now is left alone.
  ///
  /// - Parameters:
  ///   - debug: where messages go that only help to find a fault.
  ///   - warn: told of each hook that fails.
  public func removeAtEnd(
    debug: DebugMessages? = nil, warn: (String) -> Void = { _ in }
  ) throws(ContainerError) {
    let lock: Lock
    do throws(ContainerError) { lock = try self.lock() } catch {
      // Somebody was faster.
      if error.kind == .noSuchContainer { return }
      throw error
    }
    guard isOnDisk else { return }
    let hooks = poststopHooks(warn)
    try removeBelongings(debug)
    try removeDirectory()
    debug?.say("removed the state directory \(directory)")
    lock.release()
    runPoststopHooks(hooks, warn)
  }

  /// Does what `removeAtEnd` does where that takes no wait: nobody is at work on the container, nothing of it is left but its
  /// cgroup and its state, and it has no hooks for its end.
  ///
  /// - Returns: whether it is gone, or another one has got its name.
  public func removeAtOnce() throws(ContainerError) -> Bool {
    guard record.ownedDirectory == nil, record.unit == nil, !has(.poststop), status() == .stopped else {
      return false
    }
    let taken: Lock?
    do throws(Errno) { taken = try Lock.take(directory) } catch .noSuchFileOrDirectory { return true } catch {
      throw ContainerError("lock \(directory)", error)
    }
    guard let lock = taken else { return false }
    guard isOnDisk else { return true }
    if let cgroup = try cgroup(), !cgroup.removeWhenEmpty() { return false }
    try removeDirectory()
    lock.release()
    return true
  }

  /// Whether this is the container of its name, and as it was read.
  private var isOnDisk: Bool {
    guard let bytes = try? File.read("\(directory)/state.json") else { return false }
    return bytes == record.json.bytes()
  }

  private func removeDirectory() throws(ContainerError) {
    try attempt("remove \(directory)") { () throws(Errno) in
      do throws(Errno) {
        try File.remove("\(directory)/config.json")
        try File.remove("\(directory)/state.json")
        try Directory.remove(directory)
      } catch {
        // There was more in it, or less.
        try Directory.removeTree(directory)
      }
    }
  }

  /// Keeps on record, for a container that has ended, that the kernel ended a process of it for lack of memory.
  public func recordOutOfMemory() throws(ContainerError) {
    let lock = try lock()
    // Another one may have got its name.
    if var now = try? Container(id, in: store), now.record == record {
      now.record.wasOutOfMemory = true
      try now.save()
    }
    lock.release()
  }

  /// Ends and removes everything but the state directory, whose lock the caller holds.
  fileprivate func remove(force: Bool, _ debug: DebugMessages?) throws(ContainerError) {
    // Nobody makes it any more, else the lock would be theirs.
    let status = record.process == nil ? .stopped : statusOfProcess()
    // One that was never started has nothing to lose.
    if status != .stopped, status != .created, !force {
      throw ContainerError(
        .wrongStatus, "cannot delete \(id): it is \(status.rawValue); stop it first, or use --force")
    }
    if status != .stopped {
      try endInit()
      debug?.say("killed the container's first process, pid \(record.process?.pid ?? 0)")
    }
    try removeBelongings(debug)
  }

  private func removeBelongings(_ debug: DebugMessages?) throws(ContainerError) {
    if record.cgroupNumber == nil, let path = record.cgroup {
      // The creator was killed before it could tell whether the cgroup is the container's: what is in it may be another's.
      // A process of its own is just ending, as its creator is gone; so does a unit of its own, whose process that was.
      try Cgroup(hierarchy: CgroupHierarchy.find(), path: path).removeOnceEmpty(within: 5_000)
    } else {
      try cgroup()?.remove()
      if let unit = record.unit { try Systemd.remove(unit) }
    }
    if let path = record.cgroup { debug?.say("removed the cgroup \(path)") }
    try record.resourceControl?.remove()
    if let owned = record.ownedDirectory {
      try attempt("remove \(owned)") { () throws(Errno) in
        do throws(Errno) { try Directory.removeTree(owned) } catch .noSuchFileOrDirectory {}
      }
    }
  }

  func endInit() throws(ContainerError) {
    switch try findInit() {
    // What is in the cgroup is ended there; another process is nobody's but its owner's.
    case .ended: return
    case .foreign: return
    case .running(let process):
      try attempt("kill container \(id)") { () throws(Errno) in
        do throws(Errno) { try process.send(.kill) } catch .noSuchProcess {}
        var entries = [PollEntry(process.descriptor.rawValue, .readable)]
        // A frozen process ends as well; one that waits for a device does when that answers.
        guard try poll(&entries, milliseconds: 10_000) else { throw .resourceBusy }
      }
    }
  }
}

/// A process in a collection.
private final class HeldProcess {
  let pidfd: Pidfd
  init(_ pidfd: consuming Pidfd) { self.pidfd = pidfd }
}
