import Container
import Definitions
import Layers
import Linux
import OCI

/// What can be changed of a partition that is there.
extension Supervisor {
  /// Stops every process of a partition until `resume`, and calls `done` when they stand still or cannot be stopped.
  public func pause(
    _ name: String, done: @escaping (SupervisorError?) -> Void
  ) throws(SupervisorError) {
    let partition = try partition(name)
    guard !partition.record.isPausing else {
      throw SupervisorError(.conflict, "\(name) is just being paused")
    }
    try checkRuns(partition, "pause")
    guard partition.isRunning else { throw SupervisorError(.conflict, "Container \(name) is not running") }
    let container: Container
    do throws(ContainerError) { container = try store.container(try ContainerID(name)) } catch {
      throw SupervisorError(error)
    }
    guard container.status() != .paused else {
      throw SupervisorError(.conflict, "\(name) is paused already")
    }
    pause(partition, container, done: done)
  }

  /// Goes on with a pause that the last supervisor has begun.
  func finishPause(_ partition: Partition) {
    guard let id = try? ContainerID(partition.name), let container = try? store.container(id) else { return }
    pause(partition, container) { [unowned self] error in
      if let error { log("\(partition.name): \(error)") }
    }
  }

  private func pause(
    _ partition: Partition, _ container: Container, done: @escaping (SupervisorError?) -> Void
  ) {
    partition.record.isPausing = true
    save(partition)
    let pid = partition.pid
    // A process that waits for a device stops when that answers.
    errands.add { () throws(SupervisorError) in
      do throws(ContainerError) { try container.pause() } catch {
        // Whoever the last supervisor had do it may have been faster.
        if container.status() != .paused { throw SupervisorError(error) }
      }
      return []
    } done: { [unowned self] result in
      partition.record.isPausing = false
      if partition.removal == .done {
        done(SupervisorError(.notFound, "\(partition.name) was removed while it was being paused"))
      } else if partition.pid != pid {
        save(partition)
        done(SupervisorError(.conflict, "\(partition.name) has ended while it was being paused"))
      } else if case .failure(let error) = result {
        save(partition)
        done(error)
      } else {
        partition.isPaused = true
        partition.monitor?.postpone()
        save(partition)
        events.add(.pause, partition)
        done(nil)
      }
      for waiter in partition.pauseWaiters.takeAll() { waiter(()) }
    }
  }

  /// Lets the processes of a paused partition go on, and calls `done` when they do.
  public func resume(
    _ name: String, done: @escaping (SupervisorError?) -> Void
  ) throws(SupervisorError) {
    let wasPaused = partitions[name]?.isPaused == true
    let partition = try partition(name)
    // Somebody else has done it.
    if wasPaused, !partition.isPaused, partition.isRunning { return done(nil) }
    guard !partition.record.isPausing else {
      partition.pauseWaiters.add { [unowned self] in
        do throws(SupervisorError) { try resume(partition.name, done: done) } catch { done(error) }
      }
      return
    }
    guard partition.isRunning else { throw SupervisorError(.conflict, "Container \(name) is not running") }
    do throws(ContainerError) { try store.container(try ContainerID(name)).resume() } catch {
      throw SupervisorError(error)
    }
    noteResumption(partition)
    done(nil)
  }

  /// Notes that the processes of a partition go on.
  func noteResumption(_ partition: Partition) {
    partition.isPaused = false
    partition.monitor?.postpone()
    save(partition)
    events.add(.unpause, partition)
  }

  /// Notes that a partition goes on which is on record as paused, when somebody else has seen to that.
  func checkPause(_ partition: Partition) {
    guard partition.isPaused, partition.isRunning, let id = try? ContainerID(partition.name),
      let container = try? store.container(id), container.status() == .running
    else { return }
    noteResumption(partition)
  }

  /// Gives a partition another definition of the same name, of which only limits and bookkeeping may be others, and calls
  /// `done` when that is so or cannot be.
  public func update(
    _ definition: PartitionDefinition, done: @escaping (SupervisorError?) -> Void
  ) throws(SupervisorError) {
    let partition = try partition(definition.name)
    try checkRuns(partition, "update")
    try checkRecord(of: partition)
    let old = partition.definition
    do throws(ConfigError) { try definition.load?.check(definition.content) } catch {
      throw SupervisorError(.invalid, "\(definition.name): load.\(error)")
    }
    try definition.checkRecord()
    partition.definition = definition
    follow(partition, from: old)
    let finish = { [unowned self] (failure: SupervisorError?) in
      var failure = failure
      if failure == nil {
        do throws(SupervisorError) { try records.write(partition) } catch { failure = error }
      }
      if let failure {
        if partition.definition == definition {
          partition.definition = old
          follow(partition, from: definition)
        }
        return done(failure)
      }
      events.add(.update, partition)
      done(nil)
    }
    guard partition.isRunning, definition.content != old.content else { return finish(nil) }
    applyLimits(partition, done: finish)
  }

  /// Does at once what a definition that is another than `old` asks for beside limits.
  func follow(_ partition: Partition, from old: PartitionDefinition) {
    let definition = partition.definition
    watchHealth(partition)
    if partition.isRunning, definition.log != old.log {
      keepers.limitLog(of: partition)
    }
    if definition.restart != old.restart || definition.restartDelay != old.restartDelay {
      reconsider(partition)
    }
    if definition.content == old.content { followLoad(partition) }
  }

  /// Has a partition follow the load as its definition says now.
  func followLoad(_ partition: Partition) {
    let followed = partition.record.followsLoad
    load.begin(partition)
    if partition.record.followsLoad != followed { save(partition) }
  }

  /// Gives a partition that was just started what its definition has said since the start was asked for with `begun`.
  func catchUp(_ partition: Partition, since begun: PartitionDefinition?) {
    guard let begun else {
      // The last supervisor has asked for the start.
      if partition.record.isBehind { applyLimitsAnew(partition) }
      return
    }
    let definition = partition.definition
    if definition.log != begun.log { keepers.limitLog(of: partition) }
    guard definition.content != begun.content else { return partition.record.isBehind = false }
    applyLimitsAnew(partition)
  }

  /// Puts the limits of its definition on a partition that runs, which nobody waits for.
  func applyLimitsAnew(_ partition: Partition) {
    applyLimits(partition) { [unowned self] error in
      if let error { log("\(partition.name): \(error)") }
    }
  }

  /// Puts the limits of its definition on a partition that runs, and calls `done` when they are in force or refused.
  func applyLimits(_ partition: Partition, done: @escaping (SupervisorError?) -> Void) {
    partition.limitWaiters.add(done)
    guard !partition.isLimiting else { return }
    partition.isLimiting = true
    let waiting = partition.limitWaiters.takeAll()
    let definition = partition.definition
    let store = store
    let kept = load.keptFiles(partition)
    // The kernel may have to take memory back first.
    errands.add { () throws(SupervisorError) in
      try Self.applyLimits(definition, store, keeping: kept)
      return []
    } done: { [unowned self] result in
      partition.isLimiting = false
      var failure: SupervisorError?
      // What has ended meanwhile has no limits.
      if case .failure(let error) = result, partition.isRunning { failure = error }
      if failure == nil { followLoad(partition) }
      if partition.record.isBehind, partition.limitWaiters.isEmpty {
        partition.record.isBehind = false
        save(partition)
      }
      for waiter in waiting { waiter(failure) }
      // Others have changed it since.
      if !partition.limitWaiters.isEmpty { applyLimits(partition) { _ in } }
    }
  }

  private static func applyLimits(
    _ definition: PartitionDefinition, _ store: ContainerStore, keeping kept: Set<String>
  ) throws(SupervisorError) {
    guard case .partition(let settings) = definition.content else { return }
    do throws(ContainerError) {
      let id = try ContainerID(definition.name)
      do throws(LayerError) { try PartitionStore(of: store).rewrite(id, settings) } catch {
        throw ContainerError(.failed, error.description)
      }
      try store.container(id).updateLimits(keeping: kept)
    } catch { throw SupervisorError(error) }
  }
}
