import Foundation
import Testing

/// Cgroups and limits, as far as no controller is needed.
@Suite("Limits")
struct LimitTests {
  static func resources(_ json: String) throws -> Any {
    try JSONSerialization.jsonObject(with: Data(json.utf8))
  }

  /// The container's cgroup, as the host sees it.
  static func directory(of box: Sandbox) throws -> String {
    guard let cgroup = Kernel.cgroup(of: try box.pid()) else { throw Broken("no cgroup of \(try box.pid())") }
    return Kernel.cgroups + cgroup
  }

  @Test(
    "A unified name cannot lead out of the cgroup",
    arguments: ["../memory.max", "a/b.c", "/etc/passwd", "..", ""])
  func unifiedEscape(name: String) throws {
    try withSandbox { box in
      box.config["linux.resources"] = ["unified": [name: "1"]]
      expectRefusal(try box.run(), saying: "unified")
      expectNothingLeft(of: box)
    }
  }

  static let needs = [
    "memory": #"{"memory": {"limit": 67108864}}"#, "cpu": #"{"cpu": {"quota": 50000}}"#,
    "pids": #"{"pids": {"limit": 10}}"#, "io": #"{"blockIO": {"weight": 500}}"#,
    "cpuset": #"{"cpu": {"cpus": "0"}}"#,
  ]

  @Test(
    "A limit whose controller the host lacks is refused: one line with controller and hierarchy",
    arguments: needs.keys.filter { !Kernel.has($0) }.sorted())
  func lacking(controller: String) throws {
    try withSandbox { box in
      box.config["linux.resources"] = try Self.resources(Self.needs[controller] ?? "{}")
      expectRefusal(try box.run(), saying: controller, Kernel.cgroups)
      expectNothingLeft(of: box)
    }
  }

  @Test("Unlimited is no limit, and needs no controller")
  func empty() throws {
    try withSandbox { box in
      box.config["linux.resources"] = ["memory": [:], "cpu": [:], "pids": [:]] as [String: Any]
      let outcome = try box.run()
      #expect(outcome.status == 0, "\(outcome)")
    }
  }

  @Test("The container is in its own cgroup before its program starts")
  func born() throws {
    try withSandbox { box in
      try box.create()
      let pid = try box.pid()
      let directory = try Self.directory(of: box)
      #expect(directory.contains(box.id))
      #expect((contents(directory + "/cgroup.procs") ?? "").lines == ["\(pid)"])
    }
  }

  @Test(
    "cgroupsPath is the cgroup's path, absolute or below the caller's", arguments: ["/%/deep", "%-relative"])
  func path(template: String) throws {
    try withSandbox { box in
      let path = template.replacingOccurrences(of: "%", with: box.id)
      box.config["linux.cgroupsPath"] = path
      try box.create()
      let cgroup = try #require(Kernel.cgroup(of: try box.pid()))
      #expect(path.hasPrefix("/") ? cgroup == path : cgroup.hasSuffix("/" + path))
      try box.delete()
      #expect(!exists(Kernel.cgroups + cgroup))
      rmdir(Kernel.cgroups + "/" + box.id)
    }
  }

  @Test("A cgroupsPath with .. does not lead out of the hierarchy")
  func pathUpwards() throws {
    try withSandbox { box in
      box.config["linux.cgroupsPath"] = "/../../../../../tmp/\(box.id)-up"
      let outcome = try box.prepare("create").call()
      #expect(!exists("/tmp/\(box.id)-up"), "\(outcome)")
      try box.delete()
    }
  }
}
