import Foundation
import Testing

/// Mounts of containers with a user namespace, or with mapped ids.
@Suite("Mounts and user namespaces")
struct UserNamespaceMountTests {
  /// A directory on the host with a file of `user`.
  func source(in box: Sandbox, ownedBy user: uid_t) throws -> String {
    let source = box.scratch.path + "/source"
    try makeDirectory(source)
    try write("text", to: source + "/file")
    chown(source + "/file", user, user)
    return source
  }

  @Test("A bind mount has mapped ids without a user namespace, when it says which")
  func mappingsOfMount() throws {
    try withSandbox { box in
      let source = try source(in: box, ownedBy: 5)
      let map = [["containerID": 0, "hostID": 1000, "size": 100]]
      for (destination, options) in [("/mapped", ["rbind"]), ("/again", ["rbind", "ridmap"])] {
        box.config.append(
          [
            "destination": destination, "source": source, "options": options, "uidMappings": map,
            "gidMappings": map,
          ], to: "mounts")
      }
      try #expect(box.sh("stat -c %u:%g /mapped/file /again/file").lines == ["1005:1005", "1005:1005"])
    }
  }

  @Test(
    "idmap without mappings takes those of the container's user namespace, also of one that it joins",
    arguments: [true, false])
  func joinedNamespace(isJoined: Bool) throws {
    try withSandbox { box in
      let source = try source(in: box, ownedBy: 5)
      try makeDirectory(box.rootfs + "/mapped")
      box.config.mapUsers()
      box.config["process.args"] = ["sleep", "1000"]
      let other = box.id + "-other"
      if isJoined {
        try box.detach(id: other)
        box.config.enter("user", path: "/proc/\(try box.pid(id: other))/ns/user")
        box.config["linux.uidMappings"] = nil
        box.config["linux.gidMappings"] = nil
      }
      box.config.mount("/mapped", source: source, ["rbind", "idmap"])
      try #expect(box.sh("stat -c %u:%g /mapped/file") == "5:5")
    }
  }

  @Test(
    "sysfs in a user namespace with the host's network is the host's, read-only if that is asked for",
    arguments: ["ro", "rw"])
  func hostSysfs(option: String) throws {
    try withSandbox { box in
      box.config.mapUsers()
      box.config.leave("network")
      box.config.unmount("/sys/fs/cgroup")
      box.config.unmount("/sys")
      box.config.mount("/sys", type: "sysfs", source: "sysfs", ["nosuid", "noexec", "nodev", option])
      let table = Mount.parse(try box.sh("ls /sys/class > /dev/null && cat /proc/self/mountinfo"))
      let mount = try #require(table.first { $0.point == "/sys" })
      #expect(mount.type == "sysfs" && mount.options.isSuperset(of: [option, "nosuid"]), "\(mount)")
      for below in table where below.point.hasPrefix("/sys/") && option == "ro" {
        #expect(below.options.contains("ro"), "\(below)")
      }
    }
  }
}
