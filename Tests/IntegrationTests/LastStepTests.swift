import Foundation
import Glibc
import Testing

/// What a process is given on the last steps to its program.
@Suite("The last steps to a program")
struct LastStepTests {
  /// Limits that leave nothing to the runtime itself.
  static let tight: [(String, Int, String)] = [
    ("RLIMIT_FSIZE", 0, "Max file size"), ("RLIMIT_NOFILE", 4, "Max open files"),
    ("RLIMIT_AS", 4 << 20, "Max address space"), ("RLIMIT_DATA", 4 << 20, "Max data size"),
    ("RLIMIT_NPROC", 2, "Max processes"), ("RLIMIT_MEMLOCK", 0, "Max locked memory"),
    ("RLIMIT_MSGQUEUE", 0, "Max msgqueue size"), ("RLIMIT_SIGPENDING", 0, "Max pending signals"),
  ]

  @Test("A limit does not stand in the runtime's own way, whatever it is", arguments: tight)
  func limits(name: String, value: Int, line: String) throws {
    try withSandbox { box in
      // Nobody else has processes of that user.
      let uid = 23_000 + (Self.tight.firstIndex { $0.0 == name } ?? 0)
      // It prints nothing: that would be more than some limits allow.
      let look = ["grep", "-q", "^\(line) *\(value) *\(value) ", "/proc/self/limits"]
      box.config["process.user"] = ["uid": uid, "gid": uid]
      box.config["process.rlimits"] = [["type": name, "soft": value, "hard": value]]
      box.config["process.args"] = look
      for mapped in [false, true] {
        if mapped { box.config.mapUsers() }
        let outcome = try box.run()
        #expect(outcome.status == 0, "\(outcome)")
      }
      box.config["process.args"] = ["/bin/sleep", "1000"]
      try box.detach()
      let exec = try box.program(["exec", box.id] + look).call()
      #expect(exec.status == 0, "\(exec)")
    }
  }

  @Test("Of a variable that is given twice, the last value counts")
  func repeated() throws {
    try withSandbox { box in
      box.config["process.env"] = ["PATH=/bin", "A=1", "B=2", "A=3", "HOME=/a", "HOME=/b"]
      try #expect(box.sh("env | grep -E '^(A|B|HOME)='").lines.sorted() == ["A=3", "B=2", "HOME=/b"])
    }
  }

  @Test("exec --env NAME takes the caller's value, and no variable where the caller has none")
  func callersVariable() throws {
    try withSandbox { box in
      box.config["process.args"] = ["sleep", "1000"]
      try box.detach()
      var exec = box.program(["exec", "--env", "ONE", "-eTWO", "--env", "THREE=", box.id, "env"])
      exec.environment["ONE"] = "1"
      let lines = try exec.call().lines
      #expect(lines.contains("ONE=1") && lines.contains("THREE=") && !lines.contains { $0.hasPrefix("TWO") })
    }
  }

  @Test("A bundle without a process is created, and its start is an error")
  func noProcess() throws {
    try withSandbox { box in
      box.config["process"] = nil
      expectRefusal(try box.run(), saying: "process", "required")
      expectNothingLeft(of: box)
      try box.create()
      try #expect(box.status() == "created")
      expectRefusal(try box.call("start", box.id), saying: "no process")
      try #expect(box.status() == "created")
      try box.succeed("kill", box.id, "KILL")
      try box.waitForStatus("stopped")
      try box.succeed("delete", box.id)
      expectNothingLeft(of: box)
    }
  }

  @Test("An I/O priority, and nice values, are what the bundle says")
  func priorities() throws {
    try withSandbox { box in
      box.config["process.ioPriority"] = ["class": "IOPRIO_CLASS_IDLE", "priority": 3]
      box.config["process.scheduler"] = ["policy": "SCHED_BATCH", "nice": 7]
      box.config["process.args"] = ["sleep", "1000"]
      try box.detach()
      let pid = pid_t(try box.pid())
      try #expect(Program("/usr/bin/ionice", ["-p", "\(pid)"]).call().text == "idle")
      #expect(sched_getscheduler(pid) == 3 && getpriority(__priority_which_t(0), id_t(pid)) == 7)
    }
  }

  @Test("--rootless is accepted, with the values that runc knows")
  func rootless() throws {
    for value in ["auto", "true", "false"] {
      try #expect(Program(Swiftjail.program, ["--rootless", value, "features"]).call().status == 0)
    }
    expectRefusal(
      try Program(Swiftjail.program, ["--rootless=no", "features"]).call(), saying: "--rootless no")
  }
}
