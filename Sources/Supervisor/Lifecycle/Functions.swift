import Container
import Definitions
import Linux

/// Functions: what runs on request, each time in an instance of its own.
extension Supervisor {
  /// For so long an instance is kept for who has claimed it, in milliseconds.
  private static let claimTime: Int64 = 60_000

  /// The function `name`.
  func function(_ name: String) throws(SupervisorError) -> Partition {
    guard let partition = partitions[name], partition.isFunction else {
      throw SupervisorError(.notFound, "there is no function called \(name)")
    }
    guard !partition.isBeingRemoved else { throw SupervisorError(.conflict, "\(name) is being removed") }
    return partition
  }

  /// Starts an instance of a function, one that waits if there is one, and calls `done` when it runs or cannot. Nobody is
  /// attached to it, so that its input ends at once.
  func startInstance(
    of name: String, done: @escaping (Partition, SupervisorError?) -> Void
  ) throws(SupervisorError) {
    let function = try function(name)
    try checkRoom(function)
    while let instance = pools[name]?.take() {
      guard release(instance) else { continue }
      pools[name]?.warmStarts += 1
      endInput(instance.name)
      done(instance, nil)
      return fillPoolsSoon()
    }
    pools[name]?.coldStarts += 1
    let instance = try makeInstance(of: function)
    try start(instance.name) { [unowned self] error in
      endInput(instance.name)
      done(instance, error)
    }
  }

  /// How many instances of the function `name` run, are being started for somebody, or are claimed.
  func instancesInUse(of name: String) -> Int {
    partitions.instances(of: name).count { instance in
      !instance.isBeingRemoved
        && (instance.isRunning || instance.isStarting || instance.record.isClaimed
          || instance.record.isWanted || !instance.startWaiters.isEmpty)
    }
  }

  /// Throws when no more instances of a function may be in use.
  private func checkRoom(_ function: Partition) throws(SupervisorError) {
    let most = function.definition.mostInstances
    // Most functions have few instances, and all of them are looked at only where it may matter.
    guard partitions.instances(of: function.name).count >= most, instancesInUse(of: function.name) >= most
    else { return }
    throw SupervisorError(
      .busy,
      "\(most) instances of \(function.name) are in use, its maximum: try again when one has ended, or raise maximum"
    )
  }

  /// An instance of a function that is the caller's alone: one that waits if there is one. When he does not start it in a
  /// minute, it is his no longer.
  func claimInstance(of name: String) throws(SupervisorError) -> Partition {
    let function = try function(name)
    try checkRoom(function)
    let waiting = pools[name]?.take()
    let instance: Partition
    if let waiting { instance = waiting } else { instance = try makeInstance(of: function) }
    instance.record.isClaimed = true
    save(instance)
    awaitStart(instance)
    fillPoolsSoon()
    return instance
  }

  /// Keeps an instance for who has claimed it, for a while.
  func awaitStart(_ instance: Partition) {
    instance.claimTimer = loop.after(milliseconds: Self.claimTime) { [unowned self] in
      instance.claimTimer = nil
      instance.record.isClaimed = false
      save(instance)
      if instance.waitingPid == nil { remove(instance) } else { offer(instance) }
    }
  }

  /// Starts an instance that waits, for those who wait for that.
  func beginPrepared(_ instance: Partition) {
    withdraw(instance)
    let wasThere = release(instance)
    if wasThere, let function = instance.record.function { pools[function]?.warmStarts += 1 }
    answer(
      instance, wasThere ? nil : SupervisorError(.failed, "\(instance.name) ended while it waited; ask again")
    )
    fillPoolsSoon()
  }

  /// Has the process of an instance that waits execute its program.
  ///
  /// - Returns: whether it did so by this; otherwise somebody else has started it, or it has ended.
  private func release(_ instance: Partition) -> Bool {
    guard let id = try? ContainerID(instance.name) else { return false }
    var wasWaiting = true
    // First of all: somebody waits for the program.
    do throws(Errno) { try store.release(id) } catch { wasWaiting = false }
    noteRelease(instance)
    return wasWaiting
  }

  /// Notes that an instance that waited has been started.
  func noteRelease(_ instance: Partition) {
    if let pid = instance.waitingPid { instance.phase = .running(pid: pid) }
    instance.record.isWanted = true
    instance.record.isClaimed = false
    instance.record.started = Clock.now()
    starts += 1
    beginChecks(instance)
    load.begin(instance)
    save(instance)
    events.add(.start, instance)
  }

  /// Stops the instances of a function, and keeps none that wait.
  func stopFunction(_ function: Partition, timeout: Int64?, done: @escaping () -> Void) {
    function.record.isWanted = false
    function.record.wasStopped = true
    save(function)
    closePool(function.name)
    let running = partitions.values.filter {
      $0.record.function == function.name && ($0.isRunning || $0.isStarting)
    }
    var count = running.count
    if count == 0 { return done() }
    for instance in running {
      let ended = {
        count -= 1
        if count == 0 { done() }
      }
      do throws(SupervisorError) { try stop(instance.name, timeout: timeout, done: ended) } catch { ended() }
    }
  }

  /// Makes a function what its definition says by now: another one, or a partition.
  func changeFunction(_ function: Partition) {
    if function.definition.isFunction { return renewPool(function) }
    closePool(function.name)
    if function.record.isWanted { startUnasked(function) }
  }

  /// Throws for what stands for instances, or waits to be one: `action` is for what runs, or has run.
  func checkRuns(_ partition: Partition, _ action: String) throws(SupervisorError) {
    if partition.isFunction {
      throw SupervisorError(
        .conflict, "cannot \(action) \(partition.name): it is a function; its file says what it is to be")
    }
    if partition.isPrepared {
      throw SupervisorError(.conflict, "cannot \(action) \(partition.name): it waits to be started")
    }
  }

  /// What is known of functions, by name.
  var functionCounts: [FunctionCounts] {
    partitions.values.filter(\.isFunction).map { function in
      let pool = pools[function.name]
      var counts = FunctionCounts(name: function.name, wanted: pool?.level.wanted ?? 0)
      counts.ready = pool?.level.ready ?? 0
      counts.building = pool?.level.building ?? 0
      counts.warmStarts = pool?.warmStarts ?? 0
      counts.coldStarts = pool?.coldStarts ?? 0
      counts.failures = pool?.failures ?? 0
      counts.inUse = instancesInUse(of: function.name)
      counts.maximum = function.definition.mostInstances
      counts.error = function.record.error
      return counts
    }.sorted { $0.name < $1.name }
  }
}
