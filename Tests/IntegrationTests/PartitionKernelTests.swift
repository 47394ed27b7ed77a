import Foundation
import Testing

/// Limits of partitions.
extension PartitionTests {
  @Test(
    "Limits given as options arrive in the cgroup",
    arguments: [
      (["--memory", "64m", "--memory-swap", "96m"], "memory.max", "67108864"),
      (["--memory", "64m", "--memory-swap", "96m"], "memory.swap.max", "33554432"),
      (["--memory", "1g"], "memory.max", "1073741824"), (["--cpus", "0.5"], "cpu.max", "50000 100000"),
      (["--cpus", "1.5"], "cpu.max", "150000 100000"), (["--cpu-weight", "250"], "cpu.weight", "250"),
      (["--cpuset-cpus", "0"], "cpuset.cpus", "0"), (["--pids-limit", "33"], "pids.max", "33"),
    ].filter { Kernel.has(String($0.1.prefix { $0 != "." })) })
  func limits(options: [String], file: String, value: String) throws {
    try withSandbox { box in
      defer { _ = try? box.delete() }
      var words = ["run", "--rootfs", box.rootfs, "--detach"] + options
      words += [box.id, "--", "/bin/sleep", "1000"]
      let outcome = try box.program(words).call()
      #expect(outcome.status == 0, "\(outcome)")
      let path = try LimitTests.directory(of: box) + "/" + file
      guard exists(path) else { return }
      #expect((contents(path) ?? "").trimmed == value)
    }
  }
}
