import Linux
import Testing

@testable import Supervisor

@Suite("Following events")
struct EventFollowerTests {
  @Test("What is asked for until long ago ends at once", arguments: ["-9000000000", "-7440000000", "1"])
  func longAgo(until: String) throws {
    let loop = try EventLoop()
    let scratch = try LogScratch()
    let events = EventLog(try Journal(scratch.log, size: 1 << 20, boot: "b", loop) { _ in })
    guard case .events(let query) = try Endpoint(method: "GET", target: "/events?until=\(until)") else {
      return #expect(Bool(false))
    }
    let pace = LogFollower.Pace(isReady: { true }, whenReady: { $0() })
    var ends = 0
    let follower = EventFollower(events, query, loop, pace, take: { _ in }, onEnd: { ends += 1 })
    follower.start()
    for _ in 0..<5 { try loop.turn(longest: 0) }
    #expect(ends == 1)
  }
}
