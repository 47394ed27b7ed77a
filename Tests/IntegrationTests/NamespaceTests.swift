import Foundation
import Testing

@Suite("Namespaces")
struct NamespaceTests {
  /// OCI's names and those of /proc/PID/ns.
  static let files = [
    "pid": "pid", "mount": "mnt", "network": "net", "ipc": "ipc", "uts": "uts", "cgroup": "cgroup",
  ]

  @Test("A new namespace of each type is another than the host's", arguments: files.keys.sorted())
  func new(type: String) throws {
    let file = try #require(Self.files[type])
    try withSandbox { box in
      box.config.enter(type)
      let inside = try box.sh("readlink /proc/self/ns/\(file)")
      #expect(inside.hasPrefix("\(file):["))
      #expect(inside != link("/proc/self/ns/\(file)"))
    }
  }

  @Test("A namespace that is not asked for stays the host's", arguments: ["network", "ipc", "cgroup"])
  func host(type: String) throws {
    let file = try #require(Self.files[type])
    try withSandbox { box in
      box.config.leave(type)
      box.config.unmount("/sys")
      box.config.unmount("/sys/fs/cgroup")
      box.config.unmount("/dev/mqueue")
      try #expect(box.sh("readlink /proc/self/ns/\(file)") == link("/proc/self/ns/\(file)"))
    }
  }

  @Test(
    "A namespace given by path is joined",
    arguments: ["network", "ipc", "uts", "pid", "cgroup"])
  func join(type: String) throws {
    let file = try #require(Self.files[type])
    try withSandbox { box in
      box.config["process.args"] = ["sleep", "1000"]
      try box.detach()
      let path = "/proc/\(try box.pid())/ns/\(file)"
      try withSandbox { guest in
        guest.config["hostname"] = nil
        guest.config.enter(type, path: path)
        // The link is read from outside: in a joined pid namespace the guest's own /proc shows it as well.
        guest.config["process.args"] = ["sleep", "1000"]
        try guest.detach()
        try #expect(link("/proc/\(guest.pid())/ns/\(file)") == link(path))
      }
    }
  }

  @Test("A user namespace given by path is joined")
  func joinUser() throws {
    try withSandbox { box in
      box.config["process.args"] = ["sleep", "1000"]
      box.config.mapUsers()
      try box.detach()
      let path = "/proc/\(try box.pid())/ns/user"
      try withSandbox { guest in
        guest.config.enter("user", path: path)
        guest.config["process.args"] = ["sleep", "1000"]
        try guest.detach()
        try #expect(link("/proc/\(guest.pid())/ns/user") == link(path))
      }
    }
  }

  @Test("A path to a namespace of another type is refused")
  func wrongType() throws {
    try withSandbox { box in
      box.config.enter("network", path: "/proc/self/ns/uts")
      expectRefusal(try box.run(), saying: "/proc/self/ns/uts")
    }
  }

  @Test("A path to no namespace is refused")
  func noNamespace() throws {
    try withSandbox { box in
      box.config.enter("ipc", path: "/etc/passwd")
      expectRefusal(try box.run(), saying: "/etc/passwd")
    }
  }

  @Test("A path that does not exist is refused")
  func missing() throws {
    try withSandbox { box in
      box.config.enter("uts", path: "/run/nowhere/uts")
      expectRefusal(try box.run(), saying: "/run/nowhere/uts")
    }
  }

  @Test("The same namespace type twice is refused")
  func twice() throws {
    try withSandbox { box in
      box.config.append(["type": "ipc"], to: "linux.namespaces")
      expectRefusal(try box.run(), saying: "linux.namespaces[")
    }
  }

  @Test("Process 1 is the program itself")
  func first() throws {
    try withSandbox { box in
      box.config["process.args"] = ["sleep", "1000"]
      try box.detach()
      let pid = try box.pid()
      #expect(contents("/proc/\(pid)/cmdline") == "sleep\u{0}1000\u{0}")
      let status = contents("/proc/\(pid)/status") ?? ""
      let namespaced = try #require(status.lines.first { $0.hasPrefix("NSpid:") })
      #expect(namespaced.words.last == "1")
      #expect(namespaced.words.count == 3, "only one pid namespace below the host's: \(namespaced)")
    }
  }

  @Test("The pid namespace shows no other process")
  func alone() throws {
    try withSandbox { box in
      try #expect(box.sh("cd /proc; ls -d [0-9]*; exit 0").lines.allSatisfy { (Int($0) ?? 99) < 5 })
    }
  }

  @Test("Container ids map to host ids, and files belong to the mapped owner")
  func userMapping() throws {
    try withSandbox { box in
      box.config.mapUsers()
      chown(box.rootfs + "/tmp", 100_000, 100_000)
      let output = try box.sh(
        "cat /proc/self/uid_map /proc/self/gid_map; id -u; touch /tmp/mine; stat -c %u:%g /tmp/mine; stat -c %u /bin"
      ).lines
      try #require(output.count == 5)
      #expect(output[0].words == ["0", "100000", "65536"])
      #expect(output[1].words == ["0", "100000", "65536"])
      #expect(Array(output[2...]) == ["0", "0:0", "65534"])
      var status = stat()
      try #require(stat(box.rootfs + "/tmp/mine", &status) == 0)
      #expect(status.st_uid == 100_000 && status.st_gid == 100_000)
    }
  }

  @Test("The process of a user namespace is seen from the host under its mapped id")
  func mappedProcess() throws {
    try withSandbox { box in
      box.config.mapUsers()
      box.config["process.user"] = ["uid": 7, "gid": 8]
      box.config["process.args"] = ["sleep", "1000"]
      try box.detach()
      let status = contents("/proc/\(try box.pid())/status") ?? ""
      #expect(status.contains("Uid:\t100007\t100007"))
      #expect(status.contains("Gid:\t100008\t100008"))
    }
  }

  @Test("Several ranges of ids are mapped")
  func ranges() throws {
    try withSandbox { box in
      box.config.enter("user")
      let map = [
        ["containerID": 0, "hostID": 200_000, "size": 10],
        ["containerID": 1000, "hostID": 300_000, "size": 5],
      ]
      box.config["linux.uidMappings"] = map
      box.config["linux.gidMappings"] = map
      let output = try box.sh("cat /proc/self/uid_map").lines.map(\.words)
      #expect(output == [["0", "200000", "10"], ["1000", "300000", "5"]])
    }
  }

  @Test("A user that the map does not hold is refused")
  func unmapped() throws {
    try withSandbox { box in
      box.config.mapUsers()
      box.config["process.user"] = ["uid": 70000, "gid": 0]
      expectRefusal(try box.run())
    }
  }

  @Test("Id maps without a user namespace are refused")
  func mapsAlone() throws {
    try withSandbox { box in
      box.config["linux.uidMappings"] = [["containerID": 0, "hostID": 100_000, "size": 65536]]
      expectRefusal(try box.run())
    }
  }

  @Test("A time namespace shifts the clocks", .enabled(if: Kernel.hasTimeNamespaces))
  func time() throws {
    try withSandbox { box in
      box.config.enter("time")
      box.config["linux.timeOffsets"] = [
        "boottime": ["secs": 1_000_000, "nanosecs": 0], "monotonic": ["secs": 7, "nanosecs": 5],
      ]
      let uptime = Double((contents("/proc/uptime") ?? "").words.first ?? "") ?? 0
      let output = try box.sh("cat /proc/uptime /proc/self/timens_offsets; readlink /proc/self/ns/time").lines
      try #require(output.count == 4)
      let inside = Double(output[0].words.first ?? "") ?? 0
      #expect(inside >= uptime + 999_999 && inside < uptime + 1_000_000 + patience)
      #expect(output[1].words == ["monotonic", "7", "5"])
      #expect(output[2].words == ["boottime", "1000000", "0"])
      #expect(output[3] != link("/proc/self/ns/time"))
    }
  }

  @Test("Time offsets without a time namespace are refused")
  func offsetsAlone() throws {
    try withSandbox { box in
      box.config["linux.timeOffsets"] = ["boottime": ["secs": 1, "nanosecs": 0]]
      expectRefusal(try box.run(), saying: "time")
    }
  }

  @Test("Host name and domain name are the container's own")
  func names() throws {
    let host = contents("/proc/sys/kernel/hostname")
    try withSandbox { box in
      box.config["hostname"] = "inner"
      box.config["domainname"] = "example.test"
      let output = try box.sh("hostname; cat /proc/sys/kernel/domainname").lines
      #expect(output == ["inner", "example.test"])
      #expect(contents("/proc/sys/kernel/hostname") == host)
    }
  }

  @Test("A host name without a uts namespace is refused")
  func nameAlone() throws {
    try withSandbox { box in
      box.config.leave("uts")
      box.config["hostname"] = "inner"
      expectRefusal(try box.run(), saying: "uts")
    }
  }

  @Test("The loopback interface of a new network namespace is up, and the only one")
  func loopback() throws {
    try withSandbox { box in
      let output = try box.sh("ip -o link").lines
      #expect(output.count == 1)
      #expect(output.first?.contains("lo:") == true)
      #expect(output.first?.contains("UP") == true, "\(output)")
    }
  }
}
