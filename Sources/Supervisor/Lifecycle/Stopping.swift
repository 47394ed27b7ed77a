import Container
import Definitions
import Linux

extension Supervisor {
  /// Asks a partition to end, kills it when it does not in `timeout` milliseconds, and calls `done` when it has.
  ///
  /// - Parameter isRenewing: whether it is started again then; otherwise who has asked for that before does so in vain.
  public func stop(
    _ name: String, timeout: Int64? = nil, isRenewing: Bool = false, done: @escaping () -> Void
  ) throws(SupervisorError) {
    let partition = try partition(name)
    if partition.isFunction { return stopFunction(partition, timeout: timeout, done: done) }
    guard partition.isToRun else { throw SupervisorError(.unchanged, "\(name) does not run") }
    partition.record.isWanted = false
    partition.record.wasStopped = true
    partition.record.isRenewing = isRenewing
    cancelStart(partition)
    save(partition)
    guard partition.isRunning || partition.isStarting else {
      cleanUp(partition)
      done()
      for waiter in partition.endWaiters.takeAll() { waiter(()) }
      return
    }
    partition.endWaiters.add { [unowned self] in
      events.add(.stop, partition)
      done()
    }
    end(partition, .asked(timeout: timeout))
  }

  /// Makes a partition end, now or as soon as it is started.
  func end(_ partition: Partition, _ ending: Partition.Ending) {
    guard partition.isRunning else {
      if partition.start?.ending != .killed { partition.start?.ending = ending }
      return cutShortSoon(partition)
    }
    switch ending {
    case .asked(let timeout): stopNow(partition, timeout: timeout)
    case .killed: signal(partition, .kill)
    }
  }

  /// So long a start may still take that somebody wants to end, in milliseconds.
  private static let startPatience: Int64 = 2000

  /// Ends the start of a partition that nobody wants any more, unless it is over soon.
  func cutShortSoon(_ partition: Partition) {
    loop.after(milliseconds: Self.startPatience) { [unowned self] in
      guard partition.isStarting || partition.isBuilding,
        !partition.record.isWanted || partition.isBeingRemoved
      else { return }
      keepers.cutShort(partition.name)
    }
  }

  func stopNow(_ partition: Partition, timeout: Int64? = nil) {
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

  func signal(_ partition: Partition, _ signal: Signal) {
    do throws(SupervisorError) { try send(signal, to: partition) } catch {
      if error.kind == .failed { log("\(partition.name): \(error)") }
    }
  }

  func send(_ signal: Signal, to partition: Partition) throws(SupervisorError) {
    do throws(ContainerError) {
      let container = try store.container(try ContainerID(partition.name))
      try container.kill(signal)
      // One that is paused cannot take it.
      if container.status() == .paused {
        try container.resume()
        if partition.isPaused { noteResumption(partition) }
      }
    } catch {
      // Which process is its first one, the record alone says.
      guard error.kind == .damaged, signal == .kill, let id = try? ContainerID(partition.name) else {
        throw SupervisorError(error)
      }
      do throws(ContainerError) { try DamagedContainer(store: store, id: id).kill() } catch {
        throw SupervisorError(error)
      }
    }
    events.add(.kill(signal), partition)
  }

  /// Sends `signal` to the program of a partition.
  public func kill(_ name: String, _ signal: Signal) throws(SupervisorError) {
    let partition = try partition(name)
    // There is no program that could take it; what is meant is that none comes.
    if partition.state == .restarting { return try stop(name, timeout: 0) {} }
    guard partition.isRunning else { throw SupervisorError(.conflict, "\(name) does not run") }
    // As Docker has it: whoever kills it wants it dead, whatever the policy. It may take the signal otherwise and go on,
    // so it is still one that is to run: the next supervisor ends what is not.
    if signal == .kill || signal == partition.definition.stopSignal {
      partition.record.wasStopped = true
      save(partition)
    }
    try send(signal, to: partition)
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
    case .notRunning where !partition.isActive:
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
}
