import Foundation
import Testing

/// What partitions write to their standard streams.
@Suite("Logs of the supervisor", .enabled(if: Kernel.hasPartitions))
struct SupervisorLogTests {
  @Test("Both streams are kept apart, line by line, with their times, in Docker's format")
  func streams() throws {
    try withSupervisor { site in
      try site.define("a", "echo out; echo err >&2; printf 'no end'")
      try site.waitFor("a", "exited")
      let lines = (contents(site.logFile("a")) ?? "").lines.compactMap {
        try? JSONSerialization.jsonObject(with: Data($0.utf8)) as? [String: String]
      }
      let sorted = lines.sorted { ($0["log"] ?? "") < ($1["log"] ?? "") }
      #expect(sorted.map { $0["log"] } == ["err\n", "no end", "out\n"])
      #expect(sorted.map { $0["stream"] } == ["stderr", "stdout", "stdout"])
      #expect(lines.allSatisfy { ($0["time"] ?? "").hasPrefix("20") && ($0["time"] ?? "").hasSuffix("Z") })

      let outcome = try site.succeed("logs", site.name("a"))
      #expect(String(decoding: outcome.stdout, as: UTF8.self) == "out\nno end", "\(outcome)")
      #expect(outcome.stderr == "err\n", "\(outcome)")
    }
  }

  @Test("logs --tail prints the last lines, --timestamps their times")
  func tail() throws {
    try withSupervisor { site in
      try site.define("a", "seq 1 100")
      try site.waitFor("a", "exited")
      try #expect(site.succeed("logs", "--tail", "3", site.name("a")).lines == ["98", "99", "100"])
      try #expect(site.succeed("logs", site.name("a")).lines == (1...100).map(String.init))
      let line = try site.succeed("logs", "--tail=1", "--timestamps", site.name("a")).text
      #expect(line.hasPrefix("20") && line.hasSuffix("Z 100"), "\(line)")
    }
  }

  @Test("A long line is one line for --tail and has one time", arguments: [false, true])
  func longLine(isTerminal: Bool) throws {
    try withSupervisor { site in
      let script =
        "echo first; dd if=/dev/zero bs=20000 count=1 2>&- | tr '\\0' x; echo; printf last; printf 'ing\\n'"
      try site.define("a", script, ["tty": isTerminal])
      try site.waitFor("a", "exited")
      func last(_ count: String) throws -> [String] {
        try site.succeed("logs", "--tail=\(count)", "-t", site.name("a")).text
          .replacingOccurrences(of: "\r", with: "").lines
      }
      try #expect(last("1").count == 1 && last("1")[0].hasSuffix("Z lasting"))
      let lines = try last("2")
      #expect(lines.count == 2)
      let words = lines[0].words
      #expect(
        words.count == 2 && words[0].hasSuffix("Z") && words[1] == String(repeating: "x", count: 20_000))
      try #expect(last("3").count == 3 && last("100").count == 3)
    }
  }

  @Test("logs prints what came from a terminal as it came, also while it comes")
  func terminal() throws {
    try withSupervisor { site in
      try site.define("a", "echo out; echo err >&2; \(SupervisedSandbox.patient)", ["tty": true])
      try site.waitForOutput("a", "ready")
      let text = "out\r\nerr\r\nready"
      try #expect(site.succeed("logs", site.name("a")).text == text)
      try #expect(site.succeed("logs", "-n", "1", site.name("a")).text == "ready")
      let logs = try site.box.program(["logs", "-f", site.name("a")]).start()
      defer { logs.forget() }
      #expect(poll { logs.text == text })
      try site.succeed("stop", site.name("a"))
      let outcome = try logs.wait()
      #expect(outcome.status == 0 && outcome.text == text + "\r\nasked", "\(outcome)")
      let unknown = try site.call("logs", "nobody")
      expectRefusal(unknown, saying: "nobody")
      #expect(unknown.stdout.isEmpty)
    }
  }

  @Test("logs --follow goes on with what is written, and ends with the partition")
  func follow() throws {
    try withSupervisor { site in
      try site.define("a", "echo first; trap 'echo last; exit 0' TERM; while :; do sleep 0.02; done")
      try site.waitForOutput("a", "first")
      let logs = try site.box.program(["logs", "--follow", site.name("a")]).start()
      defer { logs.forget() }
      #expect(poll { logs.text == "first" })
      #expect(!logs.hasEnded)
      try site.succeed("stop", site.name("a"))
      let outcome = try logs.wait()
      #expect(outcome.status == 0 && outcome.lines == ["first", "last"], "\(outcome)")
    }
  }

  @Test("logs --follow waits for one that is going to be started, and for no other")
  func followBeforeStart() throws {
    try withSupervisor { site in
      let missing = ["command": ["/bin/none-such"], "restart": "always"] as [String: Any]
      try site.define("never", "", missing)
      try site.define("a", "echo first; exit 3", ["after": [site.name("never")]])
      try site.waitFor("a", "created")
      let logs = try site.box.program(["logs", "--follow", site.name("a")]).start()
      defer { logs.forget() }
      usleep(200_000)
      #expect(!logs.hasEnded)
      try site.define("never", "true", ["restart": "no"])
      let outcome = try logs.wait()
      #expect(outcome.status == 0 && outcome.lines == ["first"], "\(outcome)")
      try #expect(site.succeed("logs", "--follow", site.name("a")).lines == ["first"])
    }
  }

  @Test("Who follows is told when the supervisor goes away, and when nothing can be written")
  func brokenOff() throws {
    try withSupervisor { site in
      try site.define("a")
      try site.waitUntilReady("a")
      let programs = [["logs", "-f", site.name("a")], ["events", "--since", "1h"]].map(site.box.program)
      var followers: [Running] = []
      defer { for follower in followers { follower.forget() } }
      for program in programs { followers.append(try program.start()) }
      #expect(poll { followers.allSatisfy { !$0.text.isEmpty } })
      try site.end(SIGKILL)
      for follower in followers {
        let outcome = try follower.wait()
        expectRefusal(outcome, saying: "supervisor", "broke off")
        #expect(outcome.status == 1)
      }
      try site.launch()
      for var program in programs {
        let full = open("/dev/full", O_WRONLY | O_CLOEXEC)
        defer { close(full) }
        program.stdout = .descriptor(full)
        expectRefusal(try program.call(), saying: "No space left")
      }
    }
  }

  @Test("Full files are put aside, the oldest are given up, and what is left has no gap")
  func rotation() throws {
    try withSupervisor { site in
      try site.define("a", "seq 1 20000", ["log": ["maxSize": "100k", "maxFiles": 3]])
      try site.waitFor("a", "exited")
      let files = try FileManager.default.contentsOfDirectory(
        atPath: URL(fileURLWithPath: site.logFile("a")).deletingLastPathComponent().path
      ).sorted()
      let base = "\(site.name("a"))-json.log"
      #expect(files == [base, base + ".1", base + ".2"])
      for file in files {
        let size = contents("\(site.records)/logs/\(site.name("a"))/\(file)")?.utf8.count ?? 0
        #expect(size > 0 && size <= 110_000, "\(file): \(size)")
      }
      let numbers = try site.succeed("logs", site.name("a")).lines.compactMap { Int($0) }
      try #require(numbers.count > 2000)
      #expect(numbers == Array((20_001 - numbers.count)...20_000))
    }
  }

  @Test("follow misses nothing when files are put aside meanwhile")
  func followRotation() throws {
    try withSupervisor { site in
      try site.define(
        "a", "trap 'go=1' USR1; echo ready; while [ -z \"$go\" ]; do sleep 0.02; done; seq 1 5000",
        ["log": ["maxSize": "100k", "maxFiles": 20]])
      try site.waitUntilReady("a")
      let logs = try site.box.program(["logs", "--follow", site.name("a")]).start()
      defer { logs.forget() }
      #expect(poll { logs.text == "ready" })
      try site.succeed("kill", site.name("a"), "USR1")
      let lines = try logs.wait().lines
      #expect(lines.dropFirst().elementsEqual((1...5000).map(String.init)), "\(lines.count)")
    }
  }

  @Test("One that writes without a pause holds up nobody")
  func flood() throws {
    try withSupervisor { site in
      try site.define("flood", "yes", ["log": ["maxSize": "1m", "maxFiles": 2], "stopTimeout": "0s"])
      try site.waitForOutput("flood", "y\n")
      try site.define("a")
      try site.waitUntilReady("a")
      try site.succeed("stop", site.name("a"))
      try site.succeed("stop", site.name("flood"))
      let files = FileManager.default.subpaths(atPath: "\(site.records)/logs/\(site.name("flood"))") ?? []
      #expect(files.count == 2, "\(files)")
    }
  }

  @Test("logs of an unknown partition is refused")
  func unknown() throws {
    try withSupervisor { site in
      expectRefusal(try site.call("logs", "nobody"), saying: "nobody")
    }
  }
}
