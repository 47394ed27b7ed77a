import Container
import Definitions
import Layers
import Linux

extension Supervisor {
  /// Removes a partition with its files and logs; one that runs only with `force`.
  public func remove(
    _ name: String, force: Bool, done: @escaping (SupervisorError?) -> Void
  ) throws(SupervisorError) {
    let partition = try partition(name)
    guard partition.isActive else { return remove(partition, done: done) }
    guard force else {
      let state = partition.isBackingOff ? "is being restarted" : "runs"
      throw SupervisorError(.conflict, "\(name) \(state): stop it first, or remove it by force")
    }
    guard !partition.isBackingOff else { return remove(partition, done: done) }
    let before = partition.record
    partition.record.isWanted = false
    partition.record.wasStopped = true
    do throws(SupervisorError) { try noteRemoval(partition) } catch {
      partition.record = before
      throw error
    }
    partition.removal = max(partition.removal, .wanted)
    partition.endWaiters.add { [unowned self] in remove(partition, done: done) }
    end(partition, .killed)
  }

  /// Writes to the record that a partition is being removed: the next supervisor finishes what this one does not.
  private func noteRemoval(_ partition: Partition) throws(SupervisorError) {
    guard !partition.record.isBeingRemoved else { return }
    partition.record.isBeingRemoved = true
    do throws(SupervisorError) { try records.writeRemoval(partition) } catch {
      partition.record.isBeingRemoved = false
      throw error
    }
  }

  /// Finishes a removal that the last supervisor has begun.
  func resumeRemoval(_ partition: Partition) {
    guard partition.isActive else { return remove(partition) }
    partition.removal = .wanted
    partition.endWaiters.add { [unowned self] in remove(partition) }
    end(partition, .killed)
  }

  /// Retries the removals that have failed.
  func retryRemovals() {
    for partition in partitions.values where partition.removal == .none && partition.record.isBeingRemoved {
      resumeRemoval(partition)
    }
  }

  /// Removes a partition that does not run, and calls `done` when nothing of it is left, or some of it stays.
  func remove(_ partition: Partition, done: @escaping (SupervisorError?) -> Void = { _ in }) {
    guard partitions[partition.name] === partition else { return done(nil) }
    partition.removers.add(done)
    guard partition.removal < .underWay else { return }
    partition.removal = .wanted
    if partition.isFunction { closePool(partition.name) }
    withdraw(partition)
    if partition.record.function != nil { fillPoolsSoon() }
    // Nobody would remove what the keeper makes after this: it is removed when that has answered.
    guard !partition.isBuilding else { return cutShortSoon(partition) }
    do throws(SupervisorError) { try noteRemoval(partition) } catch {
      return finishRemoval(partition, .failure(error))
    }
    partition.removal = .underWay
    cancelStart(partition)
    copies.end(of: partition.name)
    // What it has written may be a million files.
    removals.add { [self] () throws(SupervisorError) in
      try removeFiles(partition)
      return []
    } done: { [unowned self] result in
      finishRemoval(partition, result)
    }
  }

  func finishRemoval(_ partition: Partition, _ result: Result<[UInt8], SupervisorError>) {
    do throws(SupervisorError) {
      if case .failure(let error) = result { throw error }
      try records.remove(partition, under: partition.name)
    } catch {
      log("\(partition.name): \(error)")
      partition.removal = .none
      if partition.record.isBeingRemoved {
        partition.record.error = "it could not be removed: \(error); remove it again"
        save(partition)
      }
      for remover in partition.removers.takeAll() { remover(error) }
      return
    }
    partition.removal = .done
    partitions[partition.name] = nil
    partition.attachments = []
    releaseEnds(of: partition)
    executions.forget(in: partition.name)
    events.add(.destroy, partition)
    answer(partition, SupervisorError(.conflict, "\(partition.name) was removed"))
    for waiter in partition.endWaiters.takeAll() { waiter(()) }
    for waiter in partition.saveWaiters.takeAll() + partition.removalWaiters.takeAll() { waiter(()) }
    for remover in partition.removers.takeAll() { remover(nil) }
  }

  func removeFiles(_ partition: Partition) throws(SupervisorError) {
    if let id = try? ContainerID(partition.name) {
      // Of one whose removal was cut short there may be no more than a directory.
      if (try? store.container(id))?.record.isOwn(in: store) ?? true {
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
