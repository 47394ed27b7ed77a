import Foundation
import Glibc
import Testing

/// `update` as far as no controller is needed: device rules, and what is refused.
@Suite("update")
struct UpdateTests {
  /// `update` with the limits `json` on standard input.
  static func update(_ box: Sandbox, _ json: String) throws -> Outcome {
    let pipe = try Pipe()
    defer { close(pipe.reading) }
    var program = box.program(["update", "--resources", "-", box.id])
    program.stdin = .descriptor(pipe.reading)
    guard Glibc.write(pipe.writing, json, json.utf8.count) == json.utf8.count else {
      throw Broken("no write")
    }
    close(pipe.writing)
    return try program.call()
  }

  static func resources(of box: Sandbox) throws -> [String: Any] {
    let data = Data((contents("\(box.root)/\(box.id)/config.json") ?? "").utf8)
    let config = try JSONSerialization.jsonObject(with: data) as? [String: Any]
    return (config?["linux"] as? [String: Any])?["resources"] as? [String: Any] ?? [:]
  }

  /// Denies all but what `rules`, as JSON, allow.
  private func devices(_ rules: String...) -> String {
    #"{"devices": ["# + ([#"{"allow": false, "access": "rwm"}"#] + rules).joined(separator: ", ") + "]}"
  }

  private let fuse = #"{"allow": true, "type": "c", "major": 10, "minor": 229, "access": "rw"}"#
  private let loop = #"{"allow": true, "type": "b", "major": 7, "access": "r"}"#

  private func withDevices(_ script: String, _ body: (Sandbox) throws -> Void) throws {
    try withSandbox { box in
      box.config["linux.devices"] = [
        ["type": "c", "path": "/dev/first", "major": 10, "minor": 229, "fileMode": 0o666]
      ]
      box.config["linux.resources"] = ["devices": [["allow": false, "access": "rwm"]]]
      box.config.shell(script)
      try box.detach()
      try body(box)
    }
  }

  @Test(
    "Device rules take the place of those before, and the default devices stay open",
    .enabled(if: contents("/proc/misc")?.contains("229 fuse") == true))
  func replaced() throws {
    try withDevices("sleep 1000") { box in
      func opens() throws -> Bool {
        try box.exec([], "sh", "-c", "echo > /dev/null && exec 3< /dev/first").status == 0
      }
      try #expect(!opens())
      for (rules, isOpen) in [
        (devices(fuse), true), (devices(loop), false), (#"{"devices": [{"allow": true}]}"#, true),
        (devices(), false),
      ] {
        let outcome = try Self.update(box, rules)
        #expect(outcome.status == 0, "\(outcome)")
        try #expect(opens() == isOpen, "\(rules)")
      }
    }
  }

  @Test("At no moment of many changes is a device open that no list allows")
  func noGap() throws {
    let script = "while :; do (exec 3< /dev/first) 2> /dev/null && echo opened; [ -e /tmp/end ] && exit; done"
    try withDevices(script) { box in
      // More than a cgroup can have at a time, if each were added to the others.
      for number in 0..<70 {
        let outcome = try Self.update(box, number.isMultiple(of: 2) ? devices(loop) : devices())
        guard outcome.status == 0 else { throw Broken("change \(number): \(outcome)") }
      }
      try write("", to: box.rootfs + "/tmp/end")
      try box.waitForStatus("stopped")
      #expect(!box.output.contains("opened"))
    }
  }

  static let refused = [
    (#"{"devices": [{"allow": false}], "memory": {"limit": -7}}"#, "memory.limit"),
    (#"{"devices": [{"allow": false}], "cpu": {"cpus": "x"}}"#, "linux.resources.cpu.cpus"),
    (#"{"devices": [{"allow": false, "access": "x"}]}"#, "devices[0].access"),
    (#"{"cpu": {"realtimeRuntime": 1000}}"#, "linux.resources.cpu.realtimeRuntime"),
    (#"{"network": {"classID": 5}}"#, "linux.resources.network.classID"),
    (#"{"unified": {"../x.y": "1"}}"#, "unified"), (#"{"pids": {"limit": "many"}}"#, "pids.limit"),
    ("{", "--resources -"), ("[]", "--resources -"), ("{}", "no limit given"),
  ]

  @Test("With one value that cannot be, nothing changes", arguments: refused.indices)
  func refusal(index: Int) throws {
    try withSandbox { box in
      box.config["process.args"] = ["sleep", "1000"]
      box.config["linux.resources"] = ["devices": [["allow": true, "access": "rwm"]]]
      try box.detach()
      let before = contents("\(box.root)/\(box.id)/config.json")
      let (resources, words) = Self.refused[index]
      expectRefusal(try Self.update(box, resources), saying: words)
      #expect(contents("\(box.root)/\(box.id)/config.json") == before)
    }
  }

  @Test("What is no limit, or none for this container, is refused in one line")
  func usage() throws {
    try withSandbox { box in
      box.config["process.args"] = ["sleep", "1000"]
      try box.detach()
      for (option, value) in [
        ("--memory", "much"), ("--cpu-quota", "half"), ("--pids-limit", "1.5"), ("--cpu-shares", "7"),
        ("--blkio-weight", "-1"), ("--cpu-idle", "2"), ("--cpu-rt-runtime", "1000"), ("--cpuset-cpus", "a-b"),
      ] {
        expectRefusal(
          try box.call("update", option, value, box.id),
          saying: option.contains("rt")
            ? "realtimeRuntime" : value == "2" ? "idle" : value == "a-b" ? "cpus" : option)
      }
      expectRefusal(try box.call("update", box.id), saying: "no limit given")
      expectRefusal(
        try box.call("update", "--memory", "1g", "--resources", "/dev/null", box.id), saying: "--memory")
      expectRefusal(try box.call("update", "--resources", "/nonexistent", box.id), saying: "/nonexistent")
      expectRefusal(try box.call("update", "--memory", "1g", "none"), saying: "does not exist")
      try #expect(box.call("update", "--kernel-memory", "1g", box.id).status == 0, "it is ignored")
      try box.succeed("kill", box.id, "KILL")
      try box.waitForStatus("stopped")
      expectRefusal(try box.call("update", "--memory", "1g", box.id), saying: "not running")
    }
  }
}
