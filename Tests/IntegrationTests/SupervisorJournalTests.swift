import Foundation
import Testing

/// What has happened is told by whichever supervisor there is.
@Suite("The supervisor's journal", .enabled(if: Kernel.hasPartitions))
struct SupervisorJournalTests {
  /// What has happened to a partition since the beginning: for a death, with its code.
  private func history(_ short: String, _ site: SupervisedSandbox) throws -> [String] {
    let until = Int(Date().timeIntervalSince1970) + 1
    let lines = try site.succeed("events", "--since", "1", "--until", String(until)).lines
    return lines.compactMap { line in
      let object = try? JSONSerialization.jsonObject(with: Data(line.utf8)) as? [String: Any]
      let event = Config(object: object ?? [:])
      guard event["Actor.Attributes.name"] as? String == site.name(short),
        let action = event["Action"] as? String
      else { return nil }
      guard action == "die" else { return action }
      let (from, to) = (event["Actor.Attributes.startedAt"], event["Actor.Attributes.finishedAt"])
      guard let from = from as? String, let to = to as? String, "2020" < from, from < to else {
        return "\(line)"
      }
      return "die \(event["Actor.Attributes.exitCode"] ?? "")"
    }
  }

  @Test("What happened under one supervisor, and while there was none, the next one tells, each thing once")
  func history() throws {
    try withSupervisor { site in
      try site.define("a")
      try site.define("b", "exit 3")
      try site.waitUntilReady("a")
      try site.waitFor("b", "exited")
      try site.end(SIGKILL)
      try site.succeed("kill", site.name("a"), "TERM")
      #expect(try poll { try site.box.status(id: site.name("a")) == "stopped" })
      for _ in 1...2 {
        try site.launch()
        try site.waitFor("a", "exited")
        #expect(try history("a", site) == ["create", "start", "die 7"])
        #expect(try history("b", site) == ["create", "start", "die 3"])
        try site.end(SIGKILL)
      }
    }
  }

  @Test(
    "An end that nobody saw is told once, with 255, also when it is followed by a restart",
    arguments: [false, true])
  func unseen(isNewBoot: Bool) throws {
    try withSupervisor { site in
      for (short, policy) in [("a", "no"), ("b", "always"), ("c", "no")] {
        try site.define(short, SupervisedSandbox.patient, ["restart": policy])
      }
      for short in ["a", "b", "c"] { try site.waitUntilReady(short) }
      let pids = try ["a", "b", "c"].map { pid_t(try site.pid($0)) }
      let keeper = try #require(site.keepers.first)
      // Somebody stops c, and the supervisor does not see it end.
      kill(keeper, SIGSTOP)
      let stop = try SupervisorConnection(site.socket)
      try stop.begin("POST", "/containers/\(site.name("c"))/stop?t=0")
      #expect(poll { contents("/proc/\(pids[2])/stat")?.contains(") Z ") != false })
      try site.end(SIGKILL)
      kill(keeper, SIGKILL)
      for pid in pids { kill(pid, SIGKILL) }
      #expect(poll { pids.allSatisfy { contents("/proc/\($0)/stat")?.contains(") Z ") != false } })
      if isNewBoot { try Data("another\n".utf8).write(to: URL(fileURLWithPath: "\(site.records)/boot")) }
      for _ in 1...2 {
        try site.launch()
        try site.waitFor("b", "running")
        #expect(try history("a", site) == ["create", "start", "die 255"])
        #expect(try poll { try history("b", site) == ["create", "start", "die 255", "start"] })
        #expect(try history("c", site).filter { $0.hasPrefix("die") } == ["die 255"])
        try #expect(site.restarts("b") == 1 && site.exitCode("a") == 255)
        try site.end(SIGKILL)
      }
    }
  }

  @Test("A line that was cut short is passed over, and what comes after it is told")
  func torn() throws {
    try withSupervisor { site in
      try site.define("a", "exit 3")
      try site.waitFor("a", "exited")
      try site.end(SIGKILL)
      let journal = try #require(FileHandle(forWritingAtPath: "\(site.records)/events/events.log"))
      try journal.seekToEnd()
      try journal.write(contentsOf: Data(#"{"status":"die","id":"x"#.utf8))
      try journal.close()
      try site.launch()
      try site.succeed("start", site.name("a"))
      let all = ["create", "start", "die 3", "start", "die 3"]
      #expect(try poll { try history("a", site) == all }, "\(site.messages)")
    }
  }

  @Test("Who follows gets what was and what comes, without a gap")
  func follow() throws {
    try withSupervisor { site in
      try site.define("a", "exit 3")
      try site.waitFor("a", "exited")
      let connection = try SupervisorConnection(site.socket)
      try connection.begin("GET", "/events?since=1")
      try #expect(connection.head().status == 200)
      var text = ""
      while !text.contains(#""Action":"die""#) {
        text += String(decoding: try #require(try connection.chunk()), as: UTF8.self)
      }
      try site.succeed("start", site.name("a"))
      while text.components(separatedBy: #""Action":"die""#).count < 3 {
        text += String(decoding: try #require(try connection.chunk()), as: UTF8.self)
      }
      let actions = text.lines.compactMap {
        (try? JSONSerialization.jsonObject(with: Data($0.utf8)) as? [String: Any])?["Action"] as? String
      }
      #expect(actions == ["create", "start", "die", "start", "die"])
    }
  }
}
