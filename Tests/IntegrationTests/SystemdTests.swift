import Foundation
import Testing

/// Containers whose cgroups systemd makes.
@Suite("The systemd cgroup driver", .needs(.systemd))
struct SystemdTests {
  private func withSystemdSandbox(_ body: (Sandbox) throws -> Void) throws {
    try withSandbox { box in
      box.globalOptions = ["--systemd-cgroup"]
      box.config["process.args"] = ["sleep", "1000"]
      try body(box)
    }
  }

  private func systemctl(_ arguments: String...) throws -> String {
    try Program("/bin/systemctl", arguments).call().text
  }

  private func properties(of unit: String, _ names: String) throws -> Set<String> {
    Set(try systemctl("show", unit, "-p", names).lines)
  }

  private static func isLoaded(_ unit: String) -> Bool { exists("/run/systemd/transient/\(unit)") }

  private static let limits = #"""
    {"memory": {"limit": 67108864, "swap": 67108864}, "cpu": {"quota": 50000, "period": 100000, "cpus": "0"},
     "pids": {"limit": 1}}
    """#

  @Test(
    "A container is a scope, its limits are systemd's as well, and deletion leaves neither unit nor cgroup")
  func scope() throws {
    try withSystemdSandbox { box in
      box.config["linux.resources"] = try LimitTests.resources(Self.limits)
      try box.create()
      let unit = "swiftjail-\(box.id).scope"
      let directory = try LimitTests.directory(of: box)
      #expect(directory == Kernel.cgroups + "/system.slice/" + unit)
      #expect((contents(directory + "/cgroup.procs") ?? "").lines == ["\(try box.pid())"])
      func expectLimits(_ when: String) {
        for (file, value) in [
          ("memory.max", "67108864"), ("memory.swap.max", "0"), ("cpu.max", "50000 100000"),
          ("pids.max", "1"),
          ("cpuset.cpus", "0"),
        ] { #expect(contents("\(directory)/\(file)")?.trimmed == value, "\(file) \(when)") }
      }
      expectLimits("when created")
      #expect(
        try properties(
          of: unit, "ActiveState,Slice,Delegate,MemoryMax,TasksMax,CPUQuotaPerSecUSec,CollectMode")
          == [
            "ActiveState=active", "Slice=system.slice", "Delegate=yes", "MemoryMax=67108864", "TasksMax=1",
            "CPUQuotaPerSecUSec=500ms", "CollectMode=inactive-or-failed",
          ])
      _ = try systemctl("daemon-reload")
      expectLimits("after systemd has read its files again")
      try box.start()
      try box.delete()
      #expect(!exists(directory))
      #expect(!Self.isLoaded(unit))
      expectNothingLeft(of: box)
      // The name is free at once.
      try box.create()
    }
  }

  @Test("cgroupsPath names slice, prefix and name, and processes are found, joined, paused and killed there")
  func path() throws {
    try withSystemdSandbox { box in
      let slice = "sjtest\(box.id.dropFirst(4))"
      box.config["linux.cgroupsPath"] = "\(slice)-deep.slice:engine:\(box.id)"
      try box.detach()
      defer { _ = try? systemctl("stop", "\(slice).slice") }
      let path = "/\(slice).slice/\(slice)-deep.slice/engine-\(box.id).scope"
      #expect(Kernel.cgroup(of: try box.pid()) == path)
      // The program's own cgroup namespace begins there.
      try #expect(box.exec([], "cat", "/proc/self/cgroup").lines == ["0::/"])
      try #expect(box.call("ps", "--format", "json", box.id).json as? [Int] == [box.pid()])
      try box.succeed("pause", box.id)
      try #expect(box.status() == "paused")
      try box.succeed("resume", box.id)
      try #expect(box.status() == "running")
      try box.succeed("kill", "--all", box.id, "KILL")
      try box.waitForStatus("stopped")
      // systemd takes the scope away by itself.
      #expect(poll { !exists(Kernel.cgroups + path) })
      try #expect(box.call("list", "--quiet").lines == [box.id])
      try box.succeed("delete", box.id)
      expectNothingLeft(of: box)
    }
  }

  @Test("Annotations are properties of the unit, seconds in microseconds")
  func annotations() throws {
    try withSystemdSandbox { box in
      box.config["annotations"] = [
        "org.systemd.property.TimeoutStopSec": "uint64 77", "org.systemd.property.CollectMode": "'inactive'",
        "org.systemd.property.TasksMax": "uint64 33", "org.systemd.property.Wants": "['dbus.service']",
      ]
      try box.create()
      let unit = "swiftjail-\(box.id).scope"
      try #expect(
        properties(of: unit, "TimeoutStopUSec,CollectMode,TasksMax,Wants") == [
          "TimeoutStopUSec=1min 17s", "CollectMode=inactive", "TasksMax=33", "Wants=dbus.service",
        ])
      try box.delete()
      box.config["annotations"] = ["org.systemd.property.TimeoutStopSec": "soon"]
      expectRefusal(try box.run(), saying: "org.systemd.property.TimeoutStopSec", "soon")
      expectNothingLeft(of: box)
    }
  }

  @Test("update changes the unit's properties as well, and puts them back after a refusal")
  func update() throws {
    try withSystemdSandbox { box in
      box.config["linux.resources"] = try LimitTests.resources(Self.limits)
      try box.detach()
      let unit = "swiftjail-\(box.id).scope"
      let names = "MemoryMax,TasksMax,CPUQuotaPerSecUSec"
      try box.succeed("update", "--memory", "128m", "--cpu-quota", "12345", "--pids-limit", "9", box.id)
      let changed: Set = ["MemoryMax=134217728", "TasksMax=9", "CPUQuotaPerSecUSec=130ms"]
      try #expect(properties(of: unit, names) == changed)
      let directory = try LimitTests.directory(of: box)
      #expect(contents(directory + "/memory.max")?.trimmed == "134217728")
      #expect(contents(directory + "/cpu.max")?.trimmed == "12345 100000", "systemd's is less precise")
      let limits = #"{"memory": {"limit": 33554432}, "unified": {"memory.high": "x"}}"#
      expectRefusal(try UpdateTests.update(box, limits), saying: "memory.high")
      try #expect(properties(of: unit, names) == changed)
      #expect(contents(directory + "/memory.max")?.trimmed == "134217728")
    }
  }

  @Test("A memory hog dies with 137, and state says why also when the scope is gone")
  func outOfMemory() throws {
    try withSystemdSandbox { box in
      box.config["linux.resources"] = ["memory": ["limit": 64 << 20, "swap": 64 << 20]]
      box.config["process.args"] = ["dd", "if=/dev/zero", "of=/dev/null", "bs=256M", "count=1"]
      let outcome = try box.run(["--keep"])
      #expect(outcome.status == 137, "\(outcome)")
      #expect(outcome.stderr.contains("out of memory"), "\(outcome)")
      #expect(poll { Snapshot.cgroups(named: box.id).isEmpty })
      let annotations = try box.state()["annotations"] as? [String: String]
      #expect(annotations?["org.swiftjail.oom-killed"] == "true")
    }
  }

  @Test("What cannot be done is refused in one line, and nothing stays")
  func refused() throws {
    try withSystemdSandbox { box in
      box.config["linux.cgroupsPath"] = "/\(box.id)"
      expectRefusal(try box.run(), saying: "linux.cgroupsPath", "slice:prefix:name")
      box.config["linux.cgroupsPath"] = nil
      box.config["linux.resources"] = try LimitTests.resources(#"{"cpu": {"quota": 1}}"#)
      expectRefusal(try box.run(), saying: "linux.resources.cpu.quota")
      #expect(!Self.isLoaded("swiftjail-\(box.id).scope"))
      box.config["linux.resources"] = nil
      box.config["process.args"] = ["/nonexistent"]
      expectRefusal(try box.run(), saying: "/nonexistent")
      #expect(!Self.isLoaded("swiftjail-\(box.id).scope"))
      expectNothingLeft(of: box)
    }
  }

  @Test("A unit that exists already is left alone")
  func taken() throws {
    try withSystemdSandbox { box in
      box.config["linux.cgroupsPath"] = ":taken:\(box.id)"
      try box.detach()
      let other = "\(box.id)-other"
      expectRefusal(try box.run(id: other), saying: "taken-\(box.id).scope", "exists already")
      try #expect(box.status() == "running")
    }
  }

  @Test("create killed at every step", .enabled(if: Kernel.hasStrace), .timeLimit(.minutes(10)))
  func killed() throws {
    try withSystemdSandbox { box in
      try LeftoverTests().killEverywhere(box, for: 10) { try $0.prepare("create") }
      #expect(poll { !Self.isLoaded("swiftjail-\(box.id).scope") })
    }
  }
}

@Suite("The systemd cgroup driver where systemd does not run", .enabled(if: !Kernel.hasSystemd))
struct NoSystemdTests {
  @Test("Without systemd, one line says so and what to do")
  func refused() throws {
    try withSandbox { box in
      box.globalOptions = ["--cgroup-manager", "systemd"]
      expectRefusal(try box.run(), saying: "systemd does not run", "--cgroup-manager cgroupfs")
      expectNothingLeft(of: box)
    }
  }
}
