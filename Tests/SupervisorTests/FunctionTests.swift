import OCI
import Testing

@testable import Definitions
@testable import Supervisor

@Suite("The pools of functions")
struct PoolTests {
  func level(_ wanted: Int, ready: Int = 0, building: Int = 0) -> PoolLevel {
    var level = PoolLevel(wanted: wanted)
    level.ready = ready
    level.building = building
    return level
  }

  @Test("What lacks is what neither waits nor is being built; what waits beyond what is wanted goes")
  func numbers() {
    #expect(level(5, ready: 2, building: 1).missing == 2)
    #expect(level(5, ready: 5, building: 1).missing == 0)
    #expect(level(2, ready: 5).surplus == 3 && level(2, ready: 1, building: 4).surplus == 0)
    #expect(level(0).missing == 0)
  }

  @Test("The next instance is for the pool that is the emptiest for its size, of equals the first by name")
  func next() {
    #expect(PoolPlan.next([:], now: 0) == nil)
    #expect(PoolPlan.next(["a": level(1, ready: 1), "b": level(2, building: 2)], now: 0) == nil)
    #expect(PoolPlan.next(["a": level(10, ready: 6), "b": level(2, ready: 1)], now: 0) == "b")
    #expect(PoolPlan.next(["a": level(10, ready: 4), "b": level(2, ready: 1)], now: 0) == "a")
    #expect(PoolPlan.next(["b": level(3), "a": level(9), "c": level(1)], now: 0) == "a")
  }

  @Test("Failures in a row pause the building for longer each time, a success ends that")
  func failures() {
    let delay = PartitionDefinition.RestartDelay()
    var pool = level(1)
    #expect(pool.noteFailure(delay, now: 0) == 100)
    #expect(PoolPlan.next(["a": pool], now: 99_999_999) == nil)
    #expect(PoolPlan.wake(["a": pool], now: 99_999_999) == 100_000_000)
    #expect(PoolPlan.next(["a": pool], now: 100_000_000) == "a")
    #expect(pool.noteFailure(delay, now: 100_000_000) == 200)
    #expect(pool.noteFailure(delay, now: 0) == 400)
    for _ in 0..<20 { pool.noteFailure(delay, now: 0) }
    #expect(pool.noteFailure(delay, now: 7) == 60_000 && pool.pausedUntil == 60_000_000_007)
    pool.noteSuccess()
    #expect(PoolPlan.next(["a": pool], now: 0) == "a" && PoolPlan.wake(["a": pool], now: 0) == nil)
    #expect(pool.noteFailure(delay, now: 0) == 100)
  }

  @Test("One function that cannot be built holds up no other, and the earliest is waited for")
  func others() {
    var broken = level(1)
    broken.noteFailure(.init(), now: 0)
    var later = level(1)
    later.noteFailure(.init(), now: 50)
    #expect(PoolPlan.next(["a": broken, "b": level(1)], now: 0) == "b")
    #expect(PoolPlan.wake(["a": later, "b": broken, "c": level(1)], now: 60) == broken.pausedUntil)
    // Nobody wants it any more.
    broken.wanted = 0
    #expect(PoolPlan.wake(["b": broken], now: 0) == nil)
  }

  @Test("Half of the processors build at a time, at least one")
  func most() {
    #expect([1, 2, 3, 8].map(PoolPlan.most) == [1, 1, 1, 4])
  }
}

@Suite("The definition of a function")
struct FunctionDefinitionTests {
  @Test("Unless it says otherwise, its instances are removed at their end, and their input ends")
  func instances() throws {
    let function = try definition(#"{"image": "host", "warm": 3, "interactive": true}"#)
    #expect(function.isFunction && function.isRemovedAtEnd && function.closesInput)
    guard case .partition(let settings) = function.content else {
      Issue.record("not a partition")
      return
    }
    #expect(settings.isTransient)
    let instance = function.instance(named: "web-01234567")
    #expect(instance.name == "web-01234567" && !instance.isFunction && instance.isRemovedAtEnd)
    #expect(instance.labels[PartitionDefinition.functionLabel] == "web")
    let kept = try definition(
      #"{"image": "host", "warm": 0, "removeAtEnd": false, "endInputOnce": false}"#)
    #expect(kept.isFunction && !kept.isRemovedAtEnd && !kept.closesInput)
    let plain = try definition(#"{"image": "host", "interactive": true}"#)
    #expect(!plain.isFunction && !plain.isRemovedAtEnd && !plain.closesInput)
  }

  @Test(
    "A function and its instance are written and read back as they are",
    arguments: [
      #"{"image": "host", "warm": 3, "maximum": 7}"#, #"{"bundle": "/b", "warm": 0, "removeAtEnd": false}"#,
      #"{"image": "host", "warm": 10000, "endInputOnce": false, "labels": {"a": "b"}}"#,
    ])
  func roundTrip(text: String) throws {
    let function = try definition(text)
    for one in [function, function.instance(named: "x")] {
      #expect(try PartitionDefinition(json: one.json) == one)
    }
  }

  @Test(
    "What does not go with a function is refused by its path",
    arguments: [
      (#""warm": 1, "restart": "always""#, "restart"), (#""warm": 1, "after": ["a"]"#, "after"),
      (#""warm": 0, "tty": true"#, "tty"), (#""warm": -1"#, "warm"), (#""warm": 10001"#, "warm"),
      (#""warm": 1, "maximum": 0"#, "maximum"), (#""maximum": 1"#, "maximum"),
      (#""warm": "1""#, "warm"),
      ("\"warm\": 1, \"name\": \"\(String(repeating: "n", count: 192))\"", "name"),
    ])
  func wrong(fields: String, path: String) {
    do throws(ConfigError) {
      _ = try definition(#"{"image": "host", \#(fields)}"#)
      Issue.record("accepted")
    } catch {
      #expect(error.path == path, "\(error)")
    }
  }

  @Test("No partition can be after a function")
  func after() {
    let found = set([
      "/d/f.json": #"{"image": "host", "warm": 1}"#, "/d/p.json": #"{"image": "host", "after": ["f"]}"#,
    ])
    #expect(found.names == ["f"])
    #expect(
      found.complaints == ["/d/p.json:1: after[0]: \"f\" is a function, which runs when it is asked for"])
  }

  @Test("Another number of instances is noted, a partition that becomes a function is another container")
  func changes() throws {
    let plain = try definition(#"{"image": "host"}"#)
    let two = try definition(#"{"image": "host", "warm": 2, "removeAtEnd": false}"#)
    let three = try definition(#"{"image": "host", "warm": 3, "removeAtEnd": false}"#)
    #expect(two.extent(from: three) == .bookkeeping && two.extent(from: two) == nil)
    #expect(two.extent(from: plain) == .container && plain.extent(from: two) == .container)
  }
}

@Suite("What is told of instances")
struct InstanceMessageTests {
  @Test("A request to prepare one is another than one to start it, which a keeper of old does not mistake")
  func messages() throws {
    var start = KeeperStart(name: "f-1", definition: .object(JSON.Object()), log: "/l")
    #expect(try KeeperRequest(json: KeeperRequest.start(start).json) == .start(start))
    start.waits = true
    let request = KeeperRequest.prepare(start)
    #expect(try KeeperRequest(json: request.json) == request)
    guard case .object(let object) = request.json else { return }
    #expect(object["start"] == nil)
    let report = KeeperReport.prepared(KeptPartition(name: "f-1", pid: 2, started: 3, input: 4))
    #expect(try KeeperReport(json: report.json) == report)
  }

  @Test("A record keeps whose instance it is, and that somebody has claimed it")
  func records() throws {
    let definition = PartitionDefinition(name: "f-1", content: .bundle("/b"))
    var record = PartitionRecord(definition: definition, source: .request, id: "1", created: 2)
    record.function = "f"
    record.isClaimed = true
    let scratch = try LogScratch()
    let store = try RecordStore(directory: "\(scratch.log).records")
    _ = try store.save(record, length: 0)
    #expect(try store.load().records == [record])
  }

  @Test("Metrics tell how full a pool is, and which starts it has served")
  func metrics() {
    var counters = SupervisorCounters(version: "1", started: 0)
    var counts = FunctionCounts(name: "f", wanted: 5)
    counts.ready = 3
    counts.warmStarts = 7
    counts.coldStarts = 2
    counts.failures = 1
    counters.functions = [counts]
    let lines = String(decoding: Metrics.text([], counters), as: UTF8.self).split(separator: "\n")
    for line in [
      #"swiftjail_function_instances_wanted{name="f"} 5"#, #"swiftjail_function_instances_ready{name="f"} 3"#,
      #"swiftjail_function_starts_total{name="f",start="warm"} 7"#,
      #"swiftjail_function_starts_total{name="f",start="cold"} 2"#,
      #"swiftjail_function_build_failures_total{name="f"} 1"#,
    ] { #expect(lines.contains(Substring(line)), "\(line)") }
  }
}
