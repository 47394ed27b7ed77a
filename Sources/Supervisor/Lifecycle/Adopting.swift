import Container
import Definitions
import Linux

/// What runs on when its keeper was killed, and is given to another one.
extension Supervisor {
  /// So long, in milliseconds, it may take until nobody wonders.
  private static let patience: Int64 = 10_000

  /// What is said of a program of which nobody knows how it has ended.
  static let unknownEnd = "how it ended is not known: its keeper was killed before"

  /// Has all that run adopted which no keeper has.
  func adoptOrphans() {
    var names: [String] = []
    for partition in partitions.values where isOrphan(partition) {
      partition.phase = .starting(Partition.Start(isAdoption: true))
      names.append(partition.name)
    }
    guard let first = names.first else { return }
    let whole = names.count == 1 ? "\(first) is" : "\(names.count) partitions (\(first) for one) are"
    log(
      "\(whole) without a keeper, as that was killed, and given to another: the input has ended, and output may be lost"
    )
    for name in names { if let partition = partitions[name] { requestAdoption(partition) } }
    loop.after(milliseconds: Self.patience) { [unowned self] in
      let rest = names.filter { partitions[$0]?.isAdopting == true }
      guard let first = rest.first else { return }
      log("\(rest.count) of them (\(first) for one) run on without one: their keeper has not answered yet")
    }
  }

  /// Whether a partition runs of which no keeper has told.
  private func isOrphan(_ partition: Partition) -> Bool {
    let record = partition.record
    guard !partition.isKept, !partition.isFunction, !partition.isBeingRemoved,
      record.isWanted || !record.isOver,
      // An instance that waited is not worth it.
      record.function == nil || record.started != nil
    else { return false }
    return hasProcess(partition)
  }

  /// Whether a partition has a container of its own whose first process runs.
  private func hasProcess(_ partition: Partition) -> Bool {
    guard let id = try? ContainerID(partition.name), let container = try? store.container(id) else {
      return false
    }
    return container.record.ownedDirectory == nil && container.status() != .stopped
  }

  /// Asks a keeper to take a partition that runs.
  func requestAdoption(_ partition: Partition) {
    var start = KeeperStart(
      name: partition.name, definition: partition.definition.json, log: logPath(of: partition.name))
    let record = partition.record
    start.started = record.isOver ? Clock.now() : record.started ?? Clock.now()
    guard let keeper = try? keepers.start(start, for: partition.attachments) else {
      return notAdopted(partition)
    }
    partition.keeper = keeper
  }

  /// A keeper has a partition now that had none.
  func adopted(_ partition: Partition, _ kept: KeptPartition) {
    let ending = partition.start?.ending
    partition.phase = .running(pid: kept.pid)
    partition.attachments = []
    noteStart(partition, kept.started)
    save(partition)
    answer(partition, nil)
    followLoad(partition)
    if let ending { return end(partition, ending) }
    resume(partition)
  }

  /// No keeper could take a partition that had none, which has ended meanwhile, or else is ended.
  func notAdopted(_ partition: Partition) {
    partition.start?.isAdoption = false
    guard hasProcess(partition), let id = try? ContainerID(partition.name) else {
      return endOrphan(partition)
    }
    let store = store
    errands.add { () throws(SupervisorError) in
      do throws(ContainerError) { try store.delete(id, force: true) } catch { throw SupervisorError(error) }
      return []
    } done: { [unowned self] result in
      if case .failure(let error) = result { log("\(partition.name): \(error)") }
      if partition.isStarting { endOrphan(partition) }
    }
  }

  private func endOrphan(_ partition: Partition) {
    partition.phase = .idle
    let isAskedFor = !partition.startWaiters.isEmpty
    noteUnseenEnd(partition)
    if isAskedFor {
      tryStart(partition)
    } else if partition.record.isWanted {
      decide(partition, status: KeptEnd.unknownStatus, ranFor: 0)
    } else {
      cleanUp(partition)
      save(partition)
    }
    for waiter in partition.endWaiters.takeAll() { waiter(()) }
    removeIfOver(partition)
  }

  /// Notes that a partition has ended, and that nobody has seen how. Whoever calls this saves the record then.
  func noteUnseenEnd(_ partition: Partition) {
    let now = Clock.now()
    let started = partition.record.started ?? partition.record.created
    partition.isPaused = false
    partition.record.finished = now
    partition.record.exitStatus = KeptEnd.unknownStatus
    partition.record.error = "its end was not seen: the machine or the keeper stopped"
    // The last supervisor may have been killed before it could save that.
    if events.hasDeath(of: partition.record.id, since: started) { return }
    events.add(.die(exitStatus: KeptEnd.unknownStatus, started: started, finished: now), partition)
  }
}
