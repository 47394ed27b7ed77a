import Foundation
import Testing

@Suite("Terminals")
struct TerminalTests {
  @Test("create sends the terminal's master through the console socket")
  func consoleSocket() throws {
    try withSandbox { box in
      box.config["process.terminal"] = true
      box.config.shell("tty; stty size; read line; echo got $line")
      let socket = try ConsoleSocket(at: box.scratch.path + "/console")
      try box.create(["--console-socket", socket.path])
      let (terminal, _) = try socket.receive()
      terminal.resize(rows: 33, columns: 77)
      try box.start()
      try terminal.waitFor("33 77")
      #expect(terminal.seen.contains("/dev/pts/0") || terminal.seen.contains("/dev/console"))
      terminal.type("word\n")
      try terminal.waitFor("got word")
      try box.waitForStatus("stopped")
    }
  }

  @Test("The terminal is the controlling one, and /dev/console is it")
  func console() throws {
    try withSandbox { box in
      box.config["process.terminal"] = true
      box.config.shell(
        "[ -t 0 ] && [ -t 1 ] && [ -t 2 ] && echo three; echo ctty > /dev/tty; echo cons > /dev/console; echo end"
      )
      let socket = try ConsoleSocket(at: box.scratch.path + "/console")
      try box.detach(["--console-socket", socket.path])
      let (terminal, _) = try socket.receive()
      try terminal.waitFor("end")
      for word in ["three", "ctty", "cons"] { #expect(terminal.seen.contains(word), "\(terminal.seen)") }
    }
  }

  @Test("consoleSize is the terminal's first size")
  func consoleSize() throws {
    try withSandbox { box in
      box.config["process.terminal"] = true
      box.config["process.consoleSize"] = ["height": 21, "width": 43]
      box.config["process.args"] = ["stty", "size"]
      let socket = try ConsoleSocket(at: box.scratch.path + "/console")
      try box.detach(["--console-socket", socket.path])
      try socket.receive().terminal.waitFor("21 43")
    }
  }

  @Test("The terminal belongs to the process's user")
  func owner() throws {
    try withSandbox { box in
      box.config["process.terminal"] = true
      box.config["process.user"] = ["uid": 1000, "gid": 1000]
      box.config.shell("stat -c %u $(tty); echo end")
      let socket = try ConsoleSocket(at: box.scratch.path + "/console")
      try box.detach(["--console-socket", socket.path])
      let (terminal, _) = try socket.receive()
      try terminal.waitFor("end")
      #expect(terminal.seen.contains("1000"))
    }
  }

  @Test("run passes keys, output, resizes and the exit status between its terminal and the container's")
  func foreground() throws {
    try withSandbox { box in
      box.config["process.terminal"] = true
      box.config.shell(
        """
        until [ "$(stty size)" = '20 50' ]; do sleep 0.05; done; echo ready
        until [ "$(stty size)" = '40 99' ]; do sleep 0.05; done; echo resized
        while read line; do echo got $line; [ $line = end ] && exit 5; done
        """)
      let terminal = try Terminal()
      terminal.resize(rows: 20, columns: 50)
      var program = try box.prepare("run")
      program.terminal = terminal.path
      let run = try program.start()
      defer { run.forget() }
      try terminal.waitFor("ready")
      terminal.resize(rows: 40, columns: 99)
      try terminal.waitFor("resized")
      terminal.type("word\n")
      try terminal.waitFor("got word")
      terminal.type("end\n")
      try terminal.waitFor("got end")
      try #expect(run.wait().status == 5)
    }
  }

  @Test("Control-C goes to the container's foreground process, not to run itself")
  func interrupt() throws {
    try withSandbox { box in
      box.config["process.terminal"] = true
      box.config.shell("trap 'echo interrupted; exit 9' INT; echo ready; while :; do sleep 0.05; done")
      let terminal = try Terminal()
      var program = try box.prepare("run")
      program.terminal = terminal.path
      let run = try program.start()
      defer { run.forget() }
      try terminal.waitFor("ready")
      terminal.type("\u{3}")
      try terminal.waitFor("interrupted")
      try #expect(run.wait().status == 9)
    }
  }

  @Test("run gives the caller's terminal back as it was")
  func restored() throws {
    try withSandbox { box in
      box.config["process.terminal"] = true
      let terminal = try Terminal()
      var before = termios()
      var after = termios()
      // Held open, so that the terminal keeps its settings after the program has gone.
      let slave = open(terminal.path, O_RDWR | O_NOCTTY | O_CLOEXEC)
      defer { close(slave) }
      tcgetattr(slave, &before)
      var program = try box.prepare("run")
      program.terminal = terminal.path
      let outcome = try program.call()
      tcgetattr(slave, &after)
      #expect(outcome.status == 0, "\(terminal.seen)")
      #expect(
        before.c_lflag == after.c_lflag && before.c_oflag == after.c_oflag && before.c_iflag == after.c_iflag)
    }
  }

  @Test("exec --tty sends a terminal through its console socket")
  func execTerminal() throws {
    try withSandbox { box in
      box.config["process.args"] = ["sleep", "1000"]
      try box.detach()
      let socket = try ConsoleSocket(at: box.scratch.path + "/console")
      let outcome = try box.exec(
        ["--tty", "--detach", "--console-socket", socket.path], "sh", "-c",
        "[ -t 0 ] && echo a terminal; echo end")
      #expect(outcome.status == 0, "\(outcome)")
      let (terminal, _) = try socket.receive()
      try terminal.waitFor("end")
      #expect(terminal.seen.contains("a terminal"))
    }
  }

  @Test("exec --tty in the foreground uses the caller's terminal")
  func execForeground() throws {
    try withSandbox { box in
      box.config["process.args"] = ["sleep", "1000"]
      try box.detach()
      let terminal = try Terminal()
      terminal.resize(rows: 11, columns: 22)
      var program = box.program(["exec", "--tty", box.id, "sh", "-c", "stty size; tty; exit 6"])
      program.terminal = terminal.path
      let run = try program.start()
      defer { run.forget() }
      try terminal.waitFor("/dev/pts/")
      #expect(terminal.seen.contains("11 22"))
      try #expect(run.wait().status == 6)
    }
  }

  @Test("A detached terminal without a console socket is refused")
  func noSocket() throws {
    try withSandbox { box in
      box.config["process.terminal"] = true
      expectRefusal(try box.prepare("create").call(), saying: "console")
    }
  }

  @Test("A console socket without a terminal is refused")
  func socketAlone() throws {
    try withSandbox { box in
      let socket = try ConsoleSocket(at: box.scratch.path + "/console")
      expectRefusal(try box.prepare("create", ["--console-socket", socket.path]).call(), saying: "console")
    }
  }

  @Test("A console socket nobody listens on is refused")
  func deadSocket() throws {
    try withSandbox { box in
      box.config["process.terminal"] = true
      let path = box.scratch.path + "/nobody"
      expectRefusal(try box.prepare("create", ["--console-socket", path]).call(), saying: path)
    }
  }

  @Test("Signals reach the program while nobody takes its output")
  func signalsWhileBlocked() throws {
    try withSandbox { box in
      box.config["process.terminal"] = true
      box.config.shell("trap 'exit 5' TERM; yes & wait")
      let pipe = try Pipe()
      var program = try box.prepare("run")
      program.stdout = .descriptor(pipe.writing)
      let running = try program.start()
      defer { running.forget() }
      // The pipe is full when nobody can write to it.
      var entry = pollfd(fd: pipe.writing, events: Int16(POLLOUT), revents: 0)
      let isFull = poll { Glibc.poll(&entry, 1, 0) == 0 }
      close(pipe.writing)
      #expect(isFull)
      running.signal(SIGTERM)
      try box.waitForStatus("stopped")
      close(pipe.reading)
      #expect(try running.wait().status == 5)
    }
  }
}
