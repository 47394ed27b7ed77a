import Linux
import Testing

@testable import Supervisor

@Suite("The event loop")
struct EventLoopTests {
  @Test("What comes on a descriptor is handed to whoever watches it, until it is forgotten")
  func descriptors() throws {
    let loop = try EventLoop()
    let pipe = try FileDescriptor.pipe()
    var calls = 0
    try loop.watch(pipe.read.rawValue, .readable) { events in
      #expect(events == .readable)
      calls += 1
    }
    try loop.turn(longest: 0)
    #expect(calls == 0)
    try pipe.write.writeAll([1])
    try loop.turn(longest: 0)
    try loop.turn(longest: 0)
    #expect(calls == 2)
    loop.forget(pipe.read.rawValue)
    try loop.turn(longest: 0)
    #expect(calls == 2)
  }

  @Test("An event for a descriptor that was forgotten does not reach the one that has its number now")
  func generations() throws {
    let loop = try EventLoop()
    let first = try FileDescriptor.pipe()
    let second = try FileDescriptor.pipe()
    var calls: [String] = []
    for (name, own, other) in [("first", first.read.rawValue, second.read.rawValue)] {
      try loop.watch(own, .readable) { _ in
        calls.append(name)
        loop.forget(own)
        loop.forget(other)
        try? loop.watch(other, .readable) { _ in calls.append("successor") }
      }
      try loop.watch(other, .readable) { _ in
        calls.append("second")
        loop.forget(own)
        loop.forget(other)
        try? loop.watch(own, .readable) { _ in calls.append("successor") }
      }
    }
    try first.write.writeAll([1])
    try second.write.writeAll([1])
    try loop.turn(longest: 0)
    #expect(calls.count == 1, "\(calls)")
    try loop.turn(longest: 0)
    #expect(calls.last == "successor")
  }

  @Test("Timers are called in their order, not before their time, and not when they were cancelled")
  func timers() throws {
    let loop = try EventLoop()
    var calls: [Int] = []
    let start = Clock.monotonic()
    loop.after(milliseconds: 20) {
      calls.append(3)
      loop.stop()
    }
    loop.after(milliseconds: 5) { calls.append(1) }
    let cancelled = loop.after(milliseconds: 10) { calls.append(2) }
    loop.cancel(cancelled)
    try loop.run()
    #expect(calls == [1, 3])
    #expect(Clock.monotonic() - start >= 20_000_000)
  }

  @Test("The earliest of many timers comes first")
  func queue() {
    var queue = TimerQueue()
    var random = SystemRandomNumberGenerator()
    let deadlines = (0..<1000).map { _ in Int64.random(in: 0..<100, using: &random) }
    for (number, deadline) in deadlines.enumerated() { queue.insert(deadline, UInt64(number)) }
    var order: [Int64] = []
    while let number = queue.removeFirst() { order.append(deadlines[Int(number)]) }
    #expect(order == deadlines.sorted())
  }

  @Test("Timers that are cancelled long before their time take no memory, and the others keep theirs")
  func cancelled() throws {
    let loop = try EventLoop()
    var calls: [Int] = []
    loop.after(milliseconds: 2) { calls.append(2) }
    loop.after(milliseconds: 1) { calls.append(1) }
    loop.after(milliseconds: .max) { calls.append(3) }
    for _ in 0..<10_000 { loop.cancel(loop.after(milliseconds: 60_000) {}) }
    #expect(loop.timerCount < 100)
    while calls.count < 2 { try loop.turn(longest: 10) }
    #expect(calls == [1, 2])
  }
}
