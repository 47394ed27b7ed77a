import Foundation
import Testing

/// `linux.intelRdt`. Few machines have a resctrl file system: a directory takes its place in the program's mount table, and
/// what the kernel does in it is tested with the module.
@Suite("linux.intelRdt")
struct IntelRdtTests {
  static let hasResctrl =
    (try? String(contentsOfFile: "/proc/self/mountinfo", encoding: .utf8))?
    .contains(" - resctrl ") == true

  /// The program's table of mounts has a resctrl file system more.
  private func confinement(_ directory: String) -> Confinement {
    Confinement(
      setUp: """
        cat /proc/$PPID/mountinfo > \(directory)/table
        echo '999 1 0:99 / \(directory) rw - resctrl resctrl rw' >> \(directory)/table
        mount --bind \(directory)/table /proc/$PPID/mountinfo
        """)
  }

  private func makeGroup(_ directory: String, _ schemata: String) throws {
    try makeDirectory(directory)
    try write(schemata, to: directory + "/schemata")
    try write("", to: directory + "/tasks")
  }

  @Test("The container's first process, and what joins it, are put into the group", .enabled(if: !hasResctrl))
  func group() throws {
    try withSandbox { box in
      let directory = box.scratch.path + "/resctrl"
      try makeGroup(directory + "/gold", "    L3:0=7ff\n")
      box.config["linux.intelRdt"] = [
        "closID": "gold", "l3CacheSchema": "L3:0=07FF", "schemata": ["L2:0=f"],
      ]
      box.config["process.args"] = ["/bin/sleep", "1000"]
      let started = try confinement(directory).around(box.prepare("run", ["--detach"])).call()
      try #require(started.status == 0, "\(started)")
      #expect(contents(directory + "/gold/tasks") == "\(try box.pid())")
      #expect(contents(directory + "/gold/schemata") == "L3:0=07FF\nL2:0=f\n")
      try write("", to: directory + "/gold/tasks")
      let exec = try confinement(directory).around(box.program(["exec", box.id, "/bin/true"])).call()
      #expect(exec.status == 0, "\(exec)")
      #expect(UInt(contents(directory + "/gold/tasks") ?? "") != nil)
      try FileManager.default.moveItem(atPath: directory + "/gold", toPath: directory + "/other")
      let later = try confinement(directory).around(box.program(["exec", box.id, "/bin/true"])).call()
      #expect(later.status == 0, "a group that is gone is no reason to fail: \(later)")
      try FileManager.default.moveItem(atPath: directory + "/other", toPath: directory + "/gold")
      _ = try confinement(directory).around(box.program(["delete", "--force", box.id])).call()
      #expect(exists(directory + "/gold"))
    }
  }

  @Test("update changes the values of the group, with limits or not at all", .enabled(if: !hasResctrl))
  func update() throws {
    try withSandbox { box in
      let directory = box.scratch.path + "/resctrl"
      try makeGroup(directory + "/gold", "L3:0=7ff\n")
      box.config["linux.intelRdt"] = ["closID": "gold"]
      box.config["process.args"] = ["/bin/sleep", "1000"]
      let started = try confinement(directory).around(box.prepare("run", ["--detach"])).call()
      try #require(started.status == 0, "\(started)")
      func update(_ options: String...) throws -> Outcome {
        try confinement(directory).around(box.program(["update"] + options + [box.id])).call()
      }
      let outcome = try update("--l3-cache-schema", "L3:0=f", "--mem-bw-schema", "MB:0=20")
      #expect(outcome.status == 0, "\(outcome)")
      #expect(contents(directory + "/gold/schemata") == "L3:0=f\nMB:0=20\n")
      expectRefusal(try update("--l3-cache-schema", "L3:0=1", "--pids-limit", "-7"), saying: "pids.limit")
      #expect(contents(directory + "/gold/schemata") == "L3:0=f\nMB:0=20\n")
    }
    try withSandbox { box in
      box.config["process.args"] = ["/bin/sleep", "1000"]
      try box.detach()
      expectRefusal(
        try box.call("update", "--mem-bw-schema", "MB:0=20", box.id), saying: "linux.intelRdt", "without it")
    }
  }

  @Test("A group that was made is removed when the start fails", .enabled(if: !hasResctrl))
  func failure() throws {
    try withSandbox { box in
      let directory = box.scratch.path + "/resctrl"
      try makeDirectory(directory)
      // The kernel would make the files of the group.
      box.config["linux.intelRdt"] = ["schemata": ["L3:0=f"]]
      expectRefusal(
        try confinement(directory).around(box.prepare("run")).call(), saying: "linux.intelRdt", "schemata")
      #expect(!exists("\(directory)/\(box.id)"))
      expectNothingLeft(of: box)
    }
  }

  @Test("Without the file system it says what to mount", .enabled(if: !hasResctrl))
  func missing() throws {
    try withSandbox { box in
      box.config["linux.intelRdt"] = ["closID": "gold"]
      expectRefusal(try box.run(), saying: "linux.intelRdt", "mount -t resctrl")
      expectNothingLeft(of: box)
    }
  }

  @Test(
    "What cannot be is refused by its path",
    arguments: [
      (#"{"closID": "a/b"}"#, "linux.intelRdt.closID"), (#"{"closID": ".."}"#, "linux.intelRdt.closID"),
      (#"{"closID": "info"}"#, "linux.intelRdt.closID"),
      (#"{"memBwSchema": "L3:0=f"}"#, "linux.intelRdt.memBwSchema"),
      (#"{"schemata": ["L3:0=f", "a\nb"]}"#, "linux.intelRdt.schemata[1]"),
      (#"{"enableCMT": true}"#, "linux.intelRdt.enableCMT"),
    ])
  func refused(value: String, path: String) throws {
    try withSandbox { box in
      box.config["linux.intelRdt"] = try JSONSerialization.jsonObject(with: Data(value.utf8))
      expectRefusal(try box.run(), saying: path)
    }
  }
}
