import Foundation
import Testing

/// Containers that `swiftjail run` and `create` have made, as a supervisor with the same root shows them.
@Suite("Containers made without the supervisor", .enabled(if: Kernel.hasPartitions))
struct SupervisorPlainTests {
  static let client = SupervisorDockerTests.client
  static let curl = installed("curl")

  private func docker(_ site: SupervisedSandbox, _ arguments: String...) throws -> Outcome {
    try SupervisorDockerTests().docker(site, arguments).call()
  }

  /// Makes one of a bundle, which runs, or with `create` waits to be started.
  private func make(
    _ site: SupervisedSandbox, _ short: String, _ script: String = "while :; do sleep 0.02; done",
    create: Bool = false
  ) throws {
    site.box.config.shell(script)
    if create { try site.box.create(id: site.name(short)) } else { try site.box.detach(id: site.name(short)) }
  }

  private func field(_ site: SupervisedSandbox, _ short: String, _ path: String) throws -> String {
    "\(try site.inspect(short)?[path] ?? "none")"
  }

  @Test(
    "docker ps, its filters, inspect, info and the metrics have them",
    .enabled(if: client != nil && curl != nil))
  func lists() throws {
    try withSupervisor { site in
      site.box.config["annotations"] = ["tier": "one"]
      site.box.config["process.env"] = ["PATH=/bin", "A=b", "SWIFTJAIL_TEST=\(site.box.id)"]
      try make(site, "a")
      try make(site, "b", create: true)
      let name = site.name("a")
      let columns = "{{.Names}} {{.Image}} {{.State}}"
      var ps = try docker(site, "ps", "--format", columns)
      #expect(ps.lines == ["\(name) host running"], "\(ps)")
      ps = try docker(site, "ps", "--all", "--format", columns)
      #expect(ps.lines == ["\(site.name("b")) host created", "\(name) host running"], "\(ps)")
      ps = try docker(
        site, "ps", "--quiet", "--no-trunc", "--filter", "label=tier=one", "--filter", "name=\(name)",
        "--filter", "ancestor=host", "--filter", "status=running")
      #expect(ps.text.count == 64, "\(ps)")
      let since = try docker(site, "ps", "--all", "--format", "{{.Names}}", "--filter", "since=\(name)")
      #expect(since.lines == [site.name("b")], "\(since)")
      let inspect = try docker(
        site, "inspect", "--format",
        "{{.Id}} {{.State.Pid}} {{.HostConfig.LogConfig.Type}} {{.HostConfig.RestartPolicy.Name}} {{.Config.Hostname}}",
        ps.text.prefix(12).description)
      try #expect(inspect.text == "\(ps.text) \(site.box.pid(id: name)) none no jail", "\(inspect)")
      try #expect(
        site.inspect("a")?["Config.Env"] as? [String] == [
          "PATH=/bin", "A=b", "SWIFTJAIL_TEST=\(site.box.id)",
        ])
      try #expect(field(site, "a", "Config.Labels.tier") == "one")
      let info = try docker(
        site, "info", "--format", "{{.Containers}} {{.ContainersRunning}} {{.ContainersStopped}}")
      #expect(info.text == "2 1 1", "\(info)")
      let metrics = try Program(
        Self.curl ?? "curl", ["--silent", "--unix-socket", site.socket, "http://localhost/metrics"]
      ).call()
      #expect(
        metrics.lines.contains("swiftjail_partition_state{name=\"\(name)\",state=\"running\"} 1"),
        "\(metrics)")
      #expect(metrics.lines.contains("swiftjail_partitions{state=\"created\"} 1"))
    }
  }

  @Test("The id is the same for the next supervisor, and whatever the container does")
  func sameID() throws {
    try withSupervisor { site in
      try make(site, "a", create: true)
      let id = try field(site, "a", "Id")
      try site.end(SIGKILL)
      try site.launch()
      try #expect(field(site, "a", "Id") == id)
      try site.box.succeed("start", site.name("a"))
      try #expect(site.status("a") == "running" && field(site, "a", "Id") == id)
      try site.box.succeed("kill", site.name("a"), "KILL")
      try site.waitFor("a", "exited")
      try #expect(field(site, "a", "Id") == id)
      let answer = try site.ask("GET", "/containers/\(id.prefix(20))/json")
      #expect(answer.document["Name"] as? String == "/\(site.name("a"))", "\(answer)")
      // Made again, it is another.
      try site.box.succeed("delete", site.name("a"))
      try make(site, "a", create: true)
      try #expect(field(site, "a", "Id") != id)
    }
  }

  @Test("start, stop with the bundle's own signal, wait and rm", .enabled(if: client != nil))
  func life() throws {
    try withSupervisor { site in
      let name = site.name("a")
      site.box.config["annotations"] = ["org.opencontainers.image.stopSignal": "SIGUSR1"]
      try make(site, "a", "trap 'exit 7' USR1; echo ready; while :; do sleep 0.02; done", create: true)
      try #expect(docker(site, "start", name).status == 0)
      try site.box.waitForOutput("ready")
      try #expect(docker(site, "start", name).status == 0, "it runs already")
      let wait = try SupervisorDockerTests().docker(site, ["wait", name]).start()
      defer { wait.forget() }
      try site.waitForMessage("\(name)/wait")
      let stop = try docker(site, "stop", name)
      #expect(stop.status == 0, "\(stop)")
      try #expect(site.status("a") == "exited")
      let waited = try wait.wait()
      // Before Linux 6.15 nobody but its parent hears of it.
      #expect(waited.text == (Kernel.tellsEnds ? "7" : "255"), "\(waited)")
      let late = try docker(site, "wait", name)
      #expect(late.status != 0 && late.stderr.contains("has not seen how"), "\(late)")
      try #expect(site.ask("POST", "/containers/\(name)/stop").status == 304)
      let again = try docker(site, "start", name)
      #expect(again.status != 0 && again.stderr.contains("create it again"), "\(again)")
      try #expect(docker(site, "rm", name).status == 0)
      try #expect(site.status("a") == "none" && site.call("state", name).status != 0)
    }
  }

  @Test("What does not heed the signal is killed when its time is over, while others are answered")
  func deaf() throws {
    try withSupervisor { site in
      try make(site, "a", "trap '' TERM; echo ready; while :; do sleep 0.02; done")
      try site.box.waitForOutput("ready")
      let connection = try SupervisorConnection(site.socket)
      try connection.begin("POST", "/containers/\(site.name("a"))/stop?t=1", "")
      try #expect(site.ask("GET", "/_ping").status == 200 && site.status("a") == "running")
      try #expect(connection.answer().status == 204)
      try #expect(site.status("a") == "exited")
    }
  }

  @Test("pause, unpause, kill, exec, top, stats and rm --force", .enabled(if: client != nil))
  func commands() throws {
    try withSupervisor { site in
      let name = site.name("a")
      try make(site, "a", "trap 'echo one' USR1; echo ready; while :; do sleep 0.02; done")
      try site.box.waitForOutput("ready")
      try #expect(docker(site, "pause", name).status == 0)
      try #expect(site.status("a") == "paused" && site.box.status(id: name) == "paused")
      try #expect(docker(site, "unpause", name).status == 0 && site.status("a") == "running")
      try #expect(docker(site, "kill", "--signal", "USR1", name).status == 0)
      try site.box.waitForOutput("one")
      let exec = try docker(site, "exec", "--env", "X=y", name, "/bin/sh", "-c", "echo $X; exit 3")
      #expect(exec.status == 3 && exec.text == "y", "\(exec)")
      let top = try docker(site, "top", name)
      #expect(top.status == 0 && top.text.contains("/bin/sh"), "\(top)")
      let stats = try docker(site, "stats", "--no-stream", "--format", "{{.Name}}", name)
      #expect(stats.text == name, "\(stats)")
      let removal = try docker(site, "rm", name)
      #expect(removal.status != 0 && removal.stderr.contains("stop it first"), "\(removal)")
      try #expect(docker(site, "rm", "--force", name).status == 0 && site.status("a") == "none")
      try #expect(site.call("list", "--quiet").lines.isEmpty)
    }
  }

  @Test(
    "What the supervisor cannot do is refused, with why",
    arguments: [
      ("GET", "logs?stdout=1", "has not kept what it wrote"), ("POST", "attach?stream=1&stdout=1", "exec"),
      ("POST", "update", "limits"), ("POST", "rename?name=other", "name"), ("POST", "restart", "make it"),
      ("POST", "resize?h=1&w=1", "terminal"), ("GET", "archive?path=/bin", "tar"),
      ("POST", "wait?condition=removed", "removed"),
    ])
  func refusals(method: String, target: String, word: String) throws {
    try withSupervisor { site in
      try make(site, "a")
      let answer = try site.ask(
        method, "/containers/\(site.name("a"))/\(target)", method == "POST" ? "{}" : nil)
      #expect(answer.status == 409 && answer.message.contains("was made without the supervisor"), "\(answer)")
      #expect(answer.message.contains(word) && !answer.message.contains("\n"), "\(answer)")
      try #expect(site.status("a") == "running")
    }
  }

  @Test("Nobody gets a name that one has, until that is removed")
  func takenNames() throws {
    try withSupervisor { site in
      try make(site, "a")
      let pid = try site.box.pid(id: site.name("a"))
      let answer = try site.ask("POST", "/containers/create?name=\(site.name("a"))", #"{"Image": "host"}"#)
      #expect(answer.status == 409 && answer.message.contains("already in use"), "\(answer)")
      try site.define("a", SupervisedSandbox.patient)
      try site.waitForMessage("made without the supervisor")
      try #expect(site.box.pid(id: site.name("a")) == pid)
      try #expect(site.ask("DELETE", "/containers/\(site.name("a"))?force=1").status == 204)
      try site.waitUntilReady("a")
      try #expect(field(site, "a", "HostConfig.LogConfig.Type") == "json-file")
    }
  }

  @Test("One with the name of a partition that does not run is not touched, and listed once as that")
  func sharedName() throws {
    try withSupervisor { site in
      let name = site.name("a")
      let body = #"{"Image": "host", "Cmd": ["/bin/true"]}"#
      try #expect(site.ask("POST", "/containers/create?name=\(name)", body).status == 201)
      try make(site, "a")
      let pid = try site.box.pid(id: name)
      let listed = try site.ask("GET", "/containers/json?all=1").json as? [[String: Any]] ?? []
      #expect(listed.count == 1 && listed.first?["State"] as? String == "created", "\(listed)")
      let start = try site.ask("POST", "/containers/\(name)/start")
      #expect(start.status >= 400 && start.message.contains("exists already"), "\(start)")
      try #expect(site.box.pid(id: name) == pid)
      // It is not taken for what the partition has left either.
      try site.box.succeed("kill", name, "KILL")
      try #expect(poll { try site.box.status(id: name) == "stopped" })
      try #expect(site.ask("POST", "/containers/\(name)/start").status >= 400)
      try #expect(site.ask("DELETE", "/containers/\(name)").status == 204)
      try #expect(site.box.status(id: name) == "stopped" && site.status("a") == "exited")
    }
  }

  @Test("The files of one are not those of a partition that has its name")
  func sharedFiles() throws {
    try withSupervisor { site in
      let name = site.name("a")
      let body = #"{"Image": "host", "Cmd": ["/bin/true"]}"#
      try #expect(site.ask("POST", "/containers/create?name=\(name)", body).status == 201)
      let script = "echo mine >/file; while :; do sleep 0.02; done"
      try site.succeed(
        "run", "--rootfs", site.box.rootfs, "--env", "SWIFTJAIL_TEST=\(site.box.id)", "--detach", name, "--",
        "/bin/sh", "-c", script)
      let isWritten = try poll { try site.call("exec", name, "/bin/cat", "/file").text == "mine" }
      #expect(isWritten)
      let rename = try site.ask("POST", "/containers/\(name)/rename?name=\(site.name("b"))")
      #expect(rename.status == 409 && rename.message.contains("remove it first"), "\(rename)")
      let copy = try site.ask("GET", "/containers/\(name)/archive?path=/file")
      #expect(copy.status == 409 && copy.message.contains("remove it first"), "\(copy)")
      try #expect(site.ask("DELETE", "/containers/\(name)?force=1").status == 204)
      try #expect(site.call("exec", name, "/bin/cat", "/file").text == "mine")
      try #expect(site.status("a") == "running", "without the partition it is listed itself")
    }
  }

  @Test("One that is paused hears what it is told, and ends")
  func paused() throws {
    try withSupervisor { site in
      let name = site.name("a")
      try make(site, "a", "trap 'exit 0' TERM; echo ready; while :; do sleep 0.02; done")
      try site.box.waitForOutput("ready")
      try #expect(site.ask("POST", "/containers/\(name)/pause").status == 204)
      try #expect(site.ask("POST", "/containers/\(name)/pause").status == 409)
      try #expect(site.ask("POST", "/containers/\(name)/start").message.contains("try unpause instead"))
      try #expect(site.ask("POST", "/containers/\(name)/stop?t=60").status == 204)
      try #expect(site.status("a") == "exited")
      try #expect(site.ask("POST", "/containers/\(name)/unpause").status == 409)
    }
  }

  @Test("A directory in the middle of being made is no container, and does no harm")
  func halfMade() throws {
    try withSupervisor { site in
      let directory = "\(site.box.root)/\(site.name("a"))"
      try makeDirectory(directory)
      try write("{", to: "\(directory)/state.json.x")
      try #expect((site.ask("GET", "/containers/json?all=1").json as? [Any])?.isEmpty == true)
      try #expect(site.status("a") == "none" && site.ask("GET", "/info").status == 200)
      try write("{\"id\":", to: "\(directory)/state.json")
      try #expect((site.ask("GET", "/containers/json?all=1").json as? [Any])?.isEmpty == true)
      try FileManager.default.removeItem(atPath: directory)
    }
  }

  @Test("Many are looked at by a process of its own, and are found all the same")
  func many() throws {
    try withSupervisor { site in
      let body = #"{"Image": "host", "Cmd": ["/bin/true"]}"#
      try #expect(site.ask("POST", "/containers/create?name=\(site.name("own"))", body).status == 201)
      for number in 0..<60 { try make(site, "m\(number)", create: true) }
      let listed = try site.ask("GET", "/containers/json?all=1").json as? [[String: Any]] ?? []
      let names = listed.flatMap { $0["Names"] as? [String] ?? [] }
      #expect(listed.count == 61 && Set(names).count == 61)
      try #expect(site.ask("GET", "/info").document["Containers"] as? Int == 61)
      let id = try field(site, "m33", "Id")
      let found = try site.ask("GET", "/containers/\(id.prefix(16))/json")
      #expect(found.document["Id"] as? String == id, "\(found)")
      let later = try site.ask(
        "GET", "/containers/json?all=1&filters=%7B%22since%22:%5B%22\(id.prefix(16))%22%5D%7D")
      #expect((later.json as? [Any])?.count == 26, "\(later)")
      try #expect(site.ask("GET", "/containers/0000000000000000/json").status == 404)
      try #expect(
        site.ask("GET", "/containers/json?all=1&filters=%7B%22since%22:%5B%22none%22%5D%7D").status == 404)
    }
  }
}
