import Foundation
import Testing

/// Commands that find out whether a partition works, and what is made of that.
@Suite("Health checks by the supervisor", .enabled(if: Kernel.hasPartitions))
struct HealthTests {
  static let waits = "while :; do sleep 0.05; done"

  /// A check by a script, often enough for a test.
  static func check(_ script: String, _ more: [String: Any] = [:]) -> [String: Any] {
    var check: [String: Any] = ["command": ["/bin/sh", "-c", script], "interval": "50ms", "retries": 2]
    for (name, value) in more { check[name] = value }
    return ["healthCheck": check]
  }

  private func health(_ site: SupervisedSandbox, _ short: String) throws -> String? {
    try site.inspect(short)?["State.Health.Status"] as? String
  }

  private func waitFor(_ site: SupervisedSandbox, _ short: String, _ wanted: String) throws {
    guard try poll({ try health(site, short) == wanted }) else {
      throw Broken("\(short) is never \(wanted): \(String(describing: try site.inspect(short)?["State"]))")
    }
  }

  /// The results on record, the oldest first.
  private func results(_ site: SupervisedSandbox, _ short: String) throws -> [[String: Any]] {
    try site.inspect(short)?["State.Health.Log"] as? [[String: Any]] ?? []
  }

  /// What the list says of it.
  private func line(_ site: SupervisedSandbox, _ short: String) throws -> String {
    let list = try site.ask("GET", "/containers/json").json as? [[String: Any]] ?? []
    let entry = list.first { ($0["Names"] as? [String]) == ["/\(site.name(short))"] }
    return entry?["Status"] as? String ?? ""
  }

  @Test("Neither a check nor a command that is executed inside can do anything with the host's keyrings")
  func keyrings() throws {
    try withSupervisor { site in
      let refused = try KeyCalls.refused()
      try KeyCalls.write(to: site.box.rootfs + "/calls")
      let check: [String: Any] = ["command": ["/calls"], "interval": "50ms"]
      try site.define("a", "/calls; \(Self.waits)", ["healthCheck": check])
      try waitFor(site, "a", "healthy")
      try #expect(results(site, "a").last?["Output"] as? String == refused)
      try #expect(site.succeed("exec", site.name("a"), "/calls").text == refused)
      #expect(poll { (try? site.succeed("logs", site.name("a")).text) == refused })
      // Unless the definition says so.
      try site.define("b", "/calls; \(Self.waits)", ["keyrings": true])
      try site.waitFor("b", "running")
      let own = try site.succeed("exec", site.name("b"), "/calls")
      #expect(own.stdout.count == refused.count && !own.text.contains("1"), "\(own)")

      let body = #"{"Cmd": ["/calls"], "AttachStdout": true, "Privileged": true}"#
      let made = try site.ask("POST", "/containers/\(site.name("a"))/exec", body)
      let id = try #require(made.document["Id"] as? String, "\(made)")
      let connection = try SupervisorConnection(site.socket)
      let headers = ["Connection: Upgrade", "Upgrade: tcp"]
      try connection.begin("POST", "/exec/\(id)/start", #"{"Detach": false}"#, headers: headers)
      try #expect(connection.head().status == 101)
      try #expect(connection.frames() == [1: refused])
    }
  }

  @Test("It is healthy when the check passes, unhealthy after so many failures in a row, and lists say so")
  func changes() throws {
    try withSupervisor { site in
      try site.define(
        "a", "touch /tmp/works; \(Self.waits)",
        Self.check("echo looked; echo badly >&2; test -e /tmp/works"))
      try waitFor(site, "a", "healthy")
      try #expect(line(site, "a").hasSuffix("(healthy)"))
      let good = try #require(try results(site, "a").last)
      #expect(good["ExitCode"] as? Int == 0)
      let output = good["Output"] as? String ?? ""
      #expect(output.contains("looked\n") && output.contains("badly\n"), "\(output)")

      try site.succeed("exec", site.name("a"), "/bin/rm", "/tmp/works")
      try waitFor(site, "a", "unhealthy")
      try #expect(line(site, "a").hasSuffix("(unhealthy)"))
      try #expect(results(site, "a").last?["ExitCode"] as? Int == 1)
      try #expect(site.inspect("a")?["State.Health.FailingStreak"] as? Int ?? 0 >= 2)

      try site.succeed("exec", site.name("a"), "/bin/touch", "/tmp/works")
      try waitFor(site, "a", "healthy")
      let events = try site.ask("GET", "/events?since=1&until=\(Int(Date().timeIntervalSince1970) + 1)").text
      let said = events.lines.compactMap { line in
        (try? JSONSerialization.jsonObject(with: Data(line.utf8)) as? [String: Any])?["status"] as? String
      }
      let changes = said.filter { $0.hasPrefix("health_status") }
      #expect(
        changes == ["health_status: healthy", "health_status: unhealthy", "health_status: healthy"])
    }
  }

  @Test("What has ended is unhealthy, and its last checks are told until it is started again")
  func ended() throws {
    try withSupervisor { site in
      try site.define("a", SupervisedSandbox.patient, Self.check("echo looked"))
      try site.waitUntilReady("a")
      try waitFor(site, "a", "healthy")
      try site.succeed("stop", site.name("a"))
      try #expect(health(site, "a") == "unhealthy")
      try #expect(results(site, "a").contains { $0["Output"] as? String == "looked\n" })
      try #expect(!site.ask("GET", "/metrics").text.contains("swiftjail_partition_health{"))
      try site.end(SIGKILL)
      try site.launch()
      try #expect(health(site, "a") == "unhealthy")
      try site.succeed("start", site.name("a"))
      try waitFor(site, "a", "healthy")
      // One that has no check has no health either.
      try site.define("b", "exit 0")
      try site.waitFor("b", "exited")
      try #expect(health(site, "b") == nil)
    }
  }

  @Test("A check that takes too long has failed, and is gone with what it started")
  func timeout() throws {
    try withSupervisor { site in
      try site.define(
        "a", Self.waits,
        Self.check("echo begun; sleep 997 & sleep 998", ["timeout": "300ms", "retries": 1]))
      try waitFor(site, "a", "unhealthy")
      let result = try #require(try results(site, "a").first)
      #expect(result["ExitCode"] as? Int == -1)
      let output = result["Output"] as? String ?? ""
      #expect(output.contains("begun") && output.contains("300ms"), "\(output)")
      // At any time one check runs at the most, whatever the ones before have left.
      func sleepers() -> Int {
        Snapshot.processes(marked: site.box.id).filter {
          let words = contents("/proc/\($0)/cmdline")?.split(separator: "\0") ?? []
          return words.last == "997" || words.last == "998"
        }.count
      }
      _ = try poll { try results(site, "a").count >= 3 }
      #expect(sleepers() <= 2)
      try #expect(site.inspect("a")?["ExecIDs"] is NSNull, "it is nobody's command")
    }
  }

  @Test("A command that is not there is a failure, which says so; five results are kept")
  func missing() throws {
    try withSupervisor { site in
      try site.define("a", Self.waits, ["healthCheck": ["command": ["/nowhere"], "interval": "20ms"]])
      try waitFor(site, "a", "unhealthy")
      #expect(try poll { try results(site, "a").count == 5 })
      let output = try results(site, "a").last?["Output"] as? String ?? ""
      #expect(output.contains("/nowhere"), "\(output)")
      let last = try results(site, "a").last?["Start"] as? String
      #expect(try poll { try results(site, "a").last?["Start"] as? String != last })
      try #expect(results(site, "a").count == 5)
    }
  }

  @Test("The next supervisor knows what the checks have said, and goes on with them")
  func takeover() throws {
    try withSupervisor { site in
      try site.define(
        "a", "touch /tmp/works; \(Self.waits)", Self.check("test -e /tmp/works", ["interval": "500ms"]))
      try waitFor(site, "a", "healthy")
      try site.end(SIGKILL)
      try site.launch()
      try site.waitFor("a", "running")
      try #expect(health(site, "a") == "healthy")
      try site.succeed("exec", site.name("a"), "/bin/rm", "/tmp/works")
      try waitFor(site, "a", "unhealthy")
    }
  }

  @Test("A check that is changed, added or taken away is so at once, and the partition runs on")
  func definition() throws {
    try withSupervisor { site in
      try site.define("a", Self.waits)
      try site.waitFor("a", "running")
      let pid = try site.pid("a")
      try #expect(health(site, "a") == nil)
      try site.define("a", Self.waits, Self.check("true"))
      try waitFor(site, "a", "healthy")
      try site.define("a", Self.waits, Self.check("false"))
      try waitFor(site, "a", "unhealthy")
      try site.define("a", Self.waits)
      #expect(try poll { try health(site, "a") == nil })
      try #expect(site.pid("a") == pid)
    }
  }

  @Test("Nothing is checked while it is paused, and nothing counts")
  func pause() throws {
    try withSupervisor { site in
      // So often that a check is almost always on its way, and no check may take too long.
      let check: [String: Any] = ["interval": "5ms", "timeout": "1h", "retries": 1]
      try site.define("a", Self.waits, Self.check("true", check))
      try waitFor(site, "a", "healthy")
      for _ in 1...20 {
        try #expect(site.ask("POST", "/containers/\(site.name("a"))/pause").status == 204)
        let paused = try results(site, "a")
        usleep(20_000)
        try #expect(results(site, "a").count == paused.count)
        try #expect(results(site, "a").last?["Start"] as? String == paused.last?["Start"] as? String)
        try #expect(site.ask("POST", "/containers/\(site.name("a"))/unpause").status == 204)
        #expect(
          try poll { try results(site, "a").last?["Start"] as? String != paused.last?["Start"] as? String })
        let failed = try results(site, "a").filter { $0["ExitCode"] as? Int != 0 }
        try #require(failed.isEmpty, "\(failed)")
        try #require(health(site, "a") == "healthy")
      }
    }
  }

  @Test("A check that runs when its partition is paused is ended at once, and does not count")
  func pausedCheck() throws {
    try withSupervisor { site in
      try site.define("a", Self.waits, Self.check("echo begun; sleep 4322", ["timeout": "1h", "retries": 1]))
      func checks() -> [pid_t] {
        Snapshot.processes(marked: site.box.id).filter {
          contents("/proc/\($0)/cmdline") == "sleep\u{0}4322\u{0}"
        }
      }
      try #require(poll { checks().count == 1 })
      let first = checks()
      try #expect(site.ask("POST", "/containers/\(site.name("a"))/pause").status == 204)
      #expect(poll { checks().isEmpty })
      try #expect(site.ask("POST", "/containers/\(site.name("a"))/unpause").status == 204)
      #expect(poll { checks().count == 1 && checks() != first })
      try #expect(results(site, "a").isEmpty && health(site, "a") == "starting")
    }
  }

  @Test(
    "Who is after a partition with a check is started when that is healthy, by the next supervisor as well")
  func after() throws {
    try withSupervisor { site in
      let state = site.box.scratch.path + "/state"
      try makeDirectory(state)
      var first = Self.check("echo x >> /state/looked; test -e /state/works")
      first["volumes"] = ["\(state):/state"]
      try site.write([
        "b": site.fields(Self.waits, ["after": [site.name("a")]]), "a": site.fields(Self.waits, first),
      ])
      #expect(poll { (contents(state + "/looked") ?? "").lines.count >= 3 })
      try #expect(site.status("b") == "created")
      try site.end(SIGKILL)
      try site.launch()
      try write("", to: state + "/looked")
      #expect(poll { (contents(state + "/looked") ?? "").lines.count >= 2 })
      try #expect(site.status("b") == "created")
      try write("", to: state + "/works")
      try site.waitFor("b", "running")
    }
  }

  @Test("Who is after a partition that has ended for good without having been healthy is started then")
  func afterEnd() throws {
    try withSupervisor { site in
      try site.write([
        "b": site.fields(Self.waits, ["after": [site.name("a")]]),
        "a": site.fields("exit 3", Self.check("true", ["interval": "1h"])),
      ])
      try site.waitFor("b", "running")
      try #expect(site.status("a") == "exited")
    }
  }

  @Test(
    "A check that a supervisor has left when it was killed is ended by the next, with what it has started")
  func left() throws {
    try withSupervisor { site in
      try site.define("a", Self.waits, Self.check("sleep 4321; sleep 4321", ["timeout": "1h"]))
      func checks() -> [pid_t] {
        Snapshot.processes(marked: site.box.id).filter {
          contents("/proc/\($0)/cmdline")?.contains("4321") == true
        }
      }
      try #require(poll { checks().count >= 2 })
      let left = checks()
      try site.end(SIGKILL)
      #expect(Set(checks()).isSuperset(of: left))
      // The next has no check of its own in it.
      try site.define("a", Self.waits)
      try site.launch()
      #expect(poll { Set(checks()).isDisjoint(with: left) }, "\(checks())")
    }
  }
}
