import Foundation
import Testing

/// What waits for nobody and needs a controller.
extension SupervisorPatienceTests {
  @Test("Limits that are given during a start are in force afterwards", .needs(.pids))
  func limitedDuringStart() throws {
    try withSupervisor { site in
      try create(site, "a", SupervisedSandbox.patient)
      let held = try Held(site, "a", layer: true)
      let start = try begin(site, "POST", "/containers/\(site.name("a"))/start")
      try waitForRecord(site, "isWanted")
      let update = try site.ask("POST", "/containers/\(site.name("a"))/update", #"{"PidsLimit": 77}"#)
      #expect(update.status == 200, "\(update)")
      held.release()
      try #expect(start.answer().status == 204)
      let path = Kernel.cgroups + (Kernel.cgroup(of: try site.pid("a")) ?? "") + "/pids.max"
      #expect(poll { contents(path)?.trimmed == "77" }, "\(contents(path) ?? "")")
    }
  }
}
