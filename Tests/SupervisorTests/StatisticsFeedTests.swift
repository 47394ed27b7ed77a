import Linux
import Testing

@testable import Supervisor

@Suite("Statistics that clients follow")
struct StatisticsFeedTests {
  /// Containers that count how often they are sampled.
  private final class Containers {
    var samples: [String: Int] = [:]
    var gone: Set<String> = []
    var inTurn = 0

    lazy var source = StatisticsFeed<Int>.Source(
      sample: { [unowned self] id in
        inTurn += 1
        guard !gone.contains(id) else { return .none }
        samples[id, default: 0] += 1
        return .some(samples[id])
      },
      document: { _, now, previous in Array("\(now ?? 0) \(previous ?? 0)\n".utf8) })
  }

  @Test("A container is sampled once for all its clients, and each gets what another gets")
  func shared() throws {
    let loop = try EventLoop()
    let containers = Containers()
    let feed = StatisticsFeed(loop, interval: 10, containers.source)
    var texts = [String](repeating: "", count: 3)
    var forgets: [() -> Void] = []
    for index in 0..<3 {
      forgets.append(
        feed.follow(
          "a",
          .init(
            isOpen: { true }, take: { texts[index] += String(decoding: $0, as: UTF8.self) },
            end: { texts[index] += "end" })))
    }
    #expect(containers.samples == ["a": 1] && texts.allSatisfy { $0 == "1 0\n" })
    while containers.samples["a"] ?? 0 < 3 { try loop.turn(longest: 100) }
    #expect(texts.allSatisfy { $0 == "1 0\n2 1\n3 2\n" })
    forgets[0]()
    containers.gone.insert("a")
    for _ in 0..<100 where !texts[1].hasSuffix("end") { try loop.turn(longest: 100) }
    #expect(texts[1].hasSuffix("end") && texts[2].hasSuffix("end") && !texts[0].hasSuffix("end"))
    // Nobody follows anything any more.
    for _ in 0..<5 { try loop.turn(longest: 5) }
    #expect(loop.timerCount == 0)
  }

  @Test("However many are followed, few are sampled in one turn of the loop")
  func slices() throws {
    let loop = try EventLoop()
    let containers = Containers()
    let feed = StatisticsFeed(loop, interval: 1, containers.source)
    for number in 0..<100 {
      _ = feed.follow("\(number)", .init(isOpen: { true }, take: { _ in }, end: {}))
    }
    var most = 0
    while containers.samples.values.contains(where: { $0 < 3 }) {
      containers.inTurn = 0
      try loop.turn(longest: 100)
      most = max(most, containers.inTurn)
    }
    #expect(most > 0 && most <= 2 * StatisticsFeed<Int>.share)
  }
}
