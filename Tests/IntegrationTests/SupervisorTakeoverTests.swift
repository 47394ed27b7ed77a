import Foundation
import Testing

/// A supervisor may end at any moment, and the next one goes on where it was.
@Suite("A supervisor that ends", .enabled(if: Kernel.hasPartitions))
struct SupervisorTakeoverTests {
  @Test("Its partitions go on, and the next one knows them", arguments: [SIGKILL, SIGTERM, SIGINT])
  func goOn(signal: CInt) throws {
    try withSupervisor { site in
      try site.define("a")
      try site.waitUntilReady("a")
      let (pid, keepers) = try (site.pid("a"), site.keepers)
      let status = try site.end(signal)
      #expect(status == (signal == SIGKILL ? 137 : 0), "\(site.messages)")
      try #expect(site.box.status(id: site.name("a")) == "running")
      try site.launch()
      try site.waitFor("a", "running")
      try #expect(site.pid("a") == pid)
      #expect(site.keepers == keepers && keepers.count == 1)
      #expect(site.output("a") == "ready\n", "nobody asked it to end")
      try site.succeed("stop", site.name("a"))
      try #expect(site.exitCode("a") == 7)
    }
  }

  @Test("One whose record cannot be read is seen with the reason and can be stopped and removed, not started")
  func damagedRecord() throws {
    try withSupervisor { site in
      let body =
        #"{"Image":"host","Cmd":["/bin/sh","-c","sleep 100000"],"StopSignal":"KILL","Env":["SWIFTJAIL_TEST=\#(site.box.id)"]"#
        + #","HostConfig":{"RestartPolicy":{"Name":"always"}}}"#
      for short in ["a", "b"] {
        try #expect(site.ask("POST", "/containers/create?name=\(site.name(short))", body).status == 201)
      }
      try site.succeed("start", site.name("a"))
      let pid = try site.pid("a")
      try site.end(SIGKILL)
      for short in ["a", "b"] {
        let path = "\(site.records)/partitions/\(site.name(short)).json"
        let text = try #require(contents(path))
        try text.replacingOccurrences(of: "\"always\"", with: "\"often\"").write(
          toFile: path, atomically: false, encoding: .utf8)
      }
      try site.launch()
      try #expect(site.status("a") == "running" && site.pid("a") == pid)
      try #expect(
        (site.inspect("a")?["State.Error"] as? String ?? "").contains("definition.restart: must be"))
      try #expect(site.ask("POST", "/containers/\(site.name("b"))/start").status == 409)
      try #expect(site.ask("POST", "/containers/\(site.name("a"))/update", #"{"PidsLimit":5}"#).status == 409)
      try site.succeed("stop", site.name("a"))
      try #expect(site.status("a") == "exited" && site.status("b") == "created")
      for short in ["a", "b"] {
        try #expect(site.ask("DELETE", "/containers/\(site.name(short))").status == 204)
      }
    }
  }

  @Test("A definition that came while it was being started is what runs under the next one")
  func changedWhileStarting() throws {
    try withSupervisor { site in
      // Whoever makes a container waits for its directory's lock.
      let directory = site.box.root + "/" + site.name("a")
      try makeDirectory(directory)
      let lock = open(directory, O_RDONLY)
      defer { close(lock) }
      #expect(flock(lock, LOCK_EX) == 0)
      try site.define("a", "echo first; " + SupervisedSandbox.patient, ["stopTimeout": "1s"])
      #expect(try poll { try site.status("a") == "created" })
      usleep(100_000)
      try site.define("a", "echo second; " + SupervisedSandbox.patient, ["stopTimeout": "1s"])
      let record = "\(site.records)/partitions/\(site.name("a")).json"
      #expect(poll { contents(record)?.contains("echo second") == true })
      try site.end(SIGKILL)
      try site.launch()
      flock(lock, LOCK_UN)
      try site.waitForOutput("a", "second")
      try site.waitUntilReady("a")
      #expect(contents("/proc/\(try site.pid("a"))/cmdline")?.contains("echo second") == true)
    }
  }

  @Test("What ended meanwhile is on record with its status and its time")
  func endsMeanwhile() throws {
    try withSupervisor { site in
      for status in 1...4 {
        let script = "trap 'exit \(status)' TERM; echo ready; while :; do sleep 0.02; done"
        try site.define("a\(status)", script)
      }
      for status in 1...4 { try site.waitUntilReady("a\(status)") }
      try site.end(SIGKILL)
      for status in 1...4 { try site.succeed("kill", site.name("a\(status)"), "TERM") }
      for status in 1...4 {
        #expect(try poll { try site.box.status(id: site.name("a\(status)")) == "stopped" })
      }
      let before = ISO8601DateFormatter().string(from: Date().addingTimeInterval(1))
      try site.launch()
      for status in 1...4 {
        try site.waitFor("a\(status)", "exited")
        try #expect(site.exitCode("a\(status)") == status)
        let end = try site.inspect("a\(status)")?["State.FinishedAt"] as? String ?? ""
        #expect(end > "2020" && end < before, "\(end) \(before)")
      }
    }
  }

  @Test("What ended meanwhile and is to be started again is")
  func restartsMeanwhile() throws {
    try withSupervisor { site in
      try site.define(
        "a", SupervisedSandbox.patient, ["restart": "always", "restartDelay": SupervisorRestartTests.atOnce])
      try site.define("b", SupervisedSandbox.patient, ["restart": "on-failure"])
      try site.waitUntilReady("a")
      try site.waitUntilReady("b")
      try site.end(SIGKILL)
      for short in ["a", "b"] { try site.succeed("kill", site.name(short), "TERM") }
      for short in ["a", "b"] { try site.waitForOutput(short, "asked") }
      try site.launch()
      for short in ["a", "b"] {
        try site.waitForOutput(short, "ready", count: 2)
        try site.waitFor(short, "running")
        try #expect(site.restarts(short) == 1)
      }
    }
  }

  @Test("A restart that was waited for still comes")
  func restartWaitedFor() throws {
    try withSupervisor { site in
      try site.define("a", "echo run; exit 1", ["restart": "always", "restartDelay": ["initial": "1h"]])
      try site.waitFor("a", "restarting")
      try site.end(SIGKILL)
      try site.launch()
      try site.waitForOutput("a", "run\n", count: 2)
    }
  }

  @Test("What is written meanwhile is in the log, each line once")
  func linesMeanwhile() throws {
    try withSupervisor { site in
      try site.define("a", "n=0; while :; do n=$((n+1)); echo line $n; sleep 0.005; done")
      for _ in 1...3 {
        try site.waitForOutput("a", "line", count: site.output("a").lines.count + 5)
        try site.end(SIGKILL)
        try site.waitForOutput("a", "line", count: site.output("a").lines.count + 5)
        try site.launch()
      }
      try site.succeed("stop", "--time", "0", site.name("a"))
      let lines = site.output("a").lines
      #expect(lines == (1...max(lines.count, 1)).map { "line \($0)" })
      try #expect(site.succeed("logs", site.name("a")).lines == lines)
    }
  }

  @Test("Killed while it starts many, it starts the rest, and none twice", arguments: [0, 5, 20, 60])
  func killedWhileStarting(milliseconds: Int) throws {
    let site = try SupervisedSandbox()
    defer { site.remove() }
    let shorts = (1...8).map { "a\($0)" }
    for short in shorts { try site.define(short, "sleep 1000 & \(SupervisedSandbox.patient)") }
    let first = try site.program.start()
    defer { first.forget() }
    // Not a wait for something: the moment is what differs.
    usleep(useconds_t(milliseconds) * 1000)
    first.signal(SIGKILL)
    _ = try first.wait()
    try site.launch()
    for short in shorts {
      try site.waitFor(short, "running")
      try site.waitUntilReady(short)
    }
    for short in shorts {
      #expect(site.output(short) == "ready\n", "it was started once: \(site.messages)")
      let pids = try site.succeed("ps", "--format", "json", site.name(short)).json as? [Int]
      let pid = try site.pid(short)
      #expect(pids?.contains(pid) == true)
    }
    #expect(site.keepers.count == 1)
    try site.empty()
    expectNothingLeft(of: site.box)
  }

  // Changes of files are gathered for a tenth of a second.
  @Test("Killed while it removes many, it removes the rest", arguments: [100, 105, 115, 140])
  func killedWhileRemoving(milliseconds: Int) throws {
    try withSupervisor { site in
      let shorts = (1...8).map { "a\($0)" }
      for short in shorts { try site.define(short) }
      for short in shorts { try site.waitUntilReady(short) }
      for short in shorts { unlink(site.path(short)) }
      usleep(useconds_t(milliseconds) * 1000)
      try site.end(SIGKILL)
      try site.launch()
      for short in shorts { try site.waitFor(short, "none") }
      for short in shorts { #expect(Snapshot.cgroups(named: site.name(short)).isEmpty) }
    }
  }

  @Test("A stop that was under way is carried on")
  func stopUnderWay() throws {
    try withSupervisor { site in
      try site.define(
        "a", "trap 'echo no' TERM; echo ready; while :; do sleep 0.02; done",
        ["restart": "always", "stopTimeout": "500ms"])
      try site.waitUntilReady("a")
      let stop = try site.box.program(["stop", "--time", "60", site.name("a")]).start()
      defer { stop.forget() }
      try site.waitForOutput("a", "no")
      try site.end(SIGKILL)
      try #expect(stop.wait().status != 0)
      try site.launch()
      try site.waitFor("a", "exited")
      try #expect(site.exitCode("a") == 137)
    }
  }

  @Test("A restart that was under way is carried on")
  func restartUnderWay() throws {
    try withSupervisor { site in
      try site.define(
        "a", "trap 'echo no' TERM; echo ready; while :; do sleep 0.02; done", ["stopTimeout": "500ms"])
      try site.waitUntilReady("a")
      let restart = try site.box.program(["restart", "--time", "60", site.name("a")]).start()
      defer { restart.forget() }
      try site.waitForOutput("a", "no")
      try site.end(SIGKILL)
      try #expect(restart.wait().status != 0)
      try site.launch()
      try site.waitForOutput("a", "ready", count: 2)
      try site.waitFor("a", "running")
    }
  }

  @Test("A paused partition is known as one")
  func paused() throws {
    try withSupervisor { site in
      try site.define("a")
      try site.waitUntilReady("a")
      try #expect(site.ask("POST", "/containers/\(site.name("a"))/pause").status == 204)
      try site.end(SIGKILL)
      try site.launch()
      try site.waitFor("a", "paused")
      try #expect(site.ask("POST", "/containers/\(site.name("a"))/unpause").status == 204)
      try site.waitFor("a", "running")
    }
  }

  @Test("A partition that somebody else lets go on is not paused any more")
  func thawed() throws {
    try withSupervisor { site in
      try site.define("a")
      try site.waitUntilReady("a")
      let target = "/containers/\(site.name("a"))"
      func pauseAndThaw() throws {
        try #expect(site.ask("POST", "\(target)/pause").status == 204)
        try site.waitFor("a", "paused")
        let files = Snapshot.cgroups(named: site.name("a")).map { "\($0)/cgroup.freeze" }
        for file in files where contents(file)?.trimmed == "1" {
          try Data("0".utf8).write(to: URL(fileURLWithPath: file))
        }
      }
      try pauseAndThaw()
      try #expect(site.ask("POST", "\(target)/exec", #"{"Cmd": ["/bin/true"]}"#).status == 201)
      try #expect(site.status("a") == "running")
      try pauseAndThaw()
      // As Docker has it for one that is not paused.
      try #expect(site.ask("POST", "\(target)/unpause").status == 409)
      try #expect(site.status("a") == "running")
      try #expect(site.ask("POST", "\(target)/pause").status == 204)
      // As Docker has it, a signal lets it go on.
      try #expect(site.ask("POST", "\(target)/kill?signal=WINCH").status == 204)
      try #expect(site.status("a") == "running")
      let until = Int(Date().timeIntervalSince1970) + 1
      let lines = try site.succeed("events", "--since", "1", "--until", String(until)).lines
      for action in ["pause", "unpause"] {
        #expect(lines.filter { $0.contains(#""Action":"\#(action)""#) }.count == 3, "\(lines)")
      }
    }
  }

  @Test("The keeper goes when nothing is left to keep and no supervisor is there")
  func keeperEnds() throws {
    try withSupervisor { site in
      try site.define("a")
      try site.waitUntilReady("a")
      try site.end(SIGTERM)
      #expect(site.keepers.count == 1)
      try site.succeed("kill", site.name("a"), "TERM")
      // Somebody has still to hear of that end.
      try site.launch()
      try site.waitFor("a", "exited")
      try site.end(SIGTERM)
      #expect(poll { site.keepers.isEmpty })
    }
  }

  @Test("Two supervisors have nothing to do with one another")
  func two() throws {
    try withSupervisor { one in
      try withSupervisor { other in
        for site in [one, other] {
          try site.define("a")
          try site.waitUntilReady("a")
        }
        let pid = try one.pid("a")
        try #expect(one.ask("GET", "/containers/\(other.name("a"))/json").status == 404)
        try other.end(SIGKILL)
        try other.succeed("kill", other.name("a"), "TERM")
        try other.launch()
        try other.waitFor("a", "exited")
        try #expect(one.pid("a") == pid)
      }
      try one.waitFor("a", "running")
    }
  }

  @Test("A second one for the same containers is refused, and the first goes on")
  func second() throws {
    try withSupervisor { site in
      try site.define("a")
      try site.waitUntilReady("a")
      var second = site.program
      second.arguments += ["--socket", site.box.scratch.path + "/other.sock"]
      let outcome = try second.call()
      #expect(outcome.status == 1 && outcome.complaints.count == 1, "\(outcome)")
      #expect(
        outcome.stderr.contains("another swiftjaild") && outcome.stderr.contains("--root"), "\(outcome)")
      try #expect(site.status("a") == "running")
    }
  }

  @Test("--socket is where it listens, and where swiftjail --socket looks")
  func socket() throws {
    let site = try SupervisedSandbox()
    defer { site.remove() }
    let path = site.box.scratch.path + "/other.sock"
    try site.define("a")
    var program = site.program
    program.arguments += ["--socket", path]
    let daemon = try program.start()
    defer { daemon.forget() }
    #expect(poll { exists(path) })
    #expect(poll { (try? site.call("--socket", path, "inspect", site.name("a")).status) == 0 })
    #expect(!exists(site.socket))
    daemon.signal(SIGTERM)
    try #expect(daemon.wait().status == 0)
    try site.launch()
    try site.empty()
    expectNothingLeft(of: site.box)
  }

  @Test("Its paths may start from the working directory; it says where it listens, and what it knows of")
  func relativePaths() throws {
    let site = try SupervisedSandbox()
    defer { site.remove() }
    let script = "cd \"$1\" && exec \"$0\" --root state --config partitions.d"
    var program = Program("/bin/sh", ["-c", script, Swiftjail.supervisor, site.box.scratch.path])
    program.environment["SWIFTJAIL_TEST"] = site.box.id
    try site.define("a")
    let daemon = try program.start()
    defer { daemon.forget() }
    #expect(
      poll { daemon.stderr.contains("listens at \(site.socket); partitions: 1, of which run: 0") },
      "\(daemon.stderr)")
    try site.waitUntilReady("a")
    daemon.signal(SIGKILL)
    #expect(poll { daemon.hasEnded })
    try site.launch()
    try site.waitForMessage("partitions: 1, of which run: 1")
    try site.empty()
    expectNothingLeft(of: site.box)
  }

  @Test(
    "A command line that is wrong is refused with status 2", arguments: ["--nonesuch", "--root", "extra"])
  func badOption(word: String) throws {
    let outcome = try Program(Swiftjail.supervisor, [word]).call()
    #expect(outcome.status == 2 && outcome.complaints.count == 1, "\(outcome)")
    #expect(outcome.stderr.contains(word), "\(outcome)")
  }
}
