import Foundation
import Testing

/// What a container's mounts do to those of the host.
@Suite("The host's file systems")
struct MountKernelTests {
  /// The options of all cgroup, message queue, terminal, process and device file systems that the host sees.
  func options() -> [String: Set<String>] {
    var options: [String: Set<String>] = [:]
    for mount in Mount.table() where ["cgroup2", "mqueue", "devpts", "proc", "sysfs"].contains(mount.type) {
      options["\(mount.type) \(mount.point)"] = mount.superOptions
    }
    return options
  }

  @Test("A container that shares them with the host changes no option of theirs", .needs(.memory))
  func sharedFileSystems() throws {
    try withSandbox { box in
      let before = options()
      try #require(before.contains { $0.key.hasPrefix("cgroup2 ") && $0.value.contains("nsdelegate") })
      for kind in ["cgroup", "ipc", "pid", "network"] { box.config.leave(kind) }
      box.config["hostname"] = nil
      for option in ["ro", "rw"] {
        box.config.mount("/cgroup/\(option)", type: "cgroup", source: "cgroup", [option])
        for type in ["mqueue", "devpts", "proc", "sysfs"] {
          box.config.mount("/shared/\(type)-\(option)", type: type, source: type, [option])
        }
      }
      try #expect(box.sh("cat /cgroup/ro/cgroup.controllers").words.contains("memory"))
      #expect(options() == before)
      // In a namespace that is the host's by its path.
      box.config.enter("cgroup", path: "/proc/self/ns/cgroup")
      try #expect(box.sh("cat /cgroup/ro/cgroup.controllers").words.contains("memory"))
      #expect(options() == before)
      box.config.mount("/options", type: "cgroup2", source: "cgroup", ["nsdelegate"])
      expectRefusal(try box.run(), saying: "nsdelegate", "cgroup namespace")
      #expect(options() == before)
    }
  }
}
