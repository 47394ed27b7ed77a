import Foundation
import Testing

/// Programs that end, and what is done about it.
@Suite("Restarts by the supervisor", .enabled(if: Kernel.hasPartitions))
struct SupervisorRestartTests {
  /// Waits for nothing before a restart.
  static let atOnce = ["initial": "0s"]

  @Test("An end is on record with its status, and nothing follows without a policy", arguments: [0, 3, 255])
  func no(status: Int) throws {
    try withSupervisor { site in
      try site.define("a", "echo once; exit \(status)")
      try site.waitFor("a", "exited")
      try #expect(site.exitCode("a") == status)
      try #expect(site.restarts("a") == 0)
      #expect(site.output("a") == "once\n")
    }
  }

  @Test(
    "One that waits to be started again is removed by force alone, and whoever waits for its end waits on")
  func waiting() throws {
    try withSupervisor { site in
      let body =
        #"{"Image":"host","Cmd":["/bin/sh","-c","exit 3"],"HostConfig":{"RestartPolicy":{"Name":"always"}}}"#
      let path = "/containers/\(site.name("a"))"
      try #expect(site.ask("POST", "/containers/create?name=\(site.name("a"))", body).status == 201)
      try site.succeed("start", site.name("a"))
      // Each wait is twice as long as the last.
      try #expect(poll { try site.restarts("a") > 4 })
      try site.waitFor("a", "restarting")
      try #expect(site.ask("DELETE", path).status == 409)
      let waiter = try Program(
        "/usr/bin/curl", ["-sS", "--unix-socket", site.socket, "-X", "POST", "http://x\(path)/wait"]
      )
      .start()
      defer { waiter.forget() }
      usleep(50_000)
      #expect(!waiter.hasEnded)
      try site.succeed("stop", site.name("a"))
      try #expect(waiter.wait().text.contains(#""StatusCode":3"#))
      try #expect(site.ask("POST", "\(path)/update", #"{"RestartPolicy":{"Name":"always"}}"#).status == 200)
      try site.succeed("start", site.name("a"))
      try #expect(poll { try site.restarts("a") > 4 })
      try site.waitFor("a", "restarting")
      try #expect(site.ask("DELETE", "\(path)?force=1").status == 204)
    }
  }

  @Test(
    "Whoever kills one that waits to be started again ends the waiting", arguments: ["KILL", "TERM", "HUP"])
  func killedWhileWaiting(signal: String) throws {
    try withSupervisor { site in
      let later = ["initial": "1h", "longest": "1h"]
      try site.define("a", "exit 3", ["restart": "always", "restartDelay": later])
      try site.waitFor("a", "restarting")
      try #expect(site.ask("POST", "/containers/\(site.name("a"))/kill?signal=\(signal)").status == 204)
      try #expect(site.status("a") == "exited")
      try site.end(SIGKILL)
      try site.launch()
      try #expect(site.status("a") == "exited")
      try #expect(site.restarts("a") == 1)
    }
  }

  @Test("A program that a signal ended has 128 and its number")
  func signalled() throws {
    try withSupervisor { site in
      try site.define("a")
      try site.waitUntilReady("a")
      try #require(kill(pid_t(site.pid("a")), SIGKILL) == 0)
      try site.waitFor("a", "exited")
      try #expect(site.exitCode("a") == 137)
    }
  }

  @Test("always starts again whatever the status")
  func always() throws {
    try withSupervisor { site in
      try site.define("a", "echo run", ["restart": "always", "restartDelay": Self.atOnce])
      try site.waitForOutput("a", "run\n", count: 3)
      try #expect(site.restarts("a") >= 2)
    }
  }

  @Test("on-failure starts again until the status is 0")
  func onFailure() throws {
    try withSupervisor { site in
      let state = site.box.scratch.path + "/state-of-a"
      try makeDirectory(state)
      try site.define(
        "a", "echo x >> /state/n; test $(wc -l < /state/n) -ge 3",
        ["restart": "on-failure", "restartDelay": Self.atOnce, "volumes": ["\(state):/state"]])
      let ended = try poll { try site.status("a") == "exited" && site.exitCode("a") == 0 }
      #expect(ended, "\(site.messages)")
      try #expect(site.restarts("a") == 2)
      #expect(contents(state + "/n") == "x\nx\nx\n")
    }
  }

  @Test("Too many failures in a row are a crash loop: it stays ended, and lists and messages say so")
  func crashLoop() throws {
    try withSupervisor { site in
      try site.define("a", "echo run; exit 9", ["restart": "on-failure:2", "restartDelay": Self.atOnce])
      try site.waitForMessage("too often in a row")
      try site.waitFor("a", "exited")
      try #expect(site.exitCode("a") == 9)
      try #expect(site.restarts("a") == 2)
      #expect(site.output("a") == "run\nrun\nrun\n")
      let list = try site.ask("GET", "/containers/json?all=1")
      #expect(list.text.contains("crash loop"), "\(list)")

      // Whoever starts it by hand gives it another chance.
      try site.succeed("start", site.name("a"))
      let again = poll { site.messages.components(separatedBy: "too often in a row").count == 3 }
      #expect(again, "\(site.messages)")
      #expect(site.output("a").lines.count == 6)
    }
  }

  @Test("Before a restart it is waited, the longer the more there were")
  func delay() throws {
    try withSupervisor { site in
      try site.define(
        "a", "cut -d ' ' -f 1 /proc/uptime; exit 1",
        ["restart": "on-failure:3", "restartDelay": ["initial": "100ms", "longest": "200ms"]])
      try site.waitForMessage("too often in a row")
      let times = site.output("a").lines.compactMap { Double($0) }
      try #require(times.count == 4, "\(times)")
      let gaps = zip(times.dropFirst(), times).map { $0 - $1 }
      // The kernel tells hundredths of a second.
      #expect(gaps[0] >= 0.08 && gaps[1] >= 0.18 && gaps[2] >= 0.18, "\(gaps)")
    }
  }

  @Test("What somebody stopped is not started again", arguments: ["always", "unless-stopped", "on-failure"])
  func stopped(policy: String) throws {
    try withSupervisor { site in
      try site.define("a", SupervisedSandbox.patient, ["restart": policy, "restartDelay": Self.atOnce])
      try site.waitUntilReady("a")
      try site.succeed("stop", site.name("a"))
      try #expect(site.status("a") == "exited")
      try #expect(site.exitCode("a") == 7)
      try site.end(SIGKILL)
      try site.launch()
      try #expect(site.status("a") == "exited")
      #expect(site.output("a") == "ready\nasked\n")
    }
  }

  @Test("A program that does not heed the signal is killed after its time")
  func killed() throws {
    try withSupervisor { site in
      try site.define(
        "a", "trap 'echo no' TERM; echo ready; while :; do sleep 0.02; done", ["stopTimeout": "100ms"])
      try site.waitUntilReady("a")
      try site.succeed("stop", site.name("a"))
      try #expect(site.exitCode("a") == 137)
      #expect(site.output("a").contains("no\n"))
    }
  }
}
