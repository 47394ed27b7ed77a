import Foundation
import Testing

/// Functions: definitions whose instances are built before anybody asks for them.
@Suite("A function", .enabled(if: Kernel.hasPartitions))
struct FunctionTests {
  @Test("Instances wait, as many as its definition says, and run nothing")
  func pool() throws {
    try withSupervisor { site in
      try site.define("f", "echo ran", ["warm": 2])
      let instances = try site.waitForPool("f", 2)
      for instance in instances {
        let state = try site.box.program(["state", instance]).call().json as? [String: Any]
        #expect(state?["status"] as? String == "created")
        let notes = state?["annotations"] as? [String: String]
        #expect(notes?["org.swiftjail.function"] == site.name("f"), "start leaves it to the supervisor")
        let known = try site.ask("GET", "/containers/\(instance)/json").document
        #expect(known["State.Status"] as? String == "created" && known["State.Pid"] as? Int == 0)
        let log = "\(site.records)/logs/\(instance)/\(instance)-json.log"
        #expect(contents(log) ?? "" == "")
      }
      let metrics = try site.ask("GET", "/metrics").text
      #expect(metrics.contains("swiftjail_function_instances_ready{name=\"\(site.name("f"))\"} 2\n"))
      let again = try site.ask("POST", "/containers/prune")
      #expect(again.status == 200)
      try #expect(site.instances("f") == instances, "what waits is not left over")
    }
  }

  @Test("A start is served by an instance that waits, whose place another takes")
  func start() throws {
    try withSupervisor { site in
      try site.define("f", "echo ran; exit 3", ["warm": 2, "removeAtEnd": false])
      let waiting = try site.waitForPool("f", 2)
      let name = try site.succeed("start", site.name("f")).text
      #expect(waiting.contains(name))
      let ended = try poll {
        try site.ask("GET", "/containers/\(name)/json").document["State.Status"] as? String == "exited"
      }
      let known = try site.ask("GET", "/containers/\(name)/json").document
      #expect(ended && known["State.ExitCode"] as? Int == 3)
      try #expect(site.succeed("logs", name).text == "ran")
      let next = try site.waitForPool("f", 2)
      #expect(!next.contains(name) && next.subtracting(waiting).count == 1)
      let counts = try site.pool("f")
      #expect(counts["WarmStarts"] as? Int == 1 && counts["ColdStarts"] as? Int == 0)
    }
  }

  @Test("Started attached, it passes on input, output and status, and nothing of the instance stays")
  func attached() throws {
    try withSupervisor { site in
      try site.define("f", "read x; echo got $x; cat >&2; exit 5", ["warm": 1, "interactive": true])
      try site.waitForPool("f", 1)
      try write("one\ntwo\n", to: site.box.scratch.path + "/input")
      for _ in 1...3 {
        let input = open(site.box.scratch.path + "/input", O_RDONLY | O_CLOEXEC)
        defer { close(input) }
        var start = site.box.program(["start", "--attach", site.name("f")])
        start.stdin = .descriptor(input)
        let outcome = try start.call()
        #expect(outcome.status == 5 && outcome.text == "got one" && outcome.stderr == "two\n", "\(outcome)")
      }
      let waiting = try site.waitForPool("f", 1)
      #expect(try poll { try site.instances("f", all: true) == waiting })
    }
  }

  @Test("Started with nobody attached, its input ends at once, also where none waited", arguments: [1, 0])
  func unattended(warm: Int) throws {
    try withSupervisor { site in
      let more: [String: Any] = ["warm": warm, "interactive": true, "removeAtEnd": false]
      try site.define("f", "cat; exit 3", more)
      for way in ["functions", "containers"] {
        try site.waitForPool("f", warm)
        let others = try site.instances("f", all: true).subtracting(site.instances("f"))
        try #expect(site.ask("POST", "/\(way)/\(site.name("f"))/start").status < 300)
        try site.waitForPool("f", warm)
        let started = try site.instances("f", all: true).subtracting(others).subtracting(site.instances("f"))
        let name = try #require(started.first)
        let ended = try poll {
          try site.ask("GET", "/containers/\(name)/json").document["State.Status"] as? String == "exited"
        }
        #expect(ended, "\(way)")
      }
    }
  }

  @Test("A signal to who is attached goes to the program")
  func signals() throws {
    try withSupervisor { site in
      try site.define("f", SupervisedSandbox.patient, ["warm": 1])
      try site.waitForPool("f", 1)
      let running = try site.box.program(["start", "-a", site.name("f")]).start()
      #expect(poll { running.text.contains("ready") })
      running.signal(SIGTERM)
      try #expect(running.wait().status == 7)
    }
  }

  @Test("With nothing that waits, a start builds an instance at once")
  func cold() throws {
    try withSupervisor { site in
      try site.define("f", "echo ran; exit 4", ["warm": 0])
      try site.waitForPool("f", 0)
      let outcome = try site.call("start", "-a", site.name("f"))
      #expect(outcome.status == 4 && outcome.text == "ran", "\(outcome)")
      try site.succeed("start", site.name("f"))
      try #expect(site.pool("f")["ColdStarts"] as? Int == 1)
    }
  }

  @Test("What was claimed is nobody else's, and is started by Docker's own request")
  func claimed() throws {
    try withSupervisor { site in
      try site.define("f", SupervisedSandbox.patient, ["warm": 1])
      let waiting = try site.waitForPool("f", 1)
      let claim = try site.ask("POST", "/functions/\(site.name("f"))/claim")
      let name = claim.document["Name"] as? String ?? ""
      #expect(claim.status == 201 && waiting == [name])
      let both = try site.waitForPool("f", 1)
      #expect(both.contains(name) && both.count == 2)
      let other = try site.succeed("start", site.name("f")).text
      #expect(both.subtracting([name]) == [other])
      let after = try site.waitForPool("f", 1)
      try site.end(SIGKILL)
      try site.launch()
      try #expect(site.waitForPool("f", 1) == after)
      try #expect(site.box.status(id: name) == "created")
      try #expect(site.ask("POST", "/containers/\(name)/start").status == 204)
      try #expect(site.ask("POST", "/containers/\(name)/start").status == 304)
      try #expect(site.box.status(id: name) == "running")
    }
  }

  @Test("kill -9 of the supervisor loses no instance: the next one's pool has those that wait")
  func takeover() throws {
    try withSupervisor { site in
      try site.define("f", SupervisedSandbox.patient, ["warm": 3])
      try site.waitForPool("f", 3)
      let running = try site.succeed("start", site.name("f")).text
      let waiting = try site.waitForPool("f", 3)
      let pids = try waiting.map { try site.pidInside($0) }
      try site.end(SIGKILL)
      try site.launch()
      try #expect(site.waitForPool("f", 3) == waiting)
      try #expect(waiting.map { try site.pidInside($0) } == pids)
      let known = try site.ask("GET", "/containers/\(running)/json").document
      #expect(known["State.Status"] as? String == "running")
      try #expect(waiting.contains(site.succeed("start", site.name("f")).text))
    }
  }

  @Test("Killed while it builds and starts, the supervisor's next one has the whole pool, and no more")
  func takeoverWhileBuilding() throws {
    try withSupervisor { site in
      try site.define("f", "exit 0", ["warm": 6])
      for _ in 1...4 {
        #expect(try poll { try site.instances("f").count > 1 })
        _ = try site.ask("POST", "/functions/\(site.name("f"))/start")
        try site.end(SIGKILL)
        try site.launch()
      }
      let waiting = try site.waitForPool("f", 6)
      #expect(try poll { try site.instances("f", all: true) == waiting })
    }
  }

  @Test("Where the keeper was killed, what waited in vain is replaced")
  func keeperKilled() throws {
    try withSupervisor { site in
      try site.define("f", "echo ran", ["warm": 2])
      let old = try site.waitForPool("f", 2)
      for pid in site.keepers { kill(pid, SIGKILL) }
      #expect(poll { site.daemon?.hasEnded == true })
      try site.launch()
      let new = try site.waitForPool("f", 2)
      #expect(new.isDisjoint(with: old))
      try #expect(site.pool("f")["Failures"] as? Int == 0)
      try #expect(site.succeed("start", "-a", site.name("f")).text == "ran")
    }
  }

  @Test("What was started past a supervisor that was not there is found to run, and ends as others do")
  func startedMeanwhile() throws {
    try withSupervisor { site in
      try site.define("f", SupervisedSandbox.patient, ["warm": 1])
      let name = try site.waitForPool("f", 1).first ?? ""
      try site.end(SIGKILL)
      // Nobody listens: it is the command's own work then, as with any container.
      unlink(site.socket)
      try site.succeed("start", name)
      try site.launch()
      let known = try site.ask("GET", "/containers/\(name)/json").document
      #expect(known["State.Status"] as? String == "running")
      try site.waitForPool("f", 1)
      try site.succeed("stop", name)
      #expect(try poll { try site.ask("GET", "/containers/\(name)/json").status == 404 })
    }
  }

  @Test("A changed definition replaces what waits, and lets run what runs")
  func changed() throws {
    try withSupervisor { site in
      try site.define("f", SupervisedSandbox.patient, ["warm": 2])
      let old = try site.waitForPool("f", 2)
      let running = try site.succeed("start", site.name("f")).text
      try site.waitForPool("f", 2)
      try site.define("f", "echo new", ["warm": 1])
      #expect(try poll { try site.instances("f").isDisjoint(with: old) && site.instances("f").count == 1 })
      try site.waitForPool("f", 1)
      try #expect(site.succeed("start", "-a", site.name("f")).text == "new")
      let known = try site.ask("GET", "/containers/\(running)/json").document
      #expect(known["State.Status"] as? String == "running")
      // A partition from now on.
      try site.define("f")
      try site.waitUntilReady("f")
      #expect(try poll { try site.instances("f").isEmpty })
      // And a function again.
      try site.define("f", "echo again", ["warm": 1])
      try site.waitForPool("f", 1)
      try #expect(site.succeed("start", "-a", site.name("f")).text == "again")
    }
  }

  @Test("Without its file nothing waits any more; down stops its instances as well, up fills the pool again")
  func ended() throws {
    try withSupervisor { site in
      try site.define("f", SupervisedSandbox.patient, ["warm": 2])
      try site.waitForPool("f", 2)
      try site.succeed("start", site.name("f"))
      try site.waitForPool("f", 2)
      try site.succeed("down")
      #expect(try poll { try site.instances("f", all: true).isEmpty })
      try site.end(SIGKILL)
      try site.launch()
      try #expect(site.pool("f")["Wanted"] as? Int == 0)
      try site.succeed("up")
      try site.waitForPool("f", 2)
      let running = try site.succeed("start", site.name("f")).text
      unlink(site.path("f"))
      #expect(try poll { try site.instances("f", all: true) == [running] })
      try #expect(site.ask("GET", "/functions/\(site.name("f"))").status == 404)
      try #expect(site.box.status(id: running) == "running")
    }
  }

  @Test("What cannot be built is told, tried again less and less often, and built when the file is right")
  func failures() throws {
    try withSupervisor { site in
      try site.define(
        "f", "echo ran",
        ["command": ["/bin/none"], "warm": 1, "restartDelay": ["initial": "5ms", "longest": "40ms"]])
      try site.waitForMessage("an instance cannot be built, which is tried again in 40 ms: exec: ")
      #expect(site.messages.contains("which is tried again in 5 ms"))
      let answer = try site.ask("POST", "/functions/\(site.name("f"))/start")
      #expect(answer.status == 400 && answer.message.contains("/bin/none"), "\(answer)")
      let counts = try site.pool("f")
      #expect(counts["Failures"] as? Int ?? 0 >= 4 && counts["Ready"] as? Int == 0)
      #expect((counts["Error"] as? String ?? "").contains("/bin/none"))
      try site.define("f", "echo ran", ["warm": 1])
      try site.waitForPool("f", 1)
      try #expect(site.succeed("start", "-a", site.name("f")).text == "ran")
    }
  }

  @Test("An instance that ends while it waits, or is removed, is replaced")
  func replaced() throws {
    try withSupervisor { site in
      try site.define("f", "echo ran", ["warm": 1])
      let first = try site.waitForPool("f", 1)
      kill(pid_t(try site.pidInside(first.first ?? "")), SIGKILL)
      #expect(try poll { try site.instances("f").isDisjoint(with: first) && site.instances("f").count == 1 })
      let second = try site.waitForPool("f", 1)
      try site.succeed("rm", second.first ?? "")
      let third = try site.waitForPool("f", 1)
      #expect(third.isDisjoint(with: second))
      try #expect(site.succeed("start", "-a", site.name("f")).text == "ran")
    }
  }

  @Test("No more instances are in use than maximum says: one more is answered with 503 until one has ended")
  func maximum() throws {
    try withSupervisor { site in
      try site.define("f", SupervisedSandbox.patient, ["warm": 2, "maximum": 3])
      _ = try site.waitForPool("f", 2)
      let target = "/functions/\(site.name("f"))"
      var instances: [String] = []
      for _ in 1...2 {
        let answer = try site.ask("POST", "\(target)/start")
        instances.append(try #require(answer.document["Name"] as? String, "\(answer)"))
      }
      // One that is claimed is in use as well.
      try #expect(site.ask("POST", "\(target)/claim").status == 201)
      try #expect(site.pool("f")["InUse"] as? Int == 3 && site.pool("f")["Maximum"] as? Int == 3)
      for request in ["\(target)/start", "\(target)/claim", "/containers/\(site.name("f"))/start"] {
        let answer = try site.ask("POST", request)
        #expect(answer.status == 503 && answer.message.contains("maximum"), "\(request): \(answer)")
      }
      // What waits is not in use, and its number stays as it is.
      _ = try site.waitForPool("f", 2)
      try #expect(site.ask("POST", "/containers/\(instances[0])/kill").status == 204)
      try #expect(site.ask("POST", "\(target)/start").status == 201)
      try #expect(site.ask("POST", "\(target)/start").status == 503)
    }
  }

  @Test("What a function cannot do is refused")
  func refused() throws {
    try withSupervisor { site in
      try site.define("f", "echo ran", ["warm": 1])
      let instance = try site.waitForPool("f", 1).first ?? ""
      for request in [
        "\(site.name("f"))/attach?stream=1", "\(site.name("f"))/restart", "\(site.name("f"))/rename?name=gg",
        "\(site.name("f"))/pause", "\(instance)/pause", "\(instance)/rename?name=gg",
      ] {
        let answer = try site.ask("POST", "/containers/\(request)")
        #expect(answer.status == 409, "\(request): \(answer)")
      }
      try #expect(site.ask("POST", "/functions/none/start").status == 404)
      try #expect(site.waitForPool("f", 1) == [instance])
    }
  }
}

extension SupervisedSandbox {
  /// What is known of the pool of a function.
  func pool(_ short: String) throws -> [String: Any] {
    try ask("GET", "/functions/\(name(short))").json as? [String: Any] ?? [:]
  }

  /// The names of the instances of a function: of those that were not started, or of all.
  func instances(_ short: String, all: Bool = false) throws -> Set<String> {
    let listed = try ask("GET", "/containers/json?all=1").json as? [[String: Any]] ?? []
    let found = listed.filter { container in
      (container["Labels"] as? [String: String])?["org.swiftjail.function"] == name(short)
        && (all || container["State"] as? String == "created")
    }
    return Set(found.compactMap { ($0["Names"] as? [String])?.first?.dropFirst() }.map { String($0) })
  }

  /// Waits until as many instances of a function wait as are to, and no others are there.
  @discardableResult
  func waitForPool(_ short: String, _ count: Int) throws -> Set<String> {
    let full = try poll {
      let pool = try self.pool(short)
      return pool["Ready"] as? Int == count && pool["Wanted"] as? Int == count
        && pool["Building"] as? Int == 0
    }
    guard full else { throw Broken("\(short) never has \(count) that wait: \(try pool(short))\n\(messages)") }
    return try instances(short)
  }

  /// The first process of a container, as the host numbers it.
  func pidInside(_ id: String) throws -> Int {
    let state = try box.program(["state", id]).call()
    guard let pid = (state.json as? [String: Any])?["pid"] as? Int else { throw Broken(state.description) }
    return pid
  }
}
