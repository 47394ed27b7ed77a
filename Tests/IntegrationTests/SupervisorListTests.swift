import Foundation
import Testing

/// What `ps` and `pause`, which need no supervisor, have to do with one.
@Suite("Lists of the supervisor", .enabled(if: Kernel.hasPartitions))
struct SupervisorListTests {
  /// The entries of `ps`, by name.
  private func list(_ site: SupervisedSandbox) throws -> [String: [String: Any]] {
    let outcome = try site.succeed("ps", "--format", "json")
    let documents = try JSONSerialization.jsonObject(with: outcome.stdout) as? [[String: Any]] ?? []
    let names = documents.compactMap { $0["id"] as? String }
    #expect(names == names.sorted())
    return Dictionary(zip(names, documents)) { first, _ in first }
  }

  @Test("ps lists what runs, with or without the supervisor, and what it keeps from running")
  func all() throws {
    try withSupervisor { site in
      try site.define("runs")
      try site.define("ended", "exit 3")
      try site.define(
        "waits", "exit 3", ["restart": "always", "restartDelay": ["initial": "1h", "longest": "1h"]])
      try site.define("loops", "exit 3", ["restart": "on-failure:1", "restartDelay": ["initial": "0s"]])
      try site.waitUntilReady("runs")
      try site.waitFor("ended", "exited")
      try site.waitFor("waits", "restarting")
      try site.waitFor("loops", "exited")
      let script = "echo 'a\tb%41'; \(SupervisedSandbox.patient)"
      let plain = site.name("plain")
      let run = try site.box.program([
        "run", "--rm", "--rootfs", site.box.rootfs, plain, "/bin/sh", "-c", script,
      ]).start()
      #expect(poll { run.text.contains("ready") })

      let found = try list(site)
      let status = { (short: String) in found[site.name(short)]?["status"] as? String }
      #expect(status("runs") == "running")
      #expect(status("ended") == "stopped")
      #expect(status("waits") == "restarting")
      #expect(["crash-loop", "stopped"].contains(status("loops")))
      #expect(status("plain") == "running")
      try #expect(found[site.name("runs")]?["pid"] as? Int == site.pid("runs"))
      #expect(found[site.name("ended")]?["pid"] as? Int == 0)
      #expect(found[site.name("runs")]?["cpuMicroseconds"] is Int)
      #expect(found[plain]?["command"] as? String == "/bin/sh -c \(script)")
      #expect(found[site.name("runs")]?["command"] as? String == "/bin/sh -c \(SupervisedSandbox.patient)")
      #expect(try site.succeed("ps").lines.filter { $0.hasPrefix(site.box.id) }.count == 5)

      run.signal(SIGTERM)
      _ = try run.wait()
    }
  }

  @Test("A command with characters that end lines is told as it is, and shown as one line")
  func odd() throws {
    try withSupervisor { site in
      let script = "\(SupervisedSandbox.patient) # 100%25\t\n\u{1b}[2J é"
      try site.define("a", script)
      try site.waitUntilReady("a")
      try #expect(list(site)[site.name("a")]?["command"] as? String == "/bin/sh -c \(script)")
      let line = try #require(try site.succeed("ps").lines.first { $0.hasPrefix(site.name("a")) })
      #expect(line.hasSuffix("# 100%25???[2J é"))
    }
  }

  @Test("What runs is listed when the supervisor does not answer, with a word about that")
  func stuck() throws {
    try withSupervisor { site in
      try site.define("a")
      try site.waitUntilReady("a")
      let daemon = try #require(site.daemon)
      daemon.signal(SIGSTOP)
      let outcome = try site.succeed("ps")
      daemon.signal(SIGCONT)
      #expect(outcome.lines.contains { $0.hasPrefix(site.name("a")) && $0.contains("running") })
      #expect(outcome.stderr.contains(site.socket))
      let other = try site.box.program(["--socket", "\(site.socket)x", "ps"]).call()
      expectRefusal(other, saying: "\(site.socket)x")
    }
  }

  @Test("Lists of a supervisor of other containers are about those; what does not ask it says where they are")
  func another() throws {
    try withSupervisor { site in
      try site.define("a")
      try site.waitUntilReady("a")
      let elsewhere = site.box.scratch.path + "/elsewhere"
      func call(_ arguments: String...) throws -> Outcome {
        try Program(Swiftjail.program, ["--root", elsewhere, "--socket", site.socket] + arguments).call()
      }
      #expect(try call("ps").lines.contains { $0.hasPrefix(site.name("a")) && $0.contains("running") })
      // What asks nobody has to be told where it is.
      expectRefusal(
        try call("exec", site.name("a"), "/bin/true"), saying: site.name("a"), elsewhere, site.box.root,
        "--root")
    }
  }

  @Test("What pause and resume do, the supervisor knows")
  func paused() throws {
    try withSupervisor { site in
      try site.define("a")
      try site.waitUntilReady("a")
      try site.succeed("pause", site.name("a"))
      try #expect(site.status("a") == "paused")
      try #expect(list(site)[site.name("a")]?["status"] as? String == "paused")
      expectRefusal(try site.call("pause", site.name("a")), saying: "paused already")
      try site.succeed("resume", site.name("a"))
      try #expect(site.status("a") == "running")
    }
  }
}
