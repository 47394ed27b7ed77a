import Foundation
import Testing

/// What `Tests/vm/run` promises to the tests that it runs.
@Suite("The test kernel", .needs(.testKernel))
struct TestKernelTests {
  @Test("the test kernel hands every cgroup v2 controller to the groups below the root")
  func controllers() throws {
    let path = "/sys/fs/cgroup/cgroup.subtree_control"
    let text = try String(contentsOfFile: path, encoding: .utf8)
    let delegated = Set(text.split(whereSeparator: \.isWhitespace))
    #expect(delegated.isSuperset(of: ["cpu", "cpuset", "io", "memory", "pids"]))
  }

  @Test("a program in the test kernel holds every capability")
  func capabilities() throws {
    let status = try String(contentsOfFile: "/proc/self/status", encoding: .utf8).split(separator: "\n")
    let known = try String(contentsOfFile: "/proc/sys/kernel/cap_last_cap", encoding: .utf8)
    let last = try #require(UInt64(known.trimmingCharacters(in: .whitespacesAndNewlines)))
    let all = String((UInt64(2) << last) - 1, radix: 16)
    let effective = try #require(status.first { $0.hasPrefix("CapEff:") })
    #expect(effective.hasSuffix(all))
  }
}
