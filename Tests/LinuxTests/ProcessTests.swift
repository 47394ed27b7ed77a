import Glibc
import Testing

@testable import Linux

@Suite("Processes")
struct ProcessTests {
  @Test("A child's exit status and the signal that ended it are told apart")
  func wait() throws {
    let exited = try Pidfd(of: try start("/bin/sh", ["sh", "-c", "exit 7"])).wait()
    #expect(exited == .exited(7))
    #expect(exited.shellStatus == 7)
    let sleeper = try Pidfd(of: try start("/bin/sleep", ["sleep", "1000"]))
    try sleeper.send(.kill)
    let killed = try sleeper.wait()
    #expect(killed == .signaled(SIGKILL))
    #expect(killed.shellStatus == 137)
    #expect(throws: Errno.noSuchProcess) { try sleeper.send(.terminate) }
  }

  @Test(
    "How a process has ended can be seen before anybody has waited for it, and where the kernel says it after that"
  )
  func endOfOthers() throws {
    for (script, status) in [
      ("exit 7", ExitStatus.exited(7)), ("exit 0", .exited(0)), ("kill -9 $$", .signaled(9)),
    ] {
      let pid = try start("/bin/sh", ["sh", "-c", script])
      let child = try Pidfd(of: pid)
      var entries = [PollEntry(child.descriptor.rawValue, .readable)]
      #expect(try Linux.poll(&entries, milliseconds: 60_000))
      #expect(try ProcessStatus.of(pid).exitStatus == status)
      _ = try child.wait()
      let told = try? child.endStatus()
      #expect(told == nil || told == status)
    }
    #expect(try ProcessStatus.of(getpid()).exitStatus == nil)
  }

  @Test("A child's descriptor is readable when it has ended")
  func poll() throws {
    let sleeper = try Pidfd(of: try start("/bin/sleep", ["sleep", "1000"]))
    var entries = [PollEntry(sleeper.descriptor.rawValue, .readable)]
    #expect(try !Linux.poll(&entries, milliseconds: 0))
    try sleeper.send(.terminate)
    #expect(try Linux.poll(&entries, milliseconds: 60_000))
    #expect(entries[0].events.contains(.readable))
    #expect(try sleeper.wait() == .signaled(SIGTERM))
  }

  @Test(
    "A process is seen aright whatever it calls itself",
    arguments: ["sleep", "a) b (c", "((", "))", ") R 1", "a b", "x\n) Z 0"])
  func name(name: String) throws {
    let scratch = try Scratch()
    try File.makeSymbolicLink("\(scratch.path)/\(name)", to: "/bin/sh")
    let pid = try startStopped("\(scratch.path)/\(name)")
    let process = try Pidfd(of: pid)
    let status = try ProcessStatus.of(pid)
    #expect(try File.read("/proc/\(pid)/comm") == Array("\(name)\n".utf8))
    #expect(status.parent == getpid())
    #expect(!status.isDead)
    #expect(status.startTime >= (try ProcessStatus.of(getpid())).startTime)
    try process.send(.kill)
    var entries = [PollEntry(process.descriptor.rawValue, .readable)]
    _ = try Linux.poll(&entries)
    let dead = try ProcessStatus.of(pid)
    #expect(dead.isDead && dead.startTime == status.startTime)
    _ = try process.wait()
    #expect(throws: Errno.noSuchProcess) { _ = try ProcessStatus.of(pid) }
  }

  @Test("There is no process of a number that cannot be one")
  func none() {
    for pid in [-1, 0, Int32.max] {
      #expect(throws: Errno.noSuchProcess) { _ = try ProcessStatus.of(pid) }
    }
  }

  @Test("A process's command is its arguments, or its name when it has none")
  func commandLine() throws {
    let pid = try startStopped("/bin/sh")
    let process = try Pidfd(of: pid)
    #expect(try ProcessStatus.commandLine(of: pid) == "sh -c echo >&9; kill -STOP $$ last")
    try process.send(.kill)
    var entries = [PollEntry(process.descriptor.rawValue, .readable)]
    _ = try Linux.poll(&entries)
    #expect(try ProcessStatus.commandLine(of: pid) == "[sh]")
    _ = try process.wait()
  }

  @Test("Of a command that is longer than anybody wants to read, the beginning is told")
  func longCommand() throws {
    let pipe = try FileDescriptor.pipe()
    let arguments =
      ["sh", "-c", "echo >&9; kill -STOP $$"]
      + [String](repeating: String(repeating: "A", count: 100_000), count: 13)
    let pid = try start("/bin/sh", arguments, descriptors: [pipe.write.rawValue])
    let process = try Pidfd(of: pid)
    _ = try pipe.read.readByte()
    let text = try ProcessStatus.commandLine(of: pid)
    #expect(text.hasPrefix("sh -c echo >&9; kill -STOP $$ AAAA") && text.utf8.count == 4096)
    try process.send(.kill)
    _ = try process.wait()
  }

  /// A shell that has started for good and waits to be killed.
  private func startStopped(_ shell: String) throws -> Int32 {
    let pipe = try FileDescriptor.pipe()
    let script = "echo >&9; kill -STOP $$"
    let pid = try start(shell, ["sh", "-c", script, "last"], descriptors: [pipe.write.rawValue])
    _ = try pipe.read.readByte()
    return pid
  }
}
