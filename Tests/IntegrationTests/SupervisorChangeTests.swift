import Foundation
import Testing

/// What is changed of partitions while they run, or wait, or have ended.
@Suite("Changes by the supervisor", .enabled(if: Kernel.hasPartitions))
struct SupervisorChangeTests {
  /// Waits too long for any test before a restart.
  private static let late = ["initial": "1h", "longest": "1h"]

  @Test("A policy that no longer asks for it takes back a restart that is waited for")
  func noRestart() throws {
    try withSupervisor { site in
      let script = "echo run; exit 3"
      try site.define("a", script, ["restart": "always", "restartDelay": Self.late])
      try site.waitFor("a", "restarting")
      try site.define("a", script)
      try site.waitFor("a", "exited")
      try #expect(site.exitCode("a") == 3)
      try #expect(site.restarts("a") == 0)
      #expect(site.output("a") == "run\n")
      // Nor does the next supervisor start it.
      try site.end(SIGKILL)
      try site.launch()
      try #expect(site.status("a") == "exited")
    }
  }

  @Test("A shorter wait counts for a restart that is waited for, by a file or by a request")
  func soonerRestart() throws {
    try withSupervisor { site in
      try site.define("a", "echo run; exit 3", ["restart": "always", "restartDelay": Self.late])
      try site.waitFor("a", "restarting")
      try site.define("a", "echo run; exit 3", ["restart": "always", "restartDelay": ["initial": "0s"]])
      try site.waitForOutput("a", "run\n", count: 3)
      try site.define("b", "echo run; exit 3", ["restart": "always", "restartDelay": Self.late])
      try site.waitFor("b", "restarting")
      let update = #"{"RestartPolicy": {"Name": "no"}}"#
      try #expect(site.ask("POST", "/containers/\(site.name("b"))/update", update).status == 200)
      try #expect(site.status("b") == "exited")
    }
  }

  @Test("What could not be started, or crashed too often, is started as it is said to be now")
  func corrected() throws {
    try withSupervisor { site in
      let wrong = ["command": ["/nonexistent"]]
      try site.define("a", "", wrong)
      #expect(try poll { (try site.inspect("a")?["State.Error"] as? String ?? "").contains("nonexistent") })
      try site.define("b", "exit 3", ["restart": "on-failure:1", "restartDelay": ["initial": "0s"]])
      try site.waitForMessage("too often in a row")
      for short in ["a", "b"] { try site.define(short) }
      for short in ["a", "b"] { try site.waitUntilReady(short) }
      try #expect(site.inspect("a")?["State.Error"] as? String == "")
      // What has done its work has done it.
      try site.define("c", "echo done")
      try site.waitFor("c", "exited")
      try site.define("c", "echo done again")
      #expect(
        poll { contents("\(site.records)/partitions/\(site.name("c")).json")?.contains("again") == true })
      try #expect(site.status("c") == "exited" && site.output("c") == "done\n")
    }
  }

  @Test("How much is kept of a log can be changed while it is written")
  func logLimits() throws {
    try withSupervisor { site in
      let script = "while :; do echo a line of some length; sleep 0.005; done"
      try site.define("a", script, ["stopTimeout": "0s"])
      try site.waitForOutput("a", "a line", count: 20)
      #expect(!exists(site.logFile("a") + ".1"))
      let pid = try site.pid("a")
      try site.define("a", script, ["stopTimeout": "0s", "log": ["maxSize": "2k", "maxFiles": 2]])
      #expect(poll { exists(site.logFile("a") + ".1") }, "\(site.messages)")
      try #expect(site.pid("a") == pid)
    }
  }

  @Test("A directory of definitions that is made later is read, and so is another one in its place")
  func laterDirectory() throws {
    let site = try SupervisedSandbox()
    defer { site.remove() }
    rmdir(site.definitions)
    try site.launch()
    try site.waitForMessage("there is no such directory")
    try makeDirectory(site.definitions)
    try site.define("a")
    try site.waitUntilReady("a")
    let pid = try site.pid("a")

    let old = site.box.scratch.path + "/old"
    #expect(rename(site.definitions, old) == 0)
    try site.waitForMessage("what files have defined stays as it is")
    try makeDirectory(site.definitions)
    try site.define("a")
    try site.define("b")
    try site.waitUntilReady("b")
    try #expect(site.pid("a") == pid)
    try site.empty()
    expectNothingLeft(of: site.box)
  }

  @Test("Partitions of two roots may have the same name, and have nothing to do with one another")
  func sameName() throws {
    try withSupervisor { one in
      try withSupervisor { other in
        let name = one.name("same")
        for site in [one, other] {
          try site.write(["same": site.fields(SupervisedSandbox.patient, ["name": name])])
          #expect(try poll { try pid(site, name) != 0 }, "\(site.messages)")
        }
        #expect(try pid(one, name) != pid(other, name))
        try #expect(Kernel.cgroup(of: pid(one, name)) != Kernel.cgroup(of: pid(other, name)))
        let kept = try pid(one, name)
        try other.succeed("rm", "--force", name)
        #expect(try pid(one, name) == kept && kill(pid_t(kept), 0) == 0)
      }
    }
  }

  private func pid(_ site: SupervisedSandbox, _ name: String) throws -> Int {
    try site.ask("GET", "/containers/\(name)/json").document["State.Pid"] as? Int ?? 0
  }

  @Test("Without a supervisor as well; the last one that goes leaves no cgroup behind")
  func sameNameWithout() throws {
    try withSandbox { one in
      try withSandbox { other in
        let arguments = ["run", "--detach", "--rootfs", one.rootfs, one.id, "--", "/bin/sleep", "1000"]
        for box in [one, other] {
          let outcome = try box.program(arguments).call()
          #expect(outcome.status == 0, "\(outcome)")
        }
        #expect(Snapshot.cgroups(named: one.id).count == 2 * treeCount)
        for box in [one, other] {
          try #expect(box.program(["delete", "--force", one.id]).call().status == 0)
        }
        for box in [one, other] {
          let group = URL(fileURLWithPath: box.scratch.path).lastPathComponent
          #expect(Snapshot.cgroups(named: group).isEmpty)
        }
      }
    }
  }

  /// At how many places cgroups of version 2 are to be seen.
  private var treeCount: Int { Set(Mount.table().filter { $0.type == "cgroup2" }.map(\.point)).count }

  @Test(
    "A name that a container without a supervisor has, or that a file gives, cannot be changed to or from")
  func refusedNames() throws {
    try withSupervisor { site in
      let taken = site.name("taken")
      try site.succeed("run", "--rootfs", site.box.rootfs, "--detach", taken, "--", "/bin/sleep", "1000")
      let body = #"{"Image": "host"}"#
      try #expect(site.ask("POST", "/containers/create?name=\(site.name("a"))", body).status == 201)
      var answer = try site.ask("POST", "/containers/\(site.name("a"))/rename?name=\(taken)")
      #expect(answer.status == 409 && answer.message.contains("already in use"), "\(answer)")
      try #expect(site.status("a") == "created")
      try site.succeed("delete", "--force", taken)

      try site.define("b", "exit 0")
      try site.waitFor("b", "exited")
      answer = try site.ask("POST", "/containers/\(site.name("b"))/rename?name=\(site.name("c"))")
      #expect(answer.status == 409 && answer.message.contains("a file defines"), "\(answer)")
    }
  }

  @Test("A list of many is made beside other answers, and is whole")
  func many() throws {
    try withSupervisor { site in
      let connection = try SupervisorConnection(site.socket)
      let body = #"{"Image": "host", "Labels": {"tier": "many"}}"#
      for number in 1...520 {
        let made = try connection.ask("POST", "/containers/create?name=\(site.name("m\(number)"))", body)
        guard made.status == 201 else { throw Broken("create: \(made)") }
      }
      func list(_ query: String) throws -> [String] {
        let list = try connection.ask("GET", "/containers/json?\(query)").json as? [[String: Any]] ?? []
        return list.compactMap { ($0["Names"] as? [String])?.first }
      }
      let names = try list("all=1")
      #expect(names == (1...520).reversed().map { "/\(site.name("m\($0)"))" })
      try #expect(list("") == [])
      try #expect(list("all=1&limit=1") == ["/\(site.name("m520"))"])
      let before = #"{"before":["\#(site.name("m3"))"]}"#
      try #expect(list("all=1&filters=\(before)").count == 2)
      try #expect(connection.ask("GET", "/containers/json?filters={\"before\":[\"none\"]}").status == 404)
      let id =
        try connection.ask("GET", "/containers/\(site.name("m7"))/json").document["Id"] as? String ?? ""
      for reference in [id, String(id.prefix(12))] {
        let found = try connection.ask("GET", "/containers/\(reference)/json")
        #expect(found.document["Name"] as? String == "/\(site.name("m7"))")
      }
      // One who does not read holds up nobody, and gets all of it.
      let deaf = try SupervisorConnection(site.socket)
      try deaf.begin("GET", "/containers/json?all=1")
      try #expect(connection.ask("GET", "/_ping").status == 200)
      try #expect((deaf.answer().json as? [Any])?.count == 520)
      try #expect((connection.ask("GET", "/system/df").document["Containers"] as? [Any])?.count == 520)
    }
  }
}
