import Definitions
import Linux
import Testing

@testable import Definitions
@testable import Supervisor

@Suite("Following a log")
struct LogFollowerTests {
  @Test("A log that is longer than what a client takes comes at the client's pace, and then the end")
  func pace() throws {
    let loop = try EventLoop()
    let scratch = try LogScratch()
    var limits = PartitionDefinition.LogLimits()
    limits.size = 64 << 20
    let writer = LogWriter(path: scratch.log, limits: limits, files: LogFiles())
    let line = Array(String(repeating: "x", count: 99).utf8) + [0x0a]
    for _ in 0..<10_000 { writer.append(line, from: .stdout, at: 1) }
    var room = 0
    var waiting: (() -> Void)?
    var count = 0
    var most = 0
    let pace = LogFollower.Pace(isReady: { room > 0 }, whenReady: { waiting = $0 })
    let follower = LogFollower(scratch.log, LogSelection(), loop, pace) { entries in
      most = max(most, entries.count)
      count += entries.count
      room -= 1
    }
    var hasEnded = false
    follower.finish { hasEnded = true }
    #expect(count == 0)
    for _ in 0..<10_000 where !hasEnded {
      room = 1
      let action = waiting
      waiting = nil
      action?()
      try loop.turn(longest: 0)
    }
    #expect(hasEnded && count == 10_000 && most < 5000)
    withExtendedLifetime(follower) {}
  }
}
