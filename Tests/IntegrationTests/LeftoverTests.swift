import Foundation
import Testing

/// Whatever is killed at whatever point, `list` stays truthful and `delete --force` leaves nothing.
@Suite("Nothing is left behind")
struct LeftoverTests {
  /// 0..<count, spread: each prefix covers the whole range evenly.
  static func spread(_ count: Int) -> [Int] {
    let bits = Int.bitWidth - max(count - 1, 1).leadingZeroBitCount
    return (0..<(1 << bits)).map { number in
      (0..<bits).reduce(0) { $0 << 1 | (number >> $1 & 1) }
    }.filter { $0 < count }
  }

  /// The program under strace(1), which alone of all that it starts is traced.
  func traced(_ program: Program, _ options: [String]) -> Program {
    var traced = program
    traced.path = "/usr/bin/strace"
    traced.arguments = ["-qq"] + options + [program.path] + program.arguments
    return traced
  }

  /// How many system calls a command makes.
  func count(_ program: Program, in box: Sandbox) throws -> Int {
    let log = box.scratch.path + "/strace"
    let running = try traced(program, ["-o", log]).start()
    defer { running.forget() }
    let outcome = try running.wait()
    guard outcome.status == 0 else { throw Broken(outcome.description) }
    return (contents(log) ?? "").lines.count
  }

  /// Kills the program under test at one of its system calls after another, for as many as time allows, and looks each
  /// time that `delete --force` gets rid of everything.
  func killEverywhere(
    _ box: Sandbox, for seconds: Double = 15, prepare: (Sandbox) throws -> Void = { _ in },
    _ command: (Sandbox) throws -> Program
  ) throws {
    try prepare(box)
    let calls = try count(command(box), in: box)
    try box.delete()
    expectNothingLeft(of: box, "after a clean run")
    let end = Date().addingTimeInterval(seconds)
    var killed = 0
    for call in Self.spread(calls) {
      if killed >= 8 && Date() > end { break }
      try prepare(box)
      let running = try traced(
        command(box), ["-o", "/dev/null", "-e", "trace=all", "-e", "inject=all:signal=KILL:when=\(call + 1)"]
      ).start()
      defer { running.forget() }
      _ = try running.wait()
      killed += 1

      let list = try box.call("list", "--quiet")
      #expect(list.status == 0, "list after a kill at call \(call + 1) of \(calls): \(list)")
      let delete = try box.call("delete", "--force", box.id)
      #expect(
        delete.status == 0 || delete.stderr.contains("does not exist"),
        "delete after a kill at call \(call + 1) of \(calls): \(delete)")
      try #require(
        poll { Snapshot(of: box).isEmpty },
        "left behind by a kill at call \(call + 1) of \(calls): \(Snapshot(of: box))")
    }
    // Whatever happened, the name is free again.
    box.config["process.args"] = ["true"]
    try #expect(box.run().status == 0)
  }

  @Test("create killed at every step", .enabled(if: Kernel.hasStrace), .timeLimit(.minutes(10)))
  func create() throws {
    try withSandbox { box in
      try killEverywhere(box) { try $0.prepare("create") }
    }
  }

  @Test(
    "create in a user namespace killed at every step", .enabled(if: Kernel.hasStrace),
    .timeLimit(.minutes(10)))
  func createMapped() throws {
    try withSandbox { box in
      box.config.mapUsers()
      try killEverywhere(box) { try $0.prepare("create") }
    }
  }

  @Test("run killed at every step", .enabled(if: Kernel.hasStrace), .timeLimit(.minutes(10)))
  func run() throws {
    try withSandbox { box in
      box.config["process.args"] = ["true"]
      try killEverywhere(box) { try $0.prepare("run", ["--keep"]) }
    }
  }

  @Test("start killed at every step", .enabled(if: Kernel.hasStrace), .timeLimit(.minutes(10)))
  func start() throws {
    try withSandbox { box in
      try killEverywhere(box, prepare: { try $0.create() }) { $0.program(["start", $0.id]) }
    }
  }

  @Test("delete killed at every step", .enabled(if: Kernel.hasStrace), .timeLimit(.minutes(10)))
  func delete() throws {
    try withSandbox { box in
      try killEverywhere(box, prepare: { try $0.create() }) { $0.program(["delete", "--force", $0.id]) }
    }
  }

  @Test(
    "delete of a container whose record is damaged, killed at every step", .enabled(if: Kernel.hasStrace),
    .timeLimit(.minutes(10)))
  func deleteDamaged() throws {
    try withSandbox { box in
      try killEverywhere(box, for: 5) { box in
        try box.create()
        try DamagedStateTests.Damage.zeros.apply(to: box)
      } _: {
        $0.program(["delete", "--force", $0.id])
      }
    }
  }

  @Test(
    "When the container's first process dies on its way, the caller gets one line and nothing stays",
    .enabled(if: Kernel.hasStrace),
    arguments: [
      "setsid", "sethostname", "pivot_root", "umount2", "mount_setattr", "move_mount", "fsmount", "mknodat",
      "capset",
      "setgroups", "chdir,fchdir",
    ])
  func initKilled(call: String) throws {
    try withSandbox { box in
      let log = box.scratch.path + "/strace"
      let command = try box.prepare("run")
      let outcome = try traced(
        command, ["-f", "-o", log, "-e", "trace=\(call)", "-e", "inject=\(call):signal=KILL:when=1"]
      ).call()
      // A runtime that does without the call, or makes it in its first process, has nothing to show here.
      let deaths = (contents(log) ?? "").lines.filter { $0.contains("killed by SIGKILL") }
      guard !deaths.isEmpty, outcome.status != 137 else { return }
      expectRefusal(outcome)
      expectNothingLeft(of: box, "without any delete")
    }
  }

  @Test(
    "When the kernel refuses a step of the container's first process, the caller gets one line and nothing stays",
    .enabled(if: Kernel.hasStrace),
    arguments: [
      "setsid", "sethostname", "pivot_root", "umount2", "mount_setattr", "move_mount", "fsmount", "mknodat",
      "capset",
      "setgroups", "clone3",
    ])
  func stepRefused(call: String) throws {
    try withSandbox { box in
      let log = box.scratch.path + "/strace"
      let command = try box.prepare("run")
      let outcome = try traced(
        command, ["-f", "-o", log, "-e", "trace=\(call)", "-e", "inject=\(call):error=EIO"]
      ).call()
      // Some calls may fail and no harm is done, such as the removal of what is not there.
      guard outcome.status != 0 else { return }
      expectRefusal(outcome)
      expectNothingLeft(of: box, "without any delete")
    }
  }

  @Test("The container's first process killed before start")
  func initKilledBeforeStart() throws {
    try withSandbox { box in
      try box.create()
      Glibc.kill(pid_t(try box.pid()), SIGKILL)
      try box.waitForStatus("stopped")
      expectRefusal(try box.call("start", box.id))
      try box.succeed("list")
      try box.succeed("delete", "--force", box.id)
      expectNothingLeft(of: box)
    }
  }

  @Test("run killed while the program runs: delete --force ends it")
  func runKilled() throws {
    try withSandbox { box in
      box.config.shell("echo ready; sleep 1000 & sleep 1000")
      let run = try box.prepare("run").start()
      defer { run.forget() }
      #expect(poll { run.text == "ready" })
      run.signal(SIGKILL)
      try #expect(run.wait().status == 137)
      try box.succeed("delete", "--force", box.id)
      expectNothingLeft(of: box)
    }
  }

  @Test("Every process of the container ends with its first one, also without a pid namespace")
  func strays() throws {
    try withSandbox { box in
      box.config.leave("pid")
      box.config.shell("setsid sleep 1000 > /dev/null 2>&1 & exit 0")
      try #expect(box.run().status == 0)
      expectNothingLeft(of: box)
    }
  }

  @Test("A state root on a full disk: one line, and nothing stays", arguments: 1...6)
  func fullDisk(inodes: Int) throws {
    try withSandbox { box in
      try #require(mount("tmpfs", box.root, "tmpfs", 0, "nr_inodes=\(inodes),size=64k") == 0)
      defer { umount2(box.root, Int32(MNT_DETACH)) }
      let outcome = try box.prepare("create").call()
      if outcome.status != 0 { expectRefusal(outcome) }
      try box.delete()
      try #expect(FileManager.default.contentsOfDirectory(atPath: box.root).isEmpty)
      #expect(Snapshot.processes(marked: box.id).isEmpty)
      #expect(Snapshot.cgroups(named: box.id).isEmpty)
    }
  }

  @Test("A state root without room for a byte: one line, and nothing stays")
  func noRoom() throws {
    try withSandbox { box in
      try #require(mount("tmpfs", box.root, "tmpfs", 0, "size=4k") == 0)
      defer { umount2(box.root, Int32(MNT_DETACH)) }
      try write(String(repeating: "x", count: 4096), to: box.root + "/filler")
      expectRefusal(try box.prepare("create").call(), saying: "no space left")
      try #expect(FileManager.default.contentsOfDirectory(atPath: box.root) == ["filler"])
      #expect(Snapshot.processes(marked: box.id).isEmpty)
      #expect(Snapshot.cgroups(named: box.id).isEmpty)
    }
  }

  @Test("A read-only state root: one line")
  func readOnlyRoot() throws {
    try withSandbox { box in
      try #require(mount("tmpfs", box.root, "tmpfs", UInt(MS_RDONLY), nil) == 0)
      defer { umount2(box.root, Int32(MNT_DETACH)) }
      expectRefusal(try box.prepare("create").call(), saying: box.root)
      #expect(Snapshot.processes(marked: box.id).isEmpty)
      #expect(Snapshot.cgroups(named: box.id).isEmpty)
    }
  }

  @Test("A bundle that has gone does not keep a container from being deleted")
  func bundleGone() throws {
    try withSandbox { box in
      box.config["process.args"] = ["sleep", "1000"]
      try box.detach()
      try FileManager.default.moveItem(atPath: box.bundle, toPath: box.bundle + "-gone")
      try #expect(box.status() == "running")
      try box.succeed("delete", "--force", box.id)
      expectNothingLeft(of: box)
    }
  }

  @Test("Many at once neither disturb each other nor leave anything")
  func parallel() throws {
    try withSandbox { box in
      box.config["process.args"] = ["true"]
      let all = try (0..<10).map { try box.prepare("run", id: "\(box.id)-\($0)").start() }
      defer { for running in all { running.forget() } }
      for running in all {
        let outcome = try running.wait()
        #expect(outcome.status == 0, "\(outcome)")
      }
      expectNothingLeft(of: box)
    }
  }

  @Test("Of many that want one name, exactly one gets it")
  func race() throws {
    try withSandbox { box in
      let all = try (0..<6).map { _ in try box.prepare("create").start() }
      defer { for running in all { running.forget() } }
      let outcomes = try all.map { try $0.wait() }
      #expect(outcomes.filter { $0.status == 0 }.count == 1, "\(outcomes)")
      try #expect(box.status() == "created")
      try box.delete()
      expectNothingLeft(of: box)
    }
  }
}
