import Testing

@testable import Supervisor

@Suite("Who is idle")
struct IdleStateTests {
  @Test("Who uses no processor and reads no page back is idle for as long as that is so")
  func idle() {
    var state = IdleState(at: 0)
    state.note(at: 1000, processorTime: 5_000_000) { 7 }
    #expect(state.idleTime == 0, "nothing is known yet")
    state.note(at: 3000, processorTime: 5_000_000) { 7 }
    #expect(state.idleTime == 2000)
    state.note(at: 5000, processorTime: 5_001_000) { 7 }
    #expect(state.idleTime == 4000, "a look at the clock is no work")
    state.note(at: 6000, processorTime: 5_101_000) {
      Issue.record("the processor time has told already")
      return 7
    }
    #expect(state.idleTime == 0)
    state.note(at: 9000, processorTime: 5_101_000) { 7 }
    #expect(state.idleTime == 3000)
    state.note(at: 10_000, processorTime: 5_101_000) { 8 }
    #expect(state.idleTime == 0, "it has read a page back")
    state.noteWork(at: 12_000)
    state.note(at: 13_000, processorTime: 5_101_000) { 8 }
    #expect(state.idleTime == 1000)
  }

  @Test("A count that was set back is work, and no harm")
  func backwards() {
    var state = IdleState(at: 0)
    state.note(at: 1000, processorTime: 500) { nil }
    state.note(at: 9000, processorTime: 0) { nil }
    #expect(state.idleTime == 0)
  }
}

@Suite("Giving memory back")
struct ReclaimTests {
  static let mebibyte: UInt64 = 1 << 20

  @Test("It goes in bounded steps, and never below what is to stay or what the kernel protects")
  func steps() {
    for (least, protected) in [(UInt64(0), UInt64(0)), (30, 0), (30, 50), (50, 30)] {
      let floor = max(least, protected) * Self.mebibyte
      var reclaim = Reclaim(least: least * Self.mebibyte)
      var used = 300 * Self.mebibyte
      var count = 0
      while let step = reclaim.step(used: used, protected: protected * Self.mebibyte) {
        #expect(step <= Reclaim.largestStep && used - step >= floor)
        reclaim.note(wanted: step, before: used, after: used - step)
        used -= step
        count += 1
      }
      #expect(used == floor && reclaim.isDone && count >= 4)
    }
    var kept = Reclaim(least: 0)
    let step = kept.step(used: .max, protected: .max)
    #expect(step == nil)
  }

  @Test("Steps that bring next to nothing are soon no more tried, until it has worked again")
  func exhausted() {
    var reclaim = Reclaim(least: 0)
    let used = 100 * Self.mebibyte
    for _ in 0..<2 {
      let step = reclaim.step(used: used)
      #expect(step == Reclaim.largestStep)
      reclaim.note(wanted: step ?? 0, before: used, after: used - Self.mebibyte)
    }
    let none = reclaim.step(used: used)
    #expect(none == nil)
    reclaim.renew()
    let again = reclaim.step(used: used)
    #expect(again != nil)
  }

  @Test("What has grown in between is no gain")
  func grown() {
    var reclaim = Reclaim(least: 0)
    reclaim.note(wanted: 100, before: 5, after: 7)
    reclaim.note(wanted: 100, before: 5, after: 7)
    #expect(reclaim.isDone)
  }
}

@Suite("CPU weights")
struct WeightChoiceTests {
  private func run(_ weight: Int, _ bounds: ClosedRange<Int>, used: Double, waited: Double = 0) -> [Int] {
    var weights = [weight]
    while let decision = WeightChoice.decide(
      weights[weights.count - 1], in: bounds, .init(used: used, waited: waited)), weights.count < 100
    { weights.append(decision.weight) }
    return weights
  }

  @Test("They go up with demand and down without, to the bounds and no further")
  func follows() {
    #expect(run(100, 30...500, used: 1) == [100, 200, 400, 500])
    #expect(run(100, 30...500, used: 0, waited: 0.9) == [100, 200, 400, 500])
    #expect(run(100, 30...500, used: 0.01) == [100, 50, 30])
    #expect(run(100, 30...500, used: 0.2) == [100])
    #expect(run(1, 1...10_000, used: 64).last == 10_000)
    #expect(run(1, 1...10_000, used: 0) == [1])
  }

  @Test("The reason says what was demanded")
  func reason() {
    let decision = WeightChoice.decide(100, in: 1...1000, .init(used: 0.974, waited: 0.4))
    #expect(
      decision?.reason == "it used 97% of a processor and waited for one 40% of the time")
  }

  @Test("No demand leads out of the bounds, from wherever it starts")
  func bounds() {
    var random = Random(seed: 1)
    for _ in 0..<2000 {
      let least = random.number(1...5000)
      let bounds = least...random.number(least...10_000)
      var weight = random.number(1...10_000)
      for step in 0..<20 {
        let demand = WeightChoice.Demand(
          used: Double(random.number(0...3000)) / 1000, waited: Double(random.number(0...1000)) / 1000)
        weight = WeightChoice.decide(weight, in: bounds, demand)?.weight ?? weight
        if !bounds.contains(weight) { Issue.record("\(weight) is not in \(bounds) after \(step) steps") }
      }
    }
  }
}

/// Numbers that are the same in each run.
struct Random {
  private var state: UInt64

  init(seed: UInt64) { state = seed &* 0x9e37_79b9_7f4a_7c15 | 1 }

  mutating func number(_ range: ClosedRange<Int>) -> Int {
    state ^= state << 13
    state ^= state >> 7
    state ^= state << 17
    return range.lowerBound + Int(state % UInt64(range.count))
  }

  mutating func happens(_ percent: Int) -> Bool { number(1...100) <= percent }
}
