import Foundation
import Testing

@Suite("A container's terminal in the foreground")
struct TerminalRelayTests {
  @Test("Lines that go to a file or a pipe end as the program wrote them")
  func plainLines() throws {
    try withSandbox { box in
      box.config["process.terminal"] = true
      box.config["process.args"] = ["echo", "hi"]
      try #expect(box.run().stdout == Data("hi\n".utf8))
      box.config["process.terminal"] = false
      box.config["process.args"] = ["sleep", "1000"]
      try box.detach()
      try #expect(box.exec(["--tty"], "echo", "hi").stdout == Data("hi\n".utf8))
    }
  }

  @Test("consoleSize is the size, each time, whatever that of the caller's terminal is")
  func size() throws {
    try withSandbox { box in
      box.config["process.terminal"] = true
      box.config["process.consoleSize"] = ["height": 33, "width": 77]
      box.config.shell("stty size; sleep 0.1; stty size; echo end")
      for _ in 1...3 {
        let terminal = try Terminal()
        terminal.resize(rows: 41, columns: 99)
        var run = try box.prepare("run")
        run.terminal = terminal.path
        let running = try run.start()
        defer { running.forget() }
        try terminal.waitFor("end")
        try #expect(running.wait().status == 0)
        #expect(terminal.seen.components(separatedBy: "33 77").count == 3, "\(terminal.seen)")
      }

      box.config["process.terminal"] = false
      box.config["process.consoleSize"] = nil
      box.config["process.args"] = ["sleep", "1000"]
      try box.detach()
      let process = Config(object: [
        "args": ["sh", "-c", "stty size; sleep 0.1; stty size; echo end"], "cwd": "/", "env": ["PATH=/bin"],
        "user": ["uid": 0, "gid": 0], "terminal": true, "consoleSize": ["height": 33, "width": 77],
      ])
      let file = box.scratch.path + "/process.json"
      try process.data.write(to: URL(fileURLWithPath: file))
      let terminal = try Terminal()
      terminal.resize(rows: 41, columns: 99)
      var exec = box.program(["exec", "--process", file, box.id])
      exec.terminal = terminal.path
      let running = try exec.start()
      defer { running.forget() }
      try terminal.waitFor("end")
      try #expect(running.wait().status == 0)
      #expect(terminal.seen.components(separatedBy: "33 77").count == 3, "\(terminal.seen)")
    }
  }

  @Test("Standard input that cannot be read has ended, and the program's status is passed on")
  func unreadableInput() throws {
    try withSandbox { box in
      box.config["process.terminal"] = true
      box.config.shell("cat; exit 7")
      let file = open(box.scratch.path + "/file", O_WRONLY | O_CREAT | O_CLOEXEC, 0o600)
      defer { close(file) }
      var run = try box.prepare("run")
      run.stdin = .descriptor(file)
      let outcome = try run.call()
      #expect(outcome.status == 7, "\(outcome)")
    }
  }

  @Test("In the background of its terminal, run leaves the terminal's settings alone, and waits for its turn")
  func background() throws {
    try withSandbox { box in
      box.config["process.terminal"] = true
      box.config.shell("echo started; read line; echo got $line")
      let terminal = try Terminal()
      let run = try box.prepare("run")
      let words = ([run.path] + run.arguments).map { "'\($0)'" }.joined(separator: " ")
      var shell = Program(
        "/bin/sh", ["-mc", "\(words) & read x; stty -a; echo printed; fg; echo status $?"])
      shell.environment = run.environment
      shell.terminal = terminal.path
      let running = try shell.start()
      defer { running.forget() }
      try terminal.waitFor("started")
      // Read by the shell, not by the program in the background.
      terminal.type("word\n")
      try terminal.waitFor("printed")
      #expect(terminal.seen.contains(" icanon"), "\(terminal.seen)")
      terminal.type("line\n")
      try terminal.waitFor("got line")
      try terminal.waitFor("status 0")
      try #expect(running.wait().status == 0)
    }
  }

  @Test(
    "With a terminal and no input a program waits, as for somebody who types nothing",
    .enabled(if: Kernel.hasPartitions))
  func noInput() throws {
    try withSandbox { box in
      let run = box.program(
        ["run", "--rm", "-t", "--rootfs", box.rootfs, box.id, "/bin/sh", "-c", "echo ready; cat; echo ended"])
      let running = try run.start()
      defer { running.forget() }
      #expect(poll { running.text.contains("ready") })
      try #expect(box.exec([], "/bin/true").status == 0)
      #expect(!running.text.contains("ended"))
      try box.succeed("kill", box.id, "KILL")
      try #expect(running.wait().status == 137)
    }
  }
}
