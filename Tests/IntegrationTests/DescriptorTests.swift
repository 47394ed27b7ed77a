import Foundation
import Testing

/// Nobody inside gets a descriptor of the runtime's: by one, files of the host could be opened.
@Suite("The descriptors of programs")
struct DescriptorTests {
  /// Prints what the shell has open while it waits for `ls`, without a pipe of the shell's own.
  private static let script = "echo '<'; ls /proc/$$/fd; echo '>'"

  private static func shell(_ script: String = script) -> [String] { ["/bin/sh", "-c", script] }

  private func expectOnly(
    _ numbers: String, in text: String, _ case: String, sourceLocation: SourceLocation = #_sourceLocation
  ) {
    let words = text.split { $0.isWhitespace }.joined(separator: " ")
    #expect(words.contains("< \(numbers) >"), "\(`case`): \(text)", sourceLocation: sourceLocation)
  }

  /// Descriptors of the host's root that the caller has open.
  private func withRoots(_ count: Int, _ body: ([CInt]) throws -> Void) rethrows {
    let roots = (0..<count).map { _ in open("/", O_RDONLY | O_DIRECTORY | O_CLOEXEC) }
    defer { roots.forEach { close($0) } }
    try body(roots)
  }

  @Test("A container's own program has its standard streams alone, however it is run")
  func bundle() throws {
    try withRoots(2) { roots in
      try withSandbox { box in
        box.config["process.args"] = Self.shell()
        var run = try box.prepare("run")
        run.extra = roots
        expectOnly("0 1 2", in: try run.call().text, "run")

        run = try box.prepare("run", ["--preserve-fds", "2"])
        run.extra = roots
        expectOnly("0 1 2 3 4", in: try run.call().text, "run --preserve-fds")

        try box.detach()
        try box.waitForOutput(">")
        expectOnly("0 1 2", in: box.output, "run --detach")
        try box.delete()

        try box.create()
        try box.start()
        try box.waitForOutput(">")
        expectOnly("0 1 2", in: box.output, "create, start")
        try box.delete()

        box.config["process.terminal"] = true
        expectOnly("0 1 2", in: try box.run().text, "run with a terminal")
        let socket = try ConsoleSocket(at: box.scratch.path + "/console")
        try box.create(["--console-socket", socket.path])
        let terminal = try socket.receive().terminal
        try box.start()
        try terminal.waitFor(">")
        expectOnly("0 1 2", in: terminal.seen, "create --console-socket")
      }
    }
  }

  @Test("A command inside has its standard streams alone, however it is executed")
  func exec() throws {
    try withRoots(2) { roots in
      try withSandbox { box in
        box.config["process.args"] = ["sleep", "1000"]
        try box.detach()
        func exec(_ options: [String], _ command: [String] = Self.shell()) throws -> Program {
          var exec = box.program(["exec"] + options + [box.id] + command)
          exec.extra = roots
          return exec
        }
        expectOnly("0 1 2", in: try exec([]).call().text, "exec")
        expectOnly("0 1 2", in: try exec(["--tty"]).call().text, "exec --tty")
        expectOnly("0 1 2 3 4", in: try exec(["--preserve-fds", "2"]).call().text, "exec --preserve-fds")
        let detached = try exec(["--detach"]).start()
        defer { detached.forget() }
        #expect(poll { detached.text.contains(">") })
        expectOnly("0 1 2", in: detached.text, "exec --detach")

        let process = Config(object: [
          "args": Self.shell(), "cwd": "/", "env": ["PATH=/bin"], "user": ["uid": 0, "gid": 0],
        ])
        let file = box.scratch.path + "/process.json"
        try process.data.write(to: URL(fileURLWithPath: file))
        expectOnly("0 1 2", in: try exec(["--process", file], []).call().text, "exec --process")

        let socket = try ConsoleSocket(at: box.scratch.path + "/console")
        try #expect(exec(["--detach", "--tty", "--console-socket", socket.path]).call().status == 0)
        let terminal = try socket.receive().terminal
        try terminal.waitFor(">")
        expectOnly("0 1 2", in: terminal.seen, "exec --console-socket")
      }
    }
  }

  @Test(
    "A partition's program has its standard streams alone",
    .enabled(if: Kernel.hasPartitions))
  func partition() throws {
    try withRoots(2) { roots in
      try withSandbox { box in
        for base in [["--image", "host"], ["--rootfs", box.rootfs]] {
          for options in [[], ["--init"], ["-i"], ["-it"], ["--preserve-fds", "2"]] {
            let script = "echo 'own <'; ls /proc/$$/fd; echo '> first <'; ls /proc/1/fd; echo '>'"
            var run = box.program(["run", "--rm"] + base + options + [box.id, "--"] + Self.shell(script))
            run.extra = roots
            let outcome = try run.call()
            let numbers = options.first == "--preserve-fds" ? "0 1 2 3 4" : "0 1 2"
            // The first process of --init has a queue of signals and its child's pidfd besides.
            let first = options == ["--init"] ? "0 1 2 3 4" : numbers
            let words = outcome.text.split { $0.isWhitespace }.joined(separator: " ")
            #expect(words == "own < \(numbers) > first < \(first) >", "\(outcome)")
          }
        }
      }
    }
  }

  @Test("A descriptor that the caller has not open is missed by its number, and nothing is run")
  func missing() throws {
    try withRoots(3) { roots in
      try withSandbox { box in
        box.config["process.args"] = ["sleep", "1000"]
        try box.detach()
        let other = box.id + "-2"
        let commands = [
          ["run", "--bundle", box.bundle, other], ["run", "--detach", "--bundle", box.bundle, other],
          ["create", "--bundle", box.bundle, other], ["exec", box.id, "true"],
          ["exec", "--tty", box.id, "true"],
          ["exec", "--detach", box.id, "true"],
          ["run", "--image", "host", other, "--", "true"],
          ["run", "--detach", "--image", "host", other, "--", "true"],
        ]
        for command in commands {
          // Without any, and with a hole in them.
          var program = box.program([command[0], "--preserve-fds", "1"] + command.dropFirst())
          expectRefusal(try program.call(), saying: "descriptor 3 ")
          program = box.program([command[0], "--preserve-fds", "3"] + command.dropFirst())
          let script = "exec \"$0\" \"$@\" 4<&-"
          program = Program("/bin/sh", ["-c", script, program.path] + program.arguments)
          program.environment["SWIFTJAIL_TEST"] = box.id
          program.extra = roots
          expectRefusal(try program.call(), saying: "descriptor 4 ")
        }
        try #expect(box.call("list", "--quiet").lines == [box.id])
        var activated = Program(
          "/bin/sh",
          ["-c", "LISTEN_PID=$$ LISTEN_FDS=2 exec \"$0\" \"$@\"", Swiftjail.program, "--root", box.root]
            + commands[0])
        activated.extra = [roots[0]]
        expectRefusal(try activated.call(), saying: "LISTEN_FDS", "descriptor 4 ")
      }
    }
  }

  @Test(
    "What the supervisor runs has its standard streams alone: programs, commands, checks and functions",
    .enabled(if: Kernel.hasPartitions))
  func supervised() throws {
    try withSupervisor { site in
      let check: [String: Any] = ["command": Self.shell(), "interval": "50ms"]
      try site.define("a", Self.script + "; exec sleep 1000", ["healthCheck": check])
      try site.waitForOutput("a", ">")
      expectOnly("0 1 2", in: site.output("a"), "a partition")
      let checked = try poll { try (site.inspect("a")?["State.Health.Log"] as? [Any])?.isEmpty == false }
      #expect(checked)
      let results = try site.inspect("a")?["State.Health.Log"] as? [[String: Any]]
      expectOnly("0 1 2", in: results?.last?["Output"] as? String ?? "", "a check")

      try site.define("t", Self.script + "; exec sleep 1000", ["tty": true])
      try site.waitForOutput("t", ">")
      expectOnly("0 1 2", in: site.output("t"), "a partition with a terminal")

      for terminal in [false, true] {
        let body = """
          {"Cmd": ["/bin/sh", "-c", "\(Self.script)"], "AttachStdin": true,
          "AttachStdout": true, "AttachStderr": true, "Tty": \(terminal)}
          """
        let made = try site.ask("POST", "/containers/\(site.name("a"))/exec", body)
        let id = try #require(made.document["Id"] as? String, "\(made)")
        let connection = try SupervisorConnection(site.socket)
        try connection.begin(
          "POST", "/exec/\(id)/start", #"{"Detach": false, "Tty": \#(terminal)}"#,
          headers: ["Connection: Upgrade", "Upgrade: tcp"])
        try #expect(connection.head().status == 101)
        let said =
          terminal ? String(decoding: connection.rest(), as: UTF8.self) : try connection.frames()[1] ?? ""
        expectOnly("0 1 2", in: said, "exec by the API, terminal: \(terminal)")
      }

      try site.define("f", Self.script, ["warm": 1])
      try site.waitForPool("f", 1)
      for number in 1...2 {
        let outcome = try site.succeed("start", "--attach", site.name("f"))
        expectOnly("0 1 2", in: outcome.text, "an instance of a function, the \(number). time")
      }
    }
  }
}
