import Foundation
import Testing

@Suite("The first process's pid, whatever namespaces it joins")
struct JoinedPidTests {
  /// Where a namespace of a container comes from.
  enum Source: String, CaseIterable { case host, new, joined }

  struct Combination: CustomTestStringConvertible {
    let pid: Source
    let user: Source
    let joinsOthers: Bool
    var testDescription: String {
      "pid \(pid.rawValue), user \(user.rawValue), others \(joinsOthers ? "joined" : "new")"
    }
  }

  static let combinations: [Combination] = [Source.new, .joined].flatMap { pid in
    Source.allCases.flatMap { user in
      [true, false].map { Combination(pid: pid, user: user, joinsOthers: $0) }
    }
  }

  /// Gives a container that sleeps, with namespaces partly from another one's first process `owner`.
  private func withGuest(_ combination: Combination, _ body: (_ owner: Int, Sandbox) throws -> Void) throws {
    try withSandbox { box in
      box.config["process.args"] = ["sleep", "1000"]
      if combination.user == .joined { box.config.mapUsers() }
      try box.detach()
      let owner = try box.pid()
      try withSandbox { guest in
        func path(_ file: String) -> String { "/proc/\(owner)/ns/\(file)" }
        switch combination.user {
        case .host: break
        case .new:
          guest.config.mapUsers()
          // Only who owns a pid namespace may mount its procfs.
          if combination.pid == .joined { guest.config.unmount("/proc") }
        case .joined: guest.config.enter("user", path: path("user"))
        }
        if combination.pid == .joined { guest.config.enter("pid", path: path("pid")) }
        if combination.joinsOthers {
          guest.config["hostname"] = nil
          guest.config.enter("uts", path: path("uts"))
          guest.config.enter("ipc", path: path("ipc"))
          guest.config.unmount("/dev/mqueue")
        }
        guest.config["process.args"] = ["sleep", "2000"]
        try body(owner, guest)
      }
    }
  }

  @Test("state, --pid-file, exec, kill and delete are about the container's process", arguments: combinations)
  func pid(combination: Combination) throws {
    try withGuest(combination) { owner, guest in
      let file = guest.scratch.path + "/pid"
      try guest.detach(["--pid-file", file])
      let pid = try guest.pid()
      // Before anything is sent to it.
      try #require(contents("/proc/\(pid)/cmdline") == "sleep\u{0}2000\u{0}")
      #expect(contents(file) == "\(pid)")
      let isJoined = link("/proc/\(pid)/ns/pid") == link("/proc/\(owner)/ns/pid")
      #expect(isJoined == (combination.pid == .joined))
      let outcome = try guest.exec([], "echo", "inside")
      #expect(outcome.text == "inside", "\(outcome)")
      try guest.succeed("kill", guest.id, "KILL")
      try guest.waitForStatus("stopped")
      try guest.succeed("delete", guest.id)
      #expect(contents("/proc/\(owner)/cmdline") == "sleep\u{0}1000\u{0}", "the other one goes on")
    }
  }

  @Test("A start that fails late leaves nothing running, here and in the namespaces that were joined")
  func failure() throws {
    try withGuest(Combination(pid: .joined, user: .new, joinsOthers: true)) { owner, guest in
      guest.config["process.args"] = ["/no/such/program"]
      let outcome = try guest.run()
      #expect(outcome.status == 127, "\(outcome)")
      #expect(contents("/proc/\(owner)/cmdline") == "sleep\u{0}1000\u{0}")
      #expect(Snapshot.processes(marked: guest.id).isEmpty)
    }
  }

  @Test("What a wrong record names is neither signalled nor killed")
  func wrongRecord() throws {
    try withSandbox { box in
      box.config["process.args"] = ["sleep", "1000"]
      try box.detach()
      let own = try box.pid()
      let bystander = try Program("/bin/sleep", ["1000"]).start()
      defer { bystander.forget() }
      let record = box.root + "/\(box.id)/state.json"
      var state = Config(object: try #require(Self.object(record)))
      state["pid"] = Int(bystander.pid)
      state["startTime"] = Self.startTime(Int(bystander.pid)) ?? 0
      // As on a kernel that gives processes no numbers of their own.
      state["processNumber"] = nil
      try state.data.write(to: URL(fileURLWithPath: record))

      expectRefusal(try box.call("kill", box.id, "KILL"), saying: "\(bystander.pid)", "cgroup", "--force")
      #expect(!bystander.hasEnded)
      try box.succeed("delete", "--force", box.id)
      #expect(!bystander.hasEnded)
      let ended = poll { contents("/proc/\(own)/stat")?.contains(") Z ") ?? true }
      #expect(ended, "what is in the cgroup ended")
    }
  }

  @Test("A process that has another's number is not the container's")
  func otherNumber() throws {
    try withSandbox { box in
      box.config["process.args"] = ["sleep", "1000"]
      try box.detach()
      let record = box.root + "/\(box.id)/state.json"
      var state = Config(object: try #require(Self.object(record)))
      let number = try #require(state["processNumber"] as? Int)
      state["processNumber"] = number + 1
      try state.data.write(to: URL(fileURLWithPath: record))
      let pid = try #require(state["pid"] as? Int)
      expectRefusal(try box.call("kill", box.id, "KILL"), saying: "not running")
      #expect(exists("/proc/\(pid)"))
      state["processNumber"] = number
      try state.data.write(to: URL(fileURLWithPath: record))
    }
  }

  private static func object(_ path: String) -> [String: Any]? {
    contents(path).flatMap { try? JSONSerialization.jsonObject(with: Data($0.utf8)) } as? [String: Any]
  }

  /// The field `starttime` of proc_pid_stat(5).
  private static func startTime(_ pid: Int) -> Int? {
    guard let stat = contents("/proc/\(pid)/stat"), let end = stat.lastIndex(of: ")") else { return nil }
    let fields = String(stat[stat.index(after: end)...]).words
    return fields.count > 19 ? Int(fields[19]) : nil
  }
}
