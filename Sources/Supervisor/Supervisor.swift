import Container
import Definitions
import Layers
import Linux
import OCI

/// Many partitions, each kept as its definition says.
///
/// What it knows is on disk before anybody is told, and what runs belongs to the keeper: it may end at any moment, and the
/// next one goes on from there.
public final class Supervisor {
  let loop: EventLoop
  let store: ContainerStore
  let directory: String
  private let keeper: KeeperConnection
  private let records: RecordStore
  private let removals: ErrandQueue
  private(set) var partitions: [String: Partition] = [:]
  /// Whether the keeper is there; without one there is nothing more to be done.
  public private(set) var hasKeeper = true
  /// Until the keeper has said what runs, nothing is started.
  private var isComplete = false
  private var whenComplete: [() -> Void] = []
  /// What has happened.
  public let events: EventLog
  /// How many partitions were started.
  private(set) var starts: UInt64 = 0
  /// Where messages for the person who runs it go.
  private let log: (String) -> Void
  /// Whether the machine was started since the last supervisor was.
  private let isNewBoot: Bool
  /// Those whose record could not be written.
  private var unsaved: [ObjectIdentifier: Partition] = [:]
  private var savingAgain: EventLoop.Timer?

  /// Before it is tried again to write records, in milliseconds.
  private static let savingPause: Int64 = 1000

  /// Where the records and logs are of a supervisor for the containers in `store`.
  public static func directory(for store: ContainerStore) -> String {
    store.path == ContainerStore.defaultPath ? "/var/lib/swiftjail/supervisor" : "\(store.path)/.supervisor"
  }

  /// The program that is the first process of partitions that ask for one.
  static let initProgram: String = {
    // The two programs are installed side by side.
    let own = (try? File.realPath("/proc/self/exe")) ?? "/usr/local/bin/swiftjaild"
    let end = own.utf8.lastIndex(of: UInt8(ascii: "/")) ?? own.utf8.startIndex
    return "\(own[..<end])/swiftjail"
  }()

  /// Where such a supervisor's keeper listens: in a directory that does not outlive a boot, as the keeper does not.
  static func keeperDirectory(for store: ContainerStore) -> String { "\(store.path)/.keeper" }

  /// Takes over what is there for `store`.
  public init(
    store: ContainerStore, _ loop: EventLoop, log: @escaping (String) -> Void
  ) throws(SupervisorError) {
    self.loop = loop
    self.store = store
    self.log = log
    directory = Self.directory(for: store)
    records = try RecordStore(directory: "\(directory)/partitions")
    events = EventLog()
    removals = ErrandQueue(loop)
    let keeping = Self.keeperDirectory(for: store)
    do throws(Errno) {
      try Directory.makeAll(keeping, mode: 0o711)
      try Directory.makeAll("\(directory)/logs", mode: 0o700)
    } catch {
      throw SupervisorError("make the directories in \(directory) and \(keeping)", error)
    }
    let (found, errors) = try records.load()
    for error in errors { log(error) }
    isNewBoot = Self.isNewBoot(directory)
    for record in found {
      let partition = Partition(record)
      if isNewBoot { partition.record.lastEnd = 0 }
      partitions[record.definition.name] = partition
    }
    keeper = try KeeperConnection(in: keeping, containers: store.path, loop)
    keeper.onReport = { [unowned self] report in take(report) }
    keeper.onEnd = { [unowned self] in
      hasKeeper = false
      loop.stop()
    }
  }

  /// All partitions, the oldest first.
  public var statuses: [PartitionStatus] {
    partitions.values.sorted { ($0.record.created, $0.name) < ($1.record.created, $1.name) }.map(\.status)
  }

  /// Calls `action` once it is known what runs.
  public func whenReady(_ action: @escaping () -> Void) {
    if isComplete { action() } else { whenComplete.append(action) }
  }

  /// The file that gets what the partition `name` writes.
  public func logPath(of name: String) -> String { "\(directory)/logs/\(name)/\(name)-json.log" }

  func partition(_ name: String) throws(SupervisorError) -> Partition {
    guard let partition = partitions[name] else {
      throw SupervisorError(.notFound, "there is no partition called \(name)")
    }
    return partition
  }

  /// The partition with the whole id `id`.
  func partition(withID id: String) -> Partition? {
    // A name is seldom as long.
    guard id.utf8.count == 64 else { return nil }
    return partitions.values.first { $0.record.id == id }
  }

  // MARK: The keeper's reports

  private func take(_ report: KeeperReport) {
    switch report {
    case .kept(let kept):
      guard let partition = partitions[kept.name] else { return logUnknown(kept) }
      partition.pid = kept.pid
      partition.input = kept.input
      partition.record.started = kept.started
    case .complete: complete()
    case .started(let kept): started(kept)
    case .failed(let name, let reason): failed(name, reason)
    case .ended(let end): ended(end)
    }
  }

  private func logUnknown(_ kept: KeptPartition) {
    log(
      "\(kept.name): it runs (pid \(kept.pid)), and there is no record of it; swiftjail delete --force ends it"
    )
  }

  private func complete() {
    isComplete = true
    noteBoot()
    for partition in partitions.values { resume(partition) }
    let waiting = whenComplete
    whenComplete = []
    for action in waiting { action() }
  }

  private static let bootID = "/proc/sys/kernel/random/boot_id"

  /// Whether this is another boot of the machine than that of the last supervisor in `directory`.
  private static func isNewBoot(_ directory: String) -> Bool {
    guard let last = try? File.text("\(directory)/boot"), let now = try? File.text(bootID) else {
      return false
    }
    return last != now
  }

  /// Notes which boot of the machine this is.
  private func noteBoot() {
    guard let now = try? File.text(Self.bootID) else { return }
    try? File.replace("\(directory)/boot", with: Array("\(now)\n".utf8))
  }

  /// Goes on with a partition where the last supervisor was.
  private func resume(_ partition: Partition) {
    let policy = partition.definition.restart
    switch (partition.isRunning, partition.record.isWanted) {
    case (true, true): watchHealth(partition)
    // Somebody stopped it, and did not see it end.
    case (true, false):
      if partition.record.isRenewing {
        partition.endWaiters.add { [unowned self] in startUnasked(partition) }
      }
      stopNow(partition)
    case (false, false) where partition.record.isRenewing: startUnasked(partition)
    case (false, true) where partition.restartTimer == nil && !partition.isStarting:
      let endIsKnown = partition.record.finished.map { $0 >= partition.record.started ?? 0 } ?? false
      if partition.record.started == nil || endIsKnown
        || policy.startsAgain(wasStopped: partition.record.wasStopped, exitStatus: nil)
      {
        tryStart(partition)
      } else {
        partition.record.isWanted = false
        partition.record.finished = Clock.now()
        partition.record.exitStatus = nil
        partition.record.error = "its end was not seen: the machine or the keeper stopped"
        cleanUp(partition)
        save(partition)
        removeIfOver(partition)
      }
    case (false, false) where partition.definition.isRemovedAtEnd && partition.record.finished != nil:
      remove(partition)
    case (false, false) where isNewBoot:
      let record = partition.record
      if record.started != nil,
        policy.startsAgain(wasStopped: record.wasStopped, exitStatus: record.exitStatus)
      {
        tryStart(partition)
      }
    case (false, _): break
    }
  }

  private func started(_ kept: KeptPartition) {
    guard let partition = partitions[kept.name] else { return logUnknown(kept) }
    partition.isStarting = false
    partition.isPaused = false
    starts += 1
    partition.pid = kept.pid
    partition.input = kept.input
    partition.record.started = kept.started
    partition.record.error = nil
    beginChecks(partition)
    save(partition)
    events.add(.start, partition)
    answer(partition, nil)
    // Whoever stopped it while it was being started.
    if !partition.record.isWanted { stopNow(partition) }
  }

  private func failed(_ name: String, _ reason: String) {
    guard let partition = partitions[name] else { return }
    partition.isStarting = false
    partition.record.error = reason
    partition.record.exitStatus = Self.startFailure
    partition.record.finished = Clock.now()
    log("\(name): \(reason)")
    // Who asked for it hears of it, and asks again or does not.
    if partition.startWaiters.isEmpty {
      decide(partition, status: Self.startFailure, ranFor: 0)
    } else {
      partition.record.isWanted = false
      save(partition)
    }
    answer(partition, SupervisorError(.failed, reason))
    for waiter in partition.endWaiters.takeAll() { waiter(()) }
    removeIfOver(partition)
  }

  private func removeIfOver(_ partition: Partition) {
    if partition.definition.isRemovedAtEnd, !partition.record.isWanted { remove(partition) }
  }

  /// The status of a partition that was never executed, as Docker has it.
  private static let startFailure: Int32 = 127

  private func answer(_ partition: Partition, _ error: SupervisorError?) {
    for waiter in partition.startWaiters.takeAll() { waiter(error) }
  }

  private func ended(_ end: KeptEnd) {
    // Told again, for lack of an answer last time. The clock does not tell: somebody may have set it back.
    guard let partition = partitions[end.name], end.number > partition.record.lastEnd else {
      keeper.send(.acknowledge(end.number))
      return
    }
    partition.record.lastEnd = end.number
    partition.unacknowledged.append(end.number)
    if let pid = partition.pid, pid != end.pid {
      // It was started again since, and nobody could note that.
      events.add(.die(exitStatus: end.status), partition)
      return save(partition)
    }
    partition.pid = nil
    partition.input = nil
    partition.isPaused = false
    endChecks(partition)
    partition.record.health = nil
    if let timer = partition.killTimer { loop.cancel(timer) }
    partition.killTimer = nil
    partition.record.started = end.started
    partition.record.finished = end.finished
    partition.record.exitStatus = end.status
    let container = (try? ContainerID(end.name)).flatMap { id in try? store.container(id) }
    partition.record.wasOutOfMemory = container?.wasOutOfMemory ?? false
    if partition.record.wasOutOfMemory { events.add(.outOfMemory, partition) }
    events.add(.die(exitStatus: end.status), partition)
    decide(partition, status: end.status, ranFor: (end.finished - end.started) / 1_000_000)
    for waiter in partition.endWaiters.takeAll() { waiter(()) }
    removeIfOver(partition)
  }

  /// What the policy says now that the program has ended.
  private func decide(_ partition: Partition, status: Int32, ranFor milliseconds: Int64) {
    var end = RestartDecision.End(exitStatus: status, ran: milliseconds)
    end.wasStopped = partition.record.wasStopped
    end.restartsInARow = partition.record.failuresInARow
    switch RestartDecision(partition.definition.restart, partition.definition.restartDelay, end) {
    case .stay:
      partition.record.isWanted = false
      partition.record.isCrashLooping = false
      cleanUp(partition)
    case .crashLoop:
      partition.record.isWanted = false
      partition.record.isCrashLooping = true
      log("\(partition.name): it has ended with \(status) too often in a row, and is not started again")
      cleanUp(partition)
    case .start(let delay, let inARow):
      partition.record.failuresInARow = inARow
      partition.record.restarts += 1
      if delay == 0 {
        tryStart(partition)
      } else {
        partition.restartTimer = loop.after(milliseconds: delay) { [unowned self] in
          partition.restartTimer = nil
          tryStart(partition)
        }
      }
    }
    save(partition)
  }

  /// Removes what the container had but its files.
  private func cleanUp(_ partition: Partition) {
    guard let id = try? ContainerID(partition.name), let container = try? store.container(id),
      container.record.ownedDirectory == nil
    else { return }
    do throws(ContainerError) { try store.delete(id, force: true) } catch {
      log("\(partition.name): \(error)")
    }
  }

  func save(_ partition: Partition) {
    do throws(SupervisorError) {
      try records.save(partition.record)
      unsaved[ObjectIdentifier(partition)] = nil
      acknowledge(partition)
    } catch {
      if unsaved.updateValue(partition, forKey: ObjectIdentifier(partition)) == nil { log(error.description) }
      guard savingAgain == nil else { return }
      savingAgain = loop.after(milliseconds: Self.savingPause) { [unowned self] in
        savingAgain = nil
        for partition in unsaved.values { save(partition) }
      }
    }
  }

  /// Tells the keeper that it may forget what is on record.
  private func acknowledge(_ partition: Partition) {
    for number in partition.unacknowledged { keeper.send(.acknowledge(number)) }
    partition.unacknowledged = []
  }

  // MARK: Making

  /// Makes a partition, which does not run yet.
  ///
  /// - Throws: `SupervisorError` of the kind `.conflict` when the name is taken.
  @discardableResult
  public func create(_ definition: PartitionDefinition) throws(SupervisorError) -> PartitionStatus {
    try create(definition, .request).status
  }

  func create(
    _ definition: PartitionDefinition, _ source: PartitionRecord.Source
  ) throws(SupervisorError) -> Partition {
    let id: ContainerID
    do throws(ContainerError) { id = try ContainerID(definition.name) } catch { throw SupervisorError(error) }
    guard partitions[definition.name] == nil else {
      throw SupervisorError(.conflict, "a partition called \(definition.name) exists already")
    }
    if (try? store.container(id)) != nil {
      throw SupervisorError(
        .conflict, "a container called \(definition.name) exists already, made by somebody else")
    }
    let path = "\(directory)/logs/\(definition.name)"
    do throws(Errno) { try Directory.makeAll(path, mode: 0o700) } catch {
      throw SupervisorError("make \(path)", error)
    }
    let record = PartitionRecord(
      definition: definition, source: source, id: GeneratedName.id(), created: Clock.now())
    try records.save(record)
    let partition = Partition(record)
    partitions[definition.name] = partition
    events.add(.create, partition)
    return partition
  }

  // MARK: Commands inside

  /// The commands that were executed, by id.
  private(set) var executions: [String: Execution] = [:]

  /// Prepares a command in a partition that runs.
  func prepare(_ settings: Execution.Settings, in name: String) throws(SupervisorError) -> Execution {
    let partition = try partition(name)
    guard partition.isRunning else { throw SupervisorError(.conflict, "\(name) does not run") }
    guard !partition.isPaused else { throw SupervisorError(.conflict, "\(name) is paused") }
    forgetOldExecutions()
    guard executions.count < 8 * Self.rememberedExecutions else {
      throw SupervisorError(
        .conflict, "\(executions.count) commands run in partitions or wait to be started, which is the most")
    }
    let execution = Execution(name, settings, loop)
    executions[execution.id] = execution
    return execution
  }

  /// How many commands are kept before those that have ended are forgotten.
  private static let rememberedExecutions = 1024

  /// Those that have ended can still be asked about for a while.
  private func forgetOldExecutions() {
    guard executions.count >= Self.rememberedExecutions else { return }
    for (id, execution) in executions where execution.isOver { executions[id] = nil }
  }

  /// The health checks that run, by id: nobody's but the supervisor's own.
  private var checks: [String: Execution] = [:]

  /// Starts a health check, and calls `done` when it is over.
  func startCheck(_ check: Execution, done: @escaping () -> Void) {
    let id = check.id
    checks[id] = check
    check.onEnd = { [unowned self] in
      checks[id] = nil
      done()
    }
    check.start(in: store)
  }

  /// Another partition may get its name, and has nothing to do with these.
  private func forgetExecutions(of partition: Partition) {
    for (id, execution) in executions
    where execution.partition == partition.name && (execution.isOver || execution.state == .new) {
      executions[id] = nil
    }
  }

  /// What the kernel says of a child of this process: a command inside, or the keeper.
  public func childEnded(_ pid: Int32, _ status: ExitStatus) {
    for execution in checks.values where execution.childEnded(pid, status) { return }
    for execution in executions.values where execution.childEnded(pid, status) { return }
    for execution in checks.values where execution.state == .starting { execution.mayHaveEnded(pid, status) }
    for execution in executions.values where execution.state == .starting {
      execution.mayHaveEnded(pid, status)
    }
  }

  // MARK: Definitions in files

  /// What files define, as far as it is carried out.
  var definedByFiles: [PartitionDefinition] {
    partitions.values.filter { $0.record.source == .file && !$0.isBeingRemoved }.map(\.definition)
  }

  /// Whether those that are after the partition `name` have to wait: it was not started yet, or its health check has not
  /// passed and still can.
  func holdsUpOthers(_ name: String) -> Bool {
    guard let record = partitions[name]?.record, record.started != nil else { return true }
    return record.definition.healthCheck != nil && record.isWanted && record.health != .healthy
  }

  /// Whether the partition `name` was made and nothing more: who made it was cut short before it was started.
  func isUntouched(_ name: String) -> Bool {
    guard let partition = partitions[name] else { return false }
    let record = partition.record
    return record.started == nil && record.finished == nil && !record.isWanted && !record.wasStopped
      && !partition.isRunning && !partition.isStarting
  }

  /// Notes that somebody has stopped a partition before it was started.
  func startNoMore(_ name: String) {
    guard let partition = partitions[name], partition.record.started == nil else { return }
    partition.record.wasStopped = true
    save(partition)
  }

  /// Starts a partition that nobody waits for.
  func startUnasked(_ partition: Partition) {
    guard !partition.isRunning, !partition.isBeingRemoved, partition.restartTimer == nil else { return }
    partition.record.failuresInARow = 0
    tryStart(partition)
  }

  /// Ends a partition and removes it.
  func retire(_ name: String) {
    guard let partition = partitions[name] else { return }
    partition.isBeingRemoved = true
    end(partition) { [unowned self] in remove(partition) }
  }

  /// Makes a partition what `definition` says.
  func change(_ definition: PartitionDefinition, _ extent: DefinitionChanges.Extent) {
    guard let partition = partitions[definition.name] else { return }
    partition.record.definition = definition
    watchHealth(partition)
    save(partition)
    switch extent {
    case .bookkeeping: return
    case .limits where partition.isRunning:
      do throws(SupervisorError) { try applyLimits(partition) } catch { log("\(partition.name): \(error)") }
    case .limits: return
    case .container:
      let ran = partition.record.isWanted
      if ran { partition.record.isRenewing = true }
      end(partition) { [unowned self] in
        if ran { startUnasked(partition) }
      }
    }
  }

  /// Stops a partition if it runs, and calls `done` then.
  private func end(_ partition: Partition, done: @escaping () -> Void) {
    do throws(SupervisorError) { try stop(partition.name, done: done) } catch { done() }
  }

  // MARK: What is asked for

  /// Starts a partition, and calls `done` when it runs or cannot.
  public func start(_ name: String, done: @escaping (SupervisorError?) -> Void) throws(SupervisorError) {
    let partition = try partition(name)
    guard !partition.isRunning else { throw SupervisorError(.unchanged, "\(name) runs already") }
    guard !partition.isBeingRemoved else { throw SupervisorError(.conflict, "\(name) is being removed") }
    partition.record.failuresInARow = 0
    partition.startWaiters.add(done)
    if let timer = partition.restartTimer { loop.cancel(timer) }
    partition.restartTimer = nil
    tryStart(partition)
  }

  private func tryStart(_ partition: Partition) {
    guard !partition.isLeaving else { return }
    guard !partition.isBeingRemoved else { return }
    partition.record.isWanted = true
    partition.record.wasStopped = false
    partition.record.isCrashLooping = false
    if !partition.isRunning { partition.record.health = nil }
    partition.record.isRenewing = false
    save(partition)
    guard isComplete, !partition.isStarting, !partition.isRunning else { return }
    partition.isStarting = true
    let start = KeeperStart(
      name: partition.name, definition: partition.definition.json, log: logPath(of: partition.name))
    if !keeper.send(.start(start)) {
      giveUp(
        partition, "its definition is too long: no more than \(PacketChannel.longest) bytes can be started")
    }
  }

  /// Notes that a partition cannot be started, however often that is tried.
  private func giveUp(_ partition: Partition, _ reason: String) {
    partition.isStarting = false
    partition.record.isWanted = false
    partition.record.error = reason
    partition.record.exitStatus = Self.startFailure
    partition.record.finished = Clock.now()
    log("\(partition.name): \(reason)")
    save(partition)
    answer(partition, SupervisorError(.invalid, reason))
  }

  /// Asks a partition to end, kills it when it does not in `timeout` milliseconds, and calls `done` when it has.
  public func stop(
    _ name: String, timeout: Int64? = nil, done: @escaping () -> Void
  ) throws(SupervisorError) {
    let partition = try partition(name)
    guard partition.isRunning || partition.isStarting || partition.restartTimer != nil else {
      throw SupervisorError(.unchanged, "\(name) does not run")
    }
    partition.record.isWanted = false
    partition.record.wasStopped = true
    if let timer = partition.restartTimer { loop.cancel(timer) }
    partition.restartTimer = nil
    save(partition)
    guard partition.isRunning || partition.isStarting else {
      cleanUp(partition)
      return done()
    }
    partition.endWaiters.add { [unowned self] in
      events.add(.stop, partition)
      done()
    }
    stopNow(partition, timeout: timeout)
  }

  private func stopNow(_ partition: Partition, timeout: Int64? = nil) {
    guard partition.isRunning else { return }
    signal(partition, partition.definition.stopSignal)
    if let timer = partition.killTimer { loop.cancel(timer) }
    let patience = timeout ?? partition.definition.stopTimeout
    guard patience >= 0 else { return }
    partition.killTimer = loop.after(milliseconds: patience) { [unowned self] in
      partition.killTimer = nil
      signal(partition, .kill)
    }
  }

  private func signal(_ partition: Partition, _ signal: Signal) {
    do throws(SupervisorError) { try send(signal, to: partition) } catch {
      if error.kind == .failed { log("\(partition.name): \(error)") }
    }
  }

  private func send(_ signal: Signal, to partition: Partition) throws(SupervisorError) {
    do throws(ContainerError) {
      let container = try store.container(try ContainerID(partition.name))
      try container.kill(signal)
      // One that is paused cannot take it.
      if container.status() == .paused {
        try container.resume()
        partition.isPaused = false
        save(partition)
      }
    } catch { throw SupervisorError(error) }
    events.add(.kill(signal), partition)
  }

  /// Sends `signal` to the program of a partition.
  public func kill(_ name: String, _ signal: Signal) throws(SupervisorError) {
    let partition = try partition(name)
    guard partition.isRunning else { throw SupervisorError(.conflict, "\(name) does not run") }
    // As Docker has it: whoever kills it wants it dead, whatever the policy. It may take the signal otherwise and go on,
    // so it is still one that is to run: the next supervisor ends what is not.
    if signal == .kill || signal == partition.definition.stopSignal {
      partition.record.wasStopped = true
      save(partition)
    }
    try send(signal, to: partition)
  }

  /// Stops every process of a partition until `resume`.
  public func pause(_ name: String) throws(SupervisorError) {
    let partition = try partition(name)
    do throws(ContainerError) { try store.container(try ContainerID(name)).pause() } catch {
      throw SupervisorError(error)
    }
    partition.isPaused = true
    partition.monitor?.postpone()
    save(partition)
    events.add(.pause, partition)
  }

  /// Lets the processes of a paused partition go on.
  public func resume(_ name: String) throws(SupervisorError) {
    let partition = try partition(name)
    do throws(ContainerError) { try store.container(try ContainerID(name)).resume() } catch {
      throw SupervisorError(error)
    }
    partition.isPaused = false
    partition.monitor?.postpone()
    save(partition)
    events.add(.unpause, partition)
  }

  /// Calls `done` when what `condition` says has come about for a partition, or it is removed.
  ///
  /// - Returns: what ends the waiting, for who is no longer there to hear of it.
  func wait(
    _ name: String, for condition: Endpoint.WaitCondition, done: @escaping (PartitionStatus) -> Void
  ) throws(SupervisorError) -> () -> Void {
    let partition = try partition(name)
    // The partition has those who wait, and they do not have it.
    let told = { [unowned partition] in done(partition.status) }
    switch condition {
    case .notRunning where !partition.isRunning && !partition.isStarting:
      told()
      return {}
    case .notRunning, .nextExit:
      let number = partition.endWaiters.add(told)
      return { [weak partition] in partition?.endWaiters.remove(number) }
    case .removed:
      let number = partition.removalWaiters.add(told)
      return { [weak partition] in partition?.removalWaiters.remove(number) }
    }
  }

  /// Gives a partition that does not run another name.
  func rename(_ name: String, to new: String) throws(SupervisorError) {
    let partition = try partition(name)
    guard partitions[new] == nil else {
      throw SupervisorError(.conflict, "a partition called \(new) exists already")
    }
    guard !partition.isRunning, !partition.isStarting, partition.restartTimer == nil else {
      throw SupervisorError(.conflict, "\(name) runs: stop it first")
    }
    do throws(ContainerError) { _ = try ContainerID(new) } catch { throw SupervisorError(error) }
    let layers = PartitionStore(of: store).path
    do throws(Errno) {
      try File.rename("\(directory)/logs/\(name)", to: "\(directory)/logs/\(new)")
      do throws(Errno) {
        try File.rename("\(layers)/\(name)", to: "\(layers)/\(new)")
      } catch .noSuchFileOrDirectory {}
      try? File.rename(logPath(of: new, by: name), to: logPath(of: new))
    } catch {
      throw SupervisorError("rename \(name) to \(new)", error)
    }
    partition.record.definition.name = new
    try records.save(partition.record)
    try records.remove(name)
    partitions[name] = nil
    partitions[new] = partition
    events.add(.rename(from: name), partition)
  }

  private func logPath(of name: String, by old: String) -> String {
    "\(directory)/logs/\(name)/\(old)-json.log"
  }

  /// Gives a partition another definition of the same name, of which only limits and bookkeeping may be others.
  func update(_ definition: PartitionDefinition) throws(SupervisorError) {
    let partition = try partition(definition.name)
    let old = partition.definition
    partition.record.definition = definition
    if partition.isRunning, definition.content != old.content {
      do throws(SupervisorError) { try applyLimits(partition) } catch {
        partition.record.definition = old
        throw error
      }
    }
    watchHealth(partition)
    try records.save(partition.record)
    events.add(.update, partition)
  }

  /// Puts the limits of its definition on a partition that runs.
  private func applyLimits(_ partition: Partition) throws(SupervisorError) {
    guard case .partition(let settings) = partition.definition.content else { return }
    do throws(ContainerError) {
      let id = try ContainerID(partition.name)
      do throws(LayerError) { try PartitionStore(of: store).rewrite(id, settings) } catch {
        throw ContainerError(.failed, error.description)
      }
      try store.container(id).updateLimits()
    } catch { throw SupervisorError(error) }
  }

  /// What leads to the standard input of a partition that runs, or its terminal.
  ///
  /// - Returns: `nil` when nothing can be written to it.
  func input(_ name: String) -> FileDescriptor? {
    guard let partition = partitions[name], let number = partition.input,
      let descriptor = keeper.descriptor(number),
      // The keeper may have closed its own by now, and have another partition's under that number: not before this
      // one's program has ended.
      let id = try? ContainerID(name), let container = try? store.container(id),
      container.record.process?.pid == partition.pid, container.status() != .stopped
    else { return nil }
    return descriptor
  }

  /// Ends the standard input of a partition.
  func endInput(_ name: String) {
    partitions[name]?.input = nil
    keeper.send(.endInput(name))
  }

  /// Removes a partition with its files and logs; one that runs only with `force`.
  public func remove(
    _ name: String, force: Bool, done: @escaping (SupervisorError?) -> Void
  ) throws(SupervisorError) {
    let partition = try partition(name)
    guard partition.isRunning || partition.isStarting else { return remove(partition, done: done) }
    guard force else {
      throw SupervisorError(.conflict, "\(name) runs: stop it first, or remove it by force")
    }
    partition.record.isWanted = false
    partition.record.wasStopped = true
    partition.isBeingRemoved = true
    save(partition)
    partition.endWaiters.add { [unowned self] in remove(partition, done: done) }
    if partition.isRunning { signal(partition, .kill) }
  }

  /// Removes a partition that does not run, and calls `done` when nothing of it is left, or some of it stays.
  private func remove(_ partition: Partition, done: @escaping (SupervisorError?) -> Void = { _ in }) {
    guard partitions[partition.name] === partition else { return done(nil) }
    partition.removers.add(done)
    guard !partition.isLeaving else { return }
    partition.isLeaving = true
    partition.isBeingRemoved = true
    if let timer = partition.restartTimer { loop.cancel(timer) }
    partition.restartTimer = nil
    // What it has written may be a million files.
    removals.add { [self] () throws(SupervisorError) in
      try removeFiles(partition)
      return []
    } done: { [unowned self] result in
      finishRemoval(partition, result)
    }
  }

  private func finishRemoval(_ partition: Partition, _ result: Result<[UInt8], SupervisorError>) {
    do throws(SupervisorError) {
      if case .failure(let error) = result { throw error }
      try records.remove(partition.name)
    } catch {
      log("\(partition.name): \(error)")
      partition.isLeaving = false
      partition.isBeingRemoved = false
      for remover in partition.removers.takeAll() { remover(error) }
      return
    }
    partitions[partition.name] = nil
    unsaved[ObjectIdentifier(partition)] = nil
    acknowledge(partition)
    forgetExecutions(of: partition)
    events.add(.destroy, partition)
    answer(partition, SupervisorError(.conflict, "\(partition.name) was removed"))
    for waiter in partition.endWaiters.takeAll() + partition.removalWaiters.takeAll() { waiter(()) }
    for remover in partition.removers.takeAll() { remover(nil) }
  }

  private func removeFiles(_ partition: Partition) throws(SupervisorError) {
    if let id = try? ContainerID(partition.name) {
      // Of one whose removal was cut short there may be no more than a directory.
      if (try? store.container(id))?.record.ownedDirectory == nil {
        do throws(ContainerError) { try store.delete(id, force: true) } catch {
          if error.kind != .noSuchContainer { throw SupervisorError(error) }
        }
      }
      if case .partition = partition.definition.content {
        do throws(LayerError) { try PartitionStore(of: store).removeLeftover(id) } catch {
          throw SupervisorError(.failed, error.description)
        }
      }
    }
    let logs = "\(directory)/logs/\(partition.name)"
    do throws(Errno) { try Directory.removeTree(logs) } catch .noSuchFileOrDirectory {} catch {
      throw SupervisorError("remove \(logs)", error)
    }
  }
}
