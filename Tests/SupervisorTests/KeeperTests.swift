import Definitions
import Linux
import OCI
import Testing

@testable import Definitions
@testable import Supervisor

@Suite("What the keeper and the supervisor tell each other")
struct KeeperTests {
  @Test("An end that came before the word of the start is that program's, an older one is another's")
  func earlyEnds() {
    var ends = EarlyEnds()
    ends.note(7, .exited(1))
    let mark = ends.mark
    #expect(ends.take(7, after: mark) == nil)
    ends.note(8, .exited(2))
    #expect(ends.take(8, after: mark) == .exited(2))
    #expect(ends.take(8, after: mark) == nil)
  }

  @Test("Of early ends only those are kept that somebody may still ask for")
  func forgotten() {
    var ends = EarlyEnds()
    for pid in 1...10 as ClosedRange<Int32> { ends.note(pid, .exited(0)) }
    let mark = ends.mark
    ends.note(11, .exited(3))
    ends.forget(before: mark)
    #expect(ends.count == 1 && ends.take(11, after: mark) == .exited(3))
  }

  @Test("A message that is too long is refused, and the connection stays")
  func longMessages() throws {
    let loop = try EventLoop()
    let scratch = try LogScratch()
    let path = "\(scratch.log).socket"
    let listener = try Socket.listenForPackets(at: path)
    let here = try PacketChannel(try Socket.connectForPackets(to: path), loop)
    guard let accepted = try listener.acceptPackets() else {
      Issue.record("nobody connected")
      return
    }
    let there = try PacketChannel(accepted, loop)
    var messages: [JSON] = []
    there.onMessage = { messages.append($0) }
    var hasEnded = false
    here.onEnd = { hasEnded = true }
    let long = JSON.string(String(repeating: "x", count: PacketChannel.longest))
    #expect(!here.send(long))
    let longest = JSON.string(String(repeating: "x", count: PacketChannel.longest - 2))
    #expect(here.send(longest) && here.send(JSON.string("short")))
    for _ in 0..<10 { try loop.turn(longest: 10) }
    #expect(messages == [longest, .string("short")] && !hasEnded)
  }

  @Test("A reason of any letters arrives, cut where it is long")
  func longReasons() throws {
    let reason = String(repeating: "\u{1}", count: 10_000)
    let cut = WorkerReport.failed(String(decoding: reason.utf8.prefix(4000), as: UTF8.self))
    #expect(cut.json.bytes().count <= WorkerReport.longest)
  }
}
