import Definitions
import Linux

/// How limits of memory are moved between partitions.
///
/// A limit that was moved is in the cgroup and nowhere else: the next supervisor reads there what this one has done, and
/// all of them together are no more than they were given, at whatever moment it ended.
extension LoadControl {
  /// The kernel tells of pressure when some of the work has waited for memory for so many microseconds of so many.
  private static let stall = 50_000
  private static let window = 1_000_000

  /// Has a partition lend and borrow as its definition says now.
  func beginLending(_ watch: LoadWatch, at now: Int64) {
    let name = watch.name
    guard case .partition(let settings) = watch.partition.definition.content,
      let given = settings.memory?.bytes
    else { return leave(watch) }
    // What is not where it was given is brought there, and then left alone.
    let bounds = watch.response.memory ?? .init(least: given, most: given)
    let isOver = watch.response.memory == nil
    if let member = pool[name] {
      if isOver, member.limit == given { return leave(watch) }
      pool[name] = member.with(given: given, bounds)
      return requestPlan()
    }
    guard let memory = watch.files.memory, let limit = watch.files.limit else {
      if !isOver { sayMissing("memory") }
      return
    }
    // One who was cut short may have left it so.
    if watch.files.isHeld { try? watch.files.hold(at: nil) }
    var member = MemoryPool.Member(name, given: given, bounds, limit: limit, at: now)
    if isOver, member.limit == given { return }
    member.used = Int64(clamping: memory)
    admit(&member, watch)
    pool[name] = member
    note(watch)
    awaitPressure(watch)
    if !pool.isAtRest(at: now) { requestPlan() }
  }

  /// A partition that was just started takes no more than what others have not got of its memory.
  private func admit(_ member: inout MemoryPool.Member, _ watch: LoadWatch) {
    // Until all are known that run, nobody is missing anything.
    let limit = pool.admission(member)
    guard isComplete, member.limit == member.given, limit < member.given else { return }
    do throws(Errno) { try watch.files.setLimit(limit) } catch { return }
    tell(
      watch, .memoryLimit, UInt64(member.limit), UInt64(limit), "others have not returned what it had lent")
    member.limit = limit
  }

  private func leave(_ watch: LoadWatch) {
    guard pool[watch.name] != nil else { return }
    pool[watch.name] = nil
    watch.partition.load?.borrowed = 0
    forgetTrigger(watch)
    requestPlan()
  }

  private func awaitPressure(_ watch: LoadWatch) {
    do throws(Errno) {
      let trigger = try PressureTrigger(
        "\(watch.files.directory)/memory.pressure", stall: Self.stall, window: Self.window)
      try loop.watch(trigger.rawValue, .exceptional) { [unowned self, unowned watch] events in
        if events.contains(.failed) { forgetTrigger(watch) } else { pressed(watch) }
      }
      watch.trigger = consume trigger
    } catch {
      log("\(watch.name): its memory pressure is not noticed, so it borrows nothing: \(error)")
    }
  }

  func forgetTrigger(_ watch: LoadWatch) {
    if let number = watch.trigger?.rawValue { loop.forget(number) }
    watch.trigger = nil
  }

  private func pressed(_ watch: LoadWatch) {
    let now = Self.now()
    watch.idle.noteWork(at: now)
    pool[watch.name]?.isIdle = false
    pool[watch.name]?.press(at: now)
    requestPlan()
  }

  /// Does what is to be done now.
  func moveLimits(at now: Int64) {
    if pool.isAtRest(at: now) { return }
    // Of those that are to lend something it is looked once more what they use.
    for _ in 0..<Self.tries {
      let plan = MemoryPlan(pool, at: now)
      if isStale(plan) { continue }
      carryOut(plan, at: now)
      break
    }
    for watch in watches.values {
      if let member = pool[watch.name], member.isHeld || member.borrowed > 0 {
        watch.due = min(watch.due, now + (watch.interval(member) ?? 0))
        schedule(watch)
      }
    }
  }

  private static let tries = 8

  private func isStale(_ plan: MemoryPlan) -> Bool {
    var isStale = false
    for move in plan.moves where move.kind == .lowerUnused {
      guard let member = pool[move.name] else { return true }
      guard let memory = watches[move.name]?.files.memory else {
        pool[move.name]?.isIdle = false
        isStale = true
        continue
      }
      let used = Int64(clamping: memory)
      pool[move.name]?.used = used
      if used + member.margin / 2 > move.to { isStale = true }
    }
    return isStale
  }

  private func carryOut(_ plan: MemoryPlan, at now: Int64) {
    var isShort = false
    var recalled: Set<String> = []
    for move in plan.moves {
      guard let watch = watches[move.name] else { continue }
      switch move.kind {
      case .lowerUnused: if !setLimit(watch, move) { isShort = true }
      // It was to get what has not become free.
      case .raise: if !isShort { _ = setLimit(watch, move) }
      case .lowerUsed(let byForce):
        if move.reason != .calm { recalled.insert(move.name) }
        lower(watch, move, byForce: byForce)
      case .release:
        try? watch.files.hold(at: nil)
        pool[move.name]?.isHeld = false
      }
    }
    for member in pool.members where !member.isLowering || recalled.contains(member.name) {
      pool[member.name]?.recalledAt = recalled.contains(member.name) ? member.recalledAt ?? now : nil
    }
    for watch in watches.values { dismiss(watch) }
  }

  /// Leaves alone one that was to get back to what it was given, and has.
  private func dismiss(_ watch: LoadWatch) {
    guard let member = pool[watch.name], watch.response.memory == nil, member.limit == member.given else {
      return
    }
    if watch.response.isEmpty { end(watch.partition) } else { leave(watch) }
  }

  private func setLimit(_ watch: LoadWatch, _ move: MemoryPlan.Move) -> Bool {
    do throws(Errno) { try watch.files.setLimit(move.to) } catch {
      // Without its cgroup it is about to end.
      if error != .noSuchFileOrDirectory, error != .noSuchDevice {
        log("\(watch.name): its limit of memory stays \(move.from): \(error)")
      }
      return false
    }
    pool[watch.name]?.limit = move.to
    note(watch)
    tell(watch, .memoryLimit, UInt64(move.from), UInt64(move.to), text(move.reason, watch))
    return true
  }

  /// Lowers the limit of what is in use, which may take its time.
  private func lower(_ watch: LoadWatch, _ move: MemoryPlan.Move, byForce: Bool) {
    pool[watch.name]?.isLowering = true
    pool[watch.name]?.isHeld = true
    let files = watch.files
    errands.add { () throws(SupervisorError) in
      do throws(Errno) { try files.lower(from: move.from, to: move.to, byForce: byForce) } catch {
        throw SupervisorError("lower the limit of memory in \(files.directory)", error)
      }
      return []
    } done: { [unowned self] result in
      guard watches[watch.name] === watch else { return }
      if case .failure(let error) = result, files.limit != nil { log("\(watch.name): \(error)") }
      pool[watch.name]?.isLowering = false
      // Whatever was said of it, that is what there is.
      pool[watch.name]?.isHeld = files.isHeld
      if let limit = files.limit { pool[watch.name]?.lowered(to: limit, at: Self.now()) }
      note(watch)
      if let limit = pool[watch.name]?.limit, limit != move.from {
        tell(watch, .memoryLimit, UInt64(move.from), UInt64(limit), text(move.reason, watch))
      }
      requestPlan()
    }
  }

  private func note(_ watch: LoadWatch) {
    guard let member = pool[watch.name] else { return }
    watch.partition.load?.borrowed = member.limit - member.given
  }

  private func text(_ reason: MemoryPlan.Reason, _ watch: LoadWatch) -> String {
    switch reason {
    case .pressure: return "it is under memory pressure"
    case .lending(let other): return "it is idle, and \(other) is under memory pressure"
    case .recalled: return "others have a right to what it has borrowed"
    case .calm:
      let calm = DurationText.text(watch.response.memory?.calm ?? 0)
      return "it was under no memory pressure for \(calm)"
    case .returned: return "what it has lent is back"
    case .bounds: return "its bounds are others now"
    }
  }
}
