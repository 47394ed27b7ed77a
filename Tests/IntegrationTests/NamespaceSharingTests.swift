import Foundation
import Testing

/// Namespaces that containers share with each other or with the host, and what shows them: `/proc`, clocks, kernel parameters.
@Suite("Shared namespaces")
struct NamespaceSharingTests {
  /// Gives the pid of a container's first process that sleeps.
  private func withOwner(
    _ change: (inout Config) -> Void = { _ in }, _ body: (Int) throws -> Void
  ) throws {
    try withSandbox { box in
      change(&box.config)
      box.config["process.args"] = ["/bin/sleep", "4711"]
      try box.detach()
      try body(try box.pid())
    }
  }

  @Test(
    "The /proc of a container that joins a pid namespace shows the processes there", arguments: [false, true])
  func joinedProc(hasUsers: Bool) throws {
    try withOwner({ if hasUsers { $0.mapUsers() } }) { owner in
      try withSandbox { guest in
        guest.config.enter("pid", path: "/proc/\(owner)/ns/pid")
        if hasUsers { guest.config.enter("user", path: "/proc/\(owner)/ns/user") }
        try #expect(
          guest.sh("tr '\\0' ' ' < /proc/1/cmdline; echo; readlink /proc/self/ns/pid").lines
            == ["/bin/sleep 4711 ", link("/proc/\(owner)/ns/pid") ?? "none"])
      }
    }
  }

  @Test("Without a pid namespace /proc shows the host's processes, and what is to be hidden is")
  func hostProc() throws {
    try withSandbox { box in
      box.config.leave("pid")
      try #expect(
        box.sh("[ -d /proc/\(getpid()) ] && echo seen; cat /proc/keys; ls -A /proc/acpi; echo end").lines
          == ["seen", "end"])
      #expect(access("/proc/keys", R_OK) == 0)
    }
  }

  @Test("A user namespace without a pid namespace can have the host's /proc as a bind mount")
  func boundProc() throws {
    try withSandbox { box in
      box.config.mapUsers()
      box.config.leave("pid")
      box.config.unmount("/proc")
      let mounts = box.config["mounts"] as? [Any] ?? []
      box.config["mounts"] =
        [["destination": "/proc", "type": "bind", "source": "/proc", "options": ["rbind", "nosuid"]]] + mounts
      try #expect(
        box.sh(
          "[ -d /proc/\(getpid()) ] && echo seen; cat /proc/keys; (echo 1 > /proc/sys/kernel/panic) 2> /dev/null; true"
        ).lines == ["seen"])
    }
  }

  @Test("A time namespace given by path is joined with its offsets", .enabled(if: Kernel.hasTimeNamespaces))
  func joinedTime() throws {
    try withOwner({
      $0.enter("time")
      $0["linux.timeOffsets"] = ["boottime": ["secs": 2_000_000, "nanosecs": 0]]
    }) { owner in
      try withSandbox { guest in
        guest.config.enter("time", path: "/proc/\(owner)/ns/time")
        guest.config.shell("cat /proc/uptime; readlink /proc/self/ns/time; sleep 1000")
        try guest.detach()
        try guest.waitForOutput("time:")
        let exec = try guest.exec([], "sh", "-c", "cat /proc/uptime; readlink /proc/self/ns/time")
        for lines in [guest.output.lines, exec.lines] {
          try #require(lines.count == 2, "\(lines)")
          #expect((Double(lines[0].words.first ?? "") ?? 0) > 2_000_000)
          #expect(lines[1] == link("/proc/\(owner)/ns/time"))
        }
        guest.config["linux.timeOffsets"] = ["monotonic": ["secs": 1, "nanosecs": 0]]
        expectRefusal(try guest.run(id: guest.id + "-2"), saying: "linux.timeOffsets", "joined by its path")
      }
    }
  }

  @Test("A mount namespace given by path is used as it is")
  func joinedMounts() throws {
    try withOwner({ $0.mount("/shared", type: "tmpfs", source: "tmpfs") }) { owner in
      try write("text", to: "/proc/\(owner)/root/shared/file")
      try withSandbox { guest in
        guest.config.enter("mount", path: "/proc/\(owner)/ns/mnt")
        for field in ["mounts", "linux.maskedPaths", "linux.readonlyPaths"] { guest.config[field] = nil }
        // What is the root of a mount namespace is no path of the host's.
        guest.config["root.path"] = "/"
        let outcome = try guest.prepare("run").call()
        #expect(outcome.status == 0, "\(outcome)")
        try #expect(guest.sh("cat /shared/file; readlink /proc/1/ns/mnt; true").contains("text"))
        guest.config.mount("/more", type: "tmpfs", source: "tmpfs")
        expectRefusal(try guest.run(), saying: "mounts: the file tree of a mount namespace that is joined")
      }
    }
  }

  @Test(
    "Kernel parameters of the container's namespaces are set, also by root of a user namespace",
    arguments: [false, true])
  func parameters(hasUsers: Bool) throws {
    let host = contents("/proc/sys/kernel/shmmni")
    try withSandbox { box in
      if hasUsers { box.config.mapUsers() }
      box.config["linux.sysctl"] = [
        "net.ipv4.ip_forward": "1", "kernel.shmmni": "1234", "fs.mqueue.msg_max": "23",
        "net/ipv4/conf/lo/rp_filter": "2", "kernel.domainname": "parameters.test",
      ]
      try #expect(
        box.sh(
          "cd /proc/sys; cat net/ipv4/ip_forward kernel/shmmni fs/mqueue/msg_max net/ipv4/conf/lo/rp_filter kernel/domainname"
        ).lines == ["1", "1234", "23", "2", "parameters.test"])
      #expect(contents("/proc/sys/kernel/shmmni") == host)
    }
  }

  @Test(
    "Parameters of a namespace that is the caller's own by its path are refused",
    arguments: [
      ("ipc", "ipc", "kernel.shmmni"), ("ipc", "ipc", "fs.mqueue.msg_max"),
      ("uts", "uts", "kernel.domainname"),
      ("network", "net", "net.core.somaxconn"),
    ])
  func ownParameters(kind: String, file: String, name: String) throws {
    try withSandbox { box in
      box.config.enter(kind, path: "/proc/self/ns/\(file)")
      box.config["hostname"] = nil
      box.config["linux.sysctl"] = [name: "1"]
      // Not this machine's own, if it were to be changed all the same.
      var program = try box.prepare("run")
      program.arguments = ["--uts", "--net", "--ipc", program.path] + program.arguments
      program.path = "unshare"
      expectRefusal(try program.call(), saying: "linux.sysctl", name, "would change the host")
    }
  }
}
