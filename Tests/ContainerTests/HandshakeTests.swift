import Linux
import Synchronization
import Testing

@testable import Container

@Suite("The handshake")
struct HandshakeTests {
  /// What was received, in words.
  func next(_ handshake: borrowing Handshake) throws -> String {
    let message = try handshake.receive()
    switch consume message {
    case .process(let process): return try "process \(process.pid())"
    case .pid(let pid): return "pid \(pid)"
    case .hooks: return "hooks"
    case .terminal(let terminal): return try "terminal \(terminal.status().kind)"
    case .limits: return "limits"
    case .ready: return "ready"
    case .listener(let number): return "listener \(number)"
    case .unfiltered(let error): return "unfiltered \(error)"
    case .failed(let error): return "\(error.kind) \(error)"
    case .notExecuted(let errno): return "not executed \(errno.rawValue)"
    case .closed: return "closed"
    }
  }

  private func expectNext(
    _ words: String, on handshake: borrowing Handshake, sourceLocation: SourceLocation = #_sourceLocation
  ) throws {
    let received = try next(handshake)
    #expect(received == words, sourceLocation: sourceLocation)
  }

  @Test("Messages come as they were sent, and then the end")
  func messages() throws {
    let pair = try Socket.pair()
    let outside = Handshake(pair.here)
    do {
      let inside = Handshake(pair.there)
      try inside.sendProcess(try Pidfd(of: ProcessControl.pid))
      try inside.socket.send(Trampoline.Answer.pid(.max).message)
      try inside.socket.send(Trampoline.Answer.listener(7).message)
      try inside.socket.send(Trampoline.Answer.unfiltered(.invalidArgument).message)
      try inside.sendTerminal(try FileDescriptor.open("/dev/null", .readWrite))
      try inside.askForLimits()
      try inside.askForHooks()
      try inside.socket.send([Handshake.ready])
      inside.sendFailure(ContainerError(.failed, "no: Ümlaut"))
      inside.sendFailure(ContainerError(.failed, ""))
      inside.sendFailure(.program("a", .noSuchFileOrDirectory))
      inside.sendFailure(.program("a", .permissionDenied))
    }
    try expectNext("process \(ProcessControl.pid)", on: outside)
    try expectNext("pid \(Int32.max)", on: outside)
    try expectNext("listener 7", on: outside)
    try expectNext("unfiltered linux.seccomp: put the filter in force: Invalid argument", on: outside)
    try expectNext("terminal characterDevice", on: outside)
    try expectNext("limits", on: outside)
    try expectNext("hooks", on: outside)
    try expectNext("ready", on: outside)
    try expectNext("failed no: Ümlaut", on: outside)
    try expectNext("failed ", on: outside)
    try expectNext("programNotFound exec: \"a\": No such file or directory", on: outside)
    try expectNext("programNotExecuted exec: \"a\": Permission denied", on: outside)
    try expectNext("closed", on: outside)
    try expectNext("closed", on: outside)
  }

  @Test("Notes are written by the other side and pass for nothing else; a bounded wait takes none")
  func notes() throws {
    let pair = try Socket.pair()
    let written = Mutex<[String]>([])
    let debug = DebugMessages { text in written.withLock { $0.append(text) } }
    let outside = Handshake(pair.here, debug)
    let inside = Handshake(pair.there, debug)
    let other = try Socket.pair()
    let quiet = Handshake(other.here)
    let isQuiet = quiet.notes == nil
    #expect(isQuiet)
    inside.notes?.say("one")
    inside.notes?.say(String(repeating: "x", count: 10_000))
    try inside.askForLimits()
    try expectNext("limits", on: outside)
    #expect(written.withLock { $0 }.map(\.utf8.count) == [28, 4025])
    #expect(written.withLock { $0.first } == "the container's process: one")
    inside.notes?.say("two")
    let own = try Pidfd(of: ProcessControl.pid)
    do throws(ContainerError) {
      _ = try outside.receive(orEndOf: own, milliseconds: 1000)
      Issue.record("a note was taken")
    } catch { #expect(error.description.contains("unexpected")) }
  }

  @Test("Who is not waited for without end is taken to have nothing more to say")
  func silence() throws {
    let pair = try Socket.pair()
    let outside = Handshake(pair.here)
    let message = try outside.receive(orEndOf: try Pidfd(of: ProcessControl.pid), milliseconds: 1)
    guard case .closed = consume message else {
      Issue.record("something was said")
      return
    }
    // Its end is open until now.
    try pair.there.send([Handshake.ready])
    try expectNext("ready", on: outside)
  }

  @Test("A reason longer than a message is cut, not lost")
  func longFailure() throws {
    let pair = try Socket.pair()
    let outside = Handshake(pair.here)
    let inside = Handshake(pair.there)
    // Two bytes a letter, so that a cut may go through one.
    inside.sendFailure(ContainerError(.failed, "x" + String(repeating: "ü", count: 5000)))
    let text = try next(outside)
    #expect(text.hasPrefix("failed xüü") && text.utf8.count > 3900)
  }

  @Test("The trampoline's report is told from a message of the same length")
  func report() throws {
    let pair = try Socket.pair()
    let outside = Handshake(pair.here)
    try pair.there.send([0xfe, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff])
    let inside = Handshake(pair.there)
    inside.sendFailure(ContainerError(.failed, "7 bytes"))
    try inside.socket.send(Trampoline.Answer.pid(1_234_567).message)
    try expectNext("not executed 2", on: outside)
    try expectNext("failed 7 bytes", on: outside)
    try expectNext("pid 1234567", on: outside)
  }

  @Test("A terminal's message without a terminal is an error")
  func noTerminal() throws {
    let pair = try Socket.pair()
    let outside = Handshake(pair.here)
    try pair.there.send(Array("T".utf8))
    do {
      _ = try outside.receive()
      Issue.record("accepted")
    } catch {
      #expect(error.description.contains("terminal"))
    }
  }

  @Test("A process that is gone before it waits for its start is an error")
  func gone() throws {
    let plan = try ProcessPlan(.init(args: ["a"], cwd: "/"))
    let record = Record(
      id: try ContainerID("a"), ociVersion: "1.0.2", bundle: "/b", root: "/r", created: 0, cgroup: nil,
      namespaces: [], annotations: [:], ownedDirectory: nil)
    func bringUp(waitsForStart: Bool) throws {
      let pair = try Socket.pair()
      let outside = Handshake(pair.here)
      do { _ = Handshake(pair.there) }
      _ = try Supervision.bringUp(
        outside, pid: 1, process: plan, of: record, consoleSocket: nil, waitsForStart: waitsForStart)
    }
    #expect(throws: ContainerError.self) { try bringUp(waitsForStart: true) }
    #expect(throws: Never.self) { try bringUp(waitsForStart: false) }
  }

  @Test("A number of descriptors that nobody can have is refused", arguments: [-1, Int32.min, Int32.max])
  func preserved(count: Int32) {
    #expect(throws: ContainerError.self) { try PreservedDescriptors(count, from: "a test") }
  }

  @Test("The word to go on is told from any other and from the end")
  func expect() throws {
    let pair = try Socket.pair()
    let inside = Handshake(pair.there)
    do {
      let outside = Handshake(pair.here)
      try outside.send(.mapped)
      try outside.send(.proceed)
      try outside.send(.mapped)
    }
    let came = [
      inside.expect(.mapped), inside.expect(.proceed), inside.expect(.proceed), inside.expect(.proceed),
    ]
    #expect(came == [true, true, false, false])
  }
}
