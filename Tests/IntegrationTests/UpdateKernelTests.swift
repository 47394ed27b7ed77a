import Foundation
import Testing

/// What `update` writes to a cgroup.
extension UpdateTests {
  private func value(_ file: String, of box: Sandbox) throws -> String {
    (contents(try LimitTests.directory(of: box) + "/" + file) ?? "").trimmed
  }

  private func withLimits(_ resources: String, _ body: (Sandbox) throws -> Void) throws {
    try withSandbox { box in
      box.config["process.args"] = ["sleep", "1000"]
      box.config["linux.resources"] = try LimitTests.resources(resources)
      try box.detach()
      try body(box)
    }
  }

  @Test("Each option changes its limit, the others stay", .needs(.memory, .cpu, .pids))
  func options() throws {
    try withLimits(#"{"memory": {"limit": 67108864, "swap": 100663296}, "cpu": {"quota": 50000}}"#) { box in
      for (options, files) in [
        (["--memory", "128m"], ["memory.max": "134217728", "memory.swap.max": "33554432"]),
        (["--memory-swap", "192m"], ["memory.max": "134217728", "memory.swap.max": "67108864"]),
        (["--memory-reservation", "16m"], ["memory.low": "16777216"]),
        // Of quota and period, the one that is not given stays.
        (["--cpu-period", "200000"], ["cpu.max": "50000 200000"]),
        (["--cpu-quota", "20000"], ["cpu.max": "20000 200000"]),
        (["--cpu-burst", "20000"], ["cpu.max.burst": "20000"]),
        // In the order of the file, one is refused as long as the other is not there.
        (
          ["--cpu-quota", "10000", "--cpu-burst", "10000"],
          ["cpu.max": "10000 200000", "cpu.max.burst": "10000"]
        ),
        (
          ["--cpu-quota", "40000", "--cpu-burst", "40000"],
          ["cpu.max": "40000 200000", "cpu.max.burst": "40000"]
        ),
        (["--cpu-share", "512"], ["cpu.weight": "59"]), (["--cpu-idle", "1"], ["cpu.idle": "1"]),
        (["--cpu-share", "2048"], ["cpu.idle": "1"]),
        (["--cpu-idle", "0"], ["cpu.idle": "0", "cpu.weight": "174"]),
        (["--cpuset-cpus", "0", "--cpuset-mems", "0"], ["cpuset.cpus": "0", "cpuset.mems": "0"]),
        (["--pids-limit", "20"], ["pids.max": "20"]), (["--pids-limit", "-1"], ["pids.max": "max"]),
        (["--memory", "-1"], ["memory.max": "max", "memory.swap.max": "max"]),
      ] {
        let outcome = try box.program(["update"] + options + [box.id]).call()
        #expect(outcome.status == 0, "\(outcome)")
        for (file, expected) in files { try #expect(value(file, of: box) == expected, "\(options): \(file)") }
      }
      let cpu = try Self.resources(of: box)["cpu"] as? [String: Any]
      #expect(cpu?["quota"] as? Int == 40_000 && cpu?["period"] as? Int == 200_000)
    }
  }

  @Test("A paused container gets limits from standard input, and stays paused", .needs(.memory, .pids))
  func paused() throws {
    try withLimits("{}") { box in
      try box.succeed("pause", box.id)
      let limits =
        #"{"memory": {"limit": 67108864}, "pids": {"limit": 7}, "unified": {"memory.high": "33554432"}}"#
      let outcome = try Self.update(box, limits)
      #expect(outcome.status == 0, "\(outcome)")
      try #expect(value("memory.max", of: box) == "67108864" && value("pids.max", of: box) == "7")
      try #expect(value("memory.high", of: box) == "33554432" && box.status() == "paused")
      try #expect(box.call("update", "--memory", "1g", box.id).status == 0)
      try box.succeed("resume", box.id)
    }
  }

  @Test("What was written before a refusal of the kernel's is put back", .needs(.memory, .cpu, .pids))
  func putBack() throws {
    try withLimits(#"{"memory": {"limit": 67108864}, "cpu": {"shares": 512, "cpus": "0"}}"#) { box in
      let config = contents("\(box.root)/\(box.id)/config.json")
      let files = ["memory.max", "memory.low", "cpu.weight", "cpu.max", "cpuset.cpus", "pids.max", "io.max"]
      let before = try files.map { try value($0, of: box) }
      var limits = #"{"memory": {"limit": 134217728, "reservation": 4096}, "pids": {"limit": 7}, "#
      if let disk = LimitTests.disk {
        limits +=
          #""blockIO": {"throttleReadBpsDevice": [{"major": \#(disk.major), "minor": \#(disk.minor), "rate": 9000000}]}, "#
      }
      limits += #""cpu": {"shares": 1024, "quota": 50000, "cpus": "0,4000"}}"#
      expectRefusal(try Self.update(box, limits), saying: "linux.resources.cpu.cpus", "0,4000")
      limits = limits.replacingOccurrences(of: "0,4000", with: "0")
      limits.removeLast()
      expectRefusal(
        try Self.update(box, limits + #", "unified": {"memory.high": "x"}}"#), saying: "memory.high")
      try #expect(files.map { try value($0, of: box) } == before)
      #expect(contents("\(box.root)/\(box.id)/config.json") == config)
      try #expect(Self.update(box, limits + "}").status == 0)
    }
  }

  @Test("checkBeforeUpdate refuses less memory than is in use", .needs(.memory))
  func checked() throws {
    try withLimits(#"{"memory": {"limit": 67108864, "checkBeforeUpdate": true}}"#) { box in
      expectRefusal(
        try box.call("update", "--memory", "4k", box.id), saying: "linux.resources.memory.limit", "in use")
      try #expect(value("memory.max", of: box) == "67108864" && box.status() == "running")
    }
  }
}
