import Foundation
import Testing

@Suite("Life of a container")
struct LifecycleTests {
  /// A script that says when it is ready and ends with 3 on SIGTERM.
  static let patient = "trap 'echo terminated; exit 3' TERM; echo ready; while :; do sleep 0.05; done"

  @Test("create, start, kill and delete lead through created, running and stopped")
  func transitions() throws {
    try withSandbox { box in
      box.config.shell(Self.patient)
      box.config["annotations"] = ["org.example.key": "value"]
      try box.create()
      var state = try box.state()
      #expect(state["status"] as? String == "created")
      #expect(state["id"] as? String == box.id)
      #expect(state["bundle"] as? String == box.bundle)
      #expect(state["ociVersion"] as? String == "1.3.0", "that of the runtime")
      #expect((state["annotations"] as? [String: String])?["org.example.key"] == "value")
      let pid = try box.pid()
      #expect(exists("/proc/\(pid)"))
      #expect(box.output == "", "the program does not run before start")

      try box.start()
      try box.waitForOutput("ready")
      state = try box.state()
      #expect(state["status"] as? String == "running")
      #expect(state["pid"] as? Int == pid, "the process keeps its pid")

      try box.succeed("kill", box.id, "TERM")
      try box.waitForStatus("stopped")
      #expect(box.output.contains("terminated"))
      try box.succeed("delete", box.id)
      expectRefusal(try box.call("state", box.id), saying: "does not exist")
    }
  }

  @Test("start on what is not created is refused")
  func startTwice() throws {
    try withSandbox { box in
      box.config.shell(Self.patient)
      try box.detach()
      expectRefusal(try box.call("start", box.id))
      try box.succeed("kill", box.id, "KILL")
      try box.waitForStatus("stopped")
      expectRefusal(try box.call("start", box.id))
    }
  }

  @Test("delete of a running container needs --force")
  func deleteRunning() throws {
    try withSandbox { box in
      box.config.shell(Self.patient)
      try box.detach()
      expectRefusal(try box.call("delete", box.id), saying: box.id)
      try #expect(box.status() == "running")
      let pid = try box.pid()
      try box.succeed("delete", "--force", box.id)
      #expect(poll { !exists("/proc/\(pid)") })
    }
  }

  @Test("A container that was only created is deleted without --force")
  func deleteCreated() throws {
    try withSandbox { box in
      try box.create()
      try box.succeed("delete", box.id)
      expectRefusal(try box.call("state", box.id))
    }
  }

  // containerd and podman take these words for “it has ended already”.
  @Test("kill of a stopped container is refused in the words that engines look for")
  func killStopped() throws {
    try withSandbox { box in
      box.config["process.args"] = ["true"]
      try box.detach()
      try box.waitForStatus("stopped")
      let outcome = try box.call("kill", box.id, "TERM")
      expectRefusal(outcome)
      let text = outcome.stderr.lowercased()
      #expect(text.contains("not running") || text.contains("no such process"), "\(outcome)")
    }
  }

  @Test(
    "Commands on an unknown id are refused",
    arguments: ["start", "state", "kill", "delete", "pause", "resume", "ps", "exec"])
  func unknown(command: String) throws {
    try withSandbox { box in
      let arguments = command == "exec" ? [command, "nobody", "true"] : [command, "nobody"]
      expectRefusal(try box.program(arguments).call(), saying: "does not exist")
    }
  }

  @Test("delete --force of an unknown id is fine")
  func deleteUnknown() throws {
    try withSandbox { box in
      try #expect(box.call("delete", "--force", "nobody").status == 0)
    }
  }

  @Test("An id in use is refused, and its holder goes on")
  func duplicate() throws {
    try withSandbox { box in
      box.config.shell(Self.patient)
      try box.detach()
      let pid = try box.pid()
      expectRefusal(try box.run(), saying: "exist")
      expectRefusal(try box.prepare("create").call(), saying: "exist")
      try #expect(box.pid() == pid)
    }
  }

  @Test(
    "An id that could be a path, or is none, is refused",
    arguments: ["../x", "", ".", "..", "a/b", "/etc", "a b", "a\nb", String(repeating: "x", count: 1025)])
  func badID(id: String) throws {
    try withSandbox { box in
      try box.writeConfig()
      // Not through `prepare`, which would delete the id at the end.
      for command in ["create", "run"] {
        expectRefusal(try box.program([command, "--bundle", box.bundle, id]).call())
      }
      try #expect(box.call("state", id).status != 0)
      try #expect(FileManager.default.contentsOfDirectory(atPath: box.root).isEmpty)
    }
  }

  @Test("Letters, digits and _ + - . make an id")
  func goodID() throws {
    try withSandbox { box in
      try #expect(box.run(id: "A_z+0-9.\(box.id)").status == 0)
    }
  }

  @Test("The exit status of run is the program's", arguments: [0, 1, 7, 255])
  func exitStatus(status: Int) throws {
    try withSandbox { box in
      box.config.shell("exit \(status)")
      try #expect(box.run().status == status)
    }
  }

  @Test(
    "The exit status of run is 128 + the signal that killed the program",
    arguments: [SIGKILL, SIGTERM, SIGSEGV])
  func signalled(signal: CInt) throws {
    try withSandbox { box in
      // In a pid namespace of its own the first process is spared what it sends itself.
      box.config.leave("pid")
      box.config.shell("kill -\(signal) $$")
      try #expect(box.run().status == 128 + Int(signal))
    }
  }

  @Test("A program killed from outside gives 137")
  func killedFromOutside() throws {
    try withSandbox { box in
      box.config.shell(Self.patient)
      let run = try box.prepare("run").start()
      defer { run.forget() }
      #expect(poll { run.text == "ready" })
      try box.succeed("kill", box.id, "KILL")
      try #expect(run.wait().status == 137)
    }
  }

  @Test("Nothing is left of a container after run")
  func runDeletes() throws {
    try withSandbox { box in
      try #expect(box.run().status == 0)
      expectRefusal(try box.call("state", box.id), saying: "does not exist")
      try #expect(FileManager.default.contentsOfDirectory(atPath: box.root).isEmpty)
    }
  }

  @Test("run --keep leaves the stopped container")
  func keep() throws {
    try withSandbox { box in
      try #expect(box.run(["--keep"]).status == 0)
      try #expect(box.status() == "stopped")
      try box.succeed("delete", box.id)
    }
  }

  @Test(
    "Signals to a foreground run reach the program", arguments: [SIGTERM, SIGHUP, SIGINT, SIGUSR1, SIGQUIT])
  func forwarded(signal: CInt) throws {
    try withSandbox { box in
      box.config.shell("trap 'exit 42' \(signal); echo ready; while :; do sleep 0.05; done")
      let run = try box.prepare("run").start()
      defer { run.forget() }
      #expect(poll { run.text == "ready" })
      run.signal(signal)
      try #expect(run.wait().status == 42)
    }
  }

  @Test("--pid-file holds the pid that state says", arguments: ["create", "run"])
  func pidFile(command: String) throws {
    try withSandbox { box in
      box.config.shell(Self.patient)
      let path = box.scratch.path + "/pid"
      try box.launch(command, ["--pid-file", path] + (command == "run" ? ["--detach"] : []))
      #expect(contents(path) == "\(try box.pid())")
    }
  }

  @Test("kill knows signals by number and by both names", arguments: ["15", "TERM", "SIGTERM", "term"])
  func signalNames(name: String) throws {
    try withSandbox { box in
      box.config.shell(Self.patient)
      try box.detach()
      try box.waitForOutput("ready")
      try box.succeed("kill", box.id, name)
      try box.waitForStatus("stopped")
      #expect(box.output.contains("terminated"))
    }
  }

  @Test("kill sends SIGTERM when nothing is said")
  func defaultSignal() throws {
    try withSandbox { box in
      box.config.shell(Self.patient)
      try box.detach()
      try box.waitForOutput("ready")
      try box.succeed("kill", box.id)
      try box.waitForStatus("stopped")
      #expect(box.output.contains("terminated"))
    }
  }

  @Test("An unknown signal is refused", arguments: ["NOPE", "999"])
  func unknownSignal(name: String) throws {
    try withSandbox { box in
      box.config.shell(Self.patient)
      try box.detach()
      expectRefusal(try box.program(["kill", box.id, name]).call())
      try #expect(box.status() == "running")
    }
  }

  @Test("kill --all reaches every process, also without a pid namespace")
  func killAll() throws {
    try withSandbox { box in
      box.config.leave("pid")
      box.config.shell("setsid sleep 1001 & setsid sleep 1002 & echo ready; wait")
      try box.detach()
      try box.waitForOutput("ready")
      #expect(poll { Snapshot.processes(marked: box.id).count >= 3 })
      try box.succeed("kill", "--all", box.id, "KILL")
      #expect(poll { Snapshot.processes(marked: box.id).isEmpty })
      try box.waitForStatus("stopped")
    }
  }

  @Test("kill reaches a container before start")
  func killCreated() throws {
    try withSandbox { box in
      try box.create()
      try box.succeed("kill", box.id, "KILL")
      try box.waitForStatus("stopped")
      expectRefusal(try box.call("start", box.id))
      try box.succeed("delete", box.id)
    }
  }

  @Test("pause stops every process, resume lets them go on")
  func pause() throws {
    try withSandbox { box in
      box.config.shell("n=0; while :; do n=$((n+1)); echo $n; sleep 0.02; done")
      try box.detach()
      try box.waitForOutput("3")
      try box.succeed("pause", box.id)
      try #expect(box.status() == "paused")
      let frozen = box.output
      usleep(300_000)
      #expect(box.output == frozen)
      try box.succeed("resume", box.id)
      try #expect(box.status() == "running")
      #expect(poll { box.output.count > frozen.count })
    }
  }

  @Test("resume does not wait for a cgroup above the container's that is frozen as well")
  func resumeBelowFrozen() throws {
    try withSandbox { box in
      let above = "\(Kernel.cgroups)/\(box.id)-above"
      defer { rmdir(above) }
      box.config["linux.cgroupsPath"] = "/\(box.id)-above/own"
      box.config.shell(Self.patient)
      try box.detach()
      defer { _ = try? box.call("delete", "--force", box.id) }
      try box.succeed("pause", box.id)
      try write("1", to: above + "/cgroup.freeze")
      try box.succeed("resume", box.id)
      try write("0", to: above + "/cgroup.freeze")
      try box.waitForOutput("ready")
    }
  }

  @Test("resume of what is not paused is refused")
  func resumeRunning() throws {
    try withSandbox { box in
      box.config.shell(Self.patient)
      try box.detach()
      expectRefusal(try box.call("resume", box.id))
      expectRefusal(try box.call("pause", "nobody"))
    }
  }

  @Test("pause of a stopped container is refused")
  func pauseStopped() throws {
    try withSandbox { box in
      try box.detach()
      try box.waitForStatus("stopped")
      expectRefusal(try box.call("pause", box.id))
    }
  }

  @Test("delete --force ends a paused container")
  func deletePaused() throws {
    try withSandbox { box in
      box.config.shell(Self.patient)
      try box.detach()
      let pid = try box.pid()
      try box.succeed("pause", box.id)
      try box.succeed("delete", "--force", box.id)
      #expect(poll { !exists("/proc/\(pid)") })
    }
  }

  @Test("ps lists the container's processes as a table and as JSON")
  func ps() throws {
    try withSandbox { box in
      box.config.shell("sleep 1001 & echo ready; wait")
      try box.detach()
      try box.waitForOutput("ready")
      let pid = try box.pid()
      #expect(poll { Snapshot.processes(marked: box.id).count == 2 })
      let json = try box.succeed("ps", "--format", "json", box.id)
      let pids = try #require(json.json as? [Int], "\(json)")
      #expect(pids.count == 2 && pids.contains(pid))
      let table = try box.succeed("ps", box.id)
      #expect(table.lines.first?.contains("PID") == true && table.lines.count == 3, "\(table)")
      #expect(table.text.contains("sleep 1001"), "\(table)")
    }
  }

  @Test("list shows containers as table, JSON and ids alone")
  func list() throws {
    try withSandbox { box in
      try #expect(box.succeed("list", "--quiet").text == "")
      box.config.shell(Self.patient)
      try box.detach()
      try box.create(id: box.id + "-b")
      let json = try box.succeed("list", "--format", "json")
      let entries = try #require(json.json as? [[String: Any]], "\(json)")
      #expect(Set(entries.compactMap { $0["id"] as? String }) == [box.id, box.id + "-b"])
      #expect(Set(entries.compactMap { $0["status"] as? String }) == ["running", "created"])
      #expect(entries.allSatisfy { $0["bundle"] as? String == box.bundle && $0["pid"] is Int })
      try #expect(Set(box.succeed("list", "--quiet").lines) == [box.id, box.id + "-b"])
      let table = try box.succeed("list")
      #expect(table.lines.count == 3 && table.lines.first?.hasPrefix("ID") == true, "\(table)")
      #expect(table.text.contains("running") && table.text.contains("created"), "\(table)")
    }
  }

  @Test("The bundle is the working directory when none is named")
  func currentDirectory() throws {
    try withSandbox { box in
      box.config["process.args"] = ["echo", "here"]
      try box.writeConfig()
      let words = [Swiftjail.program, "--root", box.root, "run", box.id].joined(separator: " ")
      let outcome = try Program("sh", ["-c", "cd \(box.bundle) && exec \(words)"]).call()
      #expect(outcome.text == "here", "\(outcome)")
    }
  }

  @Test("A container keeps its cgroup when a stopped one of the same name is deleted elsewhere")
  func cgroupOfAnother() throws {
    try withSandbox { box in
      box.config["process.args"] = ["/bin/sleep", "1000"]
      try box.detach()
      try box.succeed("kill", box.id, "KILL")
      try box.waitForStatus("stopped")
      let elsewhere = box.scratch.path + "/elsewhere"
      let second = try Program(
        Swiftjail.program, ["--root", elsewhere, "run", "--detach", "--bundle", box.bundle, box.id]
      ).start()
      defer {
        _ = try? Swiftjail.call("delete", "--force", box.id, at: elsewhere)
        second.forget()
      }
      #expect(try second.wait().status == 0)
      _ = try box.call("kill", "--all", box.id, "KILL")
      try box.succeed("delete", "--force", box.id)
      let state = try Swiftjail.call("state", box.id, at: elsewhere)
      #expect((state.json as? [String: Any])?["status"] as? String == "running", "\(state)")
    }
  }

  @Test("A container that was paused before start is paused, and goes on to be started")
  func pauseBeforeStart() throws {
    try withSandbox { box in
      try box.create()
      try box.succeed("pause", box.id)
      #expect(try box.status() == "paused")
      expectRefusal(try box.call("start", box.id), saying: "paused")
      try box.succeed("resume", box.id)
      #expect(try box.status() == "created")
      try box.start()
      try box.waitForStatus("stopped")
    }
  }

  @Test("A start that was cut short after it took effect leaves a running container")
  func startCutShort() throws {
    try withSandbox { box in
      box.config.shell("echo started; sleep 1000")
      try box.create()
      try box.start()
      try box.waitForOutput("started")
      #expect(mkfifo("\(box.root)/\(box.id)/start", 0o600) == 0)
      #expect(try box.status() == "running")
      expectRefusal(try box.call("start", box.id), saying: "runs already")
    }
  }

  @Test("A record that names the cgroup of others is not believed", arguments: ["/", "/..", "/a/../.."])
  func falseCgroup(path: String) throws {
    try withSandbox { box in
      try box.create()
      let file = "\(box.root)/\(box.id)/state.json"
      let record = try #require(contents(file))
      let false_ = record.replacingOccurrences(
        of: #""cgroup": *"[^"]*""#, with: "\"cgroup\":\"\(path)\"", options: .regularExpression)
      try #require(false_ != record)
      try write(false_, to: file)
      expectRefusal(try box.call("kill", "--all", box.id, "KILL"), saying: "cgroup")
      // Whose record is damaged is known by its name alone.
      try box.succeed("delete", "--force", box.id)
      expectNothingLeft(of: box)
    }
  }
}
