import Foundation
import Testing

/// What a process keeps of its caller's, over fork and execve, does no harm to the program nor to containers.
@Suite("What a caller leaves behind")
struct CallerTests {
  /// Ways in which a caller may have changed what it hands down; each a command that executes its arguments.
  static let callers: [String: String] = [
    "SIGCHLD ignored": "trap '' CHLD; exec \"$@\"",
    "all signals ignored": "exec env --ignore-signal \"$@\"",
    "all signals blocked": "exec env --block-signal \"$@\"",
    "umask 777": "umask 777; exec \"$@\"",
    "umask 0": "umask 0; exec \"$@\"",
    "few descriptors": "ulimit -Sn 12; exec \"$@\"",
    "a small stack": "ulimit -Ss 256; exec \"$@\"",
    "closed standard input": "exec \"$@\" 0<&-",
    "closed standard error": "exec \"$@\" 2>&-",
    "a working directory that is gone": "mkdir gone && cd gone && rmdir ../gone && exec \"$@\"",
    "no new privileges": "exec setpriv --no-new-privs \"$@\"",
    "a niceness": "exec nice -n 5 \"$@\"",
  ]

  private func program(_ caller: String, _ program: Program, in directory: String) throws -> Program {
    let script = try #require(Self.callers[caller])
    var wrapped = Program(
      "/bin/sh", ["-c", "cd '\(directory)'; \(script)", "sh", program.path] + program.arguments)
    wrapped.environment = program.environment
    return wrapped
  }

  /// Ends with 42 in an environment as it is to be.
  private static let script = """
    [ "$(umask)" = 0022 ] || { echo "umask $(umask)"; exit 1; }
    signals=$(grep -E '^Sig(Blk|Ign):' /proc/self/status | tr -dc '1-9a-f' | tr -d 'Sgkln')
    [ -z "$signals" ] || { grep ^Sig /proc/self/status; exit 1; }
    exit 42
    """

  @Test(
    "run, exec and a partition have the program's status, and nothing stays", arguments: callers.keys.sorted()
  )
  func status(caller: String) throws {
    try withSandbox { box in
      let script = Self.script
      box.config.shell(script)
      // More mounts than the program may have descriptors.
      for number in 1...12 {
        box.config.mount("/tmp/\(number)", type: "bind", source: "/usr", ["rbind", "ro"])
      }
      let directory = box.scratch.path
      var outcome = try program(caller, try box.prepare("run"), in: directory).call()
      #expect(outcome.status == 42, "run: \(outcome)")
      let terminal = box.config["process.terminal"]
      box.config["process.terminal"] = true
      outcome = try program(caller, try box.prepare("run"), in: directory).call()
      #expect(outcome.status == 42, "run with a terminal: \(outcome)")
      box.config["process.terminal"] = terminal

      let partition = box.program(
        ["run", "--rm", "--rootfs", box.rootfs, "-u", "1000", box.id, "/bin/sh", "-c", script])
      outcome = try program(caller, partition, in: directory).call()
      #expect(outcome.status == 42, "run --rm --rootfs: \(outcome)")
      try #expect(box.call("list", "--quiet").lines == [])

      box.config["process.args"] = ["sleep", "1000"]
      try #expect(program(caller, try box.prepare("create"), in: directory).call().status == 0)
      try #expect(program(caller, box.program(["start", box.id]), in: directory).call().status == 0)
      for options in [[], ["--tty"]] {
        let exec = box.program(["exec"] + options + [box.id, "/bin/sh", "-c", script])
        outcome = try program(caller, exec, in: directory).call()
        #expect(outcome.status == 42, "exec \(options): \(outcome)")
      }
      try #expect(program(caller, box.program(["kill", box.id, "KILL"]), in: directory).call().status == 0)
      try box.waitForStatus("stopped")
      try #expect(program(caller, box.program(["delete", box.id]), in: directory).call().status == 0)
    }
  }

  @Test("The container has the limits that the caller has, but those that its configuration sets")
  func limits() throws {
    try withSandbox { box in
      box.config.shell("ulimit -Sn; ulimit -Hn")
      var outcome = try program("few descriptors", try box.prepare("run"), in: "/").call()
      #expect(outcome.lines.first == "12", "\(outcome)")
      box.config["process.rlimits"] = [["type": "RLIMIT_NOFILE", "soft": 20, "hard": 30]]
      outcome = try program("few descriptors", try box.prepare("run"), in: "/").call()
      #expect(outcome.lines == ["20", "30"], "\(outcome)")
    }
  }

  @Test("A limit on the size of files is an error, not the end by a signal")
  func fileSize() throws {
    try withSandbox { box in
      let run = try box.prepare("run")
      let ends = try Pipe()
      defer { close(ends.reading) }
      var limited = Program("/bin/sh", ["-c", "ulimit -f 0; exec \"$0\" \"$@\"", run.path] + run.arguments)
      limited.stderr = .descriptor(ends.writing)
      try #expect(limited.call().status == 125)
      close(ends.writing)
      var buffer = [UInt8](repeating: 0, count: 4096)
      let count = read(ends.reading, &buffer, buffer.count)
      let said = String(decoding: buffer[..<max(count, 0)], as: UTF8.self)
      #expect(said.contains("File too large") && said.trimmed.lines.count == 1, "\(said)")
    }
  }

  @Test(
    "A supervisor knows the end of what it runs, whatever it was started by",
    .enabled(if: Kernel.hasPartitions), arguments: ["SIGCHLD ignored", "umask 777", "all signals ignored"])
  func supervisor(caller: String) throws {
    let site = try SupervisedSandbox()
    defer { site.remove() }
    let script = try #require(Self.callers[caller])
    site.wrapper = ["/bin/sh", "-c", script, "sh"]
    try site.launch()
    try site.define("a", Self.script, ["user": "1000"])
    try site.waitFor("a", "exited")
    try #expect(site.exitCode("a") == 42, "\(site.output("a"))")
    try site.define("b")
    try site.waitUntilReady("b")
    let body = #"{"Cmd": ["/bin/sh", "-c", "exit 9"]}"#
    let made = try site.ask("POST", "/containers/\(site.name("b"))/exec", body)
    let id = try #require(made.document["Id"] as? String, "\(made)")
    try #expect(site.ask("POST", "/exec/\(id)/start", #"{"Detach": true}"#).status < 300)
    let ended = try poll {
      try site.ask("GET", "/exec/\(id)/json").document["Running"] as? Bool == false
    }
    #expect(ended)
    try #expect(site.ask("GET", "/exec/\(id)/json").document["ExitCode"] as? Int == 9)
    try site.empty()
  }
}
