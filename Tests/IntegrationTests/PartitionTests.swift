import Foundation
import Testing

/// `run --image host` and `run --rootfs DIR`: partitions without a bundle.
@Suite("Partitions", .enabled(if: Kernel.hasPartitions))
struct PartitionTests {
  /// `run` of a partition on a shared busybox tree, to its end; its record and files go with it.
  func run(_ box: Sandbox, _ options: [String] = [], _ command: String...) throws -> Outcome {
    try box.program(["run", "--rootfs", box.rootfs, "--rm"] + options + [box.id, "--"] + command).call()
  }

  func sh(_ box: Sandbox, _ options: [String] = [], script: String) throws -> String {
    let outcome = try run(box, options, "/bin/sh", "-c", script)
    guard outcome.status == 0 else { throw Broken(outcome.description) }
    return outcome.text
  }

  /// The same on the running system's own /usr.
  func host(_ box: Sandbox, _ options: [String] = [], script: String) throws -> Outcome {
    try box.program(["run", "--image", "host", "--rm"] + options + [box.id, "--", "/bin/sh", "-c", script])
      .call()
  }

  /// A partition that goes on.
  func detach(_ box: Sandbox, name: String, script: String) throws {
    try box.succeed(
      "run", "--rootfs", box.rootfs, "--detach", name, "--", "/bin/sh", "-c",
      "\(script); while :; do sleep 0.05; done")
  }

  @Test("Two partitions write to one path; neither sees the other, and the base stays as it is")
  func apart() throws {
    try withSandbox { box in
      let names = [box.id + "-a", box.id + "-b"]
      defer { for name in names { _ = try? box.call("delete", "--force", name) } }
      try write("base", to: box.rootfs + "/etc/shared")
      for name in names {
        try detach(box, name: name, script: "echo \(name) > /etc/shared; touch /ready; rm /bin/yes")
      }
      for name in names {
        #expect(poll { (try? box.exec([], "cat", "/ready", id: name).status) == 0 })
        try #expect(box.exec([], "cat", "/etc/shared", id: name).text == name)
      }
      #expect(contents(box.rootfs + "/etc/shared") == "base")
      #expect(exists(box.rootfs + "/bin/yes") && !exists(box.rootfs + "/ready"))
      for name in names { try box.succeed("delete", "--force", name) }
      expectNothingLeft(of: box)
    }
  }

  @Test("The host's own programs run in the host image")
  func hostImage() throws {
    try withSandbox { box in
      let outcome = try host(box, script: "/usr/bin/env true && ls /usr/bin > /dev/null && id -u && echo $$")
      #expect(outcome.status == 0 && outcome.lines == ["0", "1"], "\(outcome)")
    }
  }

  @Test("No secret of the host is to be seen in the host image")
  func secrets() throws {
    try withSandbox { box in
      let script = """
        cat /etc/shadow /etc/gshadow /etc/ssh/ssh_host_*_key /etc/machine-id /etc/sudoers 2>/dev/null | grep -v '[*!]'
        ls -A /root /home /var/lib /srv /opt /boot /mnt /media 2>/dev/null
        ls -d \(box.scratch.path) \(FileManager.default.currentDirectoryPath) 2>/dev/null
        true
        """
      let outcome = try host(box, script: script)
      #expect(outcome.status == 0, "\(outcome)")
      let found = outcome.lines.filter { !$0.isEmpty && !$0.hasSuffix(":") }
      #expect(found.isEmpty, "\(found)")
    }
  }

  @Test("The host image has what programs look up in /etc, and the host's password file is not it")
  func etc() throws {
    try withSandbox { box in
      let outcome = try host(box, script: "cat /etc/passwd; cat /etc/hosts; ls /etc")
      #expect(outcome.text.contains("root:") && outcome.text.contains("localhost"), "\(outcome)")
    }
  }

  @Test("Nothing written in the host image reaches the host")
  func hostWrites() throws {
    try withSandbox { box in
      let outcome = try host(box, script: "echo x > /usr/\(box.id); echo x > /etc/\(box.id); ls /usr; true")
      #expect(outcome.status == 0, "\(outcome)")
      #expect(!exists("/usr/" + box.id) && !exists("/etc/" + box.id))
      expectNothingLeft(of: box)
    }
  }

  @Test("The exit status is the command's", arguments: [0, 7])
  func status(_ status: Int) throws {
    try withSandbox { box in
      try #expect(run(box, [], "/bin/sh", "-c", "exit \(status)").status == status)
    }
  }

  @Test("--env sets variables, --env-file reads them, and the later wins")
  func environment() throws {
    try withSandbox { box in
      let path = box.scratch.path + "/env"
      try write("# comment\n\nFROM_FILE=a b\nBOTH=file\n", to: path)
      let lines = try sh(box, ["--env-file", path, "--env", "ONE=1", "--env", "BOTH=flag"], script: "env")
        .lines
      #expect(Set(lines).isSuperset(of: ["FROM_FILE=a b", "ONE=1", "BOTH=flag"]), "\(lines)")
      #expect(!lines.contains { $0.hasPrefix("SWIFTJAIL_TEST=") }, "nothing of the caller's comes in")
    }
  }

  @Test("An error names the option that the user wrote, not the configuration's field")
  func optionNames() throws {
    try withSandbox { box in
      let outcome = try run(box, ["--tmpfs", "/t:size=nonsense"], "true")
      #expect(outcome.status == 125)
      #expect(outcome.stderr.hasPrefix("swiftjail: --tmpfs /t:size=nonsense: "), "\(outcome)")
    }
  }

  @Test("An error about a limit names its option", .enabled(if: !Kernel.has("memory")))
  func limitOption() throws {
    try withSandbox { box in
      let outcome = try run(box, ["--memory", "64m"], "true")
      #expect(outcome.stderr.hasPrefix("swiftjail: --memory: needs the cgroup v2 controller"), "\(outcome)")
    }
  }

  @Test("--env HOME= leaves the user's home directory")
  func emptyHome() throws {
    try withSandbox { box in
      try #expect(host(box, ["--env", "HOME="], script: "echo \"<$HOME>\"").text == "</root>")
    }
  }

  @Test("--workdir, --user, --group-add and --hostname are what they say")
  func identity() throws {
    try withSandbox { box in
      let output = try sh(
        box,
        [
          "--workdir", "/tmp", "--user", "1000:1001", "--group-add", "7", "--group-add", "9", "--hostname",
          "inner",
        ],
        script: "pwd; id -u; id -G; hostname")
      #expect(output.lines == ["/tmp", "1000", "1001 7 9", "inner"])
    }
  }

  @Test("--volume binds a directory, :ro read-only")
  func volume() throws {
    try withSandbox { box in
      let source = box.scratch.path + "/source"
      try makeDirectory(source)
      try write("host", to: source + "/file")
      let output = try sh(
        box, ["--volume", "\(source):/a", "--volume", "\(source):/b:ro"],
        script: "cat /b/file; echo; echo x > /a/new; (echo x > /b/other) 2>&1; true")
      #expect(output.contains("host") && output.contains("Read-only file system"), "\(output)")
      #expect(contents(source + "/new") == "x\n" && !exists(source + "/other"))
    }
  }

  @Test(
    "A volume whose source is missing, or that is not SRC:DST, is refused",
    arguments: ["/nowhere/at/all:/a", "/tmp", "a:b:c:d"])
  func badVolume(value: String) throws {
    try withSandbox { box in
      expectRefusal(try run(box, ["--volume", value], "true"), saying: value.components(separatedBy: ":")[0])
      expectNothingLeft(of: box)
    }
  }

  @Test("Of a volume's source that is missing a directory is made where that is asked for")
  func madeVolume() throws {
    try withSandbox { box in
      let source = box.scratch.path + "/made/below"
      _ = try sh(box, ["--volume", "\(source):/a:create"], script: "echo x > /a/new")
      #expect(contents(source + "/new") == "x\n")
    }
  }

  @Test("--read-only makes the root so, --tmpfs gives room on it")
  func readOnly() throws {
    try withSandbox { box in
      let output = try sh(
        box, ["--read-only", "--tmpfs", "/scratch"],
        script: "(echo x > /file) 2>&1; echo x > /scratch/file && echo written")
      #expect(output.contains("Read-only file system") && output.contains("written"), "\(output)")
    }
  }

  @Test("--network none has loopback alone, host is the host's")
  func network() throws {
    try withSandbox { box in
      let none = try sh(box, ["--network", "none"], script: "readlink /proc/self/ns/net; ip -o link | wc -l")
        .lines
      #expect(none.first != link("/proc/self/ns/net") && none.last == "1", "\(none)")
      let shared = try sh(box, ["--network", "host"], script: "readlink /proc/self/ns/net")
      #expect(shared == link("/proc/self/ns/net"))
      expectRefusal(try run(box, ["--network", "bridge"], "true"), saying: "bridge")
    }
  }

  @Test("--cap-add and --cap-drop change the capabilities, --privileged gives them all")
  func capabilities() throws {
    func effective(_ box: Sandbox, _ options: [String]) throws -> UInt64 {
      UInt64(try sh(box, options, script: "grep ^CapEff /proc/self/status").words.last ?? "", radix: 16) ?? 0
    }
    try withSandbox { box in
      let usual = try effective(box, [])
      #expect(usual & 1 << 21 == 0, "CAP_SYS_ADMIN is not usual")
      try #expect(effective(box, ["--cap-add", "SYS_PTRACE"]) == usual | 1 << 19)
      try #expect(effective(box, ["--cap-add", "CAP_SYS_PTRACE"]) == usual | 1 << 19)
      try #expect(effective(box, ["--cap-drop", "CHOWN"]) == usual & ~1)
      try #expect(effective(box, ["--cap-drop", "ALL"]) == 0)
      try #expect(effective(box, ["--cap-drop", "ALL", "--cap-add", "KILL"]) == 1 << 5)
      try #expect(effective(box, ["--privileged"]) & 1 << 21 != 0)
      expectRefusal(try run(box, ["--cap-add", "NONSENSE"], "true"), saying: "NONSENSE")
    }
  }

  @Test("--init reaps orphans and passes signals on")
  func initial() throws {
    try withSandbox { box in
      let script = "echo $$; (sleep 0.01 &); sleep 0.3; grep -l '^State:.Z' /proc/[0-9]*/status; true"
      let output = try sh(box, ["--init"], script: script).lines
      #expect(output.count == 1 && output.first != "1", "\(output)")

      let run = try box.program(
        [
          "run", "--rootfs", box.rootfs, "--rm", "--init", box.id, "--", "/bin/sh", "-c",
          "trap 'exit 42' TERM; echo ready; while :; do sleep 0.05; done",
        ]
      ).start()
      defer { run.forget() }
      #expect(poll { run.text == "ready" })
      let command = "/run/swiftjail-init /bin/sh -c trap"
      try #expect(box.program(["ps"]).call().text.contains(command))
      try #expect(box.program(["ps", box.id]).call().text.contains(command))
      run.signal(SIGTERM)
      try #expect(run.wait().status == 42)
    }
  }

  @Test("--interactive passes stdin; without it there is none")
  func interactive() throws {
    try withSandbox { box in
      try write("typed\n", to: box.scratch.path + "/input")
      for (options, wanted) in [(["--interactive"], "typed"), ([], "")] {
        let input = open(box.scratch.path + "/input", O_RDONLY | O_CLOEXEC)
        defer { close(input) }
        var run = box.program(
          ["run", "--rootfs", box.rootfs, "--rm"] + options + [box.id, "--", "/bin/cat"])
        run.stdin = .descriptor(input)
        let outcome = try run.call()
        #expect(outcome.status == 0 && outcome.text == wanted, "\(outcome)")
      }
    }
  }

  @Test("--tty gives a terminal")
  func terminal() throws {
    try withSandbox { box in
      let terminal = try Terminal()
      terminal.resize(rows: 12, columns: 34)
      var program = box.program(
        [
          "run", "--rootfs", box.rootfs, "--rm", "--tty", "--interactive", box.id, "--", "/bin/sh", "-c",
          "until [ \"$(stty size)\" = '12 34' ]; do sleep 0.05; done; tty; read line; echo got $line",
        ])
      program.terminal = terminal.path
      let run = try program.start()
      defer { run.forget() }
      try terminal.waitFor("/dev/pts/")
      terminal.type("word\n")
      try terminal.waitFor("got word")
      try #expect(run.wait().status == 0)
    }
  }

  @Test("--rm leaves nothing")
  func remove() throws {
    try withSandbox { box in
      try #expect(run(box, [], "/bin/true").status == 0)
      try #expect(box.succeed("list", "--quiet").text == "")
      expectNothingLeft(of: box)
    }
  }

  @Test("--detach returns, ps lists every partition, and with a name its processes")
  func ps() throws {
    try withSandbox { box in
      let names = [box.id + "-a", box.id + "-b"]
      defer { for name in names { _ = try? box.call("delete", "--force", name) } }
      for name in names { try detach(box, name: name, script: "true") }
      let table = try box.succeed("ps")
      #expect(table.lines.count == 3, "\(table)")
      for name in names {
        let line = table.lines.first { $0.contains(name) } ?? ""
        let pid = try box.pid(id: name)
        #expect(line.contains("running") && line.contains("\(pid)"), "\(table)")
      }
      let one = try box.succeed("ps", names[0])
      let pid = try box.pid(id: names[0])
      #expect(one.text.contains("\(pid)") && !one.text.contains(names[1]), "\(one)")
    }
  }

  @Test("A name in use is refused")
  func duplicate() throws {
    try withSandbox { box in
      let name = box.id + "-a"
      defer { _ = try? box.call("delete", "--force", name) }
      try detach(box, name: name, script: "true")
      expectRefusal(
        try box.call("run", "--rootfs", box.rootfs, name, "--", "/bin/true"), saying: name, "exist")
      try #expect(box.status(id: name) == "running")
    }
  }

  @Test("An unknown image, a missing root, a root that is a file, and two bases at once are refused")
  func badBase() throws {
    try withSandbox { box in
      try write("", to: box.scratch.path + "/file")
      expectRefusal(try box.call("run", "--image", "nonesuch", box.id, "--", "true"), saying: "nonesuch")
      expectRefusal(
        try box.call("run", "--rootfs", box.scratch.path + "/nowhere", box.id, "--", "true"),
        saying: "nowhere")
      expectRefusal(
        try box.call("run", "--rootfs", box.scratch.path + "/file", box.id, "--", "true"), saying: "file")
      try #expect(
        box.call("run", "--image", "host", "--rootfs", box.rootfs, box.id, "--", "true").status != 0)
      expectNothingLeft(of: box)
    }
  }

  @Test("A command that is not there is refused, and nothing stays")
  func noCommand() throws {
    try withSandbox { box in
      expectRefusal(try run(box, [], "/bin/nonesuch"), saying: "/bin/nonesuch")
      expectNothingLeft(of: box)
    }
  }

  @Test(
    "A limit that makes no sense is refused",
    arguments: ["--memory=lots", "--memory=-5", "--cpus=0", "--cpus=x", "--pids-limit=x"])
  func badLimit(option: String) throws {
    try withSandbox { box in
      expectRefusal(try run(box, [option], "/bin/true"))
      expectNothingLeft(of: box)
    }
  }
}
