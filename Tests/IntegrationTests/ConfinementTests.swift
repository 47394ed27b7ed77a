import Foundation
import Testing

/// A system call that a filter refuses, with the error number that it answers.
struct RefusedCall: CustomTestStringConvertible {
  let calls: String
  let errno: Int32

  static func each(_ calls: String...) -> [RefusedCall] {
    calls.flatMap { call in [EPERM, ENOSYS].map { RefusedCall(calls: call, errno: $0) } }
  }

  var confinement: Confinement { Confinement(refused: calls.words, errno: errno) }
  var testDescription: String { "\(calls): \(errno == EPERM ? "EPERM" : "ENOSYS")" }
}

@Suite("Under the seccomp filter of a container", .enabled(if: Confinement.isAvailable))
struct ConfinementTests {
  @Test(
    "Without these calls, containers are created, entered and deleted all the same",
    arguments: RefusedCall.each(
      "clone3", "openat2", "close_range", "keyctl add_key request_key", "renameat2", "statx", "faccessat2",
      "pidfd_getfd", "io_setup", "clone3 openat2 close_range keyctl add_key request_key renameat2"))
  func works(_ refused: RefusedCall) throws {
    try withSandbox { box in
      box.config.enter("cgroup")
      box.config.mount("/data", type: "bind", source: box.scratch.path, ["rbind", "ro"])
      box.config.shell("grep ^0: /proc/self/cgroup")
      let run = try refused.confinement.around(box.prepare("run")).call()
      #expect(run.text == "0::/" && run.status == 0, "\(run)")
      box.config["process.args"] = ["sleep", "1000"]
      // One program has the filter, and what comes from it.
      let create = try box.prepare("create")
      let commands = [
        create.arguments.quoted, box.program(["start", box.id]).arguments.quoted,
        box.program(["exec", box.id, "grep", "^0:", "/proc/self/cgroup"]).arguments.quoted,
        box.program(["delete", "--force", box.id]).arguments.quoted,
      ]
      let script = commands.map { "\(Swiftjail.program) \($0) || exit" }.joined(separator: "\n")
      let outcome = try refused.confinement.around(Program("/bin/sh", ["-c", script])).call()
      #expect(outcome.text == "0::/" && outcome.status == 0, "\(outcome)")
      expectNothingLeft(of: box, "under the filter")
    }
  }

  @Test(
    "A call that nothing takes the place of is named, with what to do, and nothing is left",
    arguments: RefusedCall.each(
      "open_tree", "move_mount", "fsopen", "fsconfig", "fsmount", "mount_setattr", "bpf", "pivot_root",
      "umount2", "execveat", "memfd_create", "keyctl", "mount_setattr pidfd_send_signal",
      "clone3 openat2 fsopen pidfd_send_signal pidfd_open"))
  func refusals(_ refused: RefusedCall) throws {
    try withSandbox { box in
      let named = refused.calls.words.first { $0 != "clone3" && $0 != "openat2" } ?? ""
      let outcome = try refused.confinement.around(box.prepare("run")).call()
      expectRefusal(outcome, saying: "system call \(named)", "--security-opt seccomp=unconfined")
      expectNothingLeft(of: box, "when \(named) is refused")
    }
  }

  @Test("Where the configuration allows all devices, bpf is not needed", arguments: RefusedCall.each("bpf"))
  func allDevices(_ refused: RefusedCall) throws {
    try withSandbox { box in
      box.config["linux.resources"] = ["devices": [["allow": true, "access": "rwm"]]]
      let outcome = try refused.confinement.around(box.prepare("run")).call()
      #expect(outcome.status == 0, "\(outcome)")
    }
  }

  @Test(
    "exec, kill and delete name the call that they cannot do without",
    arguments: [
      ("setns", ["exec", "true"]), ("pidfd_open", ["exec", "true"]), ("pidfd_open", ["kill", "TERM"]),
      ("pidfd_send_signal", ["kill", "TERM"]), ("pidfd_open", ["delete"]),
      ("pidfd_send_signal", ["delete"]),
    ])
  func running(_ call: String, _ command: [String]) throws {
    try withSandbox { box in
      box.config["process.args"] = ["sleep", "1000"]
      try box.detach()
      let arguments =
        command[0] == "delete" ? ["delete", "--force", box.id] : [command[0], box.id, command[1]]
      for errno in [EPERM, ENOSYS] {
        let confinement = Confinement(refused: [call], errno: errno)
        let outcome = try confinement.around(box.program(arguments)).call()
        expectRefusal(outcome, saying: "system call \(call)", "--security-opt seccomp=unconfined")
      }
    }
  }

  @Test(
    "Without these calls, swiftjaild starts partitions all the same",
    arguments: [RefusedCall(calls: "clone3", errno: ENOSYS)]
      + RefusedCall.each(
        "openat2", "close_range", "keyctl add_key request_key", "renameat2", "io_setup", "pidfd_getfd"))
  func supervisor(_ refused: RefusedCall) throws {
    let site = try SupervisedSandbox()
    defer { site.remove() }
    site.confinement = refused.confinement
    try site.define("a", "echo hello; exec sleep 1000")
    try site.launch()
    try site.waitForOutput("a", "hello")
    try site.waitFor("a", "running")
    try site.end(SIGTERM)
  }

  @Test(
    "swiftjaild says which call a partition is not started without",
    arguments: RefusedCall.each("fsopen", "mount_setattr", "move_mount", "bpf", "pivot_root", "execveat"))
  func partitions(_ refused: RefusedCall) throws {
    let site = try SupervisedSandbox()
    defer { site.remove() }
    site.confinement = refused.confinement
    try site.define("a", "exec sleep 1000")
    try site.launch()
    try site.waitForMessage("system call \(refused.calls)")
    try site.end(SIGTERM)
  }

  @Test(
    "swiftjaild does not start where clone3 answers EPERM, or without unshare, and says so",
    arguments: ["clone3", "unshare"])
  func keeper(_ call: String) throws {
    let site = try SupervisedSandbox()
    defer { site.remove() }
    site.confinement = Confinement(refused: [call])
    let outcome = try site.program.call()
    expectRefusal(outcome, saying: "system call \(call)", "--security-opt seccomp=unconfined")
  }
}

extension [String] {
  /// As a shell reads them.
  fileprivate var quoted: String {
    map { "'" + $0.replacingOccurrences(of: "'", with: "'\\''") + "'" }.joined(separator: " ")
  }
}
