import Foundation
import Testing

/// What the parent of all partitions does where machines are short of something.
@Suite("The keeper of the supervisor", .enabled(if: Kernel.hasPartitions))
struct SupervisorKeeperTests {
  /// Is one process, which says when it runs.
  static let single = "echo ready; exec sleep 100000"

  @Test("Where few descriptors are allowed there are more keepers, of which the next supervisor knows all")
  func fewDescriptors() throws {
    let site = try SupervisedSandbox()
    defer { site.remove() }
    site.descriptors = 76
    try site.launch()
    let shorts = (1...25).map { "a\($0)" }
    for short in shorts { try site.define(short, SupervisedSandbox.patient, ["restart": "on-failure"]) }
    for short in shorts { try site.waitUntilReady(short) }
    // Each has room for ten.
    let keepers = site.keepers
    #expect(keepers.count == 3)
    let pids = try shorts.map { try site.pid($0) }

    try site.end(SIGKILL)
    // One of each.
    for short in ["a1", "a12", "a25"] { try site.succeed("kill", site.name(short), "TERM") }
    for short in ["a1", "a12", "a25"] { try site.waitForOutput(short, "asked") }
    try site.launch()
    for short in ["a1", "a12", "a25"] {
      try site.waitForOutput(short, "ready", count: 2)
      try site.waitFor(short, "running")
      try #expect(site.restarts(short) == 1)
    }
    #expect(site.keepers == keepers)
    for (short, pid) in zip(shorts, pids) where !["a1", "a12", "a25"].contains(short) {
      try #expect(site.status(short) == "running" && site.pid(short) == pid)
    }
    // What has ended makes room, and is told once.
    for short in shorts.prefix(12) { try site.succeed("stop", site.name(short)) }
    for short in shorts.prefix(12) {
      try #expect(site.exitCode(short) == 7)
      try site.succeed("start", site.name(short))
    }
    for short in shorts { try site.waitFor(short, "running") }
    #expect(site.keepers == keepers)
    try site.empty()
    expectNothingLeft(of: site.box, "by three keepers")
  }

  @Test("A keeper that cannot be started takes the starts with it that were for it, and nothing else")
  func noMoreKeepers() throws {
    let site = try SupervisedSandbox()
    defer { site.remove() }
    site.descriptors = 76
    try site.launch()
    let shorts = (1...10).map { "a\($0)" }
    for short in shorts { try site.define(short) }
    for short in shorts { try site.waitUntilReady(short) }
    let path = site.box.root + "/.keeper/keeper-1"
    try makeDirectory(path)
    try site.define("b", SupervisedSandbox.patient, ["restart": "always"])
    try site.waitForMessage("\(site.name("b")): start the keeper at \(path): ")
    try #expect(site.status("a1") == "running")
    rmdir(path)
    try site.waitUntilReady("b")
    #expect(site.keepers.count == 2)
    try site.empty()
    expectNothingLeft(of: site.box, "by two keepers")
  }

  @Test("Of a keeper that stands still the person who runs it hears")
  func stopped() throws {
    try withSupervisor { site in
      try site.define("a")
      try site.waitUntilReady("a")
      let keeper = try #require(site.keepers.first)
      kill(keeper, SIGSTOP)
      defer { kill(keeper, SIGCONT) }
      try site.define("b")
      try site.waitForMessage("the keeper at \(site.box.root)/.keeper/keeper does not answer")
      try #expect(site.status("a") == "running")
      kill(keeper, SIGCONT)
      try site.waitUntilReady("b")
    }
  }

  @Test("What is written to logs is counted, and so are starts that fail")
  func counters() throws {
    try withSupervisor { site in
      func sample(_ name: String) throws -> Int {
        let line = try site.ask("GET", "/metrics").text.lines.first { $0.hasPrefix("\(name) ") }
        return Int(line?.words.last ?? "") ?? -1
      }
      try #expect(sample("swiftjaild_partition_start_failures_total") == 0)
      try site.define("a")
      try site.waitUntilReady("a")
      #expect(try poll { try sample("swiftjaild_log_written_bytes_total") > 0 })
      let written = try sample("swiftjaild_log_written_bytes_total")
      #expect(written == (contents(site.logFile("a")) ?? "").utf8.count)
      try site.define("b", "", ["command": ["/none"]])
      #expect(try poll { try sample("swiftjaild_partition_start_failures_total") == 1 })
      // The next supervisor is told.
      try site.end(SIGKILL)
      try site.launch()
      try #expect(sample("swiftjaild_log_written_bytes_total") == written)
      try #expect(sample("swiftjaild_log_dropped_entries_total") == 0)
    }
  }

  @Test("One whose worker is killed at any moment runs once or not at all, and can be started again")
  func killedWorkers() throws {
    try withSupervisor { site in
      let shorts = (1...6).map { "a\($0)" }
      for short in shorts {
        try site.define(
          short, Self.single,
          [
            "restart": "always", "stopSignal": "KILL", "stopTimeout": "0s",
            "restartDelay": ["initial": "5ms", "longest": "20ms"],
            "environment": ["PATH": "/bin", "SWIFTJAIL_TEST": site.box.id, "NAME": site.name(short) + ";"],
          ])
      }
      for short in shorts { try site.waitFor(short, "running") }
      let keeper = try #require(site.keepers.first)
      let deadline = Date().addingTimeInterval(4)
      var killed = 0
      while Date() < deadline {
        for short in shorts where Int.random(in: 0..<4) == 0 {
          if let pid = try? site.pid(short), pid > 0 { kill(pid_t(pid), SIGKILL) }
        }
        usleep(useconds_t.random(in: 0..<8000))
        for pid in Self.workers(of: keeper) where Bool.random() {
          kill(pid, SIGKILL)
          killed += 1
        }
      }
      try #require(killed > 10)
      for short in shorts {
        try site.waitFor(short, "running")
        guard poll({ Self.programs(site.name(short) + ";").count == 1 }) else {
          throw Broken("\(short): \(Self.programs(site.name(short) + ";"))\n\(site.messages)")
        }
        try #expect(Self.programs(site.name(short) + ";") == [pid_t(site.pid(short))])
        #expect(!site.messages.contains("exists already"), "\(site.messages)")
        try site.succeed("restart", site.name(short))
        try #expect(Self.programs(site.name(short) + ";") == [pid_t(site.pid(short))])
      }
      #expect(site.keepers == [keeper])
    }
  }

  /// Processes that start partitions, or are about to become their programs.
  private static func workers(of keeper: pid_t) -> [pid_t] {
    let children = contents("/proc/\(keeper)/task/\(keeper)/children") ?? ""
    return children.words.compactMap { pid_t($0) }.filter {
      contents("/proc/\($0)/comm")?.trimmed == "swiftjail-keep"
    }
  }

  /// The programs with `mark` in their environment.
  private static func programs(_ mark: String) -> [pid_t] {
    Snapshot.processes(marked: mark).filter { contents("/proc/\($0)/comm")?.trimmed == "sleep" }
  }

  @Test("A disk that hangs holds up those alone who have written something")
  func hangingDisk() throws {
    try withSupervisor { site in
      let log = site.logFile("loud")
      try makeDirectory(URL(fileURLWithPath: log).deletingLastPathComponent().path)
      // It takes no more than a pipe does, until somebody reads.
      #expect(mkfifo(log, 0o600) == 0)
      try site.define("running")
      try site.waitUntilReady("running")
      let limits: [String: Any] = ["log": ["maxSize": "1m", "maxFiles": 2], "stopTimeout": "0s"]
      try site.define("loud", "yes", limits)
      try site.waitFor("loud", "running")
      let keeper = try #require(site.keepers.first)
      guard poll({ Self.waitsForDisk(keeper) }) else { throw Broken("nobody waits for the pipe") }

      try site.define("quiet", "exit 3")
      try site.waitFor("quiet", "exited")
      try #expect(site.exitCode("quiet") == 3)
      try site.define("word", "echo word; exit 4")
      try site.waitFor("word", "running")
      // What it wrote is not in its log, so nobody hears of its end.
      try #expect(poll { try site.box.status(id: site.name("word")) == "stopped" })
      try site.end(SIGKILL)
      try site.launch()
      try #expect(site.status("word") == "running")
      try site.define("late")
      try site.waitFor("late", "running")

      let disk = try Program("/bin/cat", [log]).start()
      defer { disk.forget() }
      try site.waitFor("word", "exited")
      try #expect(site.exitCode("word") == 4 && site.output("word") == "word\n")
      try site.waitForOutput("late", "ready")
      try site.succeed("stop", site.name("loud"))
    }
  }

  /// Whether a thread of the process `pid` waits until a pipe takes more.
  private static func waitsForDisk(_ pid: pid_t) -> Bool {
    let threads = (try? FileManager.default.contentsOfDirectory(atPath: "/proc/\(pid)/task")) ?? []
    return threads.filter { $0 != String(pid) }.contains { thread in
      // write(2), by its number.
      #if arch(x86_64)
        let write = "1 "
      #else
        let write = "64 "
      #endif
      return contents("/proc/\(pid)/task/\(thread)/syscall")?.hasPrefix(write) == true
    }
  }

  @Test("When it is killed, what runs goes on below another one, and is told of and stopped as before")
  func killed() throws {
    try withSupervisor { site in
      try site.define("stays")
      try site.define("stops")
      try site.define("fails", SupervisedSandbox.patient, ["restart": "on-failure"])
      try site.define("dies", SupervisedSandbox.patient, ["restart": "no"])
      try site.define(
        "both", "exec 2>&1; trap 'echo asked; exit 0' TERM; echo ready; while :; do sleep 0.02; done")
      let shorts = ["stays", "stops", "fails", "dies", "both"]
      for short in shorts { try site.waitUntilReady(short) }
      let pids = try shorts.map { try site.pid($0) }
      let former = try #require(site.keepers.first)
      kill(former, SIGKILL)
      try #expect(#require(site.daemon).wait().status == 1)
      #expect(site.messages.contains("the keeper has ended"))
      // Nobody sees it end.
      try site.succeed("kill", site.name("dies"), "KILL")
      try #expect(poll { try site.box.status(id: site.name("dies")) == "stopped" })

      try site.launch()
      try site.waitForMessage("without a keeper")
      for (short, pid) in zip(shorts, pids) where short != "dies" {
        try site.waitFor(short, "running")
        try #expect(site.pid(short) == pid && site.restarts(short) == 0)
      }
      #expect(site.keepers.count == 1 && site.keepers.first != former)
      try site.waitFor("dies", "exited")
      try #expect(site.exitCode("dies") == 255)
      try #expect((site.inspect("dies")?["State.Error"] as? String ?? "").contains("not seen"))

      // What it writes now is in its log, and its end is the one that it has.
      try site.succeed("stop", site.name("stops"))
      try #expect(site.status("stops") == "exited" && site.output("stops").contains("asked"))
      try #expect([7, 255].contains(site.exitCode("stops")))
      try site.succeed("start", site.name("stops"))
      try site.waitForOutput("stops", "ready", count: 2)
      try site.succeed("stop", site.name("both"))
      #expect(site.output("both") == "ready\nasked\n")
      // Its policy holds, for the next supervisor as well.
      try site.end(SIGKILL)
      try site.succeed("kill", site.name("fails"), "TERM")
      try site.launch()
      try site.waitForOutput("fails", "ready", count: 2)
      try site.waitFor("fails", "running")
      try #expect(site.restarts("fails") == 1)
      try #expect(site.pid("stays") == pids[0])
    }
  }

  @Test("What it had runs on while the next one takes its time to take it")
  func slowToAdopt() throws {
    try withSupervisor { site in
      try site.define("a")
      try site.waitUntilReady("a")
      let pid = try site.pid("a")
      let former = try #require(site.keepers.first)
      kill(former, SIGKILL)
      try #expect(#require(site.daemon).wait().status == 1)
      let pretended = try PretendedKeeper(root: site.box.root)
      try site.launch()
      try site.waitForMessage("has not answered yet")
      #expect(kill(pid_t(pid), 0) == 0)
      try #expect(site.box.status(id: site.name("a")) == "running")
      pretended.stop()
      try #expect(#require(site.daemon).wait().status == 1)
      try site.launch()
      try site.waitFor("a", "running")
      try #expect(site.pid("a") == pid && site.restarts("a") == 0)
    }
  }

  @Test("One that keeps what is somewhere else is told of, and not used")
  func moved() throws {
    try withSupervisor { site in
      try site.define("a")
      try site.waitUntilReady("a")
      try site.end(SIGTERM)
      let moved = site.box.root + "2"
      try FileManager.default.moveItem(atPath: site.box.root, toPath: moved)
      let other = try Program(Swiftjail.supervisor, ["--root", moved, "--config", site.definitions]).call()
      try FileManager.default.moveItem(atPath: moved, toPath: site.box.root)
      #expect(other.status == 1 && other.stderr.contains("keeps what is in \(site.box.root)"), "\(other)")
      try site.launch()
      try site.waitFor("a", "running")
    }
  }

  @Test("What it would still have to tell is no reason to stay once nobody can find it")
  func rootRemoved() throws {
    let site = try SupervisedSandbox()
    defer { site.remove() }
    try site.launch()
    try site.define("a")
    try site.waitUntilReady("a")
    try site.end(SIGKILL)
    try site.succeed("kill", site.name("a"), "TERM")
    try #expect(poll { try site.box.status(id: site.name("a")) == "stopped" })
    #expect(site.keepers.count == 1)
    try FileManager.default.removeItem(atPath: site.box.root + "/.keeper")
    #expect(poll { site.keepers.isEmpty })
  }

  @Test("It is among the last to go when memory is short, and partitions are not")
  func outOfMemory() throws {
    try withSupervisor { site in
      try site.define("a")
      try site.define("b", SupervisedSandbox.patient, ["oomScoreAdj": 300])
      for short in ["a", "b"] { try site.waitUntilReady(short) }
      let keeper = try #require(site.keepers.first)
      let expected = Kernel.raisesLimits ? "-999" : contents("/proc/self/oom_score_adj")?.trimmed
      #expect(contents("/proc/\(keeper)/oom_score_adj")?.trimmed == expected)
      #expect(contents("/proc/\(try #require(site.daemon).pid)/oom_score_adj")?.trimmed == expected)
      try #expect(contents("/proc/\(site.pid("a"))/oom_score_adj")?.trimmed == "0")
      try #expect(contents("/proc/\(site.pid("b"))/oom_score_adj")?.trimmed == "300")
    }
  }
}
