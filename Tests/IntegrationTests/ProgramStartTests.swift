import Foundation
import Testing

@Suite("How a program is started")
struct ProgramStartTests {
  @Test(
    "The program gets the limits of its configuration, however low they are",
    arguments: ["RLIMIT_NOFILE", "RLIMIT_FSIZE", "RLIMIT_AS", "RLIMIT_DATA", "RLIMIT_STACK"])
  func lowLimits(type: String) throws {
    let values = [
      "RLIMIT_NOFILE": 3, "RLIMIT_FSIZE": 0, "RLIMIT_AS": 16 << 20, "RLIMIT_DATA": 1 << 20,
      "RLIMIT_STACK": 256 << 10,
    ]
    let value = try #require(values[type])
    try withSandbox { box in
      box.config["process.rlimits"] = [["type": type, "soft": value, "hard": value]]
      for number in 1...20 {
        box.config.mount("/tmp/\(number)", type: "bind", source: "/usr", ["rbind", "ro"])
      }
      box.config["process.args"] = ["true"]
      var outcome = try box.run()
      #expect(outcome.status == 0, "run: \(outcome)")
      box.config["process.args"] = ["sleep", "1000"]
      try box.create()
      try box.start()
      outcome = try box.exec([], "true")
      #expect(outcome.status == 0, "exec: \(outcome)")
      let limits = try #require(contents("/proc/\(box.pid())/limits"))
      let names = [
        "RLIMIT_NOFILE": "Max open files", "RLIMIT_FSIZE": "Max file size", "RLIMIT_AS": "Max address space",
        "RLIMIT_DATA": "Max data size", "RLIMIT_STACK": "Max stack size",
      ]
      let line = limits.lines.first { $0.hasPrefix(names[type] ?? "none") }
      #expect(line?.words.contains("\(value)") == true, "\(limits)")
    }
  }

  @Test("A program is looked for as its user, who may not enter every directory of PATH")
  func search() throws {
    try withSandbox { box in
      try makeDirectory(box.rootfs + "/private")
      try write("#!/bin/sh\necho wrong\n", to: box.rootfs + "/private/tool", mode: 0o755)
      chmod(box.rootfs + "/private", 0o700)
      try write("#!/bin/sh\necho right\n", to: box.rootfs + "/bin/tool", mode: 0o755)
      box.config["process.env"] = ["PATH=/private:/bin"]
      box.config["process.user"] = ["uid": 1000, "gid": 1000]
      for set in ["bounding", "effective", "permitted"] { box.config["process.capabilities.\(set)"] = [] }
      box.config["process.args"] = ["tool"]
      let outcome = try box.run()
      #expect(outcome.text == "right", "\(outcome)")
      box.config["process.args"] = ["sleep", "1000"]
      try box.detach()
      try #expect(box.exec([], "tool").text == "right")
      try #expect(box.exec(["--user", "0"], "tool").text == "wrong")
      // Only one that may not be executed: that is said, and not that there is none.
      unlink(box.rootfs + "/bin/tool")
      let denied = try box.exec([], "tool")
      #expect(denied.status == 126 && denied.stderr.contains("Permission denied"), "\(denied)")
      let missing = try box.exec(["--user", "0"], "nonesuch")
      #expect(missing.status == 127, "\(missing)")
    }
  }

  @Test("A long name of a program that is not there has the status of one that is not there")
  func longName() throws {
    try withSandbox { box in
      box.config["process.args"] = ["/" + String(repeating: "x/", count: 2000) + "y"]
      try #expect(box.run().status == 127)
    }
  }

  private static let allowed = "grep ^Cpus_allowed: /proc/self/status"

  @Test("A container is not bound to the CPUs that its caller is bound to")
  func affinity() throws {
    let own = try #require((contents("/proc/1/status") ?? "").lines.first { $0.hasPrefix("Cpus_allowed:") })
    try withSandbox { box in
      func bound(_ program: Program) -> Program {
        var bound = Program("/usr/bin/taskset", ["-c", "0", program.path] + program.arguments)
        bound.environment = program.environment
        return bound
      }
      box.config.shell(Self.allowed)
      try #expect(bound(box.prepare("run")).call().text == own)
      box.config["process.args"] = ["sleep", "1000"]
      try box.detach()
      let exec = box.program(["exec", box.id, "sh", "-c", Self.allowed])
      try #expect(bound(exec).call().text == own)

      let process = Config(object: [
        "args": ["sh", "-c", Self.allowed], "cwd": "/", "env": ["PATH=/bin"], "user": ["uid": 0, "gid": 0],
        "execCPUAffinity": ["initial": "0", "final": "0"],
      ])
      let file = box.scratch.path + "/process.json"
      try process.data.write(to: URL(fileURLWithPath: file))
      try #expect(box.exec(["--process", file]).text.words.last?.hasSuffix("1") == true)
    }
  }

  #if arch(x86_64)
    @Test("A command inside has the container's execution domain")
    func personality() throws {
      try withSandbox { box in
        box.config["linux.personality"] = ["domain": "LINUX32"]
        box.config["process.args"] = ["sleep", "1000"]
        try box.detach()
        try #expect(box.exec([], "uname", "-m").text == "i686")
      }
    }
  #endif

  @Test("A command from a file has the container's capabilities and limits unless it says its own")
  func processFile() throws {
    try withSandbox { box in
      box.config["process.rlimits"] = [["type": "RLIMIT_CORE", "soft": 0, "hard": 4096]]
      box.config["process.args"] = ["sleep", "1000"]
      try box.detach()
      let script = "grep CapEff /proc/self/status; ulimit -Hc"
      var process = Config(object: [
        "args": ["sh", "-c", script], "cwd": "/", "env": ["PATH=/bin"], "user": ["uid": 0, "gid": 0],
      ])
      let file = box.scratch.path + "/process.json"
      try process.data.write(to: URL(fileURLWithPath: file))
      let plain = try box.exec([], "sh", "-c", script)
      try #expect(box.exec(["--process", file]).text == plain.text)
      process["capabilities"] = [
        "bounding": ["CAP_KILL"], "effective": ["CAP_KILL"], "permitted": ["CAP_KILL"],
      ]
      try process.data.write(to: URL(fileURLWithPath: file))
      try #expect(box.exec(["--process", file]).lines.first?.words.last == "0000000000000020")
      try #expect(
        box.exec(["--no-new-privs"], "grep", "NoNewPrivs", "/proc/self/status").text.words.last == "1")
    }
  }

  @Test("Capabilities that are unknown or cannot be had are warned of, and the program runs")
  func capabilities() throws {
    try withSandbox { box in
      box.config.append("CAP_UNKNOWN", to: "process.capabilities.bounding")
      box.config.append("CAP_UNKNOWN", to: "process.capabilities.permitted")
      box.config["process.capabilities.ambient"] = ["CAP_CHOWN"]
      box.config["process.args"] = ["echo", "ran"]
      let outcome = try box.run()
      #expect(outcome.status == 0 && outcome.text == "ran", "\(outcome)")
      #expect(outcome.complaints.count == 2, "\(outcome)")
      #expect(outcome.complaints.first?.contains("CAP_UNKNOWN") == true, "\(outcome)")
      #expect(outcome.complaints.last?.contains("ambient") == true, "\(outcome)")
    }
  }

  @Test("A working directory that is not there is created, also in a root that is read-only")
  func readOnlyRoot() throws {
    try withSandbox { box in
      box.config["root.readonly"] = true
      box.config["process.cwd"] = "/made/here"
      box.config.shell("pwd; touch x 2> /dev/null || echo read-only")
      let outcome = try box.run()
      #expect(outcome.lines == ["/made/here", "read-only"], "\(outcome)")
    }
  }

  @Test("A new user namespace that does not map the container's root is refused by the field")
  func noRoot() throws {
    for name in ["uid", "gid"] {
      try withSandbox { box in
        box.config.mapUsers()
        box.config["linux.\(name)Mappings"] = [["containerID": 1, "hostID": 100_000, "size": 10]]
        expectRefusal(try box.run(), saying: "linux.\(name)Mappings", "id 0")
      }
    }
  }

  @Test("A user's name, which is for Windows, is refused")
  func userName() throws {
    try withSandbox { box in
      box.config["process.user"] = ["uid": 0, "gid": 0, "username": "somebody"]
      expectRefusal(try box.run(), saying: "process.user.username")
    }
  }

  @Test("A file that --pid-file names is removed on failure only when it is about the container")
  func pidFile() throws {
    try withSandbox { box in
      let file = box.scratch.path + "/pid"
      try write("somebody else's", to: file)
      box.config["linux.namespaces"] = [["type": "mount"], ["type": "pid", "path": "/nowhere"]]
      try #expect(box.run(["--pid-file", file]).status == 125)
      #expect(contents(file) == "somebody else's")
      try withSandbox { other in
        other.config["process.args"] = ["/nonesuch"]
        try #expect(other.run(["--pid-file", file]).status == 127)
        #expect(!exists(file))
      }
    }
  }

  @Test("An argument that is not UTF-8 is refused, and not changed into another one")
  func bytes() throws {
    try withSandbox { box in
      box.config["process.args"] = ["sleep", "1000"]
      try box.detach()
      try write("", to: box.rootfs + "/tmp/\u{fffd}")
      for command in [["exec", box.id, "rm"], ["run", "--rootfs", box.rootfs, box.id + "-2", "rm"]] {
        let program = box.program(command)
        let script = "exec \"$0\" \"$@\" \"$(printf '/tmp/\\377')\""
        let outcome = try Program("/bin/sh", ["-c", script, program.path] + program.arguments).call()
        expectRefusal(outcome, saying: "UTF-8")
        #expect(outcome.status == 125, "\(outcome)")
      }
      #expect(exists(box.rootfs + "/tmp/\u{fffd}"))
      let program = box.program(["run", "--rm", "--rootfs", box.rootfs, "-e", "V", box.id + "-2", "/bin/env"])
      let script = "V=$(printf '\\377') exec \"$0\" \"$@\""
      let outcome = try Program("/bin/sh", ["-c", script, program.path] + program.arguments).call()
      expectRefusal(outcome, saying: "--env V", "UTF-8")
    }
  }

  @Test(
    "KILL ends all of a container without a pid namespace of its own, also when its first process is gone")
  func killAll() throws {
    try withSandbox { box in
      box.config.leave("pid")
      for script in ["sleep 1000 & echo up; exec sleep 2000", "sleep 1000 & echo up"] {
        box.config.shell(script)
        try box.detach()
        try box.waitForOutput("up")
        if script.hasSuffix("up") { try box.waitForStatus("stopped") }
        #expect(!Snapshot.processes(marked: box.id).isEmpty)
        try box.succeed("kill", box.id, "KILL")
        #expect(poll { Snapshot.processes(marked: box.id).isEmpty })
        try box.waitForStatus("stopped")
        let gone = poll { (try? box.call("kill", box.id, "KILL").status) != 0 }
        #expect(gone)
        expectRefusal(try box.call("kill", box.id, "KILL"), saying: "not running")
        try box.succeed("delete", box.id)
      }
    }
  }

  @Test("Signal 0 tells whether a container runs")
  func probe() throws {
    try withSandbox { box in
      box.config["process.args"] = ["sleep", "1000"]
      try box.detach()
      try box.succeed("kill", box.id, "0")
      try box.succeed("kill", "--all", box.id, "0")
      try #expect(box.status() == "running")
      try box.succeed("kill", box.id, "KILL")
      try box.waitForStatus("stopped")
      expectRefusal(try box.call("kill", box.id, "0"), saying: "not running")
      try box.succeed("kill", "--all", box.id, "0")
    }
  }
}
