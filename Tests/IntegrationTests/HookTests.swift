import Foundation
import Testing

@Suite("Hooks")
struct HookTests {
  /// A sandbox whose hooks write to a file of the test.
  final class Bench {
    let box: Sandbox
    var log: String { box.scratch.path + "/log" }
    /// What the hooks have written so far.
    var written: String { contents(log) ?? "" }
    var lines: [String] { written.lines }

    init(_ box: Sandbox) { self.box = box }

    /// A hook that runs a script of the host's shell, in which `$log` is the file.
    func hook(_ script: String, timeout: Int? = nil) -> [String: Any] {
      var hook: [String: Any] = [
        "path": "/bin/sh", "args": ["sh", "-c", script],
        "env": ["PATH=/usr/bin:/bin", "log=\(log)", "SWIFTJAIL_TEST=\(box.id)"],
      ]
      hook["timeout"] = timeout
      return hook
    }

    func add(_ kind: String, _ script: String, timeout: Int? = nil) {
      box.config.append(hook(script, timeout: timeout), to: "hooks.\(kind)")
    }

    /// A hook of each kind that says its name, and a program that does.
    func addAll() {
      for kind in HookTests.kinds { add(kind, "echo \(kind) >> $log") }
      box.config.mount("/log", type: "bind", source: log, ["bind"])
      box.config["hooks.startContainer"] = [
        ["path": "/bin/sh", "args": ["sh", "-c", "echo startContainer >> /log"]]
      ]
      box.config.shell("echo program >> /log")
    }
  }

  static let kinds = [
    "prestart", "createRuntime", "createContainer", "startContainer", "poststart", "poststop",
  ]

  func withBench<Result>(_ body: (Bench, Sandbox) throws -> Result) throws -> Result {
    try withSandbox { box in
      let bench = Bench(box)
      try write("", to: bench.log, mode: 0o666)
      return try body(bench, box)
    }
  }

  @Test("Each kind runs at its point of create, start and delete")
  func lifecycle() throws {
    try withBench { bench, box in
      bench.addAll()
      try box.create()
      #expect(bench.lines == ["prestart", "createRuntime", "createContainer"])
      #expect(try box.status() == "created")
      try box.start()
      try box.waitForStatus("stopped")
      #expect(bench.lines.dropFirst(3).first == "startContainer")
      #expect(Set(bench.lines.dropFirst(4)) == ["program", "poststart"])
      try box.succeed("delete", box.id)
      #expect(bench.lines.last == "poststop" && bench.lines.count == 7)
      expectNothingLeft(of: box)
    }
  }

  @Test("run runs all of them, in the foreground and detached", arguments: [false, true])
  func run(detached: Bool) throws {
    try withBench { bench, box in
      bench.addAll()
      if detached {
        try box.detach()
        try box.waitForStatus("stopped")
        try box.succeed("delete", box.id)
      } else {
        try #expect(box.run().status == 0)
      }
      #expect(bench.lines.prefix(4) == ["prestart", "createRuntime", "createContainer", "startContainer"])
      #expect(Set(bench.lines.dropFirst(4).dropLast()) == ["program", "poststart"])
      #expect(bench.lines.last == "poststop")
      expectNothingLeft(of: box)
    }
  }

  @Test("The exit status of the program is that of run, hooks or not")
  func exitStatus() throws {
    try withBench { bench, box in
      bench.addAll()
      box.config.shell("exit 7")
      try #expect(box.run().status == 7)
      box.config["process.args"] = ["/no/such/program"]
      try #expect(box.run().status == 127)
      expectNothingLeft(of: box)
    }
  }

  @Test("Each kind reads the state as it is at its point, with the pid of its pid namespace")
  func state() throws {
    try withBench { bench, box in
      for kind in Self.kinds { bench.add(kind, "cat >> $log; echo >> $log") }
      box.config.mount("/log", type: "bind", source: bench.log, ["bind"])
      box.config["hooks.startContainer"] = [
        ["path": "/bin/sh", "args": ["sh", "-c", "cat >> /log; echo >> /log"]]
      ]
      box.config["annotations"] = ["org.example.key": "value"]
      box.config.shell("while :; do sleep 0.05; done")
      try box.create()
      let pid = try box.pid()
      try box.start()
      try box.delete()
      let states = try bench.lines.map { line in
        try #require(try JSONSerialization.jsonObject(with: Data(line.utf8)) as? [String: Any])
      }
      #expect(states.count == 6)
      #expect(
        states.map { $0["status"] as? String } == [
          "creating", "creating", "creating", "created", "running", "stopped",
        ])
      #expect(states.map { $0["pid"] as? Int } == [pid, pid, 1, 1, pid, 0])
      for state in states {
        #expect(state["id"] as? String == box.id)
        #expect(state["bundle"] as? String == box.bundle)
        #expect(state["annotations"] as? [String: String] == ["org.example.key": "value"])
        #expect(state["ociVersion"] as? String == "1.3.0", "that of the runtime")
      }
    }
  }

  @Test("state says that a container is being created while hooks of its creation run")
  func creating() throws {
    try withBench { bench, box in
      bench.add(
        "createRuntime", "\(Swiftjail.program) --root \(box.root) state \(box.id) | grep status >> $log")
      try box.create()
      #expect(bench.written.contains("creating"))
      #expect(try box.status() == "created")
    }
  }

  @Test("A hook runs in the namespaces of its kind")
  func namespaces() throws {
    try withBench { bench, box in
      let look = "readlink /proc/self/ns/mnt /proc/self/ns/net /proc/self/ns/uts"
      for kind in Self.kinds { bench.add(kind, "echo $(\(look)) >> $log") }
      box.config.mount("/log", type: "bind", source: bench.log, ["bind"])
      box.config["hooks.startContainer"] = [
        [
          "path": "/bin/sh",
          "args": ["sh", "-c", "echo $(for n in mnt net uts; do readlink /proc/self/ns/$n; done) >> /log"],
        ]
      ]
      box.config.shell("echo $(for n in mnt net uts; do readlink /proc/self/ns/$n; done) >> /log; sleep 1000")
      try box.create()
      try box.start()
      #expect(poll { bench.lines.count == 6 }, "\(bench.written)")
      try box.delete()
      let host = ["mnt", "net", "uts"].compactMap { link("/proc/self/ns/\($0)") }.joined(separator: " ")
      let lines = bench.lines
      #expect(lines[0] == host && lines[1] == host && lines[6] == host)
      let container = lines[2]
      #expect(container != host)
      // The program and the hook poststart, in either order.
      #expect(lines[3] == container)
      #expect(Set(lines[4...5]) == [container, host])
    }
  }

  @Test(
    "A hook has its arguments from number 0, its environment and no other, and no descriptor of the runtime")
  func surroundings() throws {
    try withBench { bench, box in
      let script =
        "tr '\\0' '\\n' < /proc/self/environ >> $log; tr '\\0' ' ' < /proc/self/cmdline >> $log"
        + "; echo >> $log; echo $(/bin/ls /proc/self/fd) >> $log"
      for kind in ["createRuntime", "createContainer"] {
        box.config["hooks"] = [
          kind: [["path": "/bin/sh", "args": ["zero", "-c", script], "env": ["log=\(bench.log)", "A=b c"]]]
        ]
        try write("", to: bench.log)
        try #expect(box.run().status == 0)
        #expect(bench.lines.prefix(2) == ["log=\(bench.log)", "A=b c"])
        #expect(bench.lines.dropFirst(2).first?.hasPrefix("zero -c ") == true)
        // ls has the directory open.
        #expect(bench.lines.last == "0 1 2 3", "\(bench.written)")
      }
    }
  }

  @Test("A hook without arguments gets its path as argument 0")
  func noArguments() throws {
    try withBench { bench, box in
      let script = box.scratch.path + "/hook"
      try write("#!/bin/sh\necho \"$0 $#\" >> \(bench.log)\n", to: script, mode: 0o755)
      box.config["hooks"] = ["createRuntime": [["path": script]]]
      let outcome = try box.run()
      #expect(outcome.status == 0)
      #expect(bench.lines == ["\(script) 0"])
    }
  }

  @Test("createContainer sees the container's files at root.path, and mounts there for the container")
  func mountInside() throws {
    try withBench { bench, box in
      bench.add(
        "createContainer",
        "test -e \(box.rootfs)/proc/self && mkdir -p \(box.rootfs)/made"
          + " && mount -t tmpfs tmpfs \(box.rootfs)/made && echo hello > \(box.rootfs)/made/file")
      for noPivot in [false, true] {
        box.config.shell("cat /made/file; grep -c ' / ' /proc/mounts")
        let outcome = try box.run(noPivot ? ["--no-pivot"] : [])
        #expect(outcome.status == 0 && outcome.lines.first == "hello", "\(outcome)")
        #expect(Mount.table().allSatisfy { !$0.point.hasPrefix(box.rootfs) })
      }
    }
  }

  @Test(
    "A hook of the host can mount for the container through its pid",
    arguments: ["prestart", "createRuntime"])
  func mountFromOutside(kind: String) throws {
    try withBench { bench, box in
      bench.add(
        kind,
        "pid=$(sed 's/.*\"pid\":\\([0-9]*\\).*/\\1/'); mkdir -p \(box.rootfs)/made; "
          + "nsenter -t $pid -m mount -t tmpfs tmpfs \(box.rootfs)/made; touch /proc/$pid/root\(box.rootfs)/made/file"
      )
      box.config.shell("ls /made")
      let outcome = try box.run()
      #expect(outcome.lines == ["file"])
    }
  }

  @Test("Hooks of a container with a user namespace, its root read-only, on another root file system")
  func userNamespace() throws {
    try withBench { bench, box in
      bench.addAll()
      try write("", to: box.rootfs + "/log")
      box.config.mapUsers()
      box.config["root.readonly"] = true
      try box.create()
      try box.start()
      try box.waitForStatus("stopped")
      try box.delete()
      #expect(Set(bench.lines) == Set(Self.kinds + ["program"]))
    }
  }

  @Test("A namespace joined by path, and no pid namespace of its own", arguments: ["net", "pid"])
  func joined(kind: String) throws {
    try withBench { bench, box in
      bench.addAll()
      if kind == "net" {
        box.config.enter("network", path: "/proc/self/ns/net")
      } else {
        box.config.leave("pid")
      }
      let outcome = try box.run()
      #expect(outcome.status == 0)
      #expect(Set(bench.lines) == Set(Self.kinds + ["program"]))
      expectNothingLeft(of: box)
    }
  }

  @Test("startContainer has the user, groups and capabilities of the program")
  func privileges() throws {
    try withBench { bench, box in
      chmod(bench.log, 0o666)
      let look = "id; grep -E '^(Cap|NoNewPrivs|Groups)' /proc/self/status; umask; pwd"
      box.config.mount("/log", type: "bind", source: bench.log, ["bind"])
      box.config["process.user"] = ["uid": 1000, "gid": 1001, "additionalGids": [5, 6], "umask": 0o27]
      box.config["process.noNewPrivileges"] = true
      box.config["process.cwd"] = "/tmp"
      box.config["hooks"] = [
        "startContainer": [
          ["path": "/bin/sh", "args": ["sh", "-c", "(\(look)) >> /log"], "env": ["PATH=/bin"]]
        ]
      ]
      box.config.shell("(\(look)) >> /log")
      let outcome = try box.run()
      #expect(outcome.status == 0)
      let half = bench.lines.count / 2
      #expect(half > 6 && bench.lines.prefix(half) == bench.lines.suffix(half), "\(bench.written)")
      #expect(bench.written.contains("uid=1000 gid=1001"))
    }
  }

  @Test(
    "A hook of the creation that fails is the error, with what it wrote, and nothing is left",
    arguments: ["prestart", "createRuntime", "createContainer"])
  func creationFails(kind: String) throws {
    try withBench { bench, box in
      bench.add(kind, "echo first >> $log")
      bench.add(kind, "echo a reason >&2; echo another; exit 3")
      bench.add(kind, "echo not reached >> $log")
      bench.add("poststop", "echo poststop >> $log")
      box.config.shell("echo program")
      for command in ["create", "run"] {
        try write("", to: bench.log)
        let outcome = try box.prepare(command).call()
        expectRefusal(outcome, saying: "hooks.\(kind)[1]", "exit status 3", "a reason; another")
        #expect(outcome.text.isEmpty)
        #expect(bench.lines == ["first", "poststop"])
        expectNothingLeft(of: box)
      }
    }
  }

  @Test("A hook of startContainer that fails stops the container, and the program never runs")
  func startFails() throws {
    try withBench { bench, box in
      bench.add("poststop", "echo poststop >> $log")
      box.config["hooks.startContainer"] = [
        ["path": "/bin/sh", "args": ["sh", "-c", "echo why >&2; exit 4"]]
      ]
      box.config.shell("echo program")
      try box.create()
      expectRefusal(try box.call("start", box.id), saying: "hooks.startContainer[0]", "exit status 4", "why")
      #expect(try box.status() == "stopped")
      #expect(!box.output.contains("program"))
      try box.succeed("delete", box.id)
      #expect(bench.lines == ["poststop"])
      let outcome = try box.run()
      expectRefusal(outcome, saying: "hooks.startContainer[0]", "why")
      #expect(outcome.text.isEmpty && bench.lines == ["poststop", "poststop"])
      expectNothingLeft(of: box)
    }
  }

  @Test("A hook of poststart that fails ends the program", arguments: ["start", "run"])
  func poststartFails(command: String) throws {
    try withBench { bench, box in
      bench.add("poststart", "exit 5")
      bench.add("poststop", "echo poststop >> $log")
      box.config.shell("while :; do sleep 0.05; done")
      if command == "start" {
        try box.create()
        expectRefusal(try box.call("start", box.id), saying: "hooks.poststart[0]", "exit status 5")
        #expect(try box.status() == "stopped")
        try box.succeed("delete", box.id)
      } else {
        expectRefusal(try box.run(), saying: "hooks.poststart[0]", "exit status 5")
      }
      #expect(bench.lines == ["poststop"])
      expectNothingLeft(of: box)
    }
  }

  @Test("A hook of poststop that fails is a warning, and those after it run", arguments: ["delete", "run"])
  func poststopFails(command: String) throws {
    try withBench { bench, box in
      bench.add("poststop", "echo a reason >&2; exit 6")
      bench.add("poststop", "echo second >> $log")
      let outcome: Outcome
      if command == "delete" {
        try box.create()
        outcome = try box.call("delete", "--force", box.id)
      } else {
        outcome = try box.run()
      }
      #expect(outcome.status == 0)
      #expect(outcome.complaints.count == 1 && outcome.stderr.contains("hooks.poststop[0]"), "\(outcome)")
      #expect(outcome.stderr.contains("exit status 6: a reason"))
      #expect(bench.lines == ["second"])
      expectNothingLeft(of: box)
    }
  }

  @Test("A hook that is not there is an error with its path", arguments: kinds.dropLast())
  func missing(kind: String) throws {
    try withBench { _, box in
      box.config["hooks"] = [kind: [["path": "/no/such/hook"]]]
      box.config.shell("while :; do sleep 0.05; done")
      expectRefusal(
        try box.run(), saying: "hooks.\(kind)[0]", "/no/such/hook", "No such file or directory")
      expectNothingLeft(of: box)
    }
  }

  /// Starts a process that has left its session and parent, and waits for ever.
  static let lingering =
    "setsid sh -c '(trap \"\" TERM HUP; echo there >> $log; exec sleep 1000) &' & wait; sleep 1000"

  @Test(
    "A timeout kills everything that a hook has started",
    arguments: ["prestart", "createContainer", "poststart", "poststop"])
  func timeout(kind: String) throws {
    try withBench { bench, box in
      bench.add(kind, Self.lingering, timeout: 1)
      box.config.shell(kind == "poststop" ? "true" : "while :; do sleep 0.05; done")
      let outcome = try box.run()
      #expect(outcome.stderr.contains("hooks.\(kind)[0]"), "\(outcome)")
      #expect(outcome.stderr.contains("its timeout of 1 s and was killed"), "\(outcome)")
      #expect((outcome.status == 0) == (kind == "poststop"))
      #expect(bench.lines == ["there"])
      expectNothingLeft(of: box)
    }
  }

  @Test("A timeout in the container kills all that the hook has started", arguments: [true, false])
  func timeoutInside(hasPidNamespace: Bool) throws {
    try withBench { bench, box in
      box.config.mount("/log", type: "bind", source: bench.log, ["bind"])
      if !hasPidNamespace { box.config.leave("pid") }
      box.config["hooks.startContainer"] = [
        [
          "path": "/bin/sh", "args": ["sh", "-c", Self.lingering], "timeout": 1,
          "env": ["PATH=/bin", "log=/log", "SWIFTJAIL_TEST=\(box.id)"],
        ]
      ]
      expectRefusal(try box.run(), saying: "hooks.startContainer[0]", "its timeout of 1 s")
      #expect(bench.lines == ["there"])
      expectNothingLeft(of: box)
    }
  }

  @Test("What a hook leaves running that ended in time lives on")
  func daemon() throws {
    try withBench { bench, box in
      bench.add("createRuntime", "setsid sleep 1000 > /dev/null 2>&1 & echo $! >> $log", timeout: 30)
      try box.create()
      let pid = try #require(pid_t(bench.written.trimmed))
      #expect(kill(pid, 0) == 0)
      kill(pid, SIGKILL)
    }
  }

  @Test(
    "A runtime that is killed while a hook hangs leaves nothing of the hook",
    arguments: ["create", "start", "delete"])
  func killed(command: String) throws {
    try withBench { bench, box in
      let kinds = [
        "create": ["prestart", "createContainer"], "start": ["startContainer", "poststart"],
        "delete": ["poststop"],
      ]
      for kind in kinds[command] ?? [] {
        try write("", to: bench.log, mode: 0o666)
        box.config["hooks"] = nil
        bench.add(kind, Self.lingering)
        if kind == "startContainer" {
          box.config["mounts"] = (box.config["mounts"] as? [[String: Any]] ?? [])
          box.config.mount("/log", type: "bind", source: bench.log, ["bind"])
          box.config["hooks.startContainer"] = [
            [
              "path": "/bin/sh", "args": ["sh", "-c", Self.lingering],
              "env": ["PATH=/bin", "log=/log", "SWIFTJAIL_TEST=\(box.id)"],
            ]
          ]
        }
        box.config.shell("while :; do sleep 0.05; done")
        let program: Program
        switch command {
        case "create": program = try box.prepare("create")
        case "start":
          try box.create()
          program = box.program(["start", box.id])
        default:
          try box.create()
          program = box.program(["delete", "--force", box.id])
        }
        let running = try program.start()
        #expect(poll { bench.lines == ["there"] }, "\(kind): \(running.stderr)")
        // Those that hang are there, and go when the one that waits for them does.
        running.forget()
        // What is left of the container is for delete.
        box.config["hooks"] = nil
        #expect(
          poll { Snapshot.processes(marked: box.id).allSatisfy { !Self.isHanging($0) } },
          "\(kind): \(Snapshot(of: box))")
        _ = try box.call("delete", "--force", box.id)
        expectNothingLeft(of: box, "\(kind)")
      }
    }
  }

  /// Whether a process is one of those that `lingering` starts.
  static func isHanging(_ pid: pid_t) -> Bool {
    contents("/proc/\(pid)/cmdline")?.contains("1000") == true
  }

  @Test("delete --force ends a container whose hook hangs", arguments: ["prestart", "createContainer"])
  func deleteHanging(kind: String) throws {
    try withBench { bench, box in
      bench.add(kind, Self.lingering)
      let running = try box.prepare("create").start()
      defer { running.forget() }
      #expect(poll { bench.lines == ["there"] })
      try box.delete()
      #expect(try running.wait().status != 0)
      expectNothingLeft(of: box)
    }
  }

  @Test("SIGTERM ends run in the foreground while a hook hangs")
  func terminated() throws {
    try withBench { bench, box in
      bench.add("createRuntime", Self.lingering)
      let running = try box.prepare("run").start()
      defer { running.forget() }
      #expect(poll { bench.lines == ["there"] })
      running.signal(SIGTERM)
      expectRefusal(try running.wait(), saying: "hooks.createRuntime[0]", "stopped by signal 15")
      expectNothingLeft(of: box)
    }
  }

  @Test("A hook may write and read as much as it likes, or nothing")
  func streams() throws {
    try withBench { bench, box in
      box.config["annotations"] = ["big": String(repeating: "x", count: 200_000)]
      bench.add("createRuntime", "yes | head -c 300000; yes | head -c 300000 >&2; cat > /dev/null")
      bench.add("createRuntime", "test $(cat | wc -c) -gt 200000 && echo read >> $log")
      let outcome = try box.run()
      #expect(outcome.status == 0)
      #expect(bench.lines == ["read"])
    }
  }

  @Test(
    "create and start with hooks killed at every step", .enabled(if: Kernel.hasStrace),
    .timeLimit(.minutes(10)))
  func killedEverywhere() throws {
    try withSandbox { box in
      let hook: [String: Any] = ["path": "/bin/true", "env": ["SWIFTJAIL_TEST=\(box.id)"]]
      box.config["hooks"] = Dictionary(uniqueKeysWithValues: Self.kinds.map { ($0, [hook]) })
      box.config["process.args"] = ["/bin/true"]
      try LeftoverTests().killEverywhere(box, for: 10) { try $0.prepare("run", ["--keep"]) }
      try LeftoverTests().killEverywhere(box, for: 10, prepare: { try $0.create() }) {
        $0.program(["start", $0.id])
      }
    }
  }

  @Test("features lists all kinds")
  func features() throws {
    let outcome = try Program(Swiftjail.program, ["features"]).call()
    let features = try #require(outcome.json as? [String: Any], "\(outcome)")
    #expect(features["hooks"] as? [String] == Self.kinds)
  }
}
