import Testing

@testable import Definitions
@testable import Supervisor

/// Partitions with limits that move, without a kernel.
private struct World {
  var pool = MemoryPool()
  var now: Int64 = 1_000_000
  /// What happened, in order.
  var moves: [MemoryPlan.Move] = []

  /// Adds a partition; amounts are MiB.
  mutating func add(
    _ name: String, given: Int64, _ bounds: ClosedRange<Int64>, used: Int64 = 1, idle: Bool = false,
    calm: Int64 = 30_000
  ) {
    var range = PartitionDefinition.LoadResponse.MemoryBounds(
      least: bounds.lowerBound << 20, most: bounds.upperBound << 20)
    range.calm = calm
    var member = MemoryPool.Member(name, given: given << 20, range, limit: given << 20, at: now)
    member.used = used << 20
    member.isIdle = idle
    member.limit = pool.admission(member)
    pool[name] = member
  }

  mutating func press(_ name: String) {
    pool[name]?.press(at: now)
    pool[name]?.isIdle = false
  }

  /// The limit of a partition, in MiB.
  func limit(_ name: String) -> Int64 { (pool[name]?.limit ?? 0) >> 20 }

  func total(_ value: (MemoryPool.Member) -> Int64) -> Int64 { pool.members.reduce(0) { $0 + value($1) } }

  /// By how much all have more than they were given.
  var excess: Int64 { max(0, -pool.free) }

  /// Does what is planned. What is used is freed, and the limit lowered, as `freed` says: it gets the partition and the
  /// limit to come, and says which limit comes of it; `nil` for later.
  mutating func turn(_ freed: (MemoryPool.Member, Int64) -> Int64? = { $1 }) {
    let plan = MemoryPlan(pool, at: now)
    var recalled: Set<String> = []
    for move in plan.moves {
      guard let member = pool[move.name] else {
        Issue.record("\(move.name) is no member")
        continue
      }
      if member.limit != move.from || (move.kind != .release && move.from == move.to) {
        Issue.record("it is elsewhere, or to be where it is: \(move)")
      }
      switch move.kind {
      case .lowerUnused:
        if move.to >= move.from || move.to < member.used || !member.isIdle {
          Issue.record("it would be killed: \(move)")
        }
        pool[move.name]?.limit = move.to
      case .raise:
        if move.to <= move.from { Issue.record("no raise: \(move)") }
        pool[move.name]?.limit = move.to
      case .lowerUsed(let byForce):
        if move.to >= move.from || member.isLowering { Issue.record("no lowering: \(move)") }
        if move.reason != .calm { recalled.insert(move.name) }
        pool[move.name]?.isHeld = true
        pool[move.name]?.isLowering = true
        if let limit = byForce ? move.to : freed(member, move.to) { finish(move.name, limit, aim: move.to) }
      case .release: pool[move.name]?.isHeld = false
      }
    }
    for member in pool.members where !member.isLowering || recalled.contains(member.name) {
      pool[member.name]?.recalledAt = recalled.contains(member.name) ? member.recalledAt ?? now : nil
    }
    moves += plan.moves
  }

  /// Ends what lowers a limit.
  mutating func finish(_ name: String, _ limit: Int64, aim: Int64) {
    pool[name]?.lowered(to: limit, at: now)
    pool[name]?.isLowering = false
    pool[name]?.isHeld = limit > aim
    if let used = pool[name]?.used, used > limit { pool[name]?.used = limit }
  }

  /// Turns as time goes by.
  mutating func run(seconds: Int64, pressing name: String? = nil) {
    for _ in 0..<seconds {
      if let name { press(name) }
      turn()
      now += 1000
    }
  }
}

@Suite("Lending memory")
struct MemoryPlanTests {
  @Test("One under pressure gets what an idle one does not use, within the bounds of both")
  func lends() {
    var world = World()
    world.add("a", given: 64, 16...128, used: 60)
    world.add("b", given: 64, 32...64, used: 4, idle: true)
    world.press("a")
    world.turn()
    #expect(world.limit("a") == 80 && world.limit("b") == 48, "a quarter at a time")
    #expect(world.moves.first?.reason == .lending(to: "a") && world.moves.last?.reason == .pressure)
    world.run(seconds: 10, pressing: "a")
    #expect(world.limit("a") == 96 && world.limit("b") == 32, "no more than b may lend")
  }

  @Test("Who works, is under pressure itself or needs what it has lends nothing")
  func keeps() {
    var world = World()
    world.add("a", given: 64, 16...128)
    world.add("works", given: 64, 16...64)
    world.add("full", given: 64, 16...64, used: 60, idle: true)
    world.press("a")
    world.turn()
    #expect(world.limit("a") == 64 && world.moves.isEmpty)
  }

  @Test("Without pressure nothing moves")
  func rest() {
    var world = World()
    world.add("a", given: 64, 16...128)
    world.add("b", given: 64, 16...64, idle: true)
    #expect(world.pool.isAtRest(at: world.now))
    world.run(seconds: 100)
    #expect(world.moves.isEmpty)
  }

  @Test("When the pressure is gone it gives back, and the lender has what it was given")
  func calm() {
    var world = World()
    world.add("a", given: 64, 16...128, used: 20, calm: 5000)
    world.add("b", given: 64, 16...64, used: 4, idle: true)
    world.run(seconds: 3, pressing: "a")
    #expect(world.limit("a") > 96)
    let before = world.limit("a")
    world.run(seconds: 4)
    #expect(world.limit("a") == before, "it may come back")
    world.run(seconds: 20)
    #expect(world.limit("a") == 64 && world.limit("b") == 64)
    #expect(world.pool.isAtRest(at: world.now))
  }

  @Test("What the last supervisor has lent it keeps until it was calm for as long under this one")
  func takenOver() {
    var world = World()
    world.add("a", given: 64, 16...128, used: 20, calm: 5000)
    world.add("b", given: 64, 16...64, used: 4, idle: true)
    world.pool["a"]?.limit = 96 << 20
    world.pool["b"]?.limit = 32 << 20
    world.run(seconds: 4)
    #expect(world.limit("a") == 96 && world.limit("b") == 32)
    world.run(seconds: 20)
    #expect(world.limit("a") == 64 && world.limit("b") == 64)
  }

  @Test("What it uses and cannot free it is not asked for, pages of files are")
  func used() {
    var world = World()
    world.add("a", given: 64, 16...128, used: 100, calm: 5000)
    world.add("b", given: 64, 1...64, used: 4, idle: true)
    world.run(seconds: 6, pressing: "a")
    #expect(world.limit("a") >= 112)
    world.run(seconds: 100)
    #expect(world.limit("a") == 108, "what it uses and something to grow by")
    world.pool["a"]?.cached = 80 << 20
    world.run(seconds: 10)
    #expect(world.limit("a") == 64 && world.limit("b") == 64)
  }

  @Test("Giving back that brings pressure is tried again later and later")
  func backOff() {
    var world = World()
    world.add("a", given: 64, 16...128, used: 20, calm: 2000)
    world.add("b", given: 64, 16...64, used: 4, idle: true)
    world.run(seconds: 4, pressing: "a")
    var waits: [Int64] = []
    for _ in 0..<4 {
      let begin = world.now
      let count = world.moves.count
      while world.moves.count == count { world.run(seconds: 1) }
      #expect(world.moves.last?.reason == .calm)
      waits.append((world.now - begin) / 1000)
      world.run(seconds: 2, pressing: "a")
    }
    #expect(zip(waits, waits.dropFirst()).allSatisfy { $0 < $1 }, "\(waits)")
  }

  @Test("A lender in need has back what it lent, whatever the borrower's own need")
  func recall() {
    var world = World()
    world.add("a", given: 64, 16...128, used: 60)
    world.add("b", given: 64, 16...64, used: 4, idle: true)
    world.run(seconds: 5, pressing: "a")
    #expect(world.limit("b") == 16)
    world.press("a")
    world.press("b")
    world.turn { _, _ in nil }
    #expect(world.limit("b") == 16, "nothing is free yet")
    world.finish("a", 100 << 20, aim: 64 << 20)
    world.turn { member, _ in member.limit }
    #expect(world.limit("b") == 28, "what is free it has at once")
    // The pages of the borrower cannot be freed.
    for _ in 0..<9 {
      world.now += 1000
      world.press("a")
      world.press("b")
      world.turn { member, _ in member.limit }
    }
    #expect(world.limit("a") == 100 && world.limit("b") == 28)
    for _ in 0..<3 {
      world.now += 1000
      world.press("b")
      world.turn { member, _ in member.limit }
    }
    #expect(world.limit("a") == 64 && world.limit("b") == 64, "after some time it is taken")
  }

  @Test("What a lender that has ended was given is returned, and it starts with no more than there is")
  func endOfLender() {
    var world = World()
    world.add("a", given: 64, 16...128, used: 60)
    world.add("b", given: 64, 16...64, used: 4, idle: true)
    world.run(seconds: 5, pressing: "a")
    world.pool["b"] = nil
    #expect(world.excess == 48 << 20)
    world.turn { _, _ in nil }
    world.add("b", given: 64, 16...64)
    #expect(world.limit("b") == 16, "a has the rest of it")
    world.finish("a", 64 << 20, aim: 64 << 20)
    world.run(seconds: 1)
    #expect(world.limit("b") == 64 && world.limit("a") == 64)
  }

  @Test("A borrower that ends leaves everything to its lenders")
  func endOfBorrower() {
    var world = World()
    world.add("a", given: 64, 16...128, used: 60)
    world.add("b", given: 64, 16...64, used: 4, idle: true)
    world.add("c", given: 64, 16...64, used: 4, idle: true)
    world.run(seconds: 5, pressing: "a")
    #expect(world.limit("a") == 128)
    world.pool["a"] = nil
    world.run(seconds: 1)
    #expect(world.limit("b") == 64 && world.limit("c") == 64)
  }

  @Test("Bounds that have become narrower are kept to")
  func narrower() {
    var world = World()
    world.add("a", given: 64, 16...128, used: 60)
    world.add("b", given: 64, 16...64, used: 4, idle: true)
    world.run(seconds: 5, pressing: "a")
    world.pool["a"] = world.pool["a"]?.with(given: 64 << 20, .init(least: 16 << 20, most: 80 << 20))
    world.pool["b"] = world.pool["b"]?.with(given: 64 << 20, .init(least: 48 << 20, most: 64 << 20))
    world.run(seconds: 2)
    #expect(world.limit("a") <= 80 && world.limit("b") >= 48)
  }

  @Test("Amounts beyond all measure are added up as well")
  func vast() {
    var pool = MemoryPool()
    for name in ["a", "b", "c"] {
      pool[name] = MemoryPool.Member(
        name, given: .max, .init(least: 1, most: .max), limit: .max - (1 << 30), at: 0)
    }
    #expect(pool.free == 3 << 30)
  }

  @Test("The kernel's rounding to pages is no loan")
  func rounding() {
    let given: Int64 = 67_000_001
    let member = MemoryPool.Member(
      "a", given: given, .init(least: 1, most: 1 << 30), limit: given / 4096 * 4096, at: 0)
    #expect(member.limit == given)
  }

  @Test("Whatever happens, all together have no more than they were given, and each is within its bounds")
  func never() {
    for seed in 1...150 {
      var random = Random(seed: UInt64(seed))
      var world = World()
      var lowering: [String: Int64] = [:]
      var excess: Int64 = 0
      for step in 0..<150 {
        let name = "p\(random.number(0...7))"
        switch random.number(0...9) {
        case 0 where world.pool[name] == nil, 1 where world.pool[name] == nil:
          let given = random.number(4...256)
          world.add(
            name, given: Int64(given), Int64(random.number(1...given))...Int64(random.number(given...512)),
            idle: random.happens(50), calm: Int64(random.number(1...20_000)))
        case 2 where random.happens(20):
          world.pool[name] = nil
          lowering[name] = nil
          // Its own memory is gone with it, and what it had lent is not back at once.
          excess = max(excess, world.excess)
        case 2...4: world.press(name)
        case 5: world.pool[name]?.isIdle.toggle()
        case 6, 7:
          guard let limit = world.pool[name]?.limit else { break }
          let used = Int64(random.number(0...Int(limit)))
          world.pool[name]?.used = used
          world.pool[name]?.cached = Int64(random.number(0...Int(used)))
        default:
          if let aim = lowering.removeValue(forKey: name), let member = world.pool[name] {
            world.finish(name, random.happens(50) ? aim : min(member.limit, aim + 1 << 20), aim: aim)
          }
        }
        world.now += Int64(random.number(0...4000))
        let start = world.moves.count
        world.turn { member, aim in
          if random.happens(40) { return nil }
          return random.happens(60) ? aim : member.limit
        }
        for move in world.moves[start...] where world.pool[move.name]?.isLowering == true {
          if case .lowerUsed = move.kind { lowering[move.name] = move.to }
        }
        // A check that holds takes its time as well.
        if world.excess > excess {
          Issue.record("too much, by seed \(seed), step \(step)")
          return
        }
        excess = world.excess
        for member in world.pool.members where !member.bounds.contains(member.limit) {
          Issue.record("out of its bounds, by seed \(seed), step \(step): \(member)")
          return
        }
      }
    }
  }

  @Test("Whatever has happened, all have what they were given when it has been calm for long")
  func atLast() {
    var count = 0
    for seed in 1...40 {
      var random = Random(seed: UInt64(seed))
      var world = World()
      for index in 0..<8 {
        let given = random.number(4...256)
        world.add(
          "p\(index)", given: Int64(given),
          Int64(random.number(1...given))...Int64(random.number(given...512)),
          idle: random.happens(60), calm: Int64(random.number(1...20_000)))
      }
      for _ in 0..<50 {
        world.press("p\(random.number(0...2))")
        world.turn()
        world.now += Int64(random.number(0...3000))
      }
      count += world.moves.count
      world.run(seconds: 1000)
      #expect(world.total(\.limit) == world.total(\.given), "seed \(seed)")
      #expect(world.pool.isAtRest(at: world.now), "seed \(seed)")
    }
    #expect(count > 100, "something was lent")
  }
}
