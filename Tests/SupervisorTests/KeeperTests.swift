import Container
import Definitions
import Glibc
import Layers
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

  @Test("Whether an end came is told without taking it")
  func early() {
    var ends = EarlyEnds()
    ends.note(7, .exited(1))
    let mark = ends.mark
    ends.note(8, .exited(2))
    #expect(!ends.has(7, after: mark) && ends.has(8, after: mark) && !ends.has(9, after: 0))
    #expect(ends.take(8, after: mark) == .exited(2))
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

  @Test("Keepers give numbers of ends that grow, and never the same one")
  func endNumbers() throws {
    let first = try #require(KeeperPlace("/d", 0))
    let second = try #require(KeeperPlace("/d", 1))
    var last: [UInt64] = [0, 0]
    var all: Set<UInt64> = []
    for now in [1000, 1000, 1001, 1064, 5000, 4000] as [Int64] {
      for (number, place) in [first, second].enumerated() {
        let end = place.nextEnd(after: last[number], now: now)
        #expect(end > last[number] && end > UInt64(now))
        #expect(KeeperPlace.number(ofEnd: end) == number)
        #expect(all.insert(end).inserted)
        last[number] = end
      }
    }
    // One that a partition gets from another keeper is greater, once the clock has gone on.
    #expect(first.nextEnd(after: 0, now: 6000) > last[1])
  }

  @Test("A keeper has room for as many partitions as its descriptors allow, and for one in any case")
  func room() {
    #expect(KeeperRoom(descriptors: 20_000, processors: 2) == KeeperRoom(descriptors: 20_001, processors: 2))
    let usual = KeeperRoom(descriptors: 20_000, processors: 2)
    #expect(usual.partitions == 6330 && usual.starts == 12 && usual.longStarts == 256)
    #expect(usual.attachments == 625)
    let many = KeeperRoom(descriptors: 1 << 20, processors: 64)
    #expect(many.partitions > 300_000 && many.starts == 136)
    let few = KeeperRoom(descriptors: 256, processors: 64)
    #expect(few.partitions * 3 + few.starts * 8 + few.longStarts + few.attachments <= 256)
    #expect(few.partitions > 40 && few.starts == 4)
    #expect(KeeperRoom(descriptors: 0, processors: 1) == KeeperRoom(descriptors: 8, processors: 1))
    #expect(KeeperRoom(descriptors: 0, processors: 1).partitions == 1)
    #expect(KeeperRoom(descriptors: .max, processors: 1).partitions > 1 << 40)
  }

  @Test("Keepers are found by their sockets, of which the first has the name that it always had")
  func places() throws {
    let scratch = try LogScratch()
    for name in ["keeper", "keeper-2", "keeper-64", "keeper-x", "other"] { try scratch.write("", to: name) }
    let places = try KeeperPlace.all(in: scratch.path)
    #expect(places.map(\.number) == [0, 2])
    #expect(places.map(\.path) == ["\(scratch.path)/keeper", "\(scratch.path)/keeper-2"])
    #expect(KeeperPlace(scratch.path, KeeperPlace.most) == nil && KeeperPlace(scratch.path, -1) == nil)
  }

  @Test("Those that wait to be started come in their order, as they were asked for")
  func queue() throws {
    var queue = StartQueue()
    let starts = (0..<100).map { KeeperStart(name: "p\($0)", definition: .string("\($0)"), log: "/l") }
    var taken: [KeeperStart] = []
    for (number, start) in starts.enumerated() {
      queue.append(start)
      if number % 3 == 0, let next = queue.popFirst() { taken.append(next) }
    }
    #expect(queue.count == 66 && queue.contains("p99") && !queue.contains("p0"))
    while let next = queue.popFirst() { taken.append(next) }
    #expect(taken == starts && queue.isEmpty)
  }

  @Test("One that waits to be started can be taken out, and the others come in their order")
  func takenOut() throws {
    var queue = StartQueue()
    for number in 0..<1000 {
      queue.append(KeeperStart(name: "p\(number)", definition: .string("d"), log: "/l"))
    }
    for number in 0..<600 { #expect(queue.popFirst()?.name == "p\(number)") }
    for number in stride(from: 600, to: 1000, by: 2) {
      #expect(queue.remove("p\(number)") && !queue.remove("p\(number)") && !queue.contains("p\(number)"))
    }
    #expect(!queue.remove("p5") && queue.count == 200)
    queue.append(KeeperStart(name: "p600", definition: .string("d"), log: "/l"))
    for number in stride(from: 601, to: 1000, by: 2) { #expect(queue.popFirst()?.name == "p\(number)") }
    #expect(queue.popFirst()?.name == "p600" && queue.popFirst() == nil && queue.isEmpty)
  }

  @Test("What is said of starts and of logs arrives as it was said")
  func saidOfStarts() throws {
    var counters = LogFiles.Counters()
    counters.writtenBytes = .max
    counters.droppedBytes = 2
    counters.droppedEntries = 3
    for report in [KeeperReport.note("p: its start takes long"), .logged(counters)] {
      try #expect(KeeperReport(json: report.json) == report)
    }
    for request in [KeeperRequest.cutShort("p"), .answer] {
      try #expect(KeeperRequest(json: request.json) == request)
    }
  }

  @Test("Of a start that takes long it is said which process waits, and for what, as far as that can be seen")
  func delay() throws {
    let disk = StartDelay.text(7, UInt8(ascii: "D"), in: "request_wait_answer")
    #expect(disk.hasPrefix("process 7 waits in request_wait_answer: a file system does not answer"))
    #expect(StartDelay.text(7, UInt8(ascii: "S"), in: "0").hasPrefix("process 7 waits: somebody else"))
    #expect(StartDelay.text(7, nil, in: nil).hasPrefix("process 7 has ended"))
    #expect(StartDelay.text(of: ProcessControl.pid).hasPrefix("process \(ProcessControl.pid) waits"))
  }

  @Test("A keeper can be found until its socket is gone, or is another's")
  func lookout() throws {
    let scratch = try LogScratch()
    let place = KeeperPlace(first: scratch.path)
    let socket = try Socket.listenForPackets(at: place.path)
    let loop = try EventLoop()
    let lookout = try KeeperLookout(place)
    var calls = 0
    try lookout.watch(loop) { calls += 1 }
    try scratch.write("", to: "other")
    try loop.turn(longest: 1000)
    #expect(lookout.canBeFound && calls == 0)
    try File.remove(place.path)
    try loop.turn(longest: 1000)
    #expect(!lookout.canBeFound && calls == 1)
    withExtendedLifetime(socket) {}
  }

  @Test("What a killed worker has left is its own, and this process's child")
  func orphans() throws {
    let scratch = try LogScratch()
    let store = ContainerStore(path: scratch.path)
    try Directory.make("\(scratch.path)/p", mode: 0o700)
    func record(_ pid: Int32, _ startTime: UInt64, created: Int64) throws {
      let text = """
        {"id":"p","ociVersion":"1.0.2","bundle":"/b","root":"/b/r","pid":\(pid),"startTime":\(startTime),
        "created":\(created),"namespaces":0}
        """
      try File.replace("\(scratch.path)/p/state.json", with: Array(text.utf8))
    }
    #expect(Orphan.pid(of: "p", in: store, since: 5) { _ in true } == nil)
    try record(0, 0, created: 5)
    #expect(Orphan.pid(of: "p", in: store, since: 5) { _ in true } == nil)
    try record(4711, 1, created: 5)
    #expect(Orphan.pid(of: "p", in: store, since: 5) { $0 == 4711 } == 4711)
    #expect(Orphan.pid(of: "p", in: store, since: 6) { _ in true } == nil)
    #expect(Orphan.pid(of: "p", in: store, since: 5) { _ in false } == nil)
    // It runs, and is somebody else's child.
    let own = ProcessControl.pid
    try record(own, try ProcessStatus.of(own).startTime, created: 5)
    #expect(Orphan.pid(of: "p", in: store, since: 5) { _ in false } == nil)
  }

  @Test(
    "What runs without a keeper is asked for as it is, and what is told of its end says that nobody knows it")
  func adoptionMessages() throws {
    var start = KeeperStart(name: "p", definition: .string("d"), log: "/l")
    start.started = 7
    #expect(try KeeperRequest(json: KeeperRequest.adopt(start).json) == .adopt(start))
    var end = KeptEnd(number: 1, name: "p", pid: 2, status: 255, started: 3, finished: 4)
    #expect(try KeeperReport(json: KeeperReport.ended(end).json) == .ended(end))
    end.isUnknown = true
    end.ran = 77
    #expect(end.milliseconds == 77, "whatever somebody has done to the clock meanwhile")
    #expect(try KeeperReport(json: KeeperReport.ended(end).json) == .ended(end))
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

  @Test("The longest message is sent where the machine gives sockets little room")
  func littleRoom() throws {
    let loop = try EventLoop()
    let ends = try Socket.pair()
    var size: Int32 = 4096
    let number = ends.here.descriptor.rawValue
    #expect(setsockopt(number, SOL_SOCKET, SO_SNDBUF, &size, socklen_t(MemoryLayout<Int32>.size)) == 0)
    #expect(try ends.here.longestMessage() < PacketChannel.longest)
    try ends.here.descriptor.setNonBlocking()
    try ends.there.descriptor.setNonBlocking()
    let here = try PacketChannel(ends.here, loop)
    let there = try PacketChannel(ends.there, loop)
    var messages: [JSON] = []
    there.onMessage = { messages.append($0) }
    var hasEnded = false
    here.onEnd = { hasEnded = true }
    let longest = JSON.string(String(repeating: "x", count: PacketChannel.longest - 2))
    for _ in 1...3 { #expect(here.send(longest)) }
    for _ in 0..<100 where messages.count < 3 { try loop.turn(longest: 10) }
    #expect(messages == [longest, longest, longest] && !hasEnded)
  }

  /// The two ends of a connection between a keeper and a supervisor.
  private func channels(
    _ loop: EventLoop, _ scratch: LogScratch
  ) throws -> (here: PacketChannel, there: PacketChannel) {
    let path = "\(scratch.log).socket"
    let listener = try Socket.listenForPackets(at: path)
    let here = try PacketChannel(try Socket.connectForPackets(to: path), loop)
    guard let accepted = try listener.acceptPackets() else { throw Errno.connectionRefused }
    return (here, try PacketChannel(accepted, loop))
  }

  @Test("When one end goes while much waits for it, whoever has the other one may let go of it at once")
  func brokenChannel() throws {
    let loop = try EventLoop()
    let scratch = try LogScratch()
    var (here, there): (PacketChannel?, PacketChannel?) = try channels(loop, scratch)
    var ends = 0
    here?.onEnd = {
      ends += 1
      here = nil
    }
    for _ in 0..<2000 { here?.send(JSON.string("a report")) }
    #expect(here?.isStuck == true && there != nil)
    there = nil
    for _ in 0..<10 where ends == 0 { try loop.turn(longest: 10) }
    #expect(ends == 1 && here == nil)
  }

  @Test("What came before an end is let go of can still be taken")
  func drained() throws {
    let loop = try EventLoop()
    let scratch = try LogScratch()
    let (here, there) = try channels(loop, scratch)
    var messages: [JSON] = []
    there.onMessage = { messages.append($0) }
    for number in 1...100 { here.send(JSON.integer(Int64(number))) }
    there.drain()
    there.close()
    #expect(messages == (1...100).map { JSON.integer(Int64($0)) } && !here.isStuck)
  }

  @Test("How much is kept of a log can be said while it is written")
  func logLimits() throws {
    var limits = PartitionDefinition.LogLimits()
    limits.size = 4096
    limits.files = 7
    let request = KeeperRequest.limitLog(name: "p", limits)
    #expect(try KeeperRequest(json: request.json) == request)
  }

  @Test("A reason of any letters arrives, cut where it is long")
  func longReasons() throws {
    let reason = String(repeating: "\u{1}", count: 10_000)
    let cut = WorkerReport.failed(String(decoding: reason.utf8.prefix(4000), as: UTF8.self))
    #expect(cut.json.bytes().count <= WorkerReport.longest)
  }
}
