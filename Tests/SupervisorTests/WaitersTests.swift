import Testing

@testable import Supervisor

@Suite("Those who wait")
struct WaitersTests {
  @Test("Each is called once, in order, unless it has given up")
  func order() {
    var waiters = Waiters<Int>()
    var calls: [String] = []
    waiters.add { calls.append("a\($0)") }
    let second = waiters.add { calls.append("b\($0)") }
    waiters.add { calls.append("c\($0)") }
    waiters.remove(second)
    for waiter in waiters.takeAll() { waiter(1) }
    for waiter in waiters.takeAll() { waiter(2) }
    #expect(calls == ["a1", "c1"] && waiters.isEmpty)
  }
}
