import Foundation
import Testing

@Suite("What is refused")
struct RefusalTests {
  struct Field: CustomTestStringConvertible, Sendable {
    let path: String
    /// Its value, as JSON.
    let value: String
    var testDescription: String { path }
  }

  static let unbuilt = [
    Field(path: "process.apparmorProfile", value: #""profile""#),
    Field(path: "process.selinuxLabel", value: #""system_u:system_r:svirt_lxc_net_t:s0""#),
  ]

  @Test("A field that is not built is refused by its path", arguments: unbuilt)
  func refuseUnbuilt(field: Field) throws {
    try withSandbox { box in
      box.config[field.path] = try JSONSerialization.jsonObject(
        with: Data(field.value.utf8), options: .fragmentsAllowed)
      expectRefusal(try box.run(), saying: field.path)
      expectRefusal(try box.prepare("create").call(), saying: field.path)
      expectNothingLeft(of: box)
    }
  }

  @Test("A label for mounts is refused without SELinux", .enabled(if: !exists("/sys/fs/selinux/enforce")))
  func mountLabel() throws {
    try withSandbox { box in
      box.config["linux.mountLabel"] = "system_u:object_r:container_file_t:s0"
      expectRefusal(try box.run(), saying: "linux.mountLabel", "SELinux is not enabled")
      expectNothingLeft(of: box)
    }
  }

  @Test("A container without a mount namespace is refused, as its mounts would be the host's")
  func mountNamespace() throws {
    try withSandbox { box in
      box.config.leave("mount")
      box.config["linux.maskedPaths"] = nil
      box.config["linux.readonlyPaths"] = nil
      expectRefusal(try box.run(), saying: "linux.namespaces", "mounted on the host")
    }
  }

  static let wrong = [
    Field(path: "ociVersion", value: "7"),
    Field(path: "ociVersion", value: #""99.0.0""#),
    Field(path: "process.args", value: "[]"),
    Field(path: "process.args", value: #""true""#),
    Field(path: "process.cwd", value: #""relative""#),
    Field(path: "process.cwd", value: #""""#),
    Field(path: "process.user.uid", value: "-1"),
    Field(path: "process.user.uid", value: "4294967296"),
    Field(path: "process.user.uid", value: "1.5"),
    Field(path: "process.terminal", value: #""yes""#),
    Field(path: "root.path", value: "null"),
    Field(path: "linux.rootfsPropagation", value: #""sideways""#),
    Field(path: "linux.namespaces", value: #"[{"type": "mount"}, {"type": "nonsense"}]"#),
    Field(path: "mounts", value: #"[{"source": "tmpfs", "type": "tmpfs"}]"#),
    Field(path: "linux.uidMappings", value: #"[{"containerID": 0, "hostID": 0, "size": 0}]"#),
  ]

  @Test("A value that makes no sense is refused by its path", arguments: wrong)
  func refuseWrong(field: Field) throws {
    try withSandbox { box in
      box.config[field.path] = try JSONSerialization.jsonObject(
        with: Data(field.value.utf8), options: .fragmentsAllowed)
      expectRefusal(try box.run(), saying: field.path)
      expectNothingLeft(of: box)
    }
  }

  @Test(
    "A document that is no JSON is refused with line and column",
    arguments: ["", "{", "{\n  \"ociVersion\": \"1.0.2\",\n  \"root\": }", "[1, 2", "\u{0}", "{\"a\": 1} x"])
  func malformed(text: String) throws {
    try withSandbox { box in
      try write(text, to: box.bundle + "/config.json")
      expectRefusal(
        try box.call("run", "--bundle", box.bundle, box.id), saying: "config.json", "line", "column")
      expectNothingLeft(of: box)
    }
  }

  @Test("The line and column are those of the mistake")
  func place() throws {
    try withSandbox { box in
      try write("{\n  \"ociVersion\": \"1.0.2\",\n  \"root\": }\n", to: box.bundle + "/config.json")
      expectRefusal(try box.call("run", "--bundle", box.bundle, box.id), saying: "line 3, column 11")
    }
  }

  @Test("A document that is no object is refused", arguments: ["[]", "null", "7", "\"text\""])
  func noObject(text: String) throws {
    try withSandbox { box in
      try write(text, to: box.bundle + "/config.json")
      expectRefusal(try box.call("run", "--bundle", box.bundle, box.id), saying: "config.json")
    }
  }

  @Test("A bundle without config.json, and no bundle at all, are refused")
  func noBundle() throws {
    try withSandbox { box in
      expectRefusal(try box.call("run", "--bundle", box.bundle, box.id), saying: "config.json")
      let nowhere = box.scratch.path + "/nowhere"
      expectRefusal(try box.call("run", "--bundle", nowhere, box.id), saying: nowhere)
      expectNothingLeft(of: box)
    }
  }

  /// Refused as `create` and as `run`, and nothing stays.
  func refuse(_ box: Sandbox, saying word: String) throws {
    expectRefusal(try box.prepare("create").call(), saying: word)
    expectRefusal(try box.run(), saying: word)
    expectNothingLeft(of: box)
  }

  @Test("A root that does not exist is refused")
  func noRoot() throws {
    try withSandbox { box in
      box.config["root.path"] = "elsewhere"
      try refuse(box, saying: "elsewhere")
    }
  }

  @Test("A root that is a file is refused")
  func rootIsFile() throws {
    try withSandbox { box in
      try write("", to: box.bundle + "/plain")
      box.config["root.path"] = "plain"
      try refuse(box, saying: "plain")
    }
  }

  @Test("A program that does not exist is refused, in the words engines look for")
  func noProgram() throws {
    try withSandbox { box in
      for name in ["nonesuch", "/bin/nonesuch"] {
        box.config["process.args"] = [name]
        let outcome = try box.run()
        expectRefusal(outcome, saying: name)
        let text = outcome.stderr.lowercased()
        #expect(
          text.contains("executable file not found") || text.contains("no such file or directory"),
          "\(outcome)")
        expectNothingLeft(of: box)
      }
    }
  }

  @Test(
    "A program that cannot be run is refused, in the words engines look for",
    arguments: ["/etc/plain", "/etc"])
  func noExecutable(name: String) throws {
    try withSandbox { box in
      try write("text", to: box.rootfs + "/etc/plain")
      box.config["process.args"] = [name]
      let outcome = try box.run()
      expectRefusal(outcome, saying: name)
      let text = outcome.stderr.lowercased()
      #expect(text.contains("permission denied") || text.contains("is a directory"), "\(outcome)")
      expectNothingLeft(of: box)
    }
  }

  @Test("A script whose interpreter is missing is refused, and a file of no format")
  func noInterpreter() throws {
    try withSandbox { box in
      try write("#!/nowhere/sh\n", to: box.rootfs + "/bin/script", mode: 0o755)
      try write("\u{1}\u{2}", to: box.rootfs + "/bin/garbage", mode: 0o755)
      for name in ["/bin/script", "/bin/garbage"] {
        box.config["process.args"] = [name]
        try #expect(box.run().status != 0)
        expectNothingLeft(of: box)
      }
    }
  }

  @Test("A working directory that is a file is refused")
  func directoryIsFile() throws {
    try withSandbox { box in
      try write("", to: box.rootfs + "/etc/plain")
      box.config["process.cwd"] = "/etc/plain"
      expectRefusal(try box.run(), saying: "/etc/plain")
      expectNothingLeft(of: box)
    }
  }

  // runc makes it, crun refuses it: either is clear, half of each is not.
  @Test("A working directory that is missing is made, or refused by name")
  func noDirectory() throws {
    try withSandbox { box in
      box.config["process.cwd"] = "/no/where"
      box.config["process.args"] = ["/bin/pwd"]
      let outcome = try box.run()
      if outcome.status == 0 {
        #expect(outcome.text == "/no/where")
      } else {
        expectRefusal(outcome, saying: "/no/where")
      }
      expectNothingLeft(of: box)
    }
  }

  @Test("A mount whose source is missing is refused")
  func noSource() throws {
    try withSandbox { box in
      let nowhere = box.scratch.path + "/nowhere"
      box.config.mount("/data", source: nowhere, ["bind"])
      try refuse(box, saying: nowhere)
    }
  }

  @Test("A mount of an unknown file system is refused")
  func noFileSystem() throws {
    try withSandbox { box in
      box.config.mount("/data", type: "nonsensefs", source: "none")
      try refuse(box, saying: "nonsensefs")
    }
  }

  @Test("An option that the file system does not know is refused")
  func badOption() throws {
    try withSandbox { box in
      box.config.mount("/data", type: "tmpfs", source: "tmpfs", ["nonsense=1"])
      try refuse(box, saying: "/data")
    }
  }

  @Test("A directory over a file, and a file over a directory, are refused")
  func mismatch() throws {
    try withSandbox { box in
      try write("", to: box.scratch.path + "/file")
      box.config.mount("/etc", source: box.scratch.path + "/file", ["bind"])
      try refuse(box, saying: "/etc")
    }
  }

  @Test("A cgroup that is in use by others is not taken over")
  func cgroupInUse() throws {
    try withSandbox { box in
      box.config["process.args"] = ["sleep", "1000"]
      box.config["linux.cgroupsPath"] = "/\(box.id)-shared"
      try box.detach()
      expectRefusal(try box.run(id: box.id + "-b"), saying: "\(box.id)-shared")
      try #expect(box.status() == "running")
    }
  }
}
