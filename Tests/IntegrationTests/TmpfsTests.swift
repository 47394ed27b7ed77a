import Foundation
import Testing

/// Directories in memory.
@Suite("Directories in memory")
struct TmpfsTests {
  @Test(
    "A tmpfs without a mode has that of the directory that it covers",
    arguments: [0o710, 0o700, 0o755, 0o1777, 0o2750, 0o4711] as [mode_t], [true, false])
  func inheritedMode(mode: mode_t, hasUsers: Bool) throws {
    try withSandbox { box in
      try makeDirectory(box.rootfs + "/data")
      chmod(box.rootfs + "/data", mode)
      if hasUsers { box.config.mapUsers() }
      box.config.mount("/data", type: "tmpfs", source: "tmpfs", ["size=64k"])
      try #expect(box.sh("stat -c '%a %u' /data") == "\(String(mode, radix: 8)) 0")
    }
  }

  @Test("A tmpfs on a directory that was not there is open to all", arguments: [[], ["ro"]])
  func defaultMode(options: [String]) throws {
    try withSandbox { box in
      box.config.mount("/new/place", type: "tmpfs", source: "tmpfs", options)
      try #expect(box.sh("stat -c %a /new/place") == "1777")
    }
  }

  @Test("A mode that is asked for wins", arguments: ["mode=1750", "nosuid,mode=1750,uid=7"])
  func ownMode(options: String) throws {
    try withSandbox { box in
      try makeDirectory(box.rootfs + "/data")
      chmod(box.rootfs + "/data", 0o710)
      box.config.mount("/data", type: "tmpfs", source: "tmpfs", [options])
      try #expect(box.sh("stat -c '%a %u' /data") == (options.contains("uid") ? "1750 7" : "1750 0"))
    }
  }

  @Test("--tmpfs of a partition keeps the mode of the directory")
  func partition() throws {
    try withSandbox { box in
      try makeDirectory(box.rootfs + "/root")
      chmod(box.rootfs + "/root", 0o700)
      let outcome = try box.program(
        [
          "run", "--rootfs", box.rootfs, "--rm", "--tmpfs", "/root", box.id, "--", "/bin/stat", "-c", "%a",
          "/root",
        ]
      ).call()
      #expect(outcome.text == "700", "\(outcome)")
    }
  }

  @Test("/dev can be read-only: it is so once everything is in it", arguments: ["ro", "rro"])
  func readOnlyDev(option: String) throws {
    try withSandbox { box in
      let mounts = box.config["mounts"] as? [[String: Any]] ?? []
      box.config["mounts"] = mounts.map { mount in
        guard mount["destination"] as? String == "/dev" else { return mount }
        var mount = mount
        mount["options"] = ["nosuid", "mode=755", "size=65536k", option]
        return mount
      }
      box.config["linux.devices"] = [["type": "c", "path": "/dev/sub/mine", "major": 1, "minor": 3]]
      let output = try box.sh(
        "(touch /dev/new) 2>&1; touch /dev/shm/new && echo x > /dev/null && echo x > /dev/sub/mine && ls -d /dev/pts; ls -d /dev/ptmx"
      )
      #expect(output.lines.count == 3 && output.lines[0].contains("Read-only file system"), "\(output)")
      #expect(output.lines[1...] == ["/dev/pts", "/dev/ptmx"])
    }
  }

  @Test("A read-only tmpfs has the mounts that come after it, and what it covers when that is asked for")
  func readOnly() throws {
    try withSandbox { box in
      try makeDirectory(box.rootfs + "/data")
      try write("kept\n", to: box.rootfs + "/data/file")
      try write("bound\n", to: box.scratch.path + "/bound")
      box.config.mount("/data", type: "tmpfs", source: "tmpfs", ["ro", "tmpcopyup"])
      box.config.mount("/data/sub/bound", source: box.scratch.path + "/bound", ["bind"])
      box.config.mount("/data/memory", type: "tmpfs", source: "tmpfs")
      let output = try box.sh(
        "cat /data/file /data/sub/bound; touch /data/memory/new && echo yes; (touch /data/new) 2>&1; true")
      #expect(output.lines.prefix(3) == ["kept", "bound", "yes"], "\(output)")
      #expect(output.lines.last?.contains("Read-only file system") == true, "\(output)")
    }
  }

  @Test("The directory behind masked ones has no room for a file")
  func masked() throws {
    try withSandbox { box in
      try makeDirectory(box.rootfs + "/secret")
      box.config["linux.maskedPaths"] = ["/secret", "/secret", "/etc/none"]
      let masks = Mount.parse(try box.sh("cat /proc/self/mountinfo")).filter { $0.point == "/secret" }
      #expect(masks.count == 1, "one mask is enough for a path that is named twice")
      #expect(masks.first?.superOptions.contains("nr_inodes=1") == true, "\(masks)")
    }
  }
}
