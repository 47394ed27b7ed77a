import Container
import Definitions
import Linux

extension Supervisor {
  /// Makes a partition, which does not run yet.
  ///
  /// - Parameter notes: what its client has said beside what it is to be.
  /// - Throws: `SupervisorError` of the kind `.conflict` when the name is taken.
  @discardableResult
  public func create(
    _ definition: PartitionDefinition, _ notes: RequestNotes = RequestNotes()
  ) throws(SupervisorError) -> PartitionStatus {
    try create(definition, .request, notes: notes).status
  }

  func create(
    _ definition: PartitionDefinition, _ source: PartitionRecord.Source, function: String? = nil,
    notes: RequestNotes = RequestNotes()
  ) throws(SupervisorError) -> Partition {
    let id: ContainerID
    do throws(ContainerError) { id = try ContainerID(definition.name) } catch { throw SupervisorError(error) }
    guard partitions[definition.name] == nil else {
      throw SupervisorError(.conflict, "a partition called \(definition.name) exists already")
    }
    if (try? store.container(id)) != nil {
      throw SupervisorError(
        .conflict,
        "a container called \(definition.name) exists already, made without the supervisor: "
          + "remove it (swiftjail delete \(definition.name)), or take another name")
    }
    try definition.checkRecord()
    let path = "\(directory)/logs/\(definition.name)"
    do throws(Errno) { try Directory.makeAll(path, mode: 0o700) } catch {
      throw SupervisorError("make \(path)", error)
    }
    var record = PartitionRecord(
      definition: definition, source: source, id: GeneratedName.id(), created: Clock.now())
    record.function = function
    record.notes = notes
    // Ends up to here are those of others of this name.
    record.lastEnd = lastEnd
    record.boot = boot
    let partition = Partition(record)
    do throws(SupervisorError) { try records.write(partition) } catch {
      // What an earlier one has left there stays.
      try? Directory.remove(path)
      throw error
    }
    partitions[definition.name] = partition
    events.add(.create, partition)
    return partition
  }

  /// Starts a partition, and calls `done` when it runs or cannot.
  public func start(_ name: String, done: @escaping (SupervisorError?) -> Void) throws(SupervisorError) {
    let partition = try partition(name)
    guard !partition.isRunning else { throw SupervisorError(.unchanged, "\(name) runs already") }
    guard !partition.isBeingRemoved else { throw SupervisorError(.conflict, "\(name) is being removed") }
    try checkRecord(of: partition)
    if partition.isFunction { return try startInstance(of: name) { _, error in done(error) } }
    if partition.isPrepared {
      partition.startWaiters.add(done)
      return partition.isBuilding ? withdraw(partition) : beginPrepared(partition)
    }
    withdraw(partition)
    let before = partition.record
    partition.record.isClaimed = false
    partition.record.failuresInARow = 0
    noteWanted(partition)
    // Who is told that it runs may rely on it, whatever becomes of this supervisor.
    do throws(SupervisorError) { try records.write(partition) } catch {
      partition.record = before
      throw error
    }
    partition.startWaiters.add(done)
    cancelStart(partition)
    tryStart(partition)
  }

  func tryStart(_ partition: Partition) {
    guard !partition.isBeingRemoved, partition.record.damage == nil else { return }
    if partition.isFunction { return openPool(partition) }
    noteWanted(partition)
    cancelStart(partition)
    partition.start?.ending = nil
    save(partition)
    guard isComplete, !partition.isStarting, !partition.isRunning else { return }
    // The next supervisor ends what it does not know to be wanted.
    guard partition.isKnownAsWanted else { return partition.phase = .held }
    copies.end(of: partition.name)
    partition.phase = .starting(Partition.Start())
    request(partition)
  }

  /// Asks a keeper to start a partition.
  func request(_ partition: Partition) {
    partition.start?.definition = partition.definition
    let start = KeeperStart(
      name: partition.name, definition: partition.definition.json, log: logPath(of: partition.name))
    do throws(SupervisorError) {
      if let keeper = try keepers.start(start, for: partition.attachments) {
        partition.keeper = keeper
        return
      }
      giveUp(
        partition, "its definition is too long: no more than \(PacketChannel.longest) bytes can be started")
    } catch {
      // Later, as what follows may be another start.
      loop.after(milliseconds: 0) { [unowned self] in failed(partition.name, error.description) }
    }
  }

  private func noteWanted(_ partition: Partition) {
    partition.record.isWanted = true
    partition.record.wasStopped = false
    partition.record.isCrashLooping = false
    if !partition.isRunning { partition.record.health = nil }
    partition.record.isRenewing = false
  }

  /// Has a partition not started that was to be, and of which no keeper knows yet.
  func cancelStart(_ partition: Partition) {
    switch partition.phase {
    case .idle, .starting, .building, .prepared, .running: return
    case .held, .waiting: break
    case .backingOff(let timer): loop.cancel(timer)
    }
    partition.phase = .idle
  }

  /// Notes that a partition cannot be started, however often that is tried.
  func giveUp(_ partition: Partition, _ reason: String) {
    failedStarts += 1
    partition.phase = .idle
    partition.attachments = []
    partition.record.isWanted = false
    partition.record.error = reason
    partition.record.exitStatus = Self.startFailure
    partition.record.finished = Clock.now()
    log("\(partition.name): \(reason)")
    save(partition)
    onFailedStart?()
    answer(partition, SupervisorError(.invalid, reason))
    for waiter in partition.endWaiters.takeAll() { waiter(()) }
  }
}
