import Linux
import Testing

@testable import Layers

@Suite("What processors tell of others' work")
struct HostProcessorsTests {
  /// What is found in a directory with `paths` in it.
  private func counters(_ paths: [String]) throws -> [String] {
    let root = "/tmp/swiftjail-unit-cpu-\(UInt64.random(in: 0...UInt64.max))"
    defer { try? Directory.removeTree(root) }
    for path in paths { try Directory.makeAll("\(root)/\(path)") }
    return HostProcessors.thermalCounters(in: root).map { String($0.dropFirst(root.utf8.count + 1)) }
  }

  @Test("Each processor's count of its slowing down is found, that of one that is off as well")
  func found() throws {
    let there = [
      "cpu0/thermal_throttle", "cpu2/cache", "cpu10/thermal_throttle", "cpufreq", "cpuidle", "power",
    ]
    #expect(
      try counters(there) == ["cpu0/thermal_throttle", "cpu2/thermal_throttle", "cpu10/thermal_throttle"])
  }

  @Test("Where there is none nothing is hidden", arguments: [[], ["cpu0/cache", "cpu1/cache"]])
  func absent(there: [String]) throws { #expect(try counters(there).isEmpty) }
}
