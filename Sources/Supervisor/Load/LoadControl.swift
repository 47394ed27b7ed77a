import Container
import Definitions
import Linux

/// Has partitions follow the load, those that ask for it: nothing is looked at for others.
final class LoadControl {
  let loop: EventLoop
  let events: EventLog
  let errands: ErrandQueue
  let log: (String) -> Void
  private let store: ContainerStore
  private let defaults: LoadDefaults
  private(set) var watches: [String: LoadWatch] = [:]
  var pool = MemoryPool()
  /// Whether all are known that run.
  var isComplete = false
  private var timer: (timer: EventLoop.Timer, due: Int64)?
  private var planning: EventLoop.Timer?
  /// Whether the kernel gives memory back when it is asked to, as far as is known.
  private var reclaims = true
  private var saidMissing: Set<String> = []

  /// Looks are taken together, at multiples of so many milliseconds.
  private static let grid: Int64 = 250
  /// Pressure seldom comes alone: for so long others are waited for, in milliseconds.
  private static let patience: Int64 = 50

  init(
    _ store: ContainerStore, _ defaults: LoadDefaults, _ events: EventLog, _ loop: EventLoop,
    log: @escaping (String) -> Void
  ) {
    self.store = store
    self.defaults = defaults
    self.events = events
    self.loop = loop
    self.log = log
    errands = ErrandQueue(loop)
  }

  static func now() -> Int64 { Clock.monotonic() / 1_000_000 }

  // MARK: Who takes part

  /// Has a partition that runs follow the load, as its definition is now.
  func begin(_ partition: Partition) {
    let response = defaults.response(for: partition.definition)
    // What one did that follows nothing any more is undone.
    let isOver = response == nil
    guard partition.isRunning, !isOver || partition.record.followsLoad,
      let watch = watch(partition, response ?? PartitionDefinition.LoadResponse())
    else { return }
    partition.record.followsLoad = !isOver
    if partition.load == nil { partition.load = PartitionStatus.Load() }
    let now = Self.now()
    beginReclaiming(watch)
    beginLending(watch, at: now)
    beginWeighing(watch)
    watch.due = now
    if isOver, pool[watch.name] == nil { return end(partition) }
    schedule(watch)
  }

  /// Leaves alone a partition that has ended.
  func end(_ partition: Partition) {
    guard let watch = watches.removeValue(forKey: partition.name) else { return }
    forgetTrigger(watch)
    pool[partition.name] = nil
    partition.load?.borrowed = 0
    requestPlan()
  }

  /// The files of a partition's cgroup that are not to be written when its limits change: what is in them follows the load.
  func keptFiles(_ partition: Partition) -> Set<String> {
    guard let watch = watches[partition.name] else { return [] }
    let response = defaults.response(for: partition.definition)
    var files: Set<String> = []
    if pool[partition.name] != nil { files.insert("memory.max") }
    if watch.weight != nil, response?.cpuWeight != nil { files.insert("cpu.weight") }
    return files
  }

  private func watch(_ partition: Partition, _ response: PartitionDefinition.LoadResponse) -> LoadWatch? {
    if let watch = watches[partition.name] {
      watch.response = response
      return watch
    }
    guard let id = try? ContainerID(partition.name), let container = try? store.container(id),
      let directory = container.cgroupDirectory()
    else { return nil }
    let watch = LoadWatch(partition, directory, response, at: Self.now())
    watches[partition.name] = watch
    return watch
  }

  private func beginReclaiming(_ watch: LoadWatch) {
    guard let least = watch.response.reclaimTo else { return watch.reclaim = nil }
    guard watch.files.memory != nil else { return sayMissing("memory") }
    watch.reclaim = Reclaim(least: UInt64(clamping: least))
  }

  private func beginWeighing(_ watch: LoadWatch) {
    guard let bounds = watch.response.cpuWeight else {
      // A bundle's weight is nobody's business here.
      if case .partition(let settings) = watch.partition.definition.content, let weight = watch.files.weight {
        let own = settings.cpuWeight ?? PartitionDefinition.usualWeight
        watch.weight = weight
        if let decision = WeightChoice.confine(weight, to: own...own) { setWeight(watch, decision) }
      }
      return watch.weight = nil
    }
    guard let weight = watch.files.weight else { return sayMissing("cpu") }
    watch.weight = weight
    if let decision = WeightChoice.confine(weight, to: bounds) { setWeight(watch, decision) }
  }

  func sayMissing(_ controller: String) {
    guard saidMissing.insert(controller).inserted else { return }
    log("partitions cannot follow the load: this machine has no cgroup v2 controller \"\(controller)\"")
  }

  // MARK: Looks

  /// Has a partition looked at when it is due.
  func schedule(_ watch: LoadWatch) {
    guard watch.interval(pool[watch.name]) != nil else { return }
    let due = (watch.due + Self.grid - 1) / Self.grid * Self.grid
    watch.due = due
    if let timer {
      if timer.due <= due { return }
      loop.cancel(timer.timer)
    }
    timer = (loop.after(milliseconds: due - Self.now()) { [unowned self] in lookAtAll() }, due)
  }

  private func lookAtAll() {
    timer = nil
    let now = Self.now()
    store.sumUpUsage()
    var next: LoadWatch?
    for watch in watches.values {
      guard watch.interval(pool[watch.name]) != nil else { continue }
      if watch.due <= now { look(watch, at: now) }
      if next.map({ watch.due < $0.due }) ?? true { next = watch }
    }
    if !pool.isAtRest(at: now) { requestPlan() }
    if let next { schedule(next) }
  }

  private func look(_ watch: LoadWatch, at now: Int64) {
    let files = watch.files
    defer { watch.due = now + (watch.interval(pool[watch.name]) ?? 0) }
    guard let used = files.processorTime else { return }
    if watch.isToBeIdle(pool[watch.name]) {
      watch.idle.note(at: now, processorTime: used) { files.pageIns }
      if !watch.isIdle { watch.reclaim?.renew() }
      pool[watch.name]?.isIdle = watch.isIdle
      if watch.isIdle { giveBack(watch) }
    }
    if pool[watch.name] != nil, let memory = files.memory {
      pool[watch.name]?.used = Int64(clamping: memory)
      if pool[watch.name]?.borrowed ?? 0 > 0 {
        pool[watch.name]?.cached = Int64(clamping: files.cached ?? 0)
      }
    }
    weigh(watch, used: used, at: now)
  }

  private func weigh(_ watch: LoadWatch, used: UInt64, at now: Int64) {
    guard let weight = watch.weight, let bounds = watch.response.cpuWeight,
      let demand = watch.demand(used: used, at: now)
    else { return }
    let decision = WeightChoice.decide(weight, in: bounds, demand)
    watch.notePace(isQuiet: decision == nil && demand.isLittle)
    if let decision { setWeight(watch, decision) }
  }

  private func setWeight(_ watch: LoadWatch, _ decision: WeightChoice.Decision) {
    let old = watch.weight ?? decision.weight
    do throws(Errno) { try watch.files.setWeight(decision.weight) } catch {
      return log("\(watch.name): its weight stays \(old): \(error)")
    }
    watch.weight = decision.weight
    tell(watch, .cpuWeight, UInt64(old), UInt64(decision.weight), decision.reason)
  }

  /// Gives back some memory of an idle partition.
  private func giveBack(_ watch: LoadWatch) {
    let files = watch.files
    guard reclaims, !watch.isReclaiming, let before = files.memory,
      let wanted = watch.reclaim?.step(used: before, protected: files.protected)
    else { return }
    watch.isReclaiming = true
    errands.add { () throws(SupervisorError) in
      do throws(Errno) { return Array((try files.reclaim(wanted).map { String($0) } ?? "").utf8) } catch {
        throw SupervisorError("give back memory by \(files.directory)/memory.reclaim", error)
      }
    } done: { [unowned self] result in
      watch.isReclaiming = false
      guard watches[watch.name] === watch else { return }
      switch result {
      case .failure(let error): log("\(watch.name): \(error)")
      case .success(let text):
        guard let after = CgroupFile.number(text) else {
          reclaims = false
          return log("memory of idle partitions is not given back: this needs memory.reclaim, of Linux 5.19")
        }
        gaveBack(watch, wanted, before, after)
      }
    }
  }

  private func gaveBack(_ watch: LoadWatch, _ wanted: UInt64, _ before: UInt64, _ after: UInt64) {
    watch.reclaim?.note(wanted: wanted, before: before, after: after)
    if after < before {
      watch.partition.load?.reclaimed += before - after
      let idle = DurationText.text(watch.idle.idleTime / 1000 * 1000)
      tell(watch, .memory, before, after, "it has not worked for \(idle)")
    }
    // As long as it does not work there may be more.
    look(watch, at: Self.now())
    schedule(watch)
  }

  // MARK: Lending

  /// Has limits of memory moved soon.
  func requestPlan() {
    guard planning == nil else { return }
    planning = loop.after(milliseconds: Self.patience) { [unowned self] in
      planning = nil
      moveLimits(at: Self.now())
    }
  }

  /// Says what was decided, and why.
  func tell(
    _ watch: LoadWatch, _ resource: ContainerEvent.Adaptation.Resource, _ old: UInt64, _ new: UInt64,
    _ reason: String
  ) {
    let adaptation = ContainerEvent.Adaptation(resource: resource, from: old, to: new, reason: reason)
    events.add(.adapt(adaptation), watch.partition)
  }
}
