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

  @Test("A mount's own mappings count in a container with a user namespace as well")
  func ownMappings() throws {
    try withSandbox { box in
      box.config.mapUsers()
      try makeDirectory(box.rootfs + "/mapped")
      let map = [["containerID": 0, "hostID": 100_010, "size": 100]]
      box.config.append(
        [
          "destination": "/mapped", "source": try source(in: box, ownedBy: 5), "options": ["bind", "idmap"],
          "uidMappings": map, "gidMappings": map,
        ], to: "mounts")
      try #expect(box.sh("stat -c %u:%g /mapped/file") == "15:15")
    }
  }

  @Test(
    "idmap maps the ids of one mount, ridmap those of the mounts below it as well",
    arguments: ["idmap", "ridmap"])
  func recursiveMappings(option: String) throws {
    try withSandbox { box in
      let source = box.scratch.path + "/source"
      try makeDirectory(source)
      for point in [source, source + "/sub"] {
        try makeDirectory(point)
        try #require(Glibc.mount("tmpfs", point, "tmpfs", 0, nil) == 0)
        try write("", to: point + "/file")
        chown(point + "/file", 5, 5)
      }
      let map = [["containerID": 0, "hostID": 1000, "size": 100]]
      box.config.append(
        [
          "destination": "/data", "source": source, "options": ["rbind", option], "uidMappings": map,
          "gidMappings": map,
        ], to: "mounts")
      try #expect(
        box.sh("stat -c %u /data/file /data/sub/file").lines == ["1005", option == "ridmap" ? "1005" : "5"])
    }
  }

  @Test("Without any mappings ids cannot be mapped", arguments: ["idmap", "ridmap"])
  func noMappings(option: String) throws {
    try withSandbox { box in
      box.config.mount("/mapped", source: try source(in: box, ownedBy: 5), ["rbind", option])
      expectRefusal(try box.run(), saying: "mounts[", ".options: no ids to map")
      box.config.unmount("/mapped")
      box.config.mount("/mapped", type: "tmpfs", source: "tmpfs", [option])
      expectRefusal(try box.run(), saying: "mounts[", ".options: only a bind mount can map ids")
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

  /// A container whose root may mount.
  func mayMount(_ box: Sandbox) {
    box.config.mapUsers()
    for set in ["bounding", "effective", "permitted"] {
      box.config.append("CAP_SYS_ADMIN", to: "process.capabilities.\(set)")
    }
  }

  @Test(
    "Root inside cannot take away what restricts a bind mount, whoever has set it",
    arguments: ["ro", "noexec", "nosuid", "nodev"], [true, false])
  func lockedFlags(flag: String, isHosts: Bool) throws {
    try withSandbox { box in
      let source = box.scratch.path + "/source"
      try makeDirectory(source + "/sub")
      let flags = ["ro": MS_RDONLY, "noexec": MS_NOEXEC, "nosuid": MS_NOSUID, "nodev": MS_NODEV]
      try #require(Glibc.mount("tmpfs", source, "tmpfs", 0, nil) == 0)
      if isHosts {
        try #require(
          Glibc.mount(nil, source, nil, UInt(MS_REMOUNT) | UInt(MS_BIND) | UInt(flags[flag] ?? 0), nil) == 0)
      }
      mayMount(box)
      try makeDirectory(box.rootfs + "/data")
      box.config.mount("/data", source: source, ["rbind"] + (isHosts ? [] : [flag]))
      let output = try box.sh(
        """
        mount -o remount,bind,rw,suid,dev,exec,relatime /data 2> /dev/null && echo remounted
        grep ' /data ' /proc/self/mountinfo
        """)
      #expect(!output.contains("remounted"), "\(output)")
      #expect(Mount.parse(output).last?.options.contains(flag) == true, "\(output)")
    }
  }

  @Test(
    "Root inside cannot uncover what the host has covered, below a volume or below the root",
    arguments: ["/data", "/"])
  func lockedCovers(path: String) throws {
    try withSandbox { box in
      let source = box.scratch.path + "/source"
      try makeDirectory(source)
      if path == "/" {
        // A recursive copy of a directory has the mounts below it.
        try Sandbox.makeRoot(at: source)
        box.config["root.path"] = source
      } else {
        try makeDirectory(box.rootfs + path)
        box.config.mount(path, source: source, ["rbind"])
      }
      try makeDirectory(source + "/covered")
      try write("secret", to: source + "/covered/file")
      try #require(Glibc.mount("tmpfs", source + "/covered", "tmpfs", 0, nil) == 0)
      mayMount(box)
      let below = path == "/" ? "" : path
      let output = try box.sh(
        """
        umount \(below)/covered 2> /dev/null && echo unmounted
        umount -l \(below)/covered 2> /dev/null && echo unmounted
        cat \(below)/covered/file 2> /dev/null
        mount -t tmpfs tmpfs /tmp && mount --bind \(path) /tmp && cat /tmp/covered/file
        grep -c covered /proc/self/mountinfo
        """)
      #expect(!output.contains("unmounted") && !output.contains("secret"), "\(output)")
      #expect(output.lines.last.flatMap(Int.init) ?? 0 > 0, "\(output)")
    }
  }

  @Test("What the container has mounted itself root inside can unmount, and a volume as a whole as well")
  func ownMounts() throws {
    try withSandbox { box in
      let source = try source(in: box, ownedBy: 5)
      try makeDirectory(box.rootfs + "/data")
      mayMount(box)
      box.config.mount("/data", source: source, ["rbind", "ro"])
      try #expect(box.sh("umount /dev/shm && umount /data && ls -A /data && echo done") == "done")
    }
  }

  @Test("The host's mounts are locked also where the user namespace is another container's")
  func joinedUsers() throws {
    try withSandbox { box in
      let source = try source(in: box, ownedBy: 5)
      try makeDirectory(box.rootfs + "/data")
      mayMount(box)
      box.config["process.args"] = ["sleep", "1000"]
      let other = box.id + "-other"
      try box.detach(id: other)
      box.config.enter("user", path: "/proc/\(try box.pid(id: other))/ns/user")
      box.config["linux.uidMappings"] = nil
      box.config["linux.gidMappings"] = nil
      box.config.mount("/data", source: source, ["rbind", "ro"])
      try #expect(
        box.sh("mount -o remount,bind,rw /data 2> /dev/null || echo locked; cat /data/file") == "locked\ntext"
      )
    }
  }

  @Test("The caller stays in its own mount namespace and working directory")
  func callerStays() throws {
    try withSandbox { box in
      box.config.mapUsers()
      try makeDirectory(box.rootfs + "/data")
      box.config.mount("/data", source: try source(in: box, ownedBy: 5), ["rbind"])
      box.config["process.args"] = ["/bin/sleep", "1000"]
      var run = try box.prepare("run")
      // A pid file with a relative path is written after the container's process is created.
      run.arguments = ["-c", "cd \(box.scratch.path) && exec \"$0\" \"$@\"", run.path] + run.arguments
      run.arguments.insert(contentsOf: ["--pid-file", "pid"], at: run.arguments.count - 1)
      run.path = "/bin/sh"
      let running = try run.start()
      defer { running.forget() }
      guard poll({ exists(box.scratch.path + "/pid") }) else {
        throw Broken("no pid file: \(running.stderr)")
      }
      #expect(link("/proc/\(running.pid)/ns/mnt") == link("/proc/self/ns/mnt"))
      #expect(link("/proc/\(running.pid)/cwd") == box.scratch.path)
    }
  }
}
