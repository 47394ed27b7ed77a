import Foundation
import Glibc
import Testing

/// To whom a container's cgroup belongs.
@Suite("Owners of cgroups")
struct CgroupOwnerTests {
  private func withContainer(writable: Bool, _ change: (Sandbox) -> Void, _ body: (Sandbox) throws -> Void)
    throws
  {
    try withSandbox { box in
      box.config.enter("cgroup")
      box.config.unmount("/sys/fs/cgroup")
      box.config.mount(
        "/sys/fs/cgroup", type: "cgroup", source: "cgroup",
        ["nosuid", "noexec", "nodev"] + (writable ? [] : ["ro"]))
      box.config["process.args"] = ["sleep", "1000"]
      change(box)
      try box.detach()
      try body(box)
    }
  }

  private func owners(_ box: Sandbox) throws -> [UInt32] {
    let directory = try LimitTests.directory(of: box)
    return ["", "/cgroup.procs", "/cgroup.subtree_control", "/cgroup.threads", "/cgroup.freeze"].map { file in
      var status = stat()
      return stat(directory + file, &status) == 0 ? status.st_uid : .max
    }
  }

  private static let script = """
    set -e; cd /sys/fs/cgroup; mkdir sub; echo $$ > sub/cgroup.procs; grep ^0: /proc/self/cgroup
    echo 5 2> /dev/null > cgroup.max.depth || echo refused
    """

  @Test("Root of a user namespace owns a cgroup that is mounted for writing, and makes others below it")
  func userNamespace() throws {
    try withContainer(writable: true, { $0.config.mapUsers() }) { box in
      try #expect(owners(box) == [100_000, 100_000, 100_000, 100_000, 0])
      let outcome = try box.exec([], "sh", "-c", Self.script)
      #expect(outcome.lines == ["0::/sub", "refused"], "\(outcome)")
      try box.delete()
      expectNothingLeft(of: box)
    }
  }

  @Test("So does another user, and one of a user namespace that is joined")
  func otherUser() throws {
    try withContainer(writable: true, { $0.config["process.user"] = ["uid": 1000, "gid": 1000] }) { box in
      try #expect(owners(box) == [1000, 1000, 1000, 1000, 0])
    }
    try withContainer(writable: false, { $0.config.mapUsers() }) { first in
      let namespace = "/proc/\(try first.pid())/ns/user"
      try withContainer(
        writable: true,
        {
          $0.config.enter("user", path: namespace)
          $0.config["process.user"] = ["uid": 7, "gid": 7]
        }
      ) { box in try #expect(owners(box) == [100_007, 100_007, 100_007, 100_007, 0]) }
    }
  }

  @Test("A cgroup stays root's when it is read-only, not shown, or the cgroup namespace is the host's")
  func roots() throws {
    let root: [UInt32] = [0, 0, 0, 0, 0]
    try withContainer(writable: false, { $0.config.mapUsers() }) { try #expect(owners($0) == root) }
    try withContainer(
      writable: true,
      {
        $0.config.mapUsers()
        $0.config.unmount("/sys/fs/cgroup")
      }
    ) { try #expect(owners($0) == root) }
    try withContainer(
      writable: true,
      {
        $0.config["process.user"] = ["uid": 1000, "gid": 1000]
        $0.config.leave("cgroup")
      }
    ) { try #expect(owners($0) == root) }
    try withContainer(writable: true, { _ in }) { try #expect(owners($0) == root) }
  }
}
