import Definitions

/// The partitions that files define.
extension Supervisor {
  /// What files define, as far as it is carried out.
  var definedByFiles: [PartitionDefinition] {
    partitions.values.filter { $0.record.source == .file && !$0.isBeingRemoved }.map(\.definition)
  }

  /// Whether those that are after the partition `name` have to wait: it was not started yet, or its health check has not
  /// passed, and either can still come.
  func holdsUpOthers(_ name: String) -> Bool {
    guard let partition = partitions[name] else { return true }
    let record = partition.record
    guard record.started != nil else {
      // One that could not be started has an end and no start.
      return record.finished == nil || record.isWanted || partition.isStarting
    }
    return record.definition.healthCheck != nil && record.isWanted && partition.health != .healthy
  }

  /// Whether the partition `name` was made and nothing more: who made it was cut short before it was started.
  func isUntouched(_ name: String) -> Bool {
    guard let partition = partitions[name] else { return false }
    let record = partition.record
    return record.started == nil && record.finished == nil && !record.isWanted && !record.wasStopped
      && !partition.isRunning && !partition.isStarting
  }

  /// Whether the partition `name` is to be started, and the last supervisor has not come to that.
  func isToBeStarted(_ name: String) -> Bool {
    guard let partition = partitions[name] else { return false }
    let isWaiting = partition.record.isRenewing && !partition.isRunning && !partition.isStarting
    return isWaiting || isUntouched(name)
  }

  /// Whether a partition is to be started that has to wait for others.
  func isToWait(_ partition: Partition) -> Bool {
    partition.record.isRenewing && !partition.isActive
      && partition.definition.after.contains(where: holdsUpOthers)
  }

  /// Notes that a partition waits for `other` to be started, for the next supervisor as well.
  func noteWaiting(_ partition: Partition, for other: String) {
    switch partition.phase {
    case .idle, .held, .waiting: partition.phase = .waiting(for: other)
    case .backingOff, .starting, .building, .prepared, .running: return
    }
    guard !partition.record.isRenewing, !isUntouched(partition.name) else { return }
    partition.record.isRenewing = true
    save(partition)
  }

  /// Starts a partition that nobody waits for.
  func startUnasked(_ partition: Partition) {
    guard !partition.isRunning, !partition.isBackingOff, !partition.isBeingRemoved else { return }
    cancelStart(partition)
    partition.record.failuresInARow = 0
    tryStart(partition)
  }

  /// Calls `action` once a partition has ended that is being stopped, unless somebody stops it once more: to start it
  /// again, which the next supervisor does as well.
  func renew(_ partition: Partition, _ action: @escaping () -> Void) {
    guard partition.isRunning, !partition.record.isWanted, !partition.record.isRenewing,
      !partition.isBeingRemoved
    else { return }
    partition.record.isRenewing = true
    save(partition)
    partition.endWaiters.add { if partition.record.isRenewing { action() } }
  }

  /// Starts a partition once it has ended, unless somebody stops it until then.
  func startOnceEnded(_ partition: Partition) {
    partition.endWaiters.add { [unowned self] in
      if partition.record.isRenewing { startUnasked(partition) }
    }
  }

  /// Ends a partition and removes it.
  func retire(_ name: String) {
    guard let partition = partitions[name] else { return }
    // What runs of a function is somebody's request, and comes to its end.
    if partition.isFunction { return remove(partition) }
    partition.removal = max(partition.removal, .wanted)
    end(partition) { [unowned self] in remove(partition) }
  }

  /// Makes a partition what `definition` says.
  func change(_ definition: PartitionDefinition, _ extent: DefinitionChanges.Extent) {
    guard let partition = partitions[definition.name] else { return }
    let old = partition.definition
    let wasFunction = partition.isFunction
    let wasDamaged = partition.record.damage != nil
    do throws(SupervisorError) { try definition.checkRecord() } catch {
      return log("\(definition.name): \(error)")
    }
    partition.definition = definition
    // The next supervisor does what this one may not come to.
    switch extent {
    case .bookkeeping: break
    case .limits: partition.record.isBehind = partition.isRunning || partition.isStarting
    case .container:
      // What could not run as it was said before may run as it is said now.
      if !wasFunction, partition.record.isWanted || partition.record.hasFailed {
        partition.record.isRenewing = true
      }
      if !partition.isRunning { partition.record.error = nil }
    }
    save(partition)
    if wasFunction { return changeFunction(partition) }
    if wasDamaged, !partition.isRunning, partition.record.isWanted { return startUnasked(partition) }
    switch extent {
    case .bookkeeping: follow(partition, from: old)
    case .limits where partition.isRunning:
      follow(partition, from: old)
      applyLimitsAnew(partition)
    case .limits: follow(partition, from: old)
    // It is started as that once those are that it waits for.
    case .container where partition.waitsFor != nil || isToWait(partition): break
    case .container:
      watchHealth(partition)
      end(partition, isRenewing: partition.record.isRenewing) { [unowned self] in
        if partition.record.isRenewing || definition.isFunction { startUnasked(partition) }
      }
    }
  }

  /// Stops a partition if it runs, and calls `done` then.
  func end(_ partition: Partition, isRenewing: Bool = false, done: @escaping () -> Void) {
    do throws(SupervisorError) { try stop(partition.name, isRenewing: isRenewing, done: done) } catch {
      done()
    }
  }
}
