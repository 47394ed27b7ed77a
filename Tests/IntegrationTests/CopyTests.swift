import Foundation
import Testing

/// Files copied into partitions and out of them, as `docker cp` does it.
@Suite("Copying files", .enabled(if: Kernel.hasPartitions))
struct CopyTests {
  static let client = SupervisorDockerTests.client
  /// Runs until it is killed.
  static let script = "echo ready; while :; do sleep 0.05; done"

  /// A partition on a directory with a few files, of which it is known what is in them.
  func define(
    _ site: SupervisedSandbox, _ short: String, script: String = script, _ more: [String: Any] = [:]
  ) throws {
    try site.define(short, script, ["stopTimeout": "0s"].merging(more) { $1 })
    try site.waitForOutput(short, "ready")
    try site.waitFor(short, "running")
  }

  func stop(_ site: SupervisedSandbox, _ short: String) throws {
    try #require(site.ask("POST", "/containers/\(site.name(short))/stop").status == 204)
  }

  /// Runs a program for which Docker's client asks the supervisor.
  func call(_ site: SupervisedSandbox, _ program: Program) throws -> Outcome {
    var program = program
    program.environment["DOCKER_HOST"] = "unix://\(site.socket)"
    program.environment["HOME"] = site.box.scratch.path
    return try program.call()
  }

  func docker(_ site: SupervisedSandbox, _ arguments: String...) throws -> Outcome {
    try call(site, Program(Self.client ?? "docker", arguments))
  }

  /// `docker cp` that has to succeed.
  func copy(_ site: SupervisedSandbox, _ arguments: String...) throws {
    let outcome = try call(site, Program(Self.client ?? "docker", ["cp"] + arguments))
    guard outcome.status == 0 else { throw Broken("\(outcome)\n\(site.messages)") }
  }

  /// An archive of files in a directory of the test's, as text.
  func archive(_ site: SupervisedSandbox, _ names: String..., from directory: String) throws -> String {
    let outcome = try Program("tar", ["-C", directory, "-cf", "-"] + names).call()
    guard outcome.status == 0 else { throw Broken("\(outcome)") }
    return String(decoding: outcome.stdout, as: UTF8.self)
  }

  func target(_ site: SupervisedSandbox, _ short: String, _ path: String, _ more: String = "") -> String {
    "/v1.41/containers/\(site.name(short))/archive?path=\(path)\(more)"
  }

  /// The processes that work on files for a supervisor: its children but for the keeper.
  func workers(_ site: SupervisedSandbox) -> [pid_t] {
    guard let daemon = site.daemon?.pid else { return [] }
    let children = contents("/proc/\(daemon)/task/\(daemon)/children") ?? ""
    return children.words.compactMap { pid_t($0.trimmed) }.filter {
      contents("/proc/\($0)/comm")?.trimmed == "swiftjaild"
    }
  }

  // MARK: docker cp

  @Test(
    "A file and a directory go in and come out, while it runs and while it does not",
    .enabled(if: client != nil))
  func bothWays() throws {
    try withSupervisor { site in
      try define(site, "a")
      let here = site.box.scratch.path + "/here"
      try makeDirectory(here + "/tree/below")
      try write("one", to: here + "/file", mode: 0o640)
      try write("two", to: here + "/tree/below/two")
      try makeLink(here + "/tree/link", to: "below/two")
      let name = site.name("a")
      for state in ["running", "stopped"] {
        if state == "stopped" { try stop(site, "a") }
        try copy(site, here + "/file", "\(name):/etc/\(state)")
        try copy(site, here + "/file", "\(name):/etc/")
        try copy(site, here + "/tree", "\(name):/srv-\(state)")
        try copy(site, here + "/tree/.", "\(name):/etc")
        try copy(site, "\(name):/etc/\(state)", here + "/\(state)")
        #expect(contents(here + "/\(state)") == "one")
        try copy(site, "\(name):/srv-\(state)", here + "/out-\(state)")
        #expect(contents(here + "/out-\(state)/below/two") == "two")
        #expect(link(here + "/out-\(state)/link") == "below/two")
        try copy(site, "\(name):/etc/.", here + "/etc-\(state)")
        #expect(contents(here + "/etc-\(state)/file") == "one")
        #expect(contents(here + "/etc-\(state)/below/two") == "two")
      }
      // What was put there while it did not run is there when it runs, and the other way round.
      try #require(site.ask("POST", "/containers/\(name)/start").status == 204)
      try site.waitForOutput("a", "ready", count: 2)
      let script =
        "cat /etc/running /etc/stopped /srv-running/link /srv-stopped/link; stat -c %a /etc/stopped"
      let outcome = try docker(site, "exec", name, "/bin/sh", "-c", script)
      #expect(outcome.text == "oneonetwotwo640", "\(outcome)")
      let missing = try docker(site, "cp", "\(name):/nonesuch", here)
      #expect(missing.status != 0 && missing.stderr.contains("/nonesuch"), "\(missing)")
      let soon = String(Int(Date().timeIntervalSince1970) + 1)
      let events = try docker(
        site, "events", "--since", "1h", "--until", soon, "--filter", "event=extract-to-dir")
      #expect(events.lines.count == 8, "\(events)")
    }
  }

  @Test(
    "One of the running system that was never started takes files, and has them when it is",
    .enabled(if: client != nil))
  func neverStarted() throws {
    try withSupervisor { site in
      let name = site.name("a")
      let made = try docker(
        site, "create", "--name", name, "--rm", "--env", "SWIFTJAIL_TEST=\(site.box.id)", "host", "/bin/cat",
        "/usr/share/\(site.box.id)", "/opt/text")
      #expect(made.status == 0, "\(made)")
      try write("text", to: site.box.scratch.path + "/text")
      try copy(site, site.box.scratch.path + "/text", "\(name):/usr/share/\(site.box.id)")
      try copy(site, site.box.scratch.path + "/text", "\(name):/opt")
      #expect(!exists("/usr/share/\(site.box.id)") && !exists("/opt/text"))
      try copy(site, "\(name):/usr/bin/env", site.box.scratch.path + "/env")
      #expect(exists(site.box.scratch.path + "/env"))
      let outcome = try docker(site, "start", "--attach", name)
      #expect(outcome.status == 0 && outcome.text == "texttext", "\(outcome)")
      try site.waitFor("a", "none")
    }
  }

  @Test("Archives go in and out as they are with -", .enabled(if: client != nil))
  func archives() throws {
    try withSupervisor { site in
      try define(site, "a")
      let name = site.name("a")
      let here = site.box.scratch.path + "/here"
      try makeDirectory(here)
      try write("text", to: here + "/file")
      let script = """
        tar -C \(here) -cf - file | docker cp - \(name):/tmp &&
        docker cp \(name):/tmp/file - | tar -xOf - file && docker cp \(name):/tmp - | tar -tf -
        """
      let outcome = try call(site, Program("/bin/sh", ["-c", script]))
      #expect(outcome.status == 0 && outcome.text == "texttmp/\ntmp/file", "\(outcome)")
    }
  }

  @Test(
    "What is in a volume is reached, also while it does not run; one to be read only is not written to",
    .enabled(if: client != nil))
  func volumes() throws {
    try withSupervisor { site in
      let data = site.box.scratch.path + "/data"
      try makeDirectory(data)
      try write("there", to: data + "/there")
      let file = site.box.scratch.path + "/file"
      try write("text", to: file)
      try define(site, "a", ["volumes": ["\(data):/data", "\(data):/kept:ro"]])
      let name = site.name("a")
      for state in ["running", "stopped"] {
        if state == "stopped" { try stop(site, "a") }
        try copy(site, file, "\(name):/data/\(state)")
        #expect(contents("\(data)/\(state)") == "text")
        try copy(site, "\(name):/kept/there", "\(file)-\(state)")
        #expect(contents("\(file)-\(state)") == "there")
        let refused = try docker(site, "cp", file, "\(name):/kept/\(state)-2")
        #expect(refused.status != 0 && refused.stderr.contains("Read-only"), "\(refused)")
        #expect(!exists("\(data)/\(state)-2"))
      }
    }
  }

  @Test(
    "Owners are those of the archive; with --archive, the one that the partition runs as",
    .enabled(if: client != nil))
  func owners() throws {
    try withSupervisor { site in
      try define(site, "a", ["user": "12:34"])
      let file = site.box.scratch.path + "/file"
      try write("text", to: file)
      chown(file, 777, 888)
      try copy(site, file, "\(site.name("a")):/tmp/plain")
      try copy(site, "--archive", file, "\(site.name("a")):/tmp/given")
      let outcome = try docker(
        site, "exec", site.name("a"), "stat", "-c", "%u:%g", "/tmp/plain", "/tmp/given")
      #expect(outcome.lines == ["777:888", "12:34"], "\(outcome)")
    }
  }

  @Test(
    "In a user namespace, owners are as the partition has them, while it runs and while it does not",
    .enabled(if: client != nil))
  func userNamespace() throws {
    try withSupervisor { site in
      site.box.config.mapUsers()
      site.box.config.shell("echo ready; while :; do sleep 0.05; done")
      try site.box.writeConfig()
      _ = try Program("chown", ["-R", "100000:100000", site.box.rootfs]).call()
      try site.write(["a": ["bundle": site.box.bundle, "stopTimeout": "0s"]])
      try site.waitForOutput("a", "ready")
      try site.waitFor("a", "running")
      let file = site.box.scratch.path + "/file"
      try write("text", to: file)
      chown(file, 7, 8)
      for state in ["running", "stopped"] {
        if state == "stopped" { try stop(site, "a") }
        try copy(site, file, "\(site.name("a")):/tmp/\(state)")
        let made = try FileManager.default.attributesOfItem(atPath: "\(site.box.rootfs)/tmp/\(state)")
        #expect(made[.ownerAccountID] as? Int == 100_007 && made[.groupOwnerAccountID] as? Int == 100_008)
        let owner = Program(
          "/bin/sh", ["-c", "docker cp \(site.name("a")):/tmp/\(state) - | tar --numeric-owner -tvf -"])
        let outcome = try call(site, owner)
        #expect(outcome.text.contains(" 7/8 "), "\(state): \(outcome)")
      }
    }
  }

  // MARK: Harm

  @Test(
    "A link of the partition leads nowhere on the host, neither on the way in nor out",
    .enabled(if: client != nil))
  func links() throws {
    try withSupervisor { site in
      let host = site.box.scratch.path + "/host"
      try makeDirectory(host)
      try write("secret", to: host + "/secret")
      let file = site.box.scratch.path + "/file"
      try write("changed", to: file)
      let script = """
        ln -s \(host) /tmp/absolute; ln -s ../../../../../../../../\(host) /tmp/relative; ln -s /proc/1/root /tmp/proc
        ln -s \(host)/secret /tmp/file; ln -s /proc/self/root /tmp/self; \(Self.script)
        """
      try define(site, "a", script: script)
      let name = site.name("a")
      for state in ["running", "stopped"] {
        if state == "stopped" { try stop(site, "a") }
        for way in ["absolute", "relative", "file", "proc/\(host)", "self/\(host)"] {
          _ = try docker(site, "cp", file, "\(name):/tmp/\(way)/secret")
          _ = try docker(site, "cp", file, "\(name):/tmp/\(way)/new")
          _ = try docker(site, "cp", file, "\(name):/tmp/\(way)")
          let out = site.box.scratch.path + "/out"
          _ = try docker(site, "cp", "--follow-link", "\(name):/tmp/\(way)/secret", out)
          #expect(contents(out) != "secret", "\(way)")
        }
        #expect(contents(host + "/secret") == "secret")
        try #expect(FileManager.default.contentsOfDirectory(atPath: host) == ["secret"])
      }
    }
  }

  @Test(
    "Nor does one that is put in a directory's place again and again while files are copied",
    .enabled(if: client != nil))
  func swapping() throws {
    try withSupervisor { site in
      let host = site.box.scratch.path + "/host"
      try makeDirectory(host + "/sub")
      try write("secret", to: host + "/file")
      try write("secret", to: host + "/sub/file")
      let here = site.box.scratch.path + "/here"
      try makeDirectory(here + "/d/sub")
      try write("mine", to: here + "/d/file")
      try write("mine", to: here + "/d/sub/file")
      let script = """
        cd /tmp; mkdir d; mkdir d/sub; echo mine > d/file; echo mine > d/sub/file; ln -s \(host) l; ln -s \(host)/sub s; echo ready
        while :; do mv d e; mv l d; mv d l; mv e d; mv d/sub d/bus; mv s d/sub; mv d/sub s; mv d/bus d/sub; done
        """
      try define(site, "a", script: script)
      let name = site.name("a")
      for _ in 1...25 {
        _ = try docker(site, "cp", here + "/d", "\(name):/tmp")
        // As it is: the client would follow a link that came out the last time.
        let out = try docker(site, "cp", "\(name):/tmp/d", "-")
        #expect(!out.text.contains("secret"), "\(out)")
      }
      #expect(contents(host + "/file") == "secret" && contents(host + "/sub/file") == "secret")
      let left = try FileManager.default.subpathsOfDirectory(atPath: host).sorted()
      #expect(left == ["file", "sub", "sub/file"])
    }
  }

  @Test("A fifo, a device and the kernel's own files hold nobody up", .enabled(if: client != nil))
  func fifos() throws {
    try withSupervisor { site in
      try define(site, "a", script: "mkfifo /tmp/f; \(Self.script)")
      let name = site.name("a")
      let here = site.box.scratch.path + "/here"
      try makeDirectory(here)
      try copy(site, "\(name):/tmp", here)
      try copy(site, "\(name):/dev/null", here)
      try copy(site, "\(name):/", here + "/all")
      #expect(
        exists(here + "/all/proc") && !exists(here + "/all/proc/1") && !exists(here + "/all/sys/kernel"))
      try write("text", to: here + "/file")
      try copy(site, here + "/file", "\(name):/tmp/f")
      let text = try docker(site, "exec", name, "cat", "/tmp/f")
      #expect(text.text == "text", "\(text)")
    }
  }

  // MARK: The API

  @Test(
    "An archive may be compressed, and is refused when it is damaged",
    arguments: ["gzip", "bzip2", "xz", "zstd"])
  func compressed(program: String) throws {
    guard ["/usr/bin/\(program)", "/bin/\(program)"].contains(where: exists) else { return }
    try withSupervisor { site in
      try define(site, "a")
      let here = site.box.scratch.path + "/here"
      try makeDirectory(here)
      let text = (1...20_000).map(String.init).joined(separator: "\n")
      try text.write(toFile: here + "/file", atomically: false, encoding: .utf8)
      let script = "cd \(here) && tar c file | \(program) -c > whole && head -c 5000 whole > cut"
      try #expect(Program("/bin/sh", ["-c", script]).call().status == 0)
      func put(_ name: String) throws -> Outcome {
        try Program(
          "/usr/bin/curl",
          [
            "-sS", "--unix-socket", site.socket, "-T", "\(here)/\(name)",
            "http://x\(target(site, "a", "/tmp"))",
          ]
        ).call()
      }
      try #expect(put("cut").text.contains("cannot decompress it"))
      let answer = try put("whole")
      #expect(answer.status == 0 && answer.text.isEmpty, "\(answer)")
      try #expect(site.succeed("exec", site.name("a"), "cat", "/tmp/file").text == text)
    }
  }

  @Test("The API's own errors, and what a file is")
  func answers() throws {
    try withSupervisor { site in
      try define(site, "a", script: "echo text > /tmp/file; ln -s file /tmp/link; \(Self.script)")
      func look(_ path: String) throws -> SupervisorConnection.Answer {
        let connection = try SupervisorConnection(site.socket)
        try connection.begin("HEAD", target(site, "a", path))
        return try connection.head()
      }
      let status = try look("/tmp/link")
      #expect(status.status == 200, "\(status)")
      let header = try #require(
        status.headers["x-docker-container-path-stat"].flatMap { Data(base64Encoded: $0) })
      let document = Config(object: try JSONSerialization.jsonObject(with: header) as? [String: Any] ?? [:])
      #expect(document["name"] as? String == "link" && document["linkTarget"] as? String == "/tmp/file")
      try #expect(look("/tmp/nonesuch").status == 404)
      try #expect(site.ask("GET", target(site, "a", "/tmp/nonesuch")).message.contains("/tmp/nonesuch"))
      try #expect(site.ask("GET", target(site, "a", "/tmp/file/")).status == 400)
      try #expect(site.ask("GET", target(site, "b", "/tmp")).status == 404)
      let got = try site.ask("GET", target(site, "a", "/tmp/file"))
      #expect(got.status == 200 && got.headers["content-type"] == "application/x-tar", "\(got)")
      #expect(got.headers["x-docker-container-path-stat"] != nil && got.text.contains("text"))

      let here = site.box.scratch.path + "/here"
      try makeDirectory(here + "/file")
      let tar = try archive(site, "file", from: here)
      try #expect(site.ask("PUT", target(site, "a", "/tmp/nonesuch"), tar).status == 404)
      let wrong = try site.ask("PUT", target(site, "a", "/tmp/file"), tar)
      #expect(wrong.status == 400 && wrong.message.contains("not a directory"), "\(wrong)")
      let kept = try site.ask("PUT", target(site, "a", "/tmp", "&noOverwriteDirNonDir=true"), tar)
      #expect(kept.status == 400 && kept.message.contains("cannot overwrite"), "\(kept)")
      let damaged = try site.ask("PUT", target(site, "a", "/tmp"), String(repeating: "x", count: 2000))
      #expect(damaged.status == 400 && damaged.message.contains("damaged"), "\(damaged)")
      let cut = try site.ask("PUT", target(site, "a", "/tmp"), String(tar.prefix(300)))
      #expect(cut.status == 400 && cut.message.contains("ends in the middle"), "\(cut)")
      try #expect(site.ask("PUT", target(site, "a", "/tmp"), tar).status == 200)
      // The same connection goes on after that.
      let connection = try SupervisorConnection(site.socket)
      for _ in 1...3 { try #expect(connection.ask("PUT", target(site, "a", "/tmp"), tar).status == 200) }
    }
  }

  @Test("A root that is to be read only is not written to, and the answer says so")
  func readOnly() throws {
    try withSupervisor { site in
      try define(site, "a", ["readOnly": true])
      let here = site.box.scratch.path + "/here"
      try makeDirectory(here + "/new")
      let tar = try archive(site, "new", from: here)
      for state in ["running", "stopped"] {
        if state == "stopped" { try stop(site, "a") }
        let answer = try site.ask("PUT", target(site, "a", "/etc"), tar)
        #expect(answer.status == 403 && answer.message.contains("Read-only"), "\(state): \(answer)")
      }
    }
  }

  @Test("When a client goes away in the middle, the process that worked for it goes as well")
  func cancelled() throws {
    try withSupervisor { site in
      try define(site, "a", script: "dd if=/dev/zero of=/tmp/large bs=1M count=64; \(Self.script)")
      var connection: SupervisorConnection? = try SupervisorConnection(site.socket)
      try connection?.send(
        "PUT \(target(site, "a", "/tmp")) HTTP/1.1\r\nHost: x\r\nContent-Length: 100000\r\n\r\nxxx")
      #expect(poll { workers(site).count == 1 })
      connection = nil
      #expect(poll { workers(site).isEmpty })
      connection = try SupervisorConnection(site.socket)
      try connection?.begin("GET", target(site, "a", "/tmp/large"))
      try #expect(connection?.head().status == 200)
      // It waits until more is read, and nobody else does.
      #expect(workers(site).count == 1)
      try #expect(site.ask("GET", "/_ping").status == 200)
      connection = nil
      #expect(poll { workers(site).isEmpty })
    }
  }

  @Test("A start does not wait for a client that is slow to copy, nor does a removal")
  func startsAnyway() throws {
    try withSupervisor { site in
      try define(site, "a", script: "dd if=/dev/zero of=/tmp/large bs=1M count=64; \(Self.script)")
      try stop(site, "a")
      let slow = try SupervisorConnection(site.socket)
      try slow.begin("GET", target(site, "a", "/tmp/large"))
      try #expect(slow.head().status == 200)
      try #expect(site.ask("POST", "/containers/\(site.name("a"))/start").status == 204)
      try site.waitFor("a", "running")
      #expect(poll { workers(site).isEmpty })
      let other = try SupervisorConnection(site.socket)
      try other.begin("GET", target(site, "a", "/tmp/large"))
      try #expect(other.head().status == 200)
      unlink(site.path("a"))
      try #expect(site.ask("DELETE", "/containers/\(site.name("a"))?force=1").status == 204)
      #expect(poll { workers(site).isEmpty })
    }
  }

  @Test("The Python package: get_archive and put_archive", .enabled(if: SupervisorDockerTests.python != nil))
  func python() throws {
    try withSupervisor { site in
      try define(site, "a")
      let script = """
        import docker, io, tarfile
        client = docker.DockerClient(base_url="unix://\(site.socket)", timeout=60)
        container = client.containers.get("\(site.name("a"))")
        output = io.BytesIO()
        with tarfile.open(fileobj=output, mode="w", format=tarfile.PAX_FORMAT) as archive:
            for name in ["plain", "n" * 150 + "/" + "m" * 150, "ü"]:
                member = tarfile.TarInfo(name)
                member.size, member.uid, member.gid, member.mtime, member.mode = 5, 1234, 5678, 1700000000.25, 0o4711
                archive.addfile(member, io.BytesIO(b"hello"))
        assert container.put_archive("/tmp", output.getvalue())
        chunks, status = container.get_archive("/tmp")
        assert status["name"] == "tmp" and status["mode"] & 1 << 31, status
        with tarfile.open(fileobj=io.BytesIO(b"".join(chunks))) as archive:
            for name in ["plain", "n" * 150 + "/" + "m" * 150, "ü"]:
                member = archive.getmember("tmp/" + name)
                assert (member.uid, member.gid, member.mtime, member.mode) == (1234, 5678, 1700000000.25, 0o4711), member.get_info()
                assert archive.extractfile(member).read() == b"hello"
        chunks, status = container.get_archive("/tmp/plain", chunk_size=None)
        assert status["size"] == 5 and status["name"] == "plain", status
        try:
            container.get_archive("/nonesuch")
            raise SystemExit("there is no such file")
        except docker.errors.NotFound:
            pass
        """
      let outcome = try Program(SupervisorDockerTests.python ?? "python3", ["-c", script]).call()
      #expect(outcome.status == 0, "\(outcome)")
    }
  }
}
