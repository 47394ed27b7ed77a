import Foundation
import Testing

/// A partition that somebody else is at work on, or that takes long: that is its own affair.
@Suite("Nobody waits for another's partition", .enabled(if: Kernel.hasPartitions))
struct SupervisorPatienceTests {
  /// The lock of a container, which whoever is at work on it holds.
  final class Held {
    private let descriptor: CInt

    /// Takes the lock of a partition's container, which need not be there; or that of its layer, for which a start waits.
    init(_ site: SupervisedSandbox, _ short: String, layer: Bool = false) throws {
      let path = "\(site.box.root)\(layer ? "/.partitions" : "")/\(site.name(short))"
      try makeDirectory(path)
      descriptor = open(path, O_RDONLY | O_DIRECTORY | O_CLOEXEC)
      guard flock(descriptor, LOCK_EX) == 0 else { throw Broken("lock \(path)") }
    }

    func release() { flock(descriptor, LOCK_UN) }

    deinit { close(descriptor) }
  }

  /// How long something that waits for nobody may take, in seconds: less than whoever waits for a lock does.
  private static let soon = 15.0

  private func expectPrompt(
    _ site: SupervisedSandbox, sourceLocation: SourceLocation = #_sourceLocation, _ body: () throws -> Void
  ) rethrows {
    let begun = Date()
    try body()
    let time = Date().timeIntervalSince(begun)
    #expect(time < Self.soon, "\(site.messages)", sourceLocation: sourceLocation)
  }

  func begin(
    _ site: SupervisedSandbox, _ method: String, _ target: String
  ) throws -> SupervisorConnection {
    let connection = try SupervisorConnection(site.socket)
    try connection.begin(method, target)
    return connection
  }

  func create(_ site: SupervisedSandbox, _ short: String, _ script: String = "exit 0") throws {
    let document: [String: Any] = [
      "Image": "host", "Cmd": ["/bin/sh", "-c", script], "Env": ["SWIFTJAIL_TEST=\(site.box.id)"],
      "StopTimeout": 60,
    ]
    let body = String(decoding: try JSONSerialization.data(withJSONObject: document), as: UTF8.self)
    let made = try site.ask("POST", "/containers/create?name=\(site.name(short))", body)
    guard made.status == 201 else { throw Broken("create: \(made)") }
  }

  @Test("A pause that waits holds up nobody, a resume waits for it, and both are answered when it is so")
  func pause() throws {
    try withSupervisor { site in
      try site.define("a")
      try site.define("b")
      for short in ["a", "b"] { try site.waitUntilReady(short) }
      let held = try Held(site, "a")
      let pause = try begin(site, "POST", "/containers/\(site.name("a"))/pause")
      let again = try begin(site, "POST", "/containers/\(site.name("a"))/pause")
      try expectPrompt(site) {
        try #expect(again.answer().status == 409)
        try #expect(site.ask("POST", "/containers/\(site.name("b"))/pause").status == 204)
        try #expect(site.status("b") == "paused")
        try #expect(site.status("a") == "running")
      }
      let resume = try begin(site, "POST", "/containers/\(site.name("a"))/unpause")
      held.release()
      try #expect(pause.answer().status == 204)
      try #expect(resume.answer().status == 204)
      try #expect(site.status("a") == "running")
      try #expect(site.ask("POST", "/containers/\(site.name("b"))/unpause").status == 204)
    }
  }

  @Test("A pause that was under way is carried on by the next supervisor")
  func pauseUnderWay() throws {
    try withSupervisor { site in
      try site.define("a")
      try site.waitUntilReady("a")
      let held = try Held(site, "a")
      let pause = try begin(site, "POST", "/containers/\(site.name("a"))/pause")
      try waitForRecord(site, "isPausing")
      try site.end(SIGKILL)
      withExtendedLifetime(pause) {}
      try site.launch()
      try #expect(site.status("a") == "running")
      held.release()
      try site.waitFor("a", "paused")
      try #expect(site.ask("POST", "/containers/\(site.name("a"))/unpause").status == 204)
      try site.waitFor("a", "running")
    }
  }

  @Test("An end whose remains cannot be removed yet holds up nobody, and they go when they can")
  func remains() throws {
    try withSupervisor { site in
      try site.define("a")
      try site.define("b")
      for short in ["a", "b"] { try site.waitUntilReady(short) }
      let held = try Held(site, "a")
      try expectPrompt(site) {
        try #expect(site.ask("POST", "/containers/\(site.name("a"))/stop").status == 204)
        try #expect(site.ask("POST", "/containers/\(site.name("b"))/stop").status == 204)
        try #expect(site.exitCode("a") == 7 && site.exitCode("b") == 7)
      }
      #expect(!Snapshot.cgroups(named: site.name("a")).isEmpty)
      held.release()
      #expect(poll { Snapshot.cgroups(named: site.name("a")).isEmpty })
      #expect(poll { !exists("\(site.box.root)/\(site.name("a"))") })
      try #expect(site.ask("POST", "/containers/\(site.name("a"))/start").status == 204)
      try site.waitForOutput("a", "ready", count: 2)
    }
  }

  @Test("Many removals that have to wait hold up none that has not")
  func removals() throws {
    try withSupervisor { site in
      let shorts = (1...8).map { "a\($0)" }
      for short in shorts + ["b"] { try create(site, short) }
      let held = try shorts.map { try Held(site, $0) }
      let removals = try shorts.map { try begin(site, "DELETE", "/containers/\(site.name($0))") }
      try expectPrompt(site) {
        try #expect(site.ask("DELETE", "/containers/\(site.name("b"))").status == 204)
      }
      for held in held { held.release() }
      for removal in removals { try #expect(removal.answer().status == 204) }
    }
  }

  @Test("prune answers when what it removes is gone")
  func prune() throws {
    try withSupervisor { site in
      for short in ["a", "b"] { try create(site, short) }
      let held = try Held(site, "a")
      let prune = try begin(site, "POST", "/containers/prune")
      #expect(try poll { try site.status("b") == "none" })
      try #expect(site.status("a") == "removing")
      held.release()
      let answer = try prune.answer()
      #expect((answer.document["ContainersDeleted"] as? [String])?.count == 2, "\(answer)")
      try #expect((site.ask("GET", "/containers/json?all=1").json as? [Any])?.isEmpty == true)
    }
  }

  // MARK: Starts that hang

  @Test("Starts that hang hold up no others, are told, and end when somebody wants that")
  func hangingStarts() throws {
    try withSupervisor { site in
      // More than are begun at once.
      let shorts = (1...(2 * ProcessInfo.processInfo.processorCount + 4)).map { "a\($0)" }
      for short in shorts + ["b"] { try create(site, short, SupervisedSandbox.patient) }
      let held = try shorts.map { try Held(site, $0, layer: true) }
      let starts = try shorts.map { try begin(site, "POST", "/containers/\(site.name($0))/start") }
      try expectPrompt(site) {
        try #expect(site.ask("POST", "/containers/\(site.name("b"))/start").status == 204)
      }
      try site.waitForMessage("\(site.name("a1")): its start takes long: process ")
      try expectPrompt(site) {
        for short in shorts.prefix(2) {
          try #expect(site.ask("POST", "/containers/\(site.name(short))/stop").status == 204)
        }
      }
      for start in starts.prefix(2) { try #expect(start.answer().status == 500) }
      let removal = try begin(site, "DELETE", "/containers/\(site.name("a3"))?force=1")
      try #expect(starts[2].answer().status == 500)
      for held in held { held.release() }
      try #expect(removal.answer().status == 204)
      for start in starts.dropFirst(3) { try #expect(start.answer().status == 204) }
      // What was cut short can be started.
      try #expect(site.ask("POST", "/containers/\(site.name("a1"))/start").status == 204)
      try site.waitUntilReady("a1")
      try #expect(site.status("a2") == "created")
    }
  }

  // MARK: What is asked for during a start

  /// Ignores SIGTERM.
  private static let deaf = "trap '' TERM; echo ready; while :; do sleep 0.02; done"

  @Test("Whoever removes by force what is being started does not wait until it would have ended by itself")
  func removedDuringStart() throws {
    try withSupervisor { site in
      try create(site, "a", Self.deaf)
      let held = try Held(site, "a", layer: true)
      let start = try begin(site, "POST", "/containers/\(site.name("a"))/start")
      try waitForRecord(site, "isWanted")
      let removal = try begin(site, "DELETE", "/containers/\(site.name("a"))?force=1")
      #expect(try poll { try site.status("a") == "removing" })
      held.release()
      try expectPrompt(site) { try #expect(removal.answer().status == 204) }
      _ = try start.answer()
    }
  }

  @Test("The time to end in that is given during a start counts")
  func stoppedDuringStart() throws {
    try withSupervisor { site in
      try create(site, "a", Self.deaf)
      let held = try Held(site, "a", layer: true)
      let start = try begin(site, "POST", "/containers/\(site.name("a"))/start")
      try waitForRecord(site, "isWanted")
      let stop = try begin(site, "POST", "/containers/\(site.name("a"))/stop?t=0")
      try waitForRecord(site, "wasStopped")
      held.release()
      try expectPrompt(site) { try #expect(stop.answer().status == 204) }
      try #expect(start.answer().status == 204)
      try #expect(site.exitCode("a") == 137)
    }
  }

  /// Waits until a request has been taken, by what it notes.
  func waitForRecord(_ site: SupervisedSandbox, _ field: String) throws {
    let path = "\(site.records)/partitions/\(site.name("a")).json"
    guard poll({ contents(path)?.contains("\"\(field)\":true") == true }) else {
      throw Broken("never \(field), but: \(contents(path) ?? "")")
    }
  }
}
