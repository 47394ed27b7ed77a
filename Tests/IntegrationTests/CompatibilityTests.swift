import Foundation
import Testing

/// Command lines that scripts have for runc and crun.
@Suite("Compatible command lines")
struct CompatibilityTests {
  func call(_ arguments: String...) throws -> Outcome { try Program(Swiftjail.program, arguments).call() }

  @Test(
    "A log file that cannot be opened is an error at once, which names it",
    arguments: ["/nonexistent/log", "/proc/version/log", "."])
  func log(path: String) throws {
    try withSandbox { box in
      box.globalOptions = ["--log", path]
      expectRefusal(try box.run(), saying: "--log \(path)")
      expectRefusal(try box.call("list"), saying: "--log \(path)")
      expectNothingLeft(of: box)
    }
  }

  @Test(
    "--config FILE is the configuration, relative to the working directory", arguments: ["--config", "-f"])
  func config(flag: String) throws {
    try withSandbox { box in
      box.config["process.args"] = ["echo", "other"]
      try box.writeConfig()
      let other = box.scratch.path + "/other.json"
      try FileManager.default.moveItem(atPath: box.bundle + "/config.json", toPath: other)
      var program = box.program(["run", "--bundle", box.bundle, flag, other, box.id])
      try #expect(program.call().text == "other")
      program = box.program(["run", "--config", other, "--image", "host", box.id, "true"])
      expectRefusal(try program.call(), saying: "--config")
      expectRefusal(
        try box.program(["run", "--bundle", box.bundle, "--config", other + "x", box.id]).call(),
        saying: other + "x")
      try box.succeed("create", "--bundle", box.bundle, "--config", other, box.id)
      try #expect(box.status() == "created")
    }
  }

  @Test("delete --regex removes those whose names match")
  func regex() throws {
    try withSandbox { box in
      let names = ["a1", "a2", "b1"].map { "\(box.id)-\($0)" }
      for name in names { try box.create(id: name) }
      try box.succeed("delete", "--regex", "a[0-9]$")
      try #expect(box.call("list", "--quiet").lines == [names[2]])
      try box.succeed("delete", "--regex", "nothing-like-this")
      expectRefusal(try box.call("delete", "--regex", "a["), saying: "a[")
      expectRefusal(try box.call("delete", "--regex", ""), saying: "empty")
      box.config["process.args"] = ["sleep", "1000"]
      try box.detach(id: names[0])
      expectRefusal(try box.call("delete", "--regex", ".*"), saying: names[0], "running")
      try #expect(box.call("list", "--quiet").lines == [names[0]], "the others are removed all the same")
      try box.succeed("delete", "--force", "--regex", ".*")
      try #expect(box.call("list", "--quiet").lines == [])
    }
  }

  @Test("spec --rootless writes a bundle with a user namespace, which runs")
  func rootless() throws {
    try withSandbox { box in
      let directory = box.scratch.path
      try box.succeed("spec", "--rootless", "--bundle", directory)
      let data = Data((contents(directory + "/config.json") ?? "").utf8)
      let object = try #require(try JSONSerialization.jsonObject(with: data) as? [String: Any])
      box.config = Config(object: object)
      let namespaces = (box.config["linux.namespaces"] as? [[String: Any]] ?? []).compactMap {
        $0["type"] as? String
      }
      #expect(namespaces.contains("user") && !namespaces.contains("network"))
      #expect((box.config["linux.uidMappings"] as? [[String: Int]])?.first?["hostID"] == Int(getuid()))
      box.config["process.terminal"] = false
      box.config["process.args"] = ["cat", "/proc/self/uid_map"]
      let outcome = try box.run()
      #expect(outcome.status == 0 && outcome.text.words == ["0", "\(getuid())", "1"], "\(outcome)")
    }
  }

  @Test("events --stats ID prints what the container uses, as runc does")
  func stats() throws {
    try withSandbox { box in
      box.config["process.args"] = ["sleep", "1000"]
      try box.detach()
      let outcome = try box.call("events", "--stats", box.id)
      let event = try #require(outcome.json as? [String: Any], "\(outcome)")
      #expect(
        outcome.lines.count == 1 && event["type"] as? String == "stats" && event["id"] as? String == box.id)
      let data = (event["data"] as? [String: Any])?.compactMapValues { $0 as? [String: Any] }
      #expect((data?["cpu"]?["usage"] as? [String: Int])?["total"] ?? 0 > 0, "\(outcome)")
      #expect(data?["memory"]?["usage"] != nil && data?["pids"]?["current"] != nil, "\(outcome)")
      for (key, file) in [("cpu", "cpu.pressure"), ("memory", "memory.pressure"), ("blkio", "io.pressure")] {
        guard contents(try LimitTests.directory(of: box) + "/" + file) != nil else { continue }
        let some = (data?[key]?["psi"] as? [String: [String: Any]])?["some"]
        #expect(
          Set(some?.keys.map { $0 } ?? []) == ["avg10", "avg60", "avg300", "total"], "\(key): \(outcome)")
      }

      let following = try box.program(["events", "--interval", "0.05s1ms", box.id]).start()
      defer { following.forget() }
      #expect(poll { following.text.lines.count > 2 })
      try box.succeed("kill", box.id, "KILL")
      try #expect(following.wait().status == 0, "it ends with the container")
      expectRefusal(try box.call("events", "--stats", box.id), saying: "not running")
    }
  }

  @Test("Options of events that fit neither a container nor the supervisor are refused")
  func eventOptions() throws {
    try withSandbox { box in
      try box.create()
      expectRefusal(try box.call("events", "--stats"), saying: "--stats", "ID")
      expectRefusal(try box.call("events", "--since", "1h", box.id), saying: "--since")
      for interval in ["0s", "5", "s", "-1s", "1d", "", "1m5", "1..5s", "99999999999999999999s"] {
        expectRefusal(
          try box.call("events", "--interval", interval, box.id), saying: "--interval \(interval)")
      }
    }
  }

  @Test("ps takes options of ps(1) after the name", .enabled(if: installed("ps") != nil))
  func ps() throws {
    try withSandbox { box in
      box.config["process.args"] = ["sleep", "1000"]
      try box.detach()
      let pid = try String(box.pid())
      for options in [["-ef"], ["aux"], ["-e", "-o", "pid,args"]] {
        let outcome = try box.program(["ps", box.id] + options).call()
        #expect(outcome.status == 0 && outcome.lines.count == 2, "\(outcome)")
        #expect(outcome.lines.first?.words.contains("PID") == true, "\(outcome)")
        #expect(
          outcome.lines.last?.words.contains(pid) == true && outcome.text.contains("sleep 1000"), "\(outcome)"
        )
      }
      try #expect(box.call("ps", box.id, "-C", "no-such-program").lines.count == 1)
      expectRefusal(try box.call("ps", box.id, "-e", "-o", "args"), saying: "PID")
      expectRefusal(try box.call("ps", box.id, "--no-such-option"), saying: "--no-such-option")
      try #expect(box.call("ps", box.id, "--format", "json").json as? [Int] == [box.pid()])
      try #expect(box.call("ps", "-f", "json", box.id).json as? [Int] == [box.pid()])
    }
  }

  @Test("state names the owner")
  func owner() throws {
    try withSandbox { box in
      try box.create()
      try #expect(box.state()["owner"] as? String == "root")
    }
  }

  @Test("An option's value may follow its letter, and letters may be joined before it")
  func joined() throws {
    try withSandbox { box in
      box.config["process.args"] = ["sleep", "1000"]
      try box.writeConfig()
      try box.succeed("run", "-db\(box.bundle)", box.id)
      try #expect(box.call("exec", "-eX=1=2", box.id, "sh", "-c", "echo $X").text == "1=2")
      try #expect(box.call("exec", "-ie", "X=y", box.id, "sh", "-c", "echo $X").text == "y")
      expectRefusal(try box.call("exec", "-ie"), saying: "requires an argument")
      expectRefusal(try box.call("run", "-dz\(box.bundle)", box.id), saying: "unknown option")
    }
  }

  @Test("A root that is given and not there is refused by list and ps")
  func root() throws {
    try withSandbox { box in
      let root = box.scratch.path + "/none"
      for command in ["list", "ps"] {
        expectRefusal(try call("--root", root, command), saying: "--root \(root)")
      }
      try #expect(box.call("list", "--quiet").status == 0)
    }
  }

  @Test(
    "A scheduling policy that the kernel does not permit is refused with what it takes",
    .enabled(if: Kernel.hasStrace))
  func scheduler() throws {
    try withSandbox { box in
      box.config["process.scheduler"] = [
        "policy": "SCHED_DEADLINE", "runtime": 10_000_000, "deadline": 100_000_000, "period": 100_000_000,
      ]
      var program = try box.prepare("run")
      program.arguments =
        ["-qq", "-o", "/dev/null", "-e", "inject=sched_setattr:error=EPERM", program.path] + program.arguments
      program.path = "/usr/bin/strace"
      expectRefusal(try program.call(), saying: "process.scheduler", "every CPU", "linux.resources.cpu.cpus")
      expectNothingLeft(of: box)
    }
  }

  @Test("--debug says what is done, a line a step")
  func debug() throws {
    try withSandbox { box in
      box.globalOptions = ["--debug"]
      let outcome = try box.run()
      let lines = outcome.complaints
      let steps = ["config.json", "state directory", "cgroup", "process", "exec"]
      let places = steps.map { step in lines.firstIndex { $0.contains(step) } ?? -1 }
      #expect(outcome.status == 0 && !places.contains(-1) && places == places.sorted(), "\(outcome)")
    }
  }

  @Test("pause of a container that the supervisor has not made does not wait for a supervisor that hangs")
  func pause() throws {
    try withSupervisor { site in
      let box = site.box
      box.config["process.args"] = ["sleep", "1000"]
      try box.detach()
      let daemon = try #require(site.daemon?.pid)
      kill(daemon, SIGSTOP)
      defer { kill(daemon, SIGCONT) }
      for command in ["pause", "resume"] {
        let outcome = try box.program([command, box.id]).call(within: 10)
        #expect(outcome.status == 0 && outcome.stderr == "", "\(outcome)")
      }
    }
  }
}
