import Foundation
import Testing

/// What a process has that a host without CAP_SYS_RESOURCE refuses.
extension ProcessTests {
  @Test("A limit is raised where the host may", .needs(.sysResource))
  func raise() throws {
    try withSandbox { box in
      let most = Int((contents("/proc/sys/fs/nr_open") ?? "").trimmed) ?? 1_048_576
      box.config["process.rlimits"] = [["type": "RLIMIT_NOFILE", "soft": most, "hard": most]]
      try #expect(box.sh("ulimit -n; ulimit -Hn").lines == ["\(most)", "\(most)"])
    }
  }

  @Test("The out-of-memory score is lowered where the host may", .needs(.sysResource))
  func oomScoreLowered() throws {
    try withSandbox { box in
      box.config["process.oomScoreAdj"] = -500
      try #expect(box.sh("cat /proc/self/oom_score_adj") == "-500")
    }
  }
}
