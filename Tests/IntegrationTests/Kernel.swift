// Where a test runs: on the host, unless its answer depends on cgroup v2 controllers, on systemd or on an engine.
// Such a test is in a file of its own, because the Makefile selects tests by the names of their files:
//
//   …KernelTests.swift    `make test` runs these, and no others, in the test kernel (`make test-vm`)
//   …SystemdTests.swift   `make test` runs these in the test kernel with systemd as process 1
//
// It says what it needs, as in `@Test("…", .needs(.memory, .pids))`, and is skipped where that is missing (Needs.swift).
// On a host that has everything it runs there, too. Tests of one suite may be in two files: the second one extends it,
// as LimitKernelTests.swift does. The test kernel is emulated, 10 to 25 times slower than the host, and its whole part
// of `make test` must end in five minutes: keep these tests few and short, and wait for events, not for time.
// `make test-all` runs everything in both.

import Foundation

/// One line of a mountinfo file, proc(5).
struct Mount: CustomStringConvertible {
  let root: String
  let point: String
  /// The mount's own options, such as `ro` and `nosuid`.
  let options: Set<String>
  /// Propagation: `shared:1`, `master:2`, …
  let propagation: [String]
  let type: String
  let source: String
  /// The file system's options, such as `size=64k`.
  let superOptions: Set<String>
  let description: String

  init?(_ line: String) {
    let halves = line.components(separatedBy: " - ")
    guard halves.count == 2 else { return nil }
    let left = halves[0].words
    let right = halves[1].words
    guard left.count >= 6, right.count >= 2 else { return nil }
    root = left[3]
    point = left[4].replacingOccurrences(of: "\\040", with: " ")
    options = Set(left[5].split(separator: ",").map(String.init))
    propagation = Array(left.dropFirst(6))
    type = right[0]
    source = right[1]
    superOptions = Set((right.count > 2 ? right[2] : "").split(separator: ",").map(String.init))
    description = line
  }

  static func parse(_ mountinfo: String) -> [Mount] { mountinfo.lines.compactMap(Mount.init) }
  /// The mounts that the tests themselves see.
  static func table() -> [Mount] { parse(contents("/proc/self/mountinfo") ?? "") }
}

/// What this machine offers, so that a test which needs more is left out and says so.
enum Kernel {
  /// The topmost cgroup v2 tree, without a trailing slash.
  static let cgroups: String = {
    let trees = Mount.table().filter { $0.type == "cgroup2" && $0.root == "/" }.map(\.point)
    return trees.last { exists($0 + "/cgroup.procs") } ?? "/sys/fs/cgroup"
  }()

  static let controllers = Set((contents(cgroups + "/cgroup.controllers") ?? "").trimmed.words)

  static func has(_ controller: String) -> Bool { controllers.contains(controller) }

  static func hasCapability(_ bit: Int) -> Bool {
    let line = (contents("/proc/self/status") ?? "").lines.first { $0.hasPrefix("CapEff:") }
    guard let hex = line?.words.last, let bits = UInt64(hex, radix: 16) else { return false }
    return bits & (1 << UInt64(bit)) != 0
  }

  /// CAP_SYS_RESOURCE, without which no hard limit can be raised.
  static let raisesLimits = hasCapability(24)
  /// Whether the kernel tells others than its parent how a process has ended (PIDFD_GET_INFO, Linux 6.15).
  static let tellsEnds: Bool = {
    let numbers = (contents("/proc/sys/kernel/osrelease") ?? "").split { !$0.isNumber }.prefix(2).compactMap {
      Int($0)
    }
    return !numbers.lexicographicallyPrecedes([6, 15])
  }()
  static let hasTimeNamespaces = exists("/proc/self/ns/time")

  /// Whether systemd is process 1 here (sd_booted(3)).
  static let hasSystemd = exists("/run/systemd/system")
  /// Whether this is a machine made of software alone, as the test kernel's is.
  static let isEmulated = contents("/proc/cpuinfo")?.contains("QEMU") ?? false
  /// Whether `Tests/vm/run` runs this.
  static let isTestKernel = ProcessInfo.processInfo.environment["SWIFTJAIL_TEST_KERNEL"] != nil
  static let hasStrace = exists("/usr/bin/strace")

  /// Program names that are not swiftjail under test lack what runc and crun lack.
  static let hasPartitions: Bool = {
    guard let outcome = try? Program(Swiftjail.program, ["run", "--help"]).call() else { return false }
    return (outcome.text + outcome.stderr).contains("--image")
  }()

  /// The cgroup v2 path of a process, as in `0::/path`.
  static func cgroup(of pid: Int) -> String? {
    contents("/proc/\(pid)/cgroup")?.lines.first { $0.hasPrefix("0::") }.map { String($0.dropFirst(3)) }
  }
}
