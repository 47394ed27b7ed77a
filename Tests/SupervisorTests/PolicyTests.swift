import Testing

@testable import Definitions
@testable import Supervisor

@Suite("Restarts")
struct RestartTests {
  typealias Policy = PartitionDefinition.RestartPolicy

  func decide(
    _ policy: Policy, status: Int32 = 1, ran: Int64 = 0, inARow: Int = 0, stopped: Bool = false,
    delay: PartitionDefinition.RestartDelay = .init()
  ) -> RestartDecision {
    var end = RestartDecision.End(exitStatus: status, ran: ran)
    end.restartsInARow = inARow
    end.wasStopped = stopped
    return RestartDecision(policy, delay, end)
  }

  @Test(
    "A policy is read and written",
    arguments: ["no", "on-failure", "on-failure:7", "always", "unless-stopped"])
  func text(text: String) { #expect(Policy(text)?.description == text) }

  @Test("Who is restarted depends on the policy and on how it ended")
  func policies() {
    let again = RestartDecision.start(afterMilliseconds: 100, inARow: 1)
    for status in [Int32(0), 1, 137] {
      #expect(decide(.no, status: status) == .stay)
      #expect(decide(.always, status: status) == again)
      #expect(decide(.unlessStopped, status: status) == again)
      #expect(decide(.onFailure(most: nil), status: status) == (status == 0 ? .stay : again))
    }
  }

  @Test(
    "Who was stopped by somebody stays so",
    arguments: [Policy.no, .always, .unlessStopped, .onFailure(most: nil), .onFailure(most: 1)])
  func stopped(policy: Policy) {
    #expect(decide(policy, stopped: true) == .stay)
    #expect(decide(policy, inARow: 9, stopped: true) == .stay)
  }

  @Test("Each restart in a row waits twice as long as the one before, up to a minute")
  func backOff() {
    let expected: [Int64] = [
      100, 200, 400, 800, 1600, 3200, 6400, 12_800, 25_600, 51_200, 60_000, 60_000,
    ]
    for (inARow, milliseconds) in expected.enumerated() {
      #expect(
        decide(.always, ran: 9999, inARow: inARow)
          == .start(afterMilliseconds: milliseconds, inARow: inARow + 1))
    }
    #expect(decide(.always, inARow: .max - 1) == .start(afterMilliseconds: 60_000, inARow: .max))
  }

  @Test("When it ran for long enough, the restarts before are forgotten")
  func forgotten() {
    #expect(decide(.always, ran: 10_000, inARow: 8) == .start(afterMilliseconds: 100, inARow: 1))
    #expect(
      decide(.onFailure(most: 3), ran: 10_000, inARow: 3) == .start(afterMilliseconds: 100, inARow: 1))
  }

  @Test("With a number of restarts, one failure more is a crash loop")
  func crashLoop() {
    let policy = Policy.onFailure(most: 2)
    #expect(decide(policy, inARow: 0) == .start(afterMilliseconds: 100, inARow: 1))
    #expect(decide(policy, inARow: 1) == .start(afterMilliseconds: 200, inARow: 2))
    #expect(decide(policy, inARow: 2) == .crashLoop)
    #expect(decide(policy, status: 0, inARow: 2) == .stay)
  }

  @Test("The waits can be set, and be none at all")
  func delays() {
    var delay = PartitionDefinition.RestartDelay()
    delay.initial = 0
    #expect(decide(.always, inARow: 50, delay: delay) == .start(afterMilliseconds: 0, inARow: 51))
    delay.initial = 3
    delay.longest = 10
    delay.forgottenAfter = 5
    let waits = (0..<4).map { decide(.always, ran: 4, inARow: $0, delay: delay) }
    #expect(
      waits == [3, 6, 10, 10].enumerated().map { .start(afterMilliseconds: $1, inARow: $0 + 1) })
    #expect(decide(.always, ran: 5, inARow: 3, delay: delay) == .start(afterMilliseconds: 3, inARow: 1))
  }

  @Test("After a restart of the machine, those are started whose policy wants it")
  func machine() {
    func starts(_ policy: Policy) -> [Bool] {
      [
        policy.startsAgain(wasStopped: false, exitStatus: nil),
        policy.startsAgain(wasStopped: false, exitStatus: 0),
        policy.startsAgain(wasStopped: false, exitStatus: 3),
        policy.startsAgain(wasStopped: true, exitStatus: 143),
      ]
    }
    #expect(starts(.no) == [false, false, false, false])
    #expect(starts(.always) == [true, true, true, true])
    #expect(starts(.unlessStopped) == [true, true, true, false])
    #expect(starts(.onFailure(most: 1)) == [true, false, true, false])
  }
}

@Suite("Health")
struct HealthTests {
  /// A partition that was started at 1000, and is checked every 10 for 5.
  func state(startPeriod: Int64 = 0, retries: Int = 3) -> HealthState {
    var check = PartitionDefinition.HealthCheck(command: ["true"])
    check.interval = 10
    check.timeout = 5
    check.startPeriod = startPeriod
    check.retries = retries
    return HealthState(check, started: 1000)
  }

  @Test(
    "The first check is due an interval after the start, each next one an interval after the end of the last")
  func due() {
    var state = state()
    #expect(state.due == 1010 && state.phase == .waiting(until: 1010))
    state.begin(at: 1012)
    #expect(state.due == 1017 && state.phase == .checking(until: 1017))
    state.end(passed: true, at: 1014)
    #expect(state.due == 1024 && state.phase == .waiting(until: 1024))
  }

  @Test("One success makes it healthy, and only so many failures in a row unhealthy")
  func retries() {
    var state = state()
    func check(_ passed: Bool) -> Bool {
      let time = state.due
      state.begin(at: time)
      return state.end(passed: passed, at: time + 1)
    }
    #expect(state.health == .starting)
    #expect(check(true) && state.health == .healthy)
    #expect(!check(false) && !check(false) && state.health == .healthy && state.failuresInARow == 2)
    #expect(!check(true) && state.failuresInARow == 0)
    #expect(!check(false) && !check(false) && check(false) && state.health == .unhealthy)
    #expect(!check(false) && state.failuresInARow == 4)
    #expect(check(true) && state.health == .healthy && state.failuresInARow == 0)
  }

  @Test("One that never was healthy becomes unhealthy by as many failures")
  func neverHealthy() {
    var state = state(retries: 2)
    state.begin(at: 1010)
    #expect(!state.end(passed: false, at: 1011) && state.health == .starting)
    state.begin(at: 1021)
    #expect(state.end(passed: false, at: 1022) && state.health == .unhealthy)
  }

  @Test("While it starts, failures do not count, until the first success or the end of that time")
  func startPeriod() {
    var state = state(startPeriod: 100, retries: 1)
    state.begin(at: 1010)
    #expect(!state.end(passed: false, at: 1099) && state.health == .starting && state.failuresInARow == 0)
    var late = state
    late.begin(at: 1109)
    #expect(late.end(passed: false, at: 1110) && late.health == .unhealthy)
    state.begin(at: 1010)
    #expect(state.end(passed: true, at: 1011) && state.health == .healthy)
    state.begin(at: 1021)
    #expect(state.end(passed: false, at: 1022) && state.health == .unhealthy)
  }

  @Test("The end of a check that nobody waits for any longer says nothing")
  func late() {
    var state = state(retries: 1)
    state.begin(at: 1010)
    let isNews = state.end(passed: false, at: 1015)
    #expect(isNews)
    #expect(!state.end(passed: true, at: 1016) && state.health == .unhealthy && state.due == 1025)
    // A check that was due and could not be started is one that failed.
    #expect(!state.end(passed: false, at: 1025) && state.failuresInARow == 2)
  }

  @Test("Found again, it is what it was, and its checks are where they were")
  func resumed() {
    var check = PartitionDefinition.HealthCheck(command: ["true"])
    check.interval = 10
    check.startPeriod = 100
    check.retries = 1
    func resume(at time: Int64, _ health: PartitionStatus.Health) -> HealthState {
      HealthState(check, started: 1000, resumedAt: time, health: health)
    }
    #expect(
      [1000, 1003, 1009, 1010, 1234].map { resume(at: $0, .healthy).due } == [1010, 1010, 1010, 1020, 1240])
    // A clock that was set back has it start in the future.
    #expect(resume(at: 990, .starting).due == 1000)
    var young = resume(at: 1005, .starting)
    young.begin(at: 1010)
    #expect(!young.end(passed: false, at: 1011) && young.health == .starting)
    var old = resume(at: 1095, .starting)
    old.begin(at: 1100)
    #expect(old.end(passed: false, at: 1101) && old.health == .unhealthy)
    var healthy = resume(at: 1005, .healthy)
    healthy.begin(at: 1010)
    #expect(healthy.end(passed: false, at: 1011) && healthy.health == .unhealthy)
  }

  @Test("A check that is put off says nothing")
  func postponed() {
    var state = state(retries: 1)
    state.begin(at: 1010)
    state.postpone(at: 1012)
    #expect(state.phase == .waiting(until: 1022) && state.health == .starting && state.failuresInARow == 0)
    #expect(!state.end(passed: false, at: 1013) && state.health == .starting)
  }
}

@Suite("The output of health checks")
struct CheckOutputTests {
  func output(_ pieces: [UInt8]...) -> String {
    var output = CheckOutput()
    for piece in pieces { output.add(piece) }
    return output.text
  }

  @Test("What is short is kept as it is")
  func short() {
    #expect(output() == "")
    #expect(output(Array("one ".utf8), Array("two\n".utf8)) == "one two\n")
  }

  @Test("Of what is long, the first 4 KiB are kept, whatever the pieces")
  func long() {
    let line = [UInt8](repeating: UInt8(ascii: "x"), count: 3000)
    #expect(output(line, line, line).utf8.count == 4096)
    #expect(output([UInt8](repeating: UInt8(ascii: "x"), count: 4096)).utf8.count == 4096)
  }

  @Test("No character is cut through", arguments: ["é", "€", "𝄞"])
  func characters(character: String) {
    for filling in 0..<4 {
      let text = String(repeating: "x", count: filling) + String(repeating: character, count: 5000)
      let kept = output(Array(text.utf8))
      #expect(text.hasPrefix(kept) && kept.utf8.count > 4096 - 4 && kept.utf8.count <= 4096)
    }
  }

  @Test("Bytes that are no text do no harm")
  func bytes() {
    #expect(output([UInt8](repeating: 0x80, count: 5000)).unicodeScalars.allSatisfy { $0 == "\u{FFFD}" })
    #expect(output([0xC3], [0x28]) == "\u{FFFD}(")
  }
}
