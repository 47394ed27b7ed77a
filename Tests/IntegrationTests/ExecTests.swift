import Foundation
import Testing

@Suite("exec")
struct ExecTests {
  /// A running container, whose program sleeps, for each test.
  func withRunning(_ change: (Sandbox) throws -> Void = { _ in }, _ body: (Sandbox) throws -> Void) throws {
    try withSandbox { box in
      box.config["process.args"] = ["sleep", "1000"]
      try change(box)
      try box.detach()
      try body(box)
    }
  }

  /// What a shell script printed inside.
  func sh(_ box: Sandbox, _ script: String) throws -> String { try sh(box, [], script) }

  func sh(_ box: Sandbox, _ options: [String], _ script: String) throws -> String {
    let outcome = try box.exec(options, "sh", "-c", script)
    guard outcome.status == 0 else { throw Broken(outcome.description) }
    return outcome.text
  }

  @Test("It enters every namespace, the cgroup and the root of the container")
  func inside() throws {
    try withRunning { box in
      box.config.enter("cgroup")
    } _: { box in
      let pid = try box.pid()
      for name in ["pid", "mnt", "net", "ipc", "uts", "cgroup", "user"] {
        let inside = try sh(box, "readlink /proc/self/ns/\(name)")
        #expect(inside == link("/proc/\(pid)/ns/\(name)"), "\(name)")
      }
      try #expect(sh(box, "cat /proc/1/cmdline | tr '\\000' ' '") == "sleep 1000")
      try #expect(sh(box, "grep ^0:: /proc/self/cgroup; hostname").lines == ["0::/", "jail"])
    }
  }

  @Test("It enters a user namespace as its root")
  func userNamespace() throws {
    try withRunning { box in
      box.config.mapUsers()
    } _: { box in
      try #expect(
        sh(box, "id -u; cat /proc/self/uid_map").lines.map(\.words) == [["0"], ["0", "100000", "65536"]])
    }
  }

  @Test("It enters a time namespace", .enabled(if: Kernel.hasTimeNamespaces))
  func timeNamespace() throws {
    try withRunning { box in
      box.config.enter("time")
      box.config["linux.timeOffsets"] = ["boottime": ["secs": 5_000_000, "nanosecs": 0]]
    } _: { box in
      let uptime = Double(try sh(box, "cat /proc/uptime").words.first ?? "") ?? 0
      #expect(uptime > 5_000_000)
    }
  }

  @Test("The exit status is the command's", arguments: [0, 3, 255])
  func status(_ status: Int) throws {
    try withRunning { box in
      try #expect(box.exec([], "sh", "-c", "exit \(status)").status == status)
    }
  }

  @Test("The exit status is 128 + the signal that killed the command", arguments: [SIGKILL, SIGTERM])
  func signalled(signal: CInt) throws {
    try withRunning { box in
      try #expect(box.exec([], "sh", "-c", "kill -\(signal) $$").status == 128 + Int(signal))
    }
  }

  @Test("Signals to a foreground exec reach the command")
  func forwarded() throws {
    try withRunning { box in
      let script = "trap 'exit 42' TERM; echo ready; while :; do sleep 0.05; done"
      let exec = try box.program(["exec", box.id, "sh", "-c", script]).start()
      defer { exec.forget() }
      #expect(poll { exec.text == "ready" })
      exec.signal(SIGTERM)
      try #expect(exec.wait().status == 42)
      try #expect(box.status() == "running")
    }
  }

  // Docker makes its 127 and 126 of these words, containerd and podman look for them as well.
  @Test("A command that is not there, or cannot be run, is told in the words engines look for")
  func notFound() throws {
    try withRunning { box in
      try write("text", to: box.rootfs + "/etc/plain", mode: 0o644)
    } _: { box in
      for name in ["nonesuch", "/bin/nonesuch"] {
        let outcome = try box.exec([], name)
        expectRefusal(outcome, saying: name)
        let text = outcome.stderr.lowercased()
        #expect(
          text.contains("executable file not found") || text.contains("no such file or directory"),
          "\(outcome)")
      }
      for name in ["/etc/plain", "/bin"] {
        let outcome = try box.exec([], name)
        expectRefusal(outcome, saying: name)
        let text = outcome.stderr.lowercased()
        #expect(text.contains("permission denied") || text.contains("is a directory"), "\(outcome)")
      }
    }
  }

  @Test("Bytes pass through exec untouched")
  func binary() throws {
    try withRunning { box in
      let bytes = Data((0..<100_000).map { UInt8(truncatingIfNeeded: $0 &* 31 ^ $0 >> 7) })
      let path = box.scratch.path + "/input"
      try bytes.write(to: URL(fileURLWithPath: path))
      let input = open(path, O_RDONLY | O_CLOEXEC)
      defer { close(input) }
      var exec = box.program(["exec", box.id, "cat"])
      exec.stdin = .descriptor(input)
      try #expect(exec.call().stdout == bytes)
    }
  }

  @Test("--cwd is the working directory")
  func directory() throws {
    try withRunning { box in
      try #expect(sh(box, ["--cwd", "/etc"], "pwd") == "/etc")
      try #expect(sh(box, "pwd") == "/")
      expectRefusal(try box.exec(["--cwd", "relative"], "true"))
    }
  }

  @Test("A working directory that is not there, or is none, is told of; nothing is made")
  func missingDirectory() throws {
    try withRunning { box in
      try write("", to: box.rootfs + "/etc/plain")
    } _: { box in
      for (directory, reason) in [("/nope/below", "No such file"), ("/etc/plain", "Not a directory")] {
        for user in ["0", "1000"] {
          let outcome = try box.exec(["--cwd", directory, "--user", user], "true")
          expectRefusal(outcome, saying: "chdir to cwd", "\"\(directory)\"", reason)
          #expect(outcome.status == 126)
        }
      }
      try #expect(sh(box, "ls -d /nope; true") == "")
    }
  }

  @Test("--env adds to the container's environment")
  func environment() throws {
    try withRunning { box in
      let lines = try sh(box, ["-e", "NEW=1", "-e", "OTHER=a b"], "env").lines
      #expect(
        lines.contains("NEW=1") && lines.contains("OTHER=a b") && lines.contains("PATH=/bin"), "\(lines)")
      #expect(lines.contains("SWIFTJAIL_TEST=\(box.id)"), "the bundle's own stays")
    }
  }

  @Test("--user takes names as the container's own files know them, with the groups of that user")
  func userName() throws {
    try withRunning { box in
      try write("web:x:1000:1001:::\n", to: box.rootfs + "/etc/passwd")
      try write("staff:x:50:web\nother:x:51:\n", to: box.rootfs + "/etc/group")
    } _: { box in
      let script = "id -u; id -g; grep ^Groups /proc/self/status"
      let own = try sh(box, ["--user", "web"], script).lines
      #expect(own.prefix(2) == ["1000", "1001"] && own.last?.words == ["Groups:", "50"], "\(own)")
      try #expect(sh(box, ["-u", "web:other"], script).lines.prefix(2) == ["1000", "51"])
      try #expect(sh(box, ["-u", "7:other"], script).lines.prefix(2) == ["7", "51"])
      expectRefusal(try box.exec(["--user", "nobody"], "true"), saying: "/etc/passwd", "\"nobody\"")
    }
  }

  @Test("What is typed for run and for docker exec is taken: -it, --workdir")
  func otherNames() throws {
    try withRunning { box in
      try #expect(sh(box, ["--workdir", "/etc"], "pwd") == "/etc")
      try #expect(sh(box, ["-i", "-w", "/etc"], "pwd") == "/etc")
      let terminal = try Terminal()
      var exec = box.program(["exec", "-it", box.id, "sh", "-c", "tty"])
      exec.terminal = terminal.path
      let running = try exec.start()
      defer { running.forget() }
      try terminal.waitFor("/dev/pts/")
      try #expect(running.wait().status == 0)
    }
  }

  @Test("--user takes a uid, or uid and gid")
  func user() throws {
    try withRunning { box in
      try #expect(sh(box, ["--user", "1000"], "id -u; id -g").lines == ["1000", "0"])
      try #expect(sh(box, ["-u", "1000:1001"], "id -u; id -g").lines == ["1000", "1001"])
      expectRefusal(try box.exec(["--user", "1000:x"], "true"), saying: "/etc/group", "\"x\"")
    }
  }

  @Test("--additional-gids may be given more than once")
  func groups() throws {
    try withRunning { box in
      let groups = try sh(
        box, ["--user", "1000:1001", "-g", "7", "-g", "8"], "grep ^Groups: /proc/self/status")
      #expect(groups.words == ["Groups:", "7", "8"])
    }
  }

  @Test("--cap adds a capability to the container's")
  func capability() throws {
    try withRunning { box in
      for set in ["bounding", "permitted", "effective"] {
        box.config["process.capabilities.\(set)"] = ["CAP_KILL"]
      }
    } _: { box in
      try #expect(sh(box, "grep ^CapEff: /proc/self/status").words.last == "0000000000000020")
      #expect(
        try sh(box, ["--cap", "CAP_NET_RAW"], "grep ^CapEff: /proc/self/status").words.last
          == "0000000000002020")
    }
  }

  @Test("--no-new-privs is set when asked for")
  func noNewPrivileges() throws {
    try withRunning { box in
      box.config["process.noNewPrivileges"] = false
    } _: { box in
      try #expect(sh(box, ["--no-new-privs"], "grep ^NoNewPrivs: /proc/self/status").words.last == "1")
      try #expect(sh(box, "grep ^NoNewPrivs: /proc/self/status").words.last == "0")
    }
  }

  @Test("The container's own limits, umask and score hold for exec as well")
  func inherited() throws {
    try withRunning { box in
      box.config["process.rlimits"] = [["type": "RLIMIT_NOFILE", "soft": 100, "hard": 200]]
      box.config["process.oomScoreAdj"] = 300
    } _: { box in
      let output = try sh(box, "ulimit -n; ulimit -Hn; cat /proc/self/oom_score_adj").lines
      #expect(output == ["100", "200", "300"])
    }
  }

  @Test("--process reads the whole process from a file")
  func processFile() throws {
    try withRunning { box in
      let process: [String: Any] = [
        "args": ["sh", "-c", "id -u; pwd; echo $WORD; grep ^NoNewPrivs /proc/self/status"], "cwd": "/tmp",
        "env": ["PATH=/bin", "WORD=magic"], "user": ["uid": 12, "gid": 13], "noNewPrivileges": true,
      ]
      let path = box.scratch.path + "/process.json"
      try JSONSerialization.data(withJSONObject: process).write(to: URL(fileURLWithPath: path))
      let outcome = try box.exec(["--process", path])
      #expect(outcome.lines == ["12", "/tmp", "magic", "NoNewPrivs:\t1"], "\(outcome)")
    }
  }

  @Test("A malformed --process file is refused")
  func badProcessFile() throws {
    try withRunning { box in
      let path = box.scratch.path + "/process.json"
      try write("{\"args\": [", to: path)
      expectRefusal(try box.exec(["--process", path]))
      expectRefusal(try box.exec(["--process", path + ".nowhere"]), saying: path)
    }
  }

  @Test("--detach returns at once, and --pid-file names the process")
  func detached() throws {
    try withRunning { box in
      let path = box.scratch.path + "/pid"
      let outcome = try box.exec(["--detach", "--pid-file", path], "sleep", "1234")
      #expect(outcome.status == 0, "\(outcome)")
      let pid = contents(path) ?? ""
      #expect(contents("/proc/\(pid)/cmdline") == "sleep\u{0}1234\u{0}")
      let pids = try box.succeed("ps", "--format", "json", box.id).json as? [Int]
      #expect(pids?.contains(Int(pid) ?? 0) == true)
    }
  }

  @Test("--preserve-fds passes so many descriptors after stderr")
  func preserve() throws {
    try withRunning { box in
      try write("kept", to: box.scratch.path + "/file")
      let file = open(box.scratch.path + "/file", O_RDONLY | O_CLOEXEC)
      let other = open(box.scratch.path + "/file", O_RDONLY | O_CLOEXEC)
      defer {
        close(file)
        close(other)
      }
      var exec = box.program(
        [
          "exec", "--preserve-fds", "1", box.id, "sh", "-c",
          "cat <&3; [ -e /proc/self/fd/4 ] && echo too many; true",
        ])
      exec.extra = [file, other]
      try #expect(exec.call().text == "kept")
    }
  }

  @Test("-e takes the place of a variable that the container has, and of an earlier -e")
  func repeatedVariable() throws {
    try withRunning { box in
      box.config["process.env"] = ["PATH=/bin", "NAME=own"]
    } _: { box in
      let output = try box.exec(["-e", "NAME=1", "--env", "NAME=2"], "env")
      #expect(output.lines.filter { $0.hasPrefix("NAME=") } == ["NAME=2"], "\(output)")
    }
  }

  @Test("-e HOME= is the home directory of the user", arguments: [("0", "/root"), ("7", "/srv/web")])
  func emptyHome(user: String, home: String) throws {
    try withRunning { box in
      try makeDirectory(box.rootfs + "/etc")
      try write("root:x:0:0::/root:/bin/sh\nweb:x:7:7::/srv/web:/bin/sh\n", to: box.rootfs + "/etc/passwd")
    } _: { box in
      let output = try box.exec(["-e", "HOME=", "--user", user], "env")
      #expect(output.lines.filter { $0.hasPrefix("HOME=") } == ["HOME=\(home)"], "\(output)")
    }
  }

  @Test("A wrong command line is not taken for a program that cannot be executed")
  func usage() throws {
    try withRunning { box in
      for options in [["--nonesuch"], ["--user", "x"], []] {
        let outcome = try box.program(["exec"] + options + [box.id]).call()
        expectRefusal(outcome)
        #expect(outcome.status == 125, "\(outcome)")
      }
    }
  }

  @Test("No other descriptor is open in the command")
  func descriptors() throws {
    try withRunning { box in
      try #expect(box.exec([], "ls", "/proc/self/fd").lines == ["0", "1", "2", "3"])
    }
  }

  @Test("Who is stopped from inside on the way to its program is not waited for without end")
  func heldUp() throws {
    try withSandbox { box in
      // No program but this one is started inside, so the next number is known.
      box.config.shell(
        "exec 2> /dev/null; echo ready; p=2; while :; do until kill -STOP $p; do :; done; p=$((p + 1)); done")
      try box.detach()
      try box.waitForOutput("ready")
      let file = box.scratch.path + "/pid"
      var stopped: pid_t?
      for _ in 0..<50 where stopped == nil {
        let outcome = try box.exec(["--detach", "--pid-file", file], "sleep", "1000")
        #expect(outcome.status == 0, "\(outcome)")
        let pid = try #require(contents(file).flatMap { pid_t($0) })
        // Else it came through.
        if contents("/proc/\(pid)/comm")?.trimmed != "sleep" { stopped = pid }
      }
      let pid = try #require(stopped)
      kill(pid, SIGCONT)
      #expect(poll { contents("/proc/\(pid)/comm")?.trimmed == "sleep" })
    }
  }

  @Test("A paused container is not entered, unless --ignore-paused says so")
  func paused() throws {
    try withRunning { box in
      try box.succeed("pause", box.id)
      expectRefusal(try box.exec([], "true"), saying: "paused")
      let exec = try box.program(["exec", "--ignore-paused", box.id, "echo", "thawed"]).start()
      defer { exec.forget() }
      // The command lands in a frozen cgroup and goes on once that is thawed.
      usleep(50_000)
      try box.succeed("resume", box.id)
      let outcome = try exec.wait()
      #expect(outcome.status == 0 && outcome.text == "thawed", "\(outcome)")
    }
  }

  @Test("A created container is entered")
  func created() throws {
    try withSandbox { box in
      try box.create()
      try #expect(box.exec([], "echo", "early").text == "early")
    }
  }

  @Test("A stopped container is not entered")
  func stopped() throws {
    try withSandbox { box in
      try box.detach()
      try box.waitForStatus("stopped")
      expectRefusal(try box.exec([], "true"))
    }
  }

  @Test("--cgroup puts the command into a cgroup below the container's")
  func cgroup() throws {
    try withRunning { box in
      let pid = try box.pid()
      let below = Kernel.cgroups + (Kernel.cgroup(of: pid) ?? "/nowhere") + "/sub"
      try makeDirectory(below)
      defer { rmdir(below) }
      let path = box.scratch.path + "/pid"
      let outcome = try box.exec(["--cgroup", "/sub", "--detach", "--pid-file", path], "sleep", "1234")
      #expect(outcome.status == 0, "\(outcome)")
      let inside = Kernel.cgroup(of: Int(contents(path) ?? "") ?? 0)
      #expect(inside?.hasSuffix("/sub") == true, "\(inside ?? "none")")
      try box.delete()
    }
  }

  @Test(
    "A cgroup path with .. is refused, or stays within the container's cgroup",
    arguments: ["/../..", "..", "/a/../.."])
  func cgroupEscape(path: String) throws {
    try withRunning { box in
      let own = try #require(Kernel.cgroup(of: try box.pid()))
      let file = box.scratch.path + "/pid"
      let outcome = try box.exec(["--cgroup", path, "--detach", "--pid-file", file], "sleep", "1234")
      guard outcome.status == 0 else { return expectRefusal(outcome) }
      #expect(Kernel.cgroup(of: Int(contents(file) ?? "") ?? 0)?.hasPrefix(own) == true, "\(outcome)")
    }
  }

  @Test("exec without a command is refused")
  func noCommand() throws {
    try withRunning { box in
      try #expect(box.call("exec", box.id).status != 0)
    }
  }

  @Test("A flag after the id belongs to the command")
  func flags() throws {
    try withRunning { box in
      try #expect(box.exec([], "echo", "--user", "-e").text == "--user -e")
    }
  }
}
