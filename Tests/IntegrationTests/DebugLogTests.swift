import Foundation
import Testing

/// What `--debug` and `--log` leave for whoever looks for the step at which a start failed.
@Suite("The debug log")
struct DebugLogTests {
  private func entries(_ box: Sandbox) throws -> [(level: String, text: String)] {
    try (contents(box.scratch.path + "/log") ?? "").lines.map { line in
      guard let entry = try JSONSerialization.jsonObject(with: Data(line.utf8)) as? [String: String],
        let level = entry["level"], let text = entry["msg"], entry["time"]?.hasSuffix("Z") == true
      else { throw Broken(line) }
      return (level, text)
    }
  }

  private func withLog(_ options: [String] = ["--debug"], _ body: (Sandbox) throws -> Void) throws {
    try withSandbox { box in
      box.globalOptions = ["--log", box.scratch.path + "/log", "--log-format", "json"] + options
      try body(box)
    }
  }

  /// Expects that the messages `steps` begin that way, or hold these words, in this order among others.
  private func expectSteps(_ steps: [String], in texts: [String]) {
    var rest = texts[...]
    for step in steps {
      guard let index = rest.firstIndex(where: { $0.contains(step) }) else {
        Issue.record("“\(step)” is not in its place:\n\(texts.joined(separator: "\n"))")
        return
      }
      rest = rest[(index + 1)...]
    }
  }

  @Test("A container's whole life is in it, step by step, also what happens inside")
  func steps() throws {
    try withLog { box in
      box.config["process.args"] = ["sleep", "1000"]
      try box.create()
      try box.start()
      try #expect(box.exec([], "true").status == 0)
      try #expect(box.exec([], "sh", "-c", "exit 7").status == 7)
      try box.delete()
      let entries = try entries(box)
      expectSteps(
        [
          "command create \(box.id)", "validated \(box.bundle)/config.json",
          "created the state directory \(box.root)/\(box.id)", "created the cgroup",
          "cloned the container's first process",
          "namespaces are set up", "mounts[0]: mounted /proc", "mounts[1]: mounted /dev",
          "mounts and devices are done",
          "entered the root \(box.rootfs)", "waits for start, to execute sleep", "command create: status 0",
          "command start", "started \(box.id)", "command exec", "joined the namespaces of \(box.id)",
          "has executed true", "exited with status 0", "exited with status 7", "command exec: status 7",
          "command delete", "killed the container's first process", "removed the cgroup",
          "removed the state directory",
        ], in: entries.map(\.text))
      #expect(entries.allSatisfy { $0.level == "debug" })
    }
  }

  @Test("The last steps before an error say how far a start came")
  func failure() throws {
    try withLog { box in
      try write("", to: box.rootfs + "/tmp/file")
      box.config.mount("/tmp/file", type: "tmpfs", source: "tmpfs")
      let mounts = (box.config["mounts"] as? [Any])?.count ?? 0
      expectRefusal(try box.run(), saying: "mounts[\(mounts - 1)]")
      let entries = try entries(box)
      expectSteps(
        ["cloned the container's first process", "mounts[\(mounts - 2)]: mounted", "mounts[\(mounts - 1)]"],
        in: entries.map(\.text))
      #expect(entries.last?.level == "error" && entries.dropLast().allSatisfy { $0.level == "debug" })
    }
  }

  @Test("Each hook is in it")
  func hooks() throws {
    try withLog { box in
      let kinds = ["prestart", "createRuntime", "createContainer", "startContainer", "poststart", "poststop"]
      for kind in kinds {
        let path = kind == "startContainer" ? "/bin/true" : "/bin/busybox"
        box.config["hooks.\(kind)"] = [["path": path, "args": ["true"]]]
      }
      try #expect(box.run().status == 0)
      expectSteps(kinds.map { "hooks.\($0)[0]" }, in: try entries(box).map(\.text))
    }
  }

  @Test("Without --debug only errors and warnings are in it")
  func quiet() throws {
    try withLog([]) { box in
      try #expect(box.run().status == 0)
      #expect(contents(box.scratch.path + "/log") == "")
    }
  }
}
