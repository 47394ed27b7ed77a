import Linux
import OCI
import Testing

@testable import Definitions
@testable import Supervisor

@Suite("Those who are attached to a partition")
struct AttachmentTests {
  private let scratch: LogScratch
  private let loop: EventLoop
  private let count = OutputTap.Count()
  private let files: LogFiles
  private let pump: OutputPump
  private let stdout: FileHolder
  private let stderr: FileHolder

  init() throws {
    scratch = try LogScratch()
    loop = try EventLoop()
    files = try LogFiles(loop)
    let output = try FileDescriptor.pipe()
    let errors = try FileDescriptor.pipe()
    (stdout, stderr) = (FileHolder(output.write), FileHolder(errors.write))
    var limits = PartitionDefinition.LogLimits()
    // Less than is written.
    limits.size = 4096
    limits.files = 2
    let log = LogWriter(path: scratch.log, limits: limits, files: files)
    pump = try OutputPump(output: output.read, errors: errors.read, loop, log)
    try stdout.file.setNonBlocking()
    try stderr.file.setNonBlocking()
  }

  /// One who is attached, and what has come.
  private final class Client {
    let output: AttachedOutput
    var begun: Int64?
    var bytes: [UInt8] = []
    var end: AttachedOutput.End?
    init(_ output: AttachedOutput) {
      self.output = output
      output.onBegin = { [unowned self] time in begun = time }
      output.onBytes = { [unowned self] in bytes += $0 }
      output.onEnd = { [unowned self] in end = $0 }
    }
  }

  private func attach(
    patience: Int64 = OutputTap.patience, _ change: (inout KeeperAttachment) -> Void = { $0.isRaw = true }
  ) throws -> Client {
    var wanted = KeeperAttachment(name: "p")
    change(&wanted)
    let pair = try Socket.streams()
    let copy = try pair.there.descriptor.duplicate()
    pump.add(try OutputTap(Socket(copy), wanted, count, loop, patience: patience))
    return Client(try AttachedOutput(pair.here, loop))
  }

  /// Has the loop turn until `condition` holds, for ten seconds at most.
  private func turn(until condition: () throws -> Bool) throws {
    let deadline = Clock.monotonic() + 10_000_000_000
    while try !condition() {
      try #require(Clock.monotonic() < deadline)
      try loop.turn(longest: 50)
    }
  }

  /// Writes as much of `bytes` as is taken in a while, and says how much.
  private func write(_ bytes: ArraySlice<UInt8>, patient: Bool) throws -> Int {
    var rest = bytes
    var idle = 0
    while !rest.isEmpty, patient || idle < 20 {
      let sent = stdout.file.writeNow(rest) ?? 0
      rest = rest.dropFirst(sent)
      idle = sent > 0 ? 0 : idle + 1
      try loop.turn(longest: patient ? 10 : 1)
    }
    return bytes.count - rest.count
  }

  private func finish() throws {
    var isOver = false
    pump.finish { isOver = true }
    try turn { isOver }
  }

  @Test("One who is attached gets every byte, whatever it is and however little the log keeps")
  func all() throws {
    let client = try attach()
    try turn { client.begun != nil }
    client.output.resume()
    let bytes = (0..<3_000_000).map { UInt8(truncatingIfNeeded: $0 &* 2_654_435_761 >> 7) }
    #expect(try write(bytes[...], patient: true) == bytes.count)
    try finish()
    try turn { client.end != nil }
    #expect(client.bytes == bytes && client.end == .complete && count.value == 0)
    #expect(try scratch.names() == ["p.log", "p.log.1"])
  }

  @Test("The two streams come in frames that tell which it is, and one alone where one is wanted")
  func frames() throws {
    let both = try attach { _ in }
    let errors = try attach { $0.streams = .stderr }
    for client in [both, errors] {
      try turn { client.begun != nil }
      client.output.resume()
    }
    try stdout.file.writeAll([255, 0])
    try turn { both.bytes.count == 10 }
    try stderr.file.writeAll([7])
    try finish()
    try turn { both.end != nil && errors.end != nil }
    #expect(both.bytes == [1, 0, 0, 0, 0, 0, 0, 2, 255, 0, 2, 0, 0, 0, 0, 0, 0, 1, 7])
    #expect(errors.bytes == [2, 0, 0, 0, 0, 0, 0, 1, 7])
  }

  @Test("One who does not take holds up who writes, with little on its way, and loses nothing")
  func backPressure() throws {
    let client = try attach()
    let bytes = (0..<2_000_000).map { UInt8(truncatingIfNeeded: $0 / 251) }
    let taken = try write(bytes[...], patient: false)
    #expect(taken < 600_000)
    client.output.resume()
    #expect(try write(bytes[taken...], patient: true) == bytes.count - taken)
    try finish()
    try turn { client.end != nil }
    #expect(client.bytes == bytes && client.end == .complete)
  }

  @Test("The end waits for nobody, and who is slow gets all the same what came before it")
  func slowAtTheEnd() throws {
    let client = try attach()
    let bytes = [UInt8](repeating: 7, count: 1_000_000)
    let taken = try write(bytes[...], patient: false)
    try finish()
    #expect(client.end == nil && taken < bytes.count)
    client.output.resume()
    try turn { client.end != nil }
    #expect(client.bytes.count == taken && client.end == .complete)
  }

  @Test(
    "One who takes nothing for too long is cut off, and hears of it; who writes goes on, and others get all")
  func patience() throws {
    let client = try attach(patience: 50)
    let other = try attach()
    try turn { client.begun != nil && other.begun != nil }
    other.output.resume()
    let bytes = [UInt8](repeating: 7, count: 2_000_000)
    #expect(try write(bytes[...], patient: true) == bytes.count)
    try turn { client.end != nil }
    #expect(client.end == .cutOff && client.bytes.isEmpty)
    try finish()
    try turn { other.end != nil && count.value == 0 }
    #expect(other.bytes == bytes && other.end == .complete)
  }

  @Test("One who goes holds up nobody any more")
  func gone() throws {
    let client = try attach()
    let bytes = [UInt8](repeating: 7, count: 2_000_000)
    let taken = try write(bytes[...], patient: false)
    client.output.close()
    #expect(try write(bytes[taken...], patient: true) == bytes.count - taken)
    #expect(count.value == 0 && client.end == nil)
  }

  @Test("What follows the log begins where that ends, with the line that is not over")
  func followsLog() throws {
    try stdout.file.writeAll(Array("one\ntw".utf8))
    try turn { try scratch.names().contains("p.log") && scratch.entries().count == 1 }
    let client = try attach {
      $0.isRaw = true
      $0.followsLog = true
    }
    try turn { client.begun != nil }
    let begun = try #require(client.begun)
    client.output.resume()
    try stdout.file.writeAll(Array("o\n".utf8))
    try finish()
    try turn { client.end != nil }
    #expect(String(decoding: client.bytes, as: UTF8.self) == "two\n")
    #expect(try scratch.read().map { $0.time <= begun } == [true, false])
  }

  @Test("One whom nobody takes in hears that, and not that all has come")
  func unknown() throws {
    let pair = try Socket.streams()
    let there = pair.there
    let client = Client(try AttachedOutput(pair.here, loop))
    let copy = try there.descriptor.duplicate()
    try OutputTap(Socket(copy), KeeperAttachment(name: "p"), count, loop).end()
    // The other copy is the one that counts.
    try loop.turn(longest: 0)
    #expect(client.end == nil)
    _ = consume there
    try turn { client.end != nil }
    #expect(client.end == .unknown && client.begun == nil)
  }

  @Test("Frames are handed on whole, however they come")
  func wholeFrames() {
    let first = MultiplexedStream.frame(.output, [1, 2, 3])
    let second = MultiplexedStream.frame(.error, [UInt8](repeating: 4, count: 300))
    for size in [1, 2, 7, 11, 12, 200] {
      var frames = WholeFrames()
      var taken: [[UInt8]] = []
      var rest = (first + second + first.dropLast())[...]
      while !rest.isEmpty {
        taken.append(frames.take(Array(rest.prefix(size))))
        rest = rest.dropFirst(size)
      }
      #expect(taken.flatMap { $0 } == first + second)
      #expect(taken.filter { !$0.isEmpty }.allSatisfy { [first, second, first + second].contains($0) })
    }
  }

  @Test("What is wanted arrives as it was sent, with the socket")
  func request() throws {
    var wanted = KeeperAttachment(name: "p", streams: .stderr, isRaw: true)
    for _ in 0..<2 {
      let request = KeeperRequest.attach(wanted)
      #expect(try KeeperRequest(json: request.json) == request)
      wanted = KeeperAttachment(name: "q", streams: .stdout, followsLog: true, waits: true)
    }
    let path = "\(scratch.path)/socket"
    let listener = try Socket.listenForPackets(at: path)
    let here = try PacketChannel(try Socket.connectForPackets(to: path), loop)
    guard let accepted = try listener.acceptPackets() else {
      Issue.record("nobody connected")
      return
    }
    let there = try PacketChannel(accepted, loop)
    var came: [String] = []
    there.onMessage = { [unowned there] message in
      switch there.takeFile() {
      case .some(let file):
        try? file.writeAll([9])
        came.append("\(message) with a file")
      case .none: came.append("\(message)")
      }
    }
    let pipe = try FileDescriptor.pipe()
    let reader = pipe.read
    here.send(JSON.string("a"), with: pipe.write)
    here.send(JSON.string("b"))
    try turn { came.count == 2 }
    #expect(came == ["\(JSON.string("a")) with a file", "\(JSON.string("b"))"])
    #expect(try reader.readByte() == 9 && reader.readByte() == nil)
  }
}
