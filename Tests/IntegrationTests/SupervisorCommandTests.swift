import Foundation
import Testing

/// The commands that a supervisor carries out, and those that need none.
@Suite("Commands of the supervisor", .enabled(if: Kernel.hasPartitions))
struct SupervisorCommandTests {
  @Test("down stops what is defined, up starts it again")
  func upDown() throws {
    try withSupervisor { site in
      try site.define("a")
      try site.define("b", SupervisedSandbox.patient, ["after": [site.name("a")], "restart": "always"])
      for short in ["a", "b"] { try site.waitUntilReady(short) }
      try site.succeed("down")
      for short in ["a", "b"] { try site.waitFor(short, "exited") }
      // The supervisor that comes next has not forgotten it.
      try site.end(SIGKILL)
      try site.launch()
      for short in ["a", "b"] { try #expect(site.status(short) == "exited") }
      try site.succeed("up")
      for short in ["a", "b"] {
        try site.waitForOutput(short, "ready", count: 2)
        try site.waitFor(short, "running")
      }
    }
  }

  @Test(
    "up starts those again that down has not ended yet, by the next supervisor as well; stop takes that back")
  func upMeanwhile() throws {
    try withSupervisor { site in
      let slow = "trap 'until [ -e /state/end ]; do sleep 0.02; done; exit 7' TERM; echo ready"
      for (short, isCutShort) in [("a", false), ("b", true)] {
        let state = "\(site.box.scratch.path)/state-\(short)"
        try makeDirectory(state)
        try site.define(
          short, "\(slow); while :; do sleep 0.02; done", ["volumes": ["\(state):/state"]])
        try site.waitUntilReady(short)
        for _ in 1...2 {
          try site.succeed("down")
          try site.succeed("up")
        }
        if isCutShort {
          try site.end(SIGKILL)
          try site.launch()
        }
        try #expect(site.status(short) == "running")
        try write("", to: state + "/end")
        try site.waitForOutput(short, "ready", count: 2)
        try site.waitFor(short, "running")
        unlink(state + "/end")
        try site.succeed("down")
        try site.succeed("up")
        try site.succeed("down")
        try write("", to: state + "/end")
        try site.waitFor(short, "exited")
        try site.succeed("stop", site.name(short))
        try #expect(site.status(short) == "exited")
        unlink(site.path(short))
        try site.waitFor(short, "none")
      }
    }
  }

  @Test(
    "Who is stopped while it waits for others is not started; up has it wait again, in the next supervisor too"
  )
  func stopWaiting() throws {
    try withSupervisor { site in
      let state = site.box.scratch.path + "/state-of-first"
      try makeDirectory(state)
      let check =
        ["command": ["/bin/sh", "-c", "test -e /state/works"], "interval": "20ms"] as [String: Any]
      try site.define(
        "first", SupervisedSandbox.patient, ["healthCheck": check, "volumes": ["\(state):/state"]])
      for short in ["a", "b"] {
        try site.define(short, SupervisedSandbox.patient, ["after": [site.name("first")]])
      }
      let waits = "it waits for \(site.name("first"))"
      func expectError(_ short: String, _ error: String) throws {
        #expect(try poll { try site.inspect(short)?["State.Error"] as? String == error })
      }
      for short in ["a", "b"] { try expectError(short, waits) }
      try site.succeed("stop", site.name("a"))
      try expectError("a", "")
      try site.end(SIGKILL)
      try site.launch()
      try expectError("b", waits)
      try expectError("a", "")
      try write("", to: state + "/works")
      try site.waitUntilReady("b")
      try #expect(site.status("a") == "created")

      try site.succeed("down")
      for short in ["first", "b"] { try site.waitFor(short, "exited") }
      unlink(state + "/works")
      try site.succeed("up")
      for short in ["a", "b"] { try expectError(short, waits) }
      try site.end(SIGKILL)
      try site.define("b", "echo other; \(SupervisedSandbox.patient)", ["after": [site.name("first")]])
      try site.launch()
      for short in ["a", "b"] { try expectError(short, waits) }
      try write("", to: state + "/works")
      for short in ["a", "b"] { try site.waitFor(short, "running") }
      try site.waitForOutput("b", "other")
    }
  }

  @Test("stop, start and restart of several; each waits until it is so")
  func startStop() throws {
    try withSupervisor { site in
      let names = ["a", "b"].map(site.name)
      for short in ["a", "b"] {
        try site.define(short)
        try site.waitUntilReady(short)
      }
      try #expect(site.box.program(["stop"] + names).call().status == 0)
      for short in ["a", "b"] { try #expect(site.status(short) == "exited") }
      try #expect(site.box.program(["start"] + names).call().status == 0)
      let pids = try ["a", "b"].map(site.pid)
      #expect(!pids.contains(0))
      for short in ["a", "b"] { try site.waitForOutput(short, "ready", count: 2) }
      try #expect(site.box.program(["restart"] + names).call().status == 0)
      for (short, pid) in zip(["a", "b"], pids) {
        try #expect(site.status(short) == "running")
        try #expect(site.pid(short) != pid)
      }
      // What is so already is no failure.
      for name in names { try site.succeed("start", name) }
    }
  }

  @Test("A failure for one holds up none of the others, and is told")
  func several() throws {
    try withSupervisor { site in
      try site.define("a")
      try site.waitUntilReady("a")
      let outcome = try site.call("stop", "nobody", site.name("a"))
      expectRefusal(outcome, saying: "nobody")
      try #expect(site.status("a") == "exited")
      expectRefusal(try site.call("start", "nobody", site.name("a")), saying: "nobody")
      try #expect(site.status("a") == "running")
    }
  }

  @Test("rm refuses what runs, and with --force ends it")
  func remove() throws {
    try withSupervisor { site in
      try site.define("a")
      try site.waitUntilReady("a")
      expectRefusal(try site.call("rm", site.name("a")), saying: site.name("a"), "runs")
      try #expect(site.status("a") == "running")
      try site.succeed("rm", "--force", site.name("a"))
      try #expect(site.status("a") == "none")
      expectRefusal(try site.call("rm", site.name("a")), saying: site.name("a"))
    }
  }

  @Test("stats and top say what a partition does now")
  func usage() throws {
    try withSupervisor { site in
      try site.define("a", "sleep 1234 & \(SupervisedSandbox.patient)")
      try site.waitUntilReady("a")
      let stats = try site.succeed("stats")
      #expect(stats.lines.count == 2 && stats.lines.last?.hasPrefix(site.name("a")) == true, "\(stats)")
      #expect(stats.text.contains("%"), "\(stats)")
      let top = try site.succeed("top", site.name("a"))
      let pid = String(try site.pid("a"))
      #expect(top.text.contains("sleep 1234") && top.text.contains(pid), "\(top)")
    }
  }

  @Test("events tells what has happened, in order, a line of JSON each")
  func events() throws {
    try withSupervisor { site in
      let since = String(Int(Date().timeIntervalSince1970) - 1)
      try site.define("a")
      try site.waitUntilReady("a")
      try site.succeed("stop", site.name("a"))
      let until = String(Int(Date().timeIntervalSince1970) + 1)
      let lines = try site.succeed("events", "--since", since, "--until", until).lines
      let events = lines.compactMap {
        (try? JSONSerialization.jsonObject(with: Data($0.utf8)) as? [String: Any]).map(Config.init(object:))
      }
      #expect(events.compactMap { $0["Action"] as? String } == ["create", "start", "kill", "die", "stop"])
      #expect(events.allSatisfy { $0["Actor.Attributes.name"] as? String == site.name("a") })
      #expect(
        events.first { $0["Action"] as? String == "die" }?["Actor.Attributes.exitCode"] as? String == "7")
    }
  }

  @Test("events takes times as docker does; what it cannot do, it says once, and nothing else")
  func eventTimes() throws {
    try withSupervisor { site in
      try site.define("a")
      try site.waitUntilReady("a")
      for since in ["5m", "1h30m", "2020-01-01", "2020-01-01T00:00:00Z", "1.5"] {
        let outcome = try site.succeed("events", "--since", since, "--until", "0s")
        #expect(outcome.text.contains("\"start\""), "\(since)")
      }
      for words in [["--since", "5m", "--until", "1"], ["--since", "yesterday"]] {
        let outcome = try site.box.program(["events"] + words).call()
        expectRefusal(outcome, saying: "since")
        #expect(outcome.stdout.isEmpty)
      }
    }
  }

  @Test("stats of what there is not says so alone; with others it tells of those as well")
  func statsOfNobody() throws {
    try withSupervisor { site in
      let nobody = try site.call("stats", "nobody")
      expectRefusal(nobody, saying: "nobody")
      #expect(nobody.stdout.isEmpty)
      try #expect(site.succeed("stats").lines.count == 1, "none runs")
      try site.define("a")
      try site.waitUntilReady("a")
      let both = try site.call("stats", "nobody", site.name("a"))
      expectRefusal(both, saying: "nobody")
      #expect(both.lines.count == 2)
    }
  }

  @Test("inspect prints a list of all that is known of each")
  func inspect() throws {
    try withSupervisor { site in
      try site.define("a", SupervisedSandbox.patient, ["labels": ["tier": "one"], "user": "12:34"])
      try site.waitUntilReady("a")
      let outcome = try site.succeed("inspect", site.name("a"))
      let list = try #require(outcome.json as? [[String: Any]], "\(outcome)")
      try #require(list.count == 1)
      let document = Config(object: list[0])
      #expect(document["Name"] as? String == "/" + site.name("a"))
      #expect(document["State.Running"] as? Bool == true)
      #expect(document["Config.User"] as? String == "12:34")
      #expect(document["Config.Labels.tier"] as? String == "one")
      expectRefusal(try site.call("inspect", "nobody"), saying: "nobody")
    }
  }

  @Test("The supervisor's partitions answer to commands that need no supervisor")
  func plain() throws {
    try withSupervisor { site in
      try site.define("a")
      try site.waitUntilReady("a")
      let name = site.name("a")
      try site.end(SIGKILL)
      try #expect(site.box.pid(id: name) > 0)
      let ps = try site.succeed("ps")
      #expect(ps.lines.contains { $0.contains(name) && $0.contains("running") }, "\(ps)")
      try #expect(site.succeed("list", "--quiet").lines == [name])
      let exec = try site.call("exec", name, "/bin/sh", "-c", "hostname; exit 5")
      #expect(exec.status == 5 && exec.text == name, "\(exec)")
      try site.succeed("pause", name)
      try site.succeed("resume", name)
      try site.succeed("kill", name, "TERM")
      try site.waitForOutput("a", "asked")
      try site.launch()
      try site.waitFor("a", "exited")
      try #expect(site.exitCode("a") == 7)
    }
  }

  @Test("Commands for containers tell a partition that does not run from one that is not there")
  func notRunning() throws {
    try withSupervisor { site in
      try site.define("a", "exit 3")
      try site.waitFor("a", "exited")
      for words in [
        ["exec", site.name("a"), "true"], ["kill", site.name("a")], ["ps", site.name("a")],
        ["delete", site.name("a")],
      ] {
        let outcome = try site.box.program(words).call()
        expectRefusal(outcome, saying: site.name("a"), "does not run (exited)", "swiftjail start")
        let unknown = try site.box.program([words[0], "nobody"] + words.dropFirst(2)).call()
        expectRefusal(unknown, saying: "container nobody does not exist")
      }
    }
  }

  @Test(
    "A name that is empty is refused",
    arguments: ["inspect", "logs", "rm", "stop", "restart", "stats", "top"])
  func emptyName(command: String) throws {
    try withSandbox { box in
      expectRefusal(try box.program([command, ""]).call(), saying: command, "name is empty")
    }
  }

  @Test("A name that a container without a supervisor has is refused, and that goes on")
  func takenName() throws {
    try withSupervisor { site in
      let name = site.name("a")
      defer { _ = try? site.call("delete", "--force", name) }
      try site.succeed("run", "--rootfs", site.box.rootfs, "--detach", name, "--", "/bin/sleep", "1000")
      try site.define("a")
      try site.waitForMessage("a container called \(name) exists already")
      try #expect(site.box.status(id: name) == "running")
      try site.succeed("delete", "--force", name)
    }
  }

  @Test(
    "Without a supervisor its commands say where they looked",
    arguments: [
      ["up"], ["down"], ["stop", "a"], ["logs", "a"], ["top", "a"], ["rm", "a"], ["inspect", "a"],
    ])
  func none(words: [String]) throws {
    try withSandbox { box in
      expectRefusal(try box.program(words).call(), saying: box.root + "/swiftjaild.sock")
    }
  }
}
