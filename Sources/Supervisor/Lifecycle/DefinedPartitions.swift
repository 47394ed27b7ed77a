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
    // What runs of a function is somebody's request, and comes to its end.
    if partition.isFunction { return remove(partition) }
    partition.isBeingRemoved = true
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
    case .container: if !wasFunction, partition.record.isWanted { partition.record.isRenewing = true }
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
    case .container:
      watchHealth(partition)
      let ran = partition.record.isWanted
      end(partition) { [unowned self] in
        if ran || definition.isFunction { startUnasked(partition) }
      }
    }
  }

  /// Stops a partition if it runs, and calls `done` then.
  func end(_ partition: Partition, done: @escaping () -> Void) {
    do throws(SupervisorError) { try stop(partition.name, done: done) } catch { done() }
  }
}
