import Foundation
import Testing

/// Docker's own clients, as they are.
@Suite("Docker's clients", .enabled(if: Kernel.hasPartitions))
struct SupervisorDockerTests {
  static let client = installed("docker")
  static let python = ["python3", "/usr/bin/python3"].first {
    (try? Program($0, ["-c", "import docker"]).call().status) == 0
  }

  /// A command line of docker(1) for that supervisor.
  func docker(_ site: SupervisedSandbox, _ arguments: [String]) -> Program {
    var program = Program(Self.client ?? "docker", arguments)
    program.environment["DOCKER_HOST"] = "unix://\(site.socket)"
    program.environment["HOME"] = site.box.scratch.path
    return program
  }

  func call(_ site: SupervisedSandbox, _ arguments: String...) throws -> Outcome {
    try docker(site, arguments).call()
  }

  /// What every `run` begins with.
  func run(_ site: SupervisedSandbox, _ short: String, _ options: String..., script: String) throws -> Outcome
  {
    try docker(
      site,
      ["run", "--name", site.name(short), "--env", "SWIFTJAIL_TEST=\(site.box.id)"] + options
        + ["host", "/bin/sh", "-c", script]
    ).call()
  }

  @Test("docker run passes the streams and the status on; --rm leaves nothing", .enabled(if: client != nil))
  func runs() throws {
    try withSupervisor { site in
      let outcome = try run(site, "a", "--rm", script: "echo out; echo err >&2; exit 9")
      #expect(outcome.status == 9 && outcome.text == "out" && outcome.complaints == ["err"], "\(outcome)")
      try site.waitFor("a", "none")
    }
  }

  @Test("docker run -i takes stdin", .enabled(if: client != nil))
  func interactive() throws {
    try withSupervisor { site in
      let path = site.box.scratch.path + "/input"
      try write("one\ntwo\n", to: path)
      let input = open(path, O_RDONLY | O_CLOEXEC)
      defer { close(input) }
      var program = docker(
        site, ["run", "-i", "--rm", "--name", site.name("a"), "host", "/bin/sh", "-c", "wc -l; exit 4"])
      program.stdin = .descriptor(input)
      let outcome = try program.call()
      #expect(outcome.status == 4 && outcome.text == "2", "\(outcome)")
    }
  }

  @Test("docker run -it has a terminal", .enabled(if: client != nil))
  func terminal() throws {
    try withSupervisor { site in
      let terminal = try Terminal()
      terminal.resize(rows: 12, columns: 34)
      let script =
        "until [ \"$(stty size)\" = '12 34' ]; do sleep 0.05; done; tty; read line; echo got $line; exit 5"
      var program = docker(
        site, ["run", "-it", "--rm", "--name", site.name("a"), "host", "/bin/sh", "-c", script])
      program.terminal = terminal.path
      let run = try program.start()
      defer { run.forget() }
      try terminal.waitFor("/dev/")
      terminal.type("word\n")
      try terminal.waitFor("got word")
      try #expect(run.wait().status == 5)
    }
  }

  @Test("docker exec -it has a terminal of the client's size from the start", .enabled(if: client != nil))
  func execTerminal() throws {
    try withSupervisor { site in
      try site.define("a")
      try site.waitUntilReady("a")
      let terminal = try Terminal()
      terminal.resize(rows: 12, columns: 34)
      // Nothing changes it later.
      let script =
        "for i in $(seq 100); do case $(stty size) in '12 34') echo right; exit 5;; esac; sleep 0.05; done"
      var program = docker(site, ["exec", "-it", site.name("a"), "/bin/sh", "-c", script])
      program.terminal = terminal.path
      let exec = try program.start()
      defer { exec.forget() }
      try terminal.waitFor("right")
      try #expect(exec.wait().status == 5)
    }
  }

  @Test("docker run -d, ps, exec, logs, top, stop, start, inspect, rm", .enabled(if: client != nil))
  func life() throws {
    try withSupervisor { site in
      let name = site.name("a")
      let outcome = try run(site, "a", "--detach", "--label", "tier=one", script: SupervisedSandbox.patient)
      #expect(outcome.status == 0 && outcome.text.count == 64, "\(outcome)")
      try site.waitUntilReady("a")
      let ps = try call(
        site, "ps", "--filter", "label=tier=one", "--format", "{{.Names}} {{.Image}} {{.State}}")
      #expect(ps.text == "\(name) host running", "\(ps)")
      let exec = try call(site, "exec", "--workdir", "/tmp", name, "/bin/sh", "-c", "pwd; exit 3")
      #expect(exec.status == 3 && exec.text == "/tmp", "\(exec)")
      let top = try call(site, "top", name)
      #expect(top.status == 0 && top.text.contains("/bin/sh"), "\(top)")
      #expect(top.lines.first?.words == ["UID", "PID", "PPID", "C", "STIME", "TTY", "TIME", "CMD"], "\(top)")
      try #expect(call(site, "stop", name).status == 0)
      let state = try call(site, "inspect", "--format", "{{.State.Status}} {{.State.ExitCode}}", name)
      #expect(state.text == "exited 7", "\(state)")
      try #expect(call(site, "logs", name).lines == ["ready", "asked"])
      try #expect(call(site, "start", name).status == 0)
      try site.waitFor("a", "running")
      let removal = try call(site, "rm", name)
      #expect(removal.status != 0 && removal.stderr.contains("runs"), "\(removal)")
      try #expect(call(site, "rm", "--force", name).status == 0)
      try #expect(site.status("a") == "none")
    }
  }

  @Test("docker version, info, images and a file's partitions in docker ps", .enabled(if: client != nil))
  func engine() throws {
    try withSupervisor { site in
      try site.define("a")
      try site.waitUntilReady("a")
      let version = try call(site, "version", "--format", "{{.Server.APIVersion}}")
      #expect(version.text == "1.41", "\(version)")
      let info = try call(site, "info", "--format", "{{.ContainersRunning}} {{.Images}}")
      #expect(info.text == "1 1", "\(info)")
      let images = try call(site, "images", "--format", "{{.Repository}}")
      #expect(images.text == "host", "\(images)")
      let ps = try call(site, "ps", "--format", "{{.Names}}")
      #expect(ps.text == site.name("a"), "\(ps)")
      let pull = try call(site, "pull", "debian")
      #expect(pull.status != 0 && pull.stderr.contains("host is the only one"), "\(pull)")
    }
  }

  @Test("A program that is not there gives 127, as with Docker", .enabled(if: client != nil))
  func noProgram() throws {
    try withSupervisor { site in
      let outcome = try call(site, "run", "--rm", "--name", site.name("a"), "host", "/bin/nonesuch")
      #expect(outcome.status == 127 && outcome.stderr.contains("/bin/nonesuch"), "\(outcome)")
      #expect(outcome.stderr.components(separatedBy: "/bin/nonesuch").count == 2, "\(outcome)")
      let path = try call(site, "run", "--rm", "--name", site.name("b"), "host", "nonesuch")
      #expect(path.stderr.contains("executable file not found in $PATH"), "\(path)")
      try site.waitFor("a", "none")
    }
  }

  @Test(
    "What cannot be executed gives 126, as with Docker", .enabled(if: client != nil),
    arguments: ["/etc", "/etc/passwd"])
  func notExecutable(path: String) throws {
    try withSupervisor { site in
      let outcome = try call(site, "run", "--rm", "--name", site.name("a"), "host", path)
      #expect(outcome.status == 126 && outcome.stderr.contains(path), "\(outcome)")
      try site.waitFor("a", "none")
    }
  }

  @Test("docker inspect of what there is not looks everywhere, and says so", .enabled(if: client != nil))
  func nothing() throws {
    try withSupervisor { site in
      let outcome = try call(site, "inspect", site.name("a"))
      #expect(outcome.status == 1, "\(outcome)")
      #expect(outcome.stderr.lowercased().contains("no such object: \(site.name("a"))"), "\(outcome)")
      try #expect(call(site, "system", "prune", "--force").status == 0)
    }
  }

  @Test("The Python package: run, exec_run, logs, stats, events, wait, remove", .enabled(if: python != nil))
  func pythonPackage() throws {
    try withSupervisor { site in
      let script = """
        import docker
        client = docker.DockerClient(base_url="unix://\(site.socket)", timeout=60)
        env = {"SWIFTJAIL_TEST": "\(site.box.id)"}
        assert client.ping() and client.version()["ApiVersion"] == "1.41"
        assert [image.tags for image in client.images.list()] == [["host:latest"]], client.images.list()
        output = client.containers.run("host", ["echo", "hello"], name="\(site.name("a"))", remove=True, environment=env)
        assert output == b"hello\\n", output
        ended = client.containers.create("host", ["echo", "said"], name="\(site.name("d"))", environment=env)
        ended.start(); ended.wait()
        assert ended.attach(logs=True, stream=False) == b"said\\n"
        ended.remove()
        container = client.containers.run(
            "host", ["/bin/sh", "-c", "trap 'exit 7' TERM; echo ready; while :; do sleep 0.02; done"],
            name="\(site.name("b"))", detach=True, environment=env, labels={"tier": "one"})
        assert next(container.logs(stream=True)) == b"ready\\n"
        assert next(container.attach(logs=True, stream=True)) == b"ready\\n"
        assert container.exec_run(["/bin/sh", "-c", "echo inside; exit 3"]) == (3, b"inside\\n")
        out, err = container.exec_run(["/bin/sh", "-c", "echo o; echo e >&2"], demux=True).output
        assert (out, err) == (b"o\\n", b"e\\n"), (out, err)
        assert [c.name for c in client.containers.list(filters={"label": "tier=one"})] == [container.name]
        assert container.stats(stream=False)["name"].lstrip("/") == container.name
        container.pause(); container.reload(); assert container.status == "paused", container.status
        container.unpause(); container.reload(); assert container.status == "running", container.status
        container.stop()
        assert container.wait()["StatusCode"] == 7
        container.rename("\(site.name("c"))")
        container.start(); container.reload(); assert container.status == "running"
        container.remove(force=True)
        try:
            client.containers.get("\(site.name("c"))")
            raise SystemExit("it is still there")
        except docker.errors.NotFound:
            pass
        try:
            client.networks.create("net")
            raise SystemExit("that is not offered")
        except docker.errors.APIError as error:
            assert error.status_code == 501, error
        """
      let outcome = try Program(Self.python ?? "python3", ["-c", script]).call()
      #expect(outcome.status == 0, "\(outcome)")
    }
  }
}
