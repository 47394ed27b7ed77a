import Foundation
import Testing

@Suite("The command line")
struct CommandLineTests {
  func call(_ arguments: String...) throws -> Outcome { try Program(Swiftjail.program, arguments).call() }

  @Test("--version names the program, its version and that of the specification")
  func version() throws {
    let outcome = try call("--version")
    #expect(outcome.status == 0)
    #expect(outcome.lines.first?.contains(" version ") == true, "\(outcome)")
    #expect(outcome.lines.contains { $0.hasPrefix("spec: 1.") }, "\(outcome)")
  }

  @Test("--help lists the commands", arguments: ["--help", "-h", "help"])
  func help(flag: String) throws {
    let outcome = try call(flag)
    #expect(outcome.status == 0)
    for command in [
      "create", "start", "state", "kill", "delete", "run", "exec", "ps", "list", "pause", "resume", "spec",
      "check", "features", "checkpoint", "restore",
    ] {
      #expect(outcome.text.contains(command), "\(outcome)")
    }
  }

  @Test(
    "--help explains each command",
    arguments: [
      "create", "start", "state", "kill", "delete", "run", "exec", "ps", "list", "pause", "resume", "spec",
      "check", "features", "checkpoint", "restore",
    ])
  func commandHelp(command: String) throws {
    let outcome = try call(command, "--help")
    #expect(outcome.status == 0)
    #expect(outcome.text.contains(command), "\(outcome)")
  }

  @Test("An unknown command, an unknown flag and a missing argument are refused")
  func usage() throws {
    for arguments in [
      ["frobnicate"], ["--frobnicate"], ["run", "--frobnicate", "x"], ["state"], ["state", "a", "b"],
      ["kill"],
    ] {
      let outcome = try Program(Swiftjail.program, arguments).call()
      #expect(outcome.status != 0, "\(outcome)")
      #expect(!(outcome.stderr + outcome.text).isEmpty, "\(outcome)")
    }
  }

  @Test("A flag's value may follow after = or a space")
  func values() throws {
    try withSandbox { box in
      box.config["process.args"] = ["echo", "yes"]
      try box.writeConfig()
      try #expect(call("--root=\(box.root)", "run", "--bundle=\(box.bundle)", box.id).text == "yes")
      try #expect(call("--root", box.root, "run", "-b", box.bundle, box.id).text == "yes")
    }
  }

  @Test("features describes what is built, as the specification says")
  func features() throws {
    let outcome = try call("features")
    let features = try #require(outcome.json as? [String: Any], "\(outcome)")
    #expect(features["ociVersionMin"] is String && features["ociVersionMax"] is String)
    let options = try #require(features["mountOptions"] as? [String])
    #expect(Set(options).isSuperset(of: ["ro", "nosuid", "rbind", "rro", "rprivate"]))
    let linux = try #require(features["linux"] as? [String: Any])
    let namespaces = try #require(linux["namespaces"] as? [String])
    #expect(Set(namespaces).isSuperset(of: ["cgroup", "ipc", "mount", "network", "pid", "user", "uts"]))
    let capabilities = try #require(linux["capabilities"] as? [String])
    #expect(capabilities.contains("CAP_SYS_ADMIN"))
    let cgroup = try #require(linux["cgroup"] as? [String: Any])
    #expect(cgroup["v2"] as? Bool == true)
  }

  @Test("features names the time namespace", .enabled(if: Kernel.hasTimeNamespaces))
  func timeFeature() throws {
    let features = try #require(try call("features").json as? [String: Any])
    let namespaces = (features["linux"] as? [String: Any])?["namespaces"] as? [String]
    #expect(namespaces?.contains("time") == true)
  }

  @Test("spec writes a bundle that runs, and never over another one")
  func spec() throws {
    let scratch = Scratch()
    defer { scratch.remove() }
    try #expect(call("spec", "--bundle", scratch.path).status == 0)
    let text = try #require(contents(scratch.path + "/config.json"))
    let config = Config(
      object: try #require(try JSONSerialization.jsonObject(with: Data(text.utf8)) as? [String: Any]))
    #expect(config["process.args"] as? [String] == ["sh"])
    #expect(config["root.path"] as? String == "rootfs")
    #expect(config["process.terminal"] as? Bool == true)
    expectRefusal(try call("spec", "--bundle", scratch.path), saying: "config.json")
    #expect(contents(scratch.path + "/config.json") == text)
  }

  @Test("The bundle that spec writes runs as it is but for its command")
  func specRuns() throws {
    try withSandbox { box in
      let spec = try #require(Swiftjail.spec)
      box.config = Config(
        object: try #require(try JSONSerialization.jsonObject(with: spec) as? [String: Any]))
      box.config["process.terminal"] = false
      box.config["process.args"] = ["echo", "hello"]
      let outcome = try box.run()
      #expect(outcome.status == 0 && outcome.text == "hello" && outcome.stderr == "", "\(outcome)")
    }
  }

  @Test("--log takes the error as text")
  func log() throws {
    try withSandbox { box in
      let log = box.scratch.path + "/log"
      let outcome = try call("--root", box.root, "--log", log, "state", "nobody")
      #expect(outcome.status != 0)
      let text = contents(log) ?? ""
      #expect(text.contains("does not exist"), "\(text) \(outcome)")
    }
  }

  // containerd and podman read the last error from here.
  @Test("--log-format json takes one object a line, with level, msg and time")
  func jsonLog() throws {
    try withSandbox { box in
      let log = box.scratch.path + "/log"
      let outcome = try call("--root", box.root, "--log", log, "--log-format", "json", "state", "nobody")
      #expect(outcome.status != 0)
      let line = try #require(contents(log)?.lines.last, "\(outcome)")
      let entry = try #require(try JSONSerialization.jsonObject(with: Data(line.utf8)) as? [String: String])
      #expect(entry["level"] == "error")
      #expect(entry["msg"]?.contains("does not exist") == true)
      #expect(entry["time"]?.contains("T") == true)
    }
  }

  @Test("An unknown log format is refused")
  func badLogFormat() throws {
    try #expect(call("--log-format", "xml", "list").status != 0)
  }

  @Test("--debug changes nothing of what a container prints")
  func debug() throws {
    try withSandbox { box in
      box.config["process.args"] = ["echo", "plain"]
      try box.writeConfig()
      let outcome = try call(
        "--debug", "--log", box.scratch.path + "/log", "--root", box.root, "run", "--bundle", box.bundle,
        box.id)
      #expect(outcome.text == "plain" && outcome.status == 0, "\(outcome)")
    }
  }

  @Test("--root is made when it is not there")
  func root() throws {
    try withSandbox { box in
      try box.writeConfig()
      try #expect(call("--root", box.root + "/deep/er", "run", "--bundle", box.bundle, box.id).status == 0)
    }
  }

  @Test("A root that is a file is refused")
  func rootIsFile() throws {
    try withSandbox { box in
      try write("", to: box.scratch.path + "/file")
      try box.writeConfig()
      expectRefusal(
        try call("--root", box.scratch.path + "/file", "run", "--bundle", box.bundle, box.id),
        saying: box.scratch.path + "/file")
    }
  }
}
