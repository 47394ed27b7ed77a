import Foundation
import Testing

@Suite("In a container that lacks something", .enabled(if: Confinement.isAvailable))
struct SurroundingsTests {
  private func run(_ box: Sandbox, _ confinement: Confinement) throws -> Outcome {
    try confinement.around(box.prepare("run")).call()
  }

  private static func without(_ capabilities: String...) -> Confinement { Confinement(lacking: capabilities) }
  private static let readOnlySysctl =
    "mount --bind /proc/sys /proc/sys; mount -o remount,bind,ro /proc/sys"

  // MARK: Capabilities

  @Test(
    "What takes a capability says which one, and nothing is left",
    arguments: [
      ("CAP_SYS_ADMIN", "", ""), ("CAP_NET_ADMIN", "", ""),
      ("CAP_SYS_RESOURCE", "process.rlimits", #"[{"type": "RLIMIT_NOFILE", "soft": 10, "hard": 9000000}]"#),
      ("CAP_SYS_RESOURCE", "process.oomScoreAdj", "-900"),
      ("CAP_SYS_NICE", "process.scheduler", #"{"policy": "SCHED_FIFO", "priority": 5}"#),
    ])
  func capabilities(_ capability: String, _ field: String, _ value: String) throws {
    try withSandbox { box in
      box.config.enter("network")
      // The container's own is another matter.
      box.config["process.capabilities"] = nil
      if !field.isEmpty {
        box.config[field] = try JSONSerialization.jsonObject(
          with: Data(value.utf8), options: .fragmentsAllowed)
      }
      expectRefusal(
        try run(box, Self.without(capability)), saying: capability, field.isEmpty ? capability : field)
      expectNothingLeft(of: box, "without \(capability)")
    }
  }

  @Test("Without CAP_MKNOD, or where device rules forbid it, the devices are the host's")
  func devices() throws {
    try withSandbox { box in
      box.config.shell(
        "echo gone > /dev/null && head -c 4 /dev/zero | wc -c && grep -c ' /dev/null ' /proc/mounts")
      let outcome = try run(box, Self.without("CAP_MKNOD"))
      #expect(outcome.lines == ["4", "1"], "\(outcome)")
      let bare = Confinement(
        lacking: ["CAP_MKNOD"], setUp: "mount -t tmpfs none /dev; mknod -m 666 /dev/null c 1 3")
      expectRefusal(try run(box, bare), saying: "/dev/zero", "CAP_MKNOD")
    }
  }

  @Test("Without CAP_MKNOD, swiftjaild starts partitions with the host's devices")
  func supervisedDevices() throws {
    let site = try SupervisedSandbox()
    defer { site.remove() }
    site.confinement = Self.without("CAP_MKNOD")
    try site.define("a", "echo gone > /dev/null && echo hello; exec sleep 1000")
    try site.launch()
    try site.waitForOutput("a", "hello")
    try site.end(SIGTERM)
  }

  @Test("Without these capabilities nothing is missing", arguments: ["CAP_SYS_PTRACE", "CAP_SYS_RESOURCE"])
  func spare(_ capability: String) throws {
    try withSandbox { box in
      let outcome = try run(box, Self.without(capability))
      #expect(outcome.status == 0, "\(outcome)")
    }
  }

  @Test("Who is not root is told so")
  func user() throws {
    try withSandbox { box in
      chmod(box.root, 0o777)
      var program = try box.prepare("run")
      program.arguments =
        ["--reuid=65534", "--regid=65534", "--clear-groups", program.path] + program.arguments
      program.path = "setpriv"
      expectRefusal(try program.call(), saying: "CAP_SYS_ADMIN", "as root")
      chmod(box.root, 0o700)
      expectRefusal(try program.call(), saying: "as root")
    }
  }

  // MARK: Files

  @Test(
    "Where /proc/sys cannot be written to, kernel parameters are set all the same",
    arguments: [readOnlySysctl, "mount -t tmpfs none /proc/sys", "mount -t tmpfs none /proc/sys/net"])
  func parameters(_ setUp: String) throws {
    try withSandbox { box in
      box.config.enter("network")
      box.config["linux.sysctl"] = ["net.ipv4.ip_forward": "1"]
      box.config["process.args"] = ["cat", "/proc/sys/net/ipv4/ip_forward"]
      let outcome = try run(box, Confinement(setUp: setUp))
      #expect(outcome.text == "1", "\(outcome)")
    }
  }

  @Test("A user namespace does not set them there, and says why")
  func parametersOfUsers() throws {
    try withSandbox { box in
      box.config.mapUsers()
      box.config.enter("network")
      box.config["linux.sysctl"] = ["net.ipv4.ip_forward": "1"]
      let outcome = try run(box, Confinement(setUp: Self.readOnlySysctl))
      expectRefusal(outcome, saying: "net/ipv4/ip_forward", "Read-only", "--privileged")
    }
  }

  @Test("Where parts of /proc are hidden, a user namespace cannot mount it, and is told how it could")
  func hiddenProc() throws {
    try withSandbox { box in
      box.config.mapUsers()
      let outcome = try run(box, Confinement(setUp: "mount -t tmpfs -o ro none /proc/fs"))
      expectRefusal(outcome, saying: "mount proc", "hidden", "--privileged", "unmask=ALL")
      box.config.leave("user")
      box.config["linux.uidMappings"] = nil
      box.config["linux.gidMappings"] = nil
      let whole = try run(box, Confinement(setUp: "mount -t tmpfs -o ro none /proc/fs"))
      #expect(whole.status == 0, "\(whole)")
    }
  }

  @Test(
    "Nothing is needed of these",
    arguments: [
      "mount -o remount,bind,ro /sys", "mount -t tmpfs -o ro none /tmp.none || true",
      "[ ! -e /dev/kvm ] || mount --bind /dev/null /dev/kvm", "mount -t tmpfs -o ro none /run",
      "mount -t tmpfs -o ro none /var", "umount -R -l /sys/fs/cgroup", "umount -R -l /sys",
    ])
  func unneeded(_ setUp: String) throws {
    try withSandbox { box in
      let outcome = try run(box, Confinement(setUp: setUp))
      #expect(outcome.status == 0, "\(outcome)")
    }
  }

  @Test(
    "What is needed is named, with what to do",
    arguments: [
      ("umount -R -l /sys/fs/cgroup", ["cgroup v2", "mount -t cgroup2"]),
      ("umount -R -l /sys", ["cgroup v2", "mount -t cgroup2"]),
      ("mount -t tmpfs none /dev", ["/dev/null", "must be there"]),
    ])
  func needed(_ setUp: String, _ words: [String]) throws {
    try withSandbox { box in
      if words.contains("cgroup v2") { box.config["linux.resources"] = ["pids": ["limit": 50]] }
      let outcome = try run(box, Confinement(setUp: setUp))
      for word in words { expectRefusal(outcome, saying: word) }
    }
  }

  @Test("A state directory that cannot be made is named, with what to do")
  func stateDirectory() throws {
    try withSandbox { box in
      var program = try box.prepare("run")
      program.arguments.removeAll { $0 == "--root" || $0 == box.root }
      let outcome = try Confinement(setUp: "mount -t tmpfs -o ro none /run").around(program).call()
      expectRefusal(outcome, saying: "/run/swiftjail", "Read-only", "--root")
    }
  }

  @Test(
    "Without /proc it says what to mount", .enabled(if: Swiftjail.isStatic),
    arguments: ["swiftjail", "swiftjaild"])
  func noProc(_ name: String) throws {
    let program = Program(name == "swiftjail" ? Swiftjail.program : Swiftjail.supervisor, ["list"])
    let outcome = try Confinement(setUp: "umount -R -l /proc").around(program).call()
    expectRefusal(outcome, saying: "/proc is not mounted", "mount -t proc")
  }

  // MARK: Mount namespaces that are mounted

  /// A directory with files, below which a mount namespace is mounted.
  private static func pinning(_ directory: String) -> Confinement {
    // Some kernels number namespaces by processor: on one, later ones are younger.
    Confinement(
      setUp: """
        mkdir -p \(directory); mount -t tmpfs none \(directory); cd \(directory)
        mkdir sub; mount -t tmpfs none sub; echo text > sub/file
        touch ns; unshare --mount=ns true
        """, usesOneProcessor: true)
  }

  private static let look =
    "cat /data/sub/file; [ ! -s /data/ns ] && ! grep nsfs /proc/mounts && echo without"

  @Test("A tree in which a mount namespace is mounted is bound without that", arguments: [false, true])
  func pinned(mapsUsers: Bool) throws {
    try withSandbox { box in
      let source = box.scratch.path + "/pin"
      if mapsUsers { box.config.mapUsers() }
      try makeDirectory(box.rootfs + "/data")
      box.config.mount("/data", type: "bind", source: source, ["rbind", "ro"])
      box.config.shell(Self.look + "; (echo x > /data/new) 2> /dev/null || echo read-only")
      let outcome = try run(box, Self.pinning(source))
      #expect(outcome.lines == ["text", "without", "read-only"], "\(outcome)")
    }
  }

  @Test("What the container mounts in such a tree is seen by the host when that is asked for")
  func pinnedShared() throws {
    try withSandbox { box in
      for set in ["bounding", "effective", "permitted"] {
        box.config.append("CAP_SYS_ADMIN", to: "process.capabilities.\(set)")
      }
      let source = box.scratch.path + "/pin"
      try makeDirectory(box.rootfs + "/data")
      box.config.mount("/data", type: "bind", source: source, ["rbind", "rshared"])
      box.config.shell("mkdir /data/sub/inner; mount -t tmpfs inner /data/sub/inner; cat /data/sub/file")
      var program = try box.prepare("run")
      program.arguments =
        ["-c", "\"$0\" \"$@\"; grep -c '^inner ' /proc/mounts", program.path] + program.arguments
      program.path = "/bin/sh"
      var confinement = Self.pinning(source)
      confinement.setUp += "; mount --make-rshared \(source)"
      let outcome = try confinement.around(program).call()
      #expect(outcome.lines == ["text", "1"], "\(outcome)")
    }
  }

  @Test("The ids of such a tree are mapped by a user namespace that the container joins")
  func pinnedJoined() throws {
    try withSandbox { box in
      let source = box.scratch.path + "/pin"
      try makeDirectory(box.rootfs + "/data")
      box.config.mapUsers()
      box.config["process.args"] = ["sleep", "1000"]
      let other = box.id + "-other"
      try box.detach(id: other)
      box.config.enter("user", path: "/proc/\(try box.pid(id: other))/ns/user")
      box.config["linux.uidMappings"] = nil
      box.config["linux.gidMappings"] = nil
      box.config.mount("/data", source: source, ["rbind", "idmap"])
      box.config.shell("stat -c %u /data")
      let outcome = try run(box, Self.pinning(source))
      #expect(outcome.lines == ["0"], "\(outcome)")
    }
  }

  @Test("So is the root")
  func pinnedRoot() throws {
    try withSandbox { box in
      box.config.shell(Self.look)
      let outcome = try run(box, Self.pinning(box.rootfs + "/data"))
      #expect(outcome.lines == ["text", "without"], "\(outcome)")
    }
  }

  @Test("So it is by swiftjaild")
  func pinnedSupervised() throws {
    let site = try SupervisedSandbox()
    defer { site.remove() }
    let source = site.box.scratch.path + "/pin"
    site.confinement = Self.pinning(source)
    try site.define("a", Self.look + "; exec sleep 1000", ["volumes": ["\(source):/data"]])
    try site.launch()
    try site.waitForOutput("a", "without")
    #expect(site.output("a") == "text\nwithout\n")
    try site.end(SIGTERM)
  }

  // MARK: The host's own namespaces

  @Test(
    "A joined namespace that is the caller's own is not changed",
    arguments: [("uts", "uts", "hostname"), ("network", "net", "net.ipv4.ip_forward")])
  func ownNamespace(_ kind: String, _ file: String, _ changed: String) throws {
    try withSandbox { box in
      box.config.enter(kind, path: "/proc/self/ns/\(file)")
      box.config["hostname"] = kind == "uts" ? "changed" : nil
      if kind == "network" { box.config["linux.sysctl"] = [changed: "1"] }
      // Not this machine's own, if it were to be changed all the same.
      var program = try box.prepare("run")
      program.arguments = ["--uts", "--net", program.path] + program.arguments
      program.path = "unshare"
      expectRefusal(try program.call(), saying: changed, "would change the host", "/proc/self/ns/\(file)")
    }
  }

  @Test("In a joined mount namespace, no parameter is written to what was put in its place")
  func foreignParameter() throws {
    try withSandbox { box in
      let pin = box.scratch.path + "/ns"
      let network = box.scratch.path + "/net"
      let fifo = box.scratch.path + "/fifo"
      let setUp = """
        touch \(pin) \(network); mount --bind \(box.scratch.path) \(box.scratch.path); mount --make-private \(box.scratch.path)
        mkfifo \(fifo); unshare --mount=\(pin) --net=\(network) mount --bind \(fifo) /proc/sys/net/ipv4/ip_forward
        """
      box.config.enter("mount", path: pin)
      box.config.enter("network", path: network)
      box.config["mounts"] = nil
      box.config["linux.maskedPaths"] = nil
      box.config["linux.readonlyPaths"] = nil
      box.config["linux.sysctl"] = ["net.ipv4.ip_forward": "1"]
      let confinement = Confinement(setUp: setUp, usesOneProcessor: true)
      let outcome = try confinement.around(box.prepare("run")).call()
      #expect(outcome.status == 0, "\(outcome)")
    }
  }
}
