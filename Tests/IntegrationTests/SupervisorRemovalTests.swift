import Foundation
import Testing

/// A removal that has begun is finished, whoever is killed meanwhile.
@Suite("Removals under the supervisor", .enabled(if: Kernel.hasPartitions))
struct SupervisorRemovalTests {
  /// Creates a partition by a request.
  private func create(
    _ site: SupervisedSandbox, _ short: String, _ script: String, _ hostConfig: [String: Any] = [:]
  ) throws {
    let document: [String: Any] = [
      "Image": "host", "Cmd": ["/bin/sh", "-c", script], "Env": ["SWIFTJAIL_TEST=\(site.box.id)"],
      "HostConfig": hostConfig,
    ]
    let body = String(decoding: try JSONSerialization.data(withJSONObject: document), as: UTF8.self)
    let answer = try site.ask("POST", "/containers/create?name=\(site.name(short))", body)
    guard answer.status == 201 else { throw Broken("create: \(answer)") }
  }

  private func start(_ site: SupervisedSandbox, _ short: String) throws {
    let answer = try site.ask("POST", "/containers/\(site.name(short))/start")
    guard answer.status == 204 else { throw Broken("start: \(answer)") }
  }

  private func layer(_ site: SupervisedSandbox, _ short: String) -> String {
    "\(site.box.root)/.partitions/\(site.name(short))"
  }

  /// Kills the supervisor and its helper processes, and leaves the keeper and what that keeps.
  private func kill(_ site: SupervisedSandbox) throws {
    try site.end(SIGKILL)
    for pid in Snapshot.processes(marked: site.box.id)
    where contents("/proc/\(pid)/comm")?.trimmed == "swiftjaild" { Glibc.kill(pid, SIGKILL) }
  }

  @Test("A removal that has begun is finished by the next supervisor")
  func finished() throws {
    try withSupervisor { site in
      try create(site, "a", "exit 3")
      try start(site, "a")
      try site.waitFor("a", "exited")
      // Who removes it waits for this.
      let held = open(layer(site, "a"), O_RDONLY | O_DIRECTORY | O_CLOEXEC)
      #expect(held >= 0 && flock(held, LOCK_EX) == 0)
      let connection = try SupervisorConnection(site.socket)
      try connection.begin("DELETE", "/containers/\(site.name("a"))")
      try site.waitFor("a", "removing")
      try kill(site)
      close(held)
      try site.launch()
      try site.waitFor("a", "none")
      #expect(!FileManager.default.fileExists(atPath: layer(site, "a")))
    }
  }

  @Test("A running partition that is removed by force is removed by the next supervisor, whatever its policy")
  func running() throws {
    try withSupervisor { site in
      try create(site, "a", SupervisedSandbox.patient, ["RestartPolicy": ["Name": "always"]])
      try start(site, "a")
      try site.waitUntilReady("a")
      // Its end cannot be told while the keeper stands still.
      let keeper = try #require(site.keepers.first)
      Glibc.kill(keeper, SIGSTOP)
      defer { Glibc.kill(keeper, SIGCONT) }
      let connection = try SupervisorConnection(site.socket)
      try connection.begin("DELETE", "/containers/\(site.name("a"))?force=1")
      try site.waitFor("a", "removing")
      try kill(site)
      Glibc.kill(keeper, SIGCONT)
      try site.launch()
      try site.waitFor("a", "none")
    }
  }

  @Test("A partition whose removal has failed is dead: it cannot be started, and can be removed again")
  func failed() throws {
    try withSupervisor { site in
      try create(site, "a", "exit 3")
      try start(site, "a")
      try site.waitFor("a", "exited")
      // A directory with logs of somebody else's is a file here, which cannot be emptied.
      let logs = "\(site.records)/logs/\(site.name("a"))"
      try FileManager.default.moveItem(atPath: logs, toPath: logs + "-kept")
      try Data().write(to: URL(fileURLWithPath: logs))
      let target = "/containers/\(site.name("a"))"
      try #expect(site.ask("DELETE", target).status == 500)
      try #expect(site.status("a") == "dead")
      let refused = try site.ask("POST", "\(target)/start")
      #expect(refused.status == 409, "\(refused)")
      try #expect(
        site.ask("POST", "/containers/\(site.name("a"))/rename?name=\(site.name("b"))").status == 409)
      try FileManager.default.removeItem(atPath: logs)
      try #expect(site.ask("DELETE", target).status == 204)
      try #expect(site.status("a") == "none")
      try FileManager.default.removeItem(atPath: logs + "-kept")
    }
  }

  @Test("What the killed supervisor was removing takes nothing from a new partition of that name")
  func newOne() throws {
    try withSupervisor { site in
      try create(site, "a", "exit 3")
      try start(site, "a")
      try site.waitFor("a", "exited")
      let held = open(layer(site, "a"), O_RDONLY | O_DIRECTORY | O_CLOEXEC)
      #expect(held >= 0 && flock(held, LOCK_EX) == 0)
      let connection = try SupervisorConnection(site.socket)
      try connection.begin("DELETE", "/containers/\(site.name("a"))")
      try site.waitFor("a", "removing")
      try site.end(SIGKILL)
      let helpersEnd = poll {
        Snapshot.processes(marked: site.box.id).allSatisfy {
          contents("/proc/\($0)/comm")?.trimmed != "swiftjaild"
        }
      }
      #expect(helpersEnd, "a helper process outlives the supervisor")
      close(held)
      try site.launch()
      try site.waitFor("a", "none")
    }
  }
}
