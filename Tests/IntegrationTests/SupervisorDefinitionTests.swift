import Foundation
import Testing

/// What files in the directory of definitions say is so.
@Suite("Definitions of the supervisor", .enabled(if: Kernel.hasPartitions))
struct SupervisorDefinitionTests {
  @Test("What is defined runs, whether the file was there before the supervisor or comes later")
  func started() throws {
    let site = try SupervisedSandbox()
    defer { site.remove() }
    try site.define("early")
    try site.launch()
    try site.waitFor("early", "running")
    try site.define("late")
    try site.waitFor("late", "running")
    try site.empty()
    expectNothingLeft(of: site.box)
  }

  @Test("One is started when those that it is after have been")
  func order() throws {
    try withSupervisor { site in
      // Against the order of the names.
      try site.write([
        "all": [
          site.fields(SupervisedSandbox.patient, ["name": site.name("a"), "after": [site.name("b")]]),
          site.fields(SupervisedSandbox.patient, ["name": site.name("b"), "after": [site.name("c")]]),
          site.fields(SupervisedSandbox.patient, ["name": site.name("c")]),
        ]
      ])
      for short in ["a", "b", "c"] { try site.waitFor(short, "running") }
      let starts = try ["c", "b", "a"].map { try site.inspect($0)?["State.StartedAt"] as? String ?? "" }
      #expect(starts == starts.sorted() && !starts.contains(""), "\(starts)")
    }
  }

  @Test(
    "Who is after one that could not be started waits while that is tried again, and says so, and no longer")
  func afterFailure() throws {
    try withSupervisor { site in
      let missing =
        ["command": ["/bin/none-such"], "restartDelay": ["initial": "100ms", "longest": "100ms"]]
        as [String: Any]
      try site.define("never", "", missing)
      try site.define("tried", "", missing.merging(["restart": "always"]) { $1 })
      try site.define("one", SupervisedSandbox.patient, ["after": [site.name("never")]])
      try site.define("two", SupervisedSandbox.patient, ["after": [site.name("tried")]])
      try site.define("three", SupervisedSandbox.patient, ["after": [site.name("two"), site.name("one")]])
      try site.waitFor("one", "running")
      try #expect(poll { try site.restarts("tried") > 1 })
      try #expect(site.status("two") == "created" && site.status("three") == "created")
      try #expect(site.inspect("two")?["State.Error"] as? String == "it waits for \(site.name("tried"))")
      try #expect(site.inspect("three")?["State.Error"] as? String == "it waits for \(site.name("two"))")
      try site.define("tried", "", missing)
      for short in ["two", "three"] { try site.waitFor(short, "running") }
      try #expect(site.inspect("two")?["State.Error"] as? String == "")
    }
  }

  @Test("Replicas differ in what {index} stands for, and those too many are ended when there are to be fewer")
  func replicas() throws {
    try withSupervisor { site in
      func define(_ count: Int) throws {
        try site.define(
          "r", "echo number {index}; \(SupervisedSandbox.patient)",
          ["name": site.name("r{index}"), "replicas": count])
      }
      try define(3)
      for index in 1...3 {
        try site.waitForOutput("r\(index)", "number \(index)\n")
        try site.waitFor("r\(index)", "running")
      }
      let pid = try site.pid("r1")
      try define(1)
      try site.waitFor("r3", "none")
      try site.waitFor("r2", "none")
      try #expect(site.pid("r1") == pid)
      #expect(Snapshot.cgroups(named: site.name("r2")).isEmpty)
    }
  }

  @Test("Others are served while many definitions are carried out")
  func inShares() throws {
    try withSupervisor { site in
      let count = 300
      try site.define("f", "true", ["replicas": count, "warm": 0])
      var seen: Set<Int> = []
      let isDone = try poll {
        let known = try site.ask("GET", "/info").document["Containers"] as? Int ?? 0
        seen.insert(known)
        return known == count
      }
      #expect(isDone && seen.contains { $0 > 0 && $0 < count }, "\(seen.sorted())")
      // What is asked for meanwhile comes after it, and is answered then.
      try site.define("f", "true", ["replicas": 2 * count, "warm": 0])
      try #expect(site.ask("POST", "/swiftjail/up").status == 204)
      try #expect(site.ask("GET", "/info").document["Containers"] as? Int == 2 * count)
    }
  }

  @Test("A changed file changes what it must: notes alone leave the program, its command does not")
  func changed() throws {
    try withSupervisor { site in
      try site.define("a")
      try site.define("b")
      try site.waitUntilReady("a")
      try site.waitUntilReady("b")
      let (a, b) = try (site.pid("a"), site.pid("b"))

      try site.define("a", SupervisedSandbox.patient, ["labels": ["tier": "one"], "restart": "always"])
      let noted = try poll { try site.inspect("a")?["Config.Labels.tier"] as? String == "one" }
      #expect(noted, "\(site.messages)")
      try #expect(site.inspect("a")?["HostConfig.RestartPolicy.Name"] as? String == "always")
      try #expect(site.pid("a") == a)

      try site.define("a", "echo changed; \(SupervisedSandbox.patient)", ["labels": ["tier": "one"]])
      try site.waitForOutput("a", "changed")
      try #require(poll { try site.pid("a") != 0 })
      try #expect(site.pid("a") != a)
      #expect(site.output("a").contains("asked"), "it was asked to end")
      try #expect(site.pid("b") == b)
    }
  }

  @Test("Without its file a partition ends, and nothing is left of it")
  func removed() throws {
    try withSupervisor { site in
      try site.define("a")
      try site.define("b")
      try site.waitUntilReady("a")
      try site.waitUntilReady("b")
      let pid = try site.pid("b")
      unlink(site.path("a"))
      try site.waitFor("a", "none")
      #expect(Snapshot.cgroups(named: site.name("a")).isEmpty)
      let left = FileManager.default.subpaths(atPath: site.box.root)?.filter { $0.contains(site.name("a")) }
      #expect(left == [], "\(left ?? [])")
      try #expect(site.pid("b") == pid)
    }
  }

  @Test("A file that went while there was no supervisor ends its partition when there is one again")
  func removedMeanwhile() throws {
    try withSupervisor { site in
      try site.define("a")
      try site.waitUntilReady("a")
      try site.end(SIGKILL)
      unlink(site.path("a"))
      try site.define("b")
      try site.launch()
      try site.waitFor("a", "none")
      try site.waitFor("b", "running")
    }
  }

  @Test("A wrong file is told by file, line and field; it changes nothing, and stops nothing")
  func wrong() throws {
    try withSupervisor { site in
      try site.define("a")
      try site.waitUntilReady("a")
      let pid = try site.pid("a")

      try write(
        "{\n  \"rootfs\": \"\(site.box.rootfs)\",\n  \"restart\": \"sometimes\"\n}\n", to: site.path("a"))
      try site.waitForMessage("\(site.path("a")):3: restart: ")
      try write("{\n  \"image\":\n", to: site.path("b"))
      try site.waitForMessage("\(site.path("b")):")
      try site.define("c")
      try site.waitFor("c", "running")
      try #expect(site.pid("a") == pid)
      try #expect(site.status("b") == "none")

      try site.define("b")
      try site.waitFor("b", "running")
    }
  }

  @Test("check says of a wrong file what the supervisor says")
  func check() throws {
    try withSupervisor { site in
      try write("{\n  \"image\": \"host\",\n  \"memory\": \"lots\"\n}\n", to: site.path("a"))
      let complaint = "\(site.path("a")):3: memory: "
      try site.waitForMessage(complaint)
      let outcome = try site.call("check", site.definitions)
      #expect(outcome.status != 0 && (outcome.stderr + outcome.text).contains(complaint), "\(outcome)")
    }
  }

  @Test("up says what is wrong with files, and starts what those define that are right")
  func up() throws {
    try withSupervisor { site in
      try site.define("b")
      try site.waitUntilReady("b")
      try site.succeed("stop", site.name("b"))
      try write("{\n  \"image\": \"host\",\n  \"memory\": \"lots\"\n}\n", to: site.path("a"))
      let outcome = try site.call("up")
      expectRefusal(outcome, saying: "\(site.path("a")):3: memory: ")
      #expect(outcome.status == 1)
      try site.waitFor("b", "running")
      unlink(site.path("a"))
      try site.succeed("up")
    }
  }

  @Test("A program that cannot be executed is told, and holds up nobody")
  func noProgram() throws {
    try withSupervisor { site in
      try site.define("a", "", ["command": ["/bin/nonesuch"]])
      try site.define("b", SupervisedSandbox.patient)
      try site.waitFor("b", "running")
      try site.waitForMessage("/bin/nonesuch")
      let error = try poll {
        (try site.inspect("a")?["State.Error"] as? String ?? "").contains("/bin/nonesuch")
      }
      #expect(error, "\(site.messages)")
      try #expect(site.exitCode("a") == 127)
    }
  }
}
