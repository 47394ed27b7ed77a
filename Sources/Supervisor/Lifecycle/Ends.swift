import Container
import Definitions
import Linux

/// What the keeper reports of starts and ends, and what follows from it.
extension Supervisor {
  func take(_ report: KeeperReport, _ keeper: Int) {
    switch report {
    case .kept(let kept):
      guard let partition = partitions[kept.name] else { return logUnknown(kept) }
      partition.keeper = keeper
      partition.input = kept.input
      if partition.isAdopting { return adopted(partition, kept) }
      if partition.record.function != nil {
        keptInstance(partition, kept)
      } else {
        partition.phase = .running(pid: kept.pid)
        noteStart(partition, kept.started)
      }
    case .starting(let name):
      partitions[name]?.keeper = keeper
      if let partition = partitions[name] { noteStarting(partition) }
    case .full(let name): if let partition = partitions[name] { requestAgain(partition) }
    case .complete: complete()
    case .started(let kept):
      partitions[kept.name]?.keeper = keeper
      started(kept)
    case .prepared(let kept):
      partitions[kept.name]?.keeper = keeper
      prepared(kept)
    case .note(let text): log(text)
    case .logged(let counters): logged[keeper] = counters
    case .failed(let name, let reason): failed(name, reason)
    case .ended(let end): ended(end)
    }
  }

  /// A keeper has been asked by the last supervisor to make a partition, and has not said what came of it.
  private func noteStarting(_ partition: Partition) {
    let record = partition.record
    if record.function != nil, record.started == nil, !record.isWanted {
      partition.phase = .building
      building.insert(partition.name)
    } else {
      partition.phase = .starting(Partition.Start())
    }
  }

  /// The keeper that was asked to make a partition has no room for it.
  private func requestAgain(_ partition: Partition) {
    if partition.isBuilding { return requestBuilding(partition) }
    if partition.isAdopting { return requestAdoption(partition) }
    guard partition.isStarting else { return }
    if partition.record.isWanted {
      request(partition)
    } else {
      failed(partition.name, "it was stopped before it ran")
    }
  }

  func logUnknown(_ kept: KeptPartition) {
    log(
      "\(kept.name): it runs (pid \(kept.pid)), and there is no record of it; swiftjail delete --force ends it"
    )
  }

  func started(_ kept: KeptPartition) {
    guard let partition = partitions[kept.name] else { return logUnknown(kept) }
    let start = partition.start
    cancelStart(partition)
    partition.phase = .running(pid: kept.pid)
    partition.attachments = []
    partition.isPaused = false
    starts += 1
    partition.input = kept.input
    partition.record.error = nil
    beginChecks(partition)
    noteStart(partition, kept.started)
    load.begin(partition)
    save(partition)
    answer(partition, nil)
    // Whoever stopped it while it was being started.
    if !partition.record.isWanted { return end(partition, start?.ending ?? .asked(timeout: nil)) }
    catchUp(partition, since: start?.definition)
  }

  /// Notes a start, once.
  func noteStart(_ partition: Partition, _ time: Int64) {
    guard partition.record.started != time else { return }
    partition.record.started = time
    events.add(.start, partition)
  }

  func failed(_ name: String, _ reason: String) {
    guard let partition = partitions[name] else { return }
    failedStarts += 1
    if partition.isBuilding { return failedToBuild(partition, reason) }
    if partition.isAdopting { return notAdopted(partition) }
    cancelStart(partition)
    if partition.isStarting { partition.phase = .idle }
    partition.attachments = []
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
      cleanUp(partition)
    }
    onFailedStart?()
    answer(partition, SupervisorError(.failed, reason))
    for waiter in partition.endWaiters.takeAll() { waiter(()) }
    removeIfOver(partition)
  }

  func removeIfOver(_ partition: Partition) {
    if partition.definition.isRemovedAtEnd, !partition.record.isWanted { remove(partition) }
  }

  /// The status of a partition that was never executed, as Docker has it.
  static let startFailure: Int32 = 127

  func answer(_ partition: Partition, _ error: SupervisorError?) {
    for waiter in partition.startWaiters.takeAll() { waiter(error) }
  }

  func ended(_ end: KeptEnd) {
    lastEnd = max(lastEnd, end.number)
    guard let partition = partitions[end.name] else {
      events.add(end)
      strayEnds.append(end.number)
      return acknowledgeStrays()
    }
    // Told again, for lack of an answer last time. The clock does not tell: somebody may have set it back.
    guard end.number > partition.record.lastEnd else {
      partition.unacknowledged.append(end.number)
      if !events.has(end: end.number) { events.add([.died(end)], partition, end: end.number) }
      return acknowledge(partition)
    }
    if partition.record.function != nil, partition.record.started == nil, partition.pid == nil {
      if !wasStarted(end.name) { return endedWaiting(partition, end) }
      // By somebody else, or by the last supervisor, which could not note it.
      if partition.waitingPid == end.pid { noteRelease(partition) }
    }
    partition.unacknowledged.append(end.number)
    partition.record.lastEnd = end.number
    let isOther = partition.record.function == nil && partition.record.started != end.started
    if partition.isRunning, isOther || partition.pid != end.pid { return endedBefore(partition, end) }
    cancelStart(partition)
    if partition.isRunning { partition.phase = .idle }
    partition.record.isBehind = false
    partition.input = nil
    partition.isPaused = false
    endChecks(partition)
    load.end(partition)
    if let timer = partition.killTimer { loop.cancel(timer) }
    partition.killTimer = nil
    // An instance's first process is older than its program.
    if partition.record.function == nil || partition.record.started == nil {
      noteStart(partition, end.started)
    }
    partition.record.finished = end.finished
    partition.record.exitStatus = end.status
    if end.isUnknown { partition.record.error = Self.unknownEnd }
    let container = (try? ContainerID(end.name)).flatMap { id in try? store.container(id) }
    partition.record.wasOutOfMemory = container?.wasOutOfMemory ?? false
    let died = ContainerEvent.Action.died(end)
    events.add(
      partition.record.wasOutOfMemory ? [.outOfMemory, died] : [died], partition, end: end.number)
    decide(partition, status: end.status, ranFor: end.milliseconds)
    for waiter in partition.endWaiters.takeAll() { waiter(()) }
    removeIfOver(partition)
  }

  /// Notes an end after which the partition was started again, by a supervisor that could not note either.
  func endedBefore(_ partition: Partition, _ end: KeptEnd) {
    events.add([.died(end)], partition, end: end.number)
    if case .start(_, let inARow) = decision(partition, status: end.status, ranFor: end.milliseconds) {
      partition.record.failuresInARow = inARow
      partition.record.restarts += 1
    } else {
      // Somebody asked for that start.
      partition.record.failuresInARow = 0
    }
    save(partition)
  }

  func decision(_ partition: Partition, status: Int32, ranFor milliseconds: Int64) -> RestartDecision {
    // What it would be started as is not known.
    if partition.record.damage != nil { return .stay }
    var end = RestartDecision.End(exitStatus: status, ran: milliseconds)
    end.wasStopped = partition.record.wasStopped
    end.restartsInARow = partition.record.failuresInARow
    return RestartDecision(partition.definition.restart, partition.definition.restartDelay, end)
  }

  /// Does what the policy says now that the program has ended.
  func decide(_ partition: Partition, status: Int32, ranFor milliseconds: Int64) {
    carryOut(decision(partition, status: status, ranFor: milliseconds), partition, status)
    save(partition)
  }

  /// - Parameter milliseconds: how much of the wait before a restart is over.
  func carryOut(
    _ decision: RestartDecision, _ partition: Partition, _ status: Int32, after milliseconds: Int64 = 0
  ) {
    switch decision {
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
      guard delay > milliseconds else { return tryStart(partition) }
      // The last supervisor has asked for that already, before this one heard of the end.
      if partition.isStarting { return }
      let timer = loop.after(milliseconds: delay - milliseconds) { [unowned self] in
        partition.phase = .idle
        tryStart(partition)
      }
      partition.phase = .backingOff(timer)
    }
  }

  /// Decides again about a partition that waits to be started again: its definition says something else now.
  func reconsider(_ partition: Partition) {
    guard partition.isBackingOff, let status = partition.record.exitStatus else { return }
    cancelStart(partition)
    let record = partition.record
    let finished = record.finished ?? Clock.now()
    // What could not be started did not run.
    let ran = record.error == nil ? (finished - (record.started ?? finished)) / 1_000_000 : 0
    var end = RestartDecision.End(exitStatus: status, ran: ran)
    // The decision that is taken back has counted one.
    end.restartsInARow = record.failuresInARow - 1
    partition.record.restarts -= 1
    carryOut(
      RestartDecision(partition.definition.restart, partition.definition.restartDelay, end), partition,
      status,
      after: max(0, Clock.now() - finished) / 1_000_000)
    save(partition)
    // Who has come while it was to be started again has not heard of its end.
    if !partition.isActive {
      for waiter in partition.endWaiters.takeAll() { waiter(()) }
    }
    removeIfOver(partition)
  }

  /// Removes what the container had but its files.
  func cleanUp(_ partition: Partition) {
    guard let id = try? ContainerID(partition.name), let container = try? store.container(id),
      container.record.isOwn(in: store)
    else { return }
    do throws(ContainerError) {
      if try container.removeAtOnce() { return }
    } catch { return log("\(partition.name): \(error)") }
    guard container.status() == .stopped else { return }
    // Somebody is at work on it, or something in it takes long to end.
    let name = partition.name
    errands.add { () throws(SupervisorError) in
      do throws(ContainerError) { try container.removeAtEnd() } catch { throw SupervisorError(error) }
      return []
    } done: { [unowned self] result in
      if case .failure(let error) = result { log("\(name): \(error)") }
    }
  }
}
