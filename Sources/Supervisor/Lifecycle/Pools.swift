import Container
import Definitions
import Linux

/// The instances of functions that are built before anybody asks for them.
extension Supervisor {
  /// After a start, so long nothing is built, in milliseconds: the program that was started goes first.
  private static let courtesy: Int64 = 5

  private static let mostBuilding = PoolPlan.most(processors: Processors.count)

  /// Opens the pool of a function, which is filled from now on.
  func openPool(_ function: Partition) {
    function.record.isWanted = true
    function.record.wasStopped = false
    function.record.isRenewing = false
    save(function)
    let pool = pools[function.name] ?? FunctionPool(wanted: 0)
    pools[function.name] = pool
    pool.level.wanted = function.definition.warm ?? 0
    fillPools()
  }

  /// Opens the pools that the last supervisor had open.
  func reopenPools() {
    for partition in partitions.values
    where partition.isFunction && partition.record.isWanted && partition.record.damage == nil
      && !partition.isBeingRemoved
    {
      pools[partition.name] = FunctionPool(wanted: partition.definition.warm ?? 0)
    }
  }

  /// Removes the instances of a function that wait, and builds no more of them.
  func closePool(_ name: String) {
    guard let pool = pools.removeValue(forKey: name) else { return }
    while let instance = pool.take() { remove(instance) }
  }

  /// Fills pools when those who are to go first have had their time.
  func fillPoolsSoon() { fillPools(after: Self.courtesy) }

  private func fillPools(after milliseconds: Int64) {
    let deadline = Clock.monotonic() + milliseconds * 1_000_000
    if let filling, filling.deadline <= deadline { return }
    if let filling { loop.cancel(filling.timer) }
    let timer = loop.after(milliseconds: milliseconds) { [unowned self] in
      filling = nil
      fillPools()
    }
    filling = (timer, deadline)
  }

  /// Has instances built for those pools that lack some, a few at a time.
  func fillPools() {
    guard isComplete else { return }
    for pool in pools.values {
      for _ in 0..<pool.level.surplus {
        if let instance = pool.take() { remove(instance) }
      }
    }
    let now = Clock.monotonic()
    while building.count < Self.mostBuilding, let name = PoolPlan.next(pools.mapValues(\.level), now: now) {
      guard build(name) else { break }
    }
    if let wake = PoolPlan.wake(pools.mapValues(\.level), now: now) {
      fillPools(after: (wake - now + 999_999) / 1_000_000)
    }
  }

  /// - Returns: whether the keeper builds it.
  private func build(_ function: String) -> Bool {
    do throws(SupervisorError) {
      let instance = try makeInstance(of: try partition(function))
      prepare(instance)
      return instance.isBuilding
    } catch {
      noteFailure(of: function, error.description)
      return false
    }
  }

  /// Makes an instance of a function, which is not built yet.
  func makeInstance(of function: Partition) throws(SupervisorError) -> Partition {
    var name: String
    repeat { name = "\(function.name)-\(GeneratedName.id().prefix(8))" } while partitions[name] != nil
    return try create(function.definition.instance(named: name), .request, function: function.name)
  }

  /// Has the keeper build an instance.
  func prepare(_ instance: Partition) {
    instance.phase = .building
    building.insert(instance.name)
    if let function = instance.record.function { pools[function]?.level.building += 1 }
    requestBuilding(instance)
  }

  /// Asks a keeper to build an instance.
  func requestBuilding(_ instance: Partition) {
    let start = KeeperStart(
      name: instance.name, definition: instance.definition.json, log: logPath(of: instance.name), waits: true)
    do throws(SupervisorError) {
      if let keeper = try keepers.start(start, for: instance.attachments) {
        instance.keeper = keeper
        return
      }
      failedToBuild(
        instance, "its definition is too long: no more than \(PacketChannel.longest) bytes can be started")
    } catch {
      failedToBuild(instance, error.description)
    }
  }

  private func endBuilding(_ instance: Partition) {
    if instance.isBuilding { instance.phase = .idle }
    guard building.remove(instance.name) != nil, let function = instance.record.function,
      let pool = pools[function]
    else { return }
    pool.level.building = max(0, pool.level.building - 1)
  }

  /// The keeper has built an instance, or it was built before this supervisor was there.
  func prepared(_ kept: KeptPartition) {
    guard let instance = partitions[kept.name] else { return logUnknown(kept) }
    guard !instance.isRunning, instance.waitingPid == nil else { return }
    endBuilding(instance)
    instance.phase = .prepared(pid: kept.pid)
    instance.attachments = []
    instance.input = kept.input
    if instance.isBeingRemoved { return remove(instance) }
    if let function = instance.record.function { pools[function]?.level.noteSuccess() }
    if !instance.startWaiters.isEmpty { return beginPrepared(instance) }
    if !instance.record.isClaimed { offer(instance) }
    fillPools()
  }

  /// Puts an instance that waits into its function's pool, or removes it when it is none of that's any more.
  func offer(_ instance: Partition) {
    guard let name = instance.record.function, let pool = pools[name], let function = partitions[name],
      function.definition.instance(named: instance.name) == instance.definition
    else { return remove(instance) }
    pool.add(instance)
  }

  /// An instance could not be built.
  func failedToBuild(_ instance: Partition, _ reason: String) {
    endBuilding(instance)
    if let function = instance.record.function { noteFailure(of: function, reason) }
    answer(instance, SupervisorError(.failed, reason))
    remove(instance)
  }

  private func noteFailure(of function: String, _ reason: String) {
    guard let pool = pools[function], let partition = partitions[function] else { return }
    pool.failures += 1
    let pause = pool.level.noteFailure(partition.definition.restartDelay, now: Clock.monotonic())
    partition.record.error = reason
    log("\(function): an instance cannot be built, which is tried again in \(pause) ms: \(reason)")
    fillPoolsSoon()
  }

  /// The process of an instance has ended while it waited.
  func endedWaiting(_ instance: Partition, _ end: KeptEnd) {
    if instance.waitingPid != nil { instance.phase = .idle }
    instance.input = nil
    // No program has ended, so that nobody is to hear of it.
    keepers.acknowledge(end.number)
    // Its removal ends it as well.
    if instance.isBeingRemoved { return }
    if let function = instance.record.function {
      noteFailure(of: function, "\(instance.name) ended with \(end.status) while it waited")
    }
    remove(instance)
  }

  /// Whether somebody has started the instance `name`, which waited: who only ended it leaves what it waited for, or nothing.
  func wasStarted(_ name: String) -> Bool {
    guard let id = try? ContainerID(name), (try? store.container(id)) != nil else { return false }
    return !store.isUnstarted(id)
  }

  /// The keeper has an instance from before this supervisor was there.
  func keptInstance(_ instance: Partition, _ kept: KeptPartition) {
    if instance.record.started == nil, !wasStarted(kept.name) {
      instance.phase = .prepared(pid: kept.pid)
      return
    }
    instance.phase = .running(pid: kept.pid)
    // Who started it could not note that any more.
    if instance.record.started == nil {
      instance.record.started = kept.started
      instance.record.isWanted = true
      instance.record.isClaimed = false
    }
  }

  /// Takes an instance out of the pool that it is in.
  func withdraw(_ instance: Partition) {
    if let timer = instance.claimTimer { loop.cancel(timer) }
    instance.claimTimer = nil
    guard let function = instance.record.function else { return }
    pools[function]?.remove(instance)
  }

  /// Sees to it that what waits in a function's pool is as its definition says.
  func renewPool(_ function: Partition) {
    guard let pool = pools[function.name] else { return }
    pool.level.wanted = function.definition.warm ?? 0
    pool.level.noteSuccess()
    for instance in pool.ready
    where function.definition.instance(named: instance.name) != instance.definition {
      remove(instance)
    }
    fillPools()
  }

  /// Goes on with an instance that does not run where the last supervisor was.
  func resumeInstance(_ instance: Partition) {
    if instance.record.isClaimed { return awaitStart(instance) }
    if instance.waitingPid != nil { return offer(instance) }
    // What no keeper has is left of one that is gone, or of a supervisor that was cut short.
    guard instance.isBuilding else { return remove(instance) }
    if let function = instance.record.function { pools[function]?.level.building += 1 }
  }
}
