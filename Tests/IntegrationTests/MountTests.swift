import Foundation
import Testing

@Suite("Mounts")
struct MountTests {
  struct Case: CustomTestStringConvertible, Sendable {
    let options: [String]
    var has: Set<String> = []
    var lacks: Set<String> = []
    var system: Set<String> = []
    var testDescription: String { options.joined(separator: ",") }
  }

  static let cases = [
    Case(options: [], lacks: ["ro", "nosuid", "nodev", "noexec"]),
    Case(options: ["nosuid", "nodev", "noexec"], has: ["rw", "nosuid", "nodev", "noexec"]),
    Case(options: ["ro"], has: ["ro"]),
    Case(options: ["noatime"], has: ["noatime"], lacks: ["relatime"]),
    Case(options: ["relatime"], has: ["relatime"], lacks: ["noatime"]),
    Case(options: ["strictatime"], lacks: ["relatime", "noatime"]),
    Case(options: ["nodiratime"], has: ["nodiratime"]),
    Case(
      options: ["nosuid", "suid", "noexec", "exec", "nodev", "dev"], lacks: ["nosuid", "noexec", "nodev"]),
    Case(options: ["ro", "rw"], has: ["rw"], lacks: ["ro"]),
    Case(options: ["nosymfollow"], has: ["nosymfollow"]),
    Case(options: ["defaults"], has: ["rw"]),
    Case(options: ["size=64k", "mode=1750"], system: ["size=64k", "mode=1750"]),
    Case(options: ["sync"], system: ["sync"]),
    Case(options: ["ro", "nosuid", "size=128k"], has: ["ro", "nosuid"], system: ["size=128k"]),
  ]

  /// The mount at a path, as the container's own mountinfo shows it.
  func mount(at point: String, in box: Sandbox) throws -> Mount {
    let table = Mount.parse(try box.sh("cat /proc/self/mountinfo"))
    return try #require(table.last { $0.point == point }, "\(table)")
  }

  @Test("A tmpfs has the options asked for", arguments: cases)
  func options(of wanted: Case) throws {
    try withSandbox { box in
      box.config.mount("/data", type: "tmpfs", source: "tmpfs", wanted.options)
      let mount = try mount(at: "/data", in: box)
      #expect(mount.type == "tmpfs")
      #expect(mount.options.isSuperset(of: wanted.has), "\(mount)")
      #expect(mount.options.isDisjoint(with: wanted.lacks), "\(mount)")
      #expect(mount.superOptions.isSuperset(of: wanted.system), "\(mount)")
    }
  }

  @Test("A bind mount has the options asked for", arguments: cases.filter { $0.system.isEmpty })
  func bindOptions(of wanted: Case) throws {
    try withSandbox { box in
      try makeDirectory(box.scratch.path + "/source")
      box.config.mount("/data", source: box.scratch.path + "/source", ["bind"] + wanted.options)
      let mount = try mount(at: "/data", in: box)
      #expect(mount.root.hasSuffix("/source"), "\(mount)")
      #expect(mount.options.isSuperset(of: wanted.has), "\(mount)")
      if wanted.options != ["strictatime"] {
        #expect(mount.options.isDisjoint(with: wanted.lacks), "\(mount)")
      }
    }
  }

  @Test("A read-only bind mount refuses writes, and its source stays writable")
  func readOnlyBind() throws {
    try withSandbox { box in
      let source = box.scratch.path + "/source"
      try makeDirectory(source)
      try write("before", to: source + "/file")
      box.config.mount("/data", type: "bind", source: source, ["bind", "ro"])
      try #expect(
        box.sh("cat /data/file; (echo after > /data/file) 2>&1; true").contains("Read-only file system"))
      try write("host", to: source + "/file")
      #expect(contents(source + "/file") == "host")
    }
  }

  @Test("A bind mount shares writes with its source")
  func writableBind() throws {
    try withSandbox { box in
      let source = box.scratch.path + "/source"
      try makeDirectory(source)
      box.config.mount("/new/place", type: "none", source: source, ["rbind", "rw"])
      _ = try box.sh("echo hello > /new/place/file")
      #expect(contents(source + "/file") == "hello\n")
    }
  }

  @Test(
    "A file is bound over a file, which is made when it is not there",
    arguments: ["/etc/there", "/etc/sub/new"])
  func file(destination: String) throws {
    try withSandbox { box in
      try write("from the rootfs\n", to: box.rootfs + "/etc/there")
      try write("from the host\n", to: box.scratch.path + "/file")
      box.config.mount(destination, source: box.scratch.path + "/file", ["bind", "ro"])
      try #expect(box.sh("cat \(destination)") == "from the host")
      #expect(contents(box.rootfs + "/etc/there") == "from the rootfs\n")
    }
  }

  @Test("A relative source is looked up in the bundle")
  func relative() throws {
    try withSandbox { box in
      try makeDirectory(box.bundle + "/beside")
      try write("here", to: box.bundle + "/beside/file")
      box.config.mount("/data", source: "beside", ["bind"])
      try #expect(box.sh("cat /data/file") == "here")
    }
  }

  @Test("bind takes one mount, rbind those below it as well", arguments: ["bind", "rbind"])
  func recursive(option: String) throws {
    try withSandbox { box in
      let source = try nested(in: box)
      box.config.mount("/data", source: source, [option])
      let seen = try box.sh("cat /data/sub/file 2>/dev/null; true")
      #expect(seen == (option == "rbind" ? "below" : ""))
    }
  }

  @Test("ro stops at the first mount, rro goes down", arguments: ["ro", "rro"])
  func recursivelyReadOnly(option: String) throws {
    try withSandbox { box in
      box.config.mount("/data", source: try nested(in: box), ["rbind", option])
      let output = try box.sh("(echo x > /data/top) 2>&1; (echo x > /data/sub/file) 2>&1; cat /data/sub/file")
        .lines
      #expect(output.first?.contains("Read-only") == true)
      #expect(output.last == (option == "rro" ? "below" : "x"))
    }
  }

  @Test("Recursive flags are set on a file system with a long option as well")
  func longOption() throws {
    try withSandbox { box in
      let lower = try (0..<2).map { number in
        let path = "\(box.scratch.path)/\(number)" + String(repeating: "x", count: 200)
        try makeDirectory(path)
        return path
      }
      box.config.mount(
        "/data", type: "overlay", source: "overlay", ["lowerdir=\(lower.joined(separator: ":"))", "rnoexec"])
      let mount = Mount.parse(try box.sh("cat /proc/self/mountinfo")).last { $0.point == "/data" }
      #expect(mount?.type == "overlay" && mount?.options.contains("noexec") == true, "\(mount as Any)")
    }
  }

  @Test(
    "Recursive flags reach the mounts below",
    arguments: ["rnosuid", "rnodev", "rnoexec", "rnoatime", "rnosymfollow"])
  func recursiveFlags(option: String) throws {
    try withSandbox { box in
      box.config.mount("/data", source: try nested(in: box), ["rbind", option])
      let mount = try mount(at: "/data/sub", in: box)
      #expect(mount.options.contains(String(option.dropFirst())), "\(mount)")
    }
  }

  /// A directory on the host with a tmpfs below it.
  func nested(in box: Sandbox) throws -> String {
    let source = box.scratch.path + "/source"
    try makeDirectory(source + "/sub")
    try #require(Glibc.mount("tmpfs", source, "tmpfs", 0, nil) == 0)
    try makeDirectory(source + "/sub")
    try #require(Glibc.mount("tmpfs", source + "/sub", "tmpfs", 0, nil) == 0)
    try write("below", to: source + "/sub/file")
    return source
  }

  @Test(
    "A slave bind sees what the host mounts later, a private one does not", arguments: ["rslave", "rprivate"])
  func propagation(option: String) throws {
    try withSandbox { box in
      let source = box.scratch.path + "/source"
      try makeDirectory(source)
      try #require(Glibc.mount("tmpfs", source, "tmpfs", 0, nil) == 0)
      try #require(Glibc.mount(nil, source, nil, UInt(MS_SHARED), nil) == 0)
      try makeDirectory(source + "/late")
      box.config.mount("/data", source: source, ["rbind", option])
      box.config.shell(
        "grep ' /data ' /proc/self/mountinfo; echo ready; until [ -e /tmp/go ]; do sleep 0.05; done; cat /data/late/file; echo end"
      )
      try box.detach()
      try box.waitForOutput("ready")
      try #require(Glibc.mount("tmpfs", source + "/late", "tmpfs", 0, nil) == 0)
      try write("late\n", to: source + "/late/file")
      try write("", to: box.rootfs + "/tmp/go")
      try box.waitForOutput("end")
      #expect(box.output.contains("master:") == (option == "rslave"), "\(box.output)")
      #expect(box.output.contains("\nlate\n") == (option == "rslave"), "\(box.output)")
    }
  }

  @Test("A shared mount inside is one", arguments: ["shared", "rshared"])
  func shared(option: String) throws {
    try withSandbox { box in
      box.config.mount("/data", type: "tmpfs", source: "tmpfs", [option])
      try #expect(mount(at: "/data", in: box).propagation.contains { $0.hasPrefix("shared:") })
    }
  }

  @Test("The root mount has the propagation asked for", arguments: ["shared", "rprivate", "unbindable"])
  func rootPropagation(value: String) throws {
    try withSandbox { box in
      box.config["linux.rootfsPropagation"] = value
      let root = try mount(at: "/", in: box)
      switch value {
      case "shared": #expect(root.propagation.contains { $0.hasPrefix("shared:") }, "\(root)")
      case "unbindable": #expect(root.propagation == ["unbindable"], "\(root)")
      default: #expect(root.propagation.isEmpty, "\(root)")
      }
    }
  }

  @Test("Nothing mounted inside shows up on the host")
  func noLeak() throws {
    try withSandbox { box in
      box.config["process.args"] = ["sleep", "1000"]
      try box.detach()
      let seen = Mount.table().filter { $0.description.contains(box.scratch.path) }
      #expect(seen.isEmpty)
    }
  }

  @Test("tmpcopyup fills a tmpfs with what it covers")
  func copyUp() throws {
    try withSandbox { box in
      try makeDirectory(box.rootfs + "/data/sub")
      try write("first", to: box.rootfs + "/data/sub/file", mode: 0o640)
      try makeLink(box.rootfs + "/data/link", to: "sub/file")
      // A name that is not UTF-8.
      let name = Array((box.rootfs + "/data/").utf8CString.dropLast()) + [0x6e, -1, 0]
      close(creat(name, 0o600))
      box.config.mount("/data", type: "tmpfs", source: "tmpfs", ["tmpcopyup"])
      let output = try box.sh(
        "cat /data/link; echo; stat -c %a /data/sub/file; echo second > /data/sub/file; ls /data/n* | wc -l"
      ).lines
      #expect(output == ["first", "640", "1"])
      #expect(contents(box.rootfs + "/data/sub/file") == "first")
    }
  }

  @Test("A tmpfs holds no more than its size")
  func size() throws {
    try withSandbox { box in
      box.config.mount("/data", type: "tmpfs", source: "tmpfs", ["size=64k"])
      try #expect(
        box.sh("dd if=/dev/zero of=/data/file bs=1k count=100 2>&1; true").contains("No space left"))
    }
  }

  @Test("Mounts are made in the order of the list")
  func order() throws {
    try withSandbox { box in
      try makeDirectory(box.scratch.path + "/source")
      try write("inner", to: box.scratch.path + "/source/file")
      box.config.mount("/data", type: "tmpfs", source: "tmpfs")
      box.config.mount("/data/below", source: box.scratch.path + "/source", ["bind"])
      try #expect(box.sh("cat /data/below/file") == "inner")
    }
  }

  @Test(
    "The default bundle's file systems are there",
    arguments: [
      "/proc": "proc", "/dev": "tmpfs", "/dev/pts": "devpts", "/dev/shm": "tmpfs", "/dev/mqueue": "mqueue",
      "/sys": "sysfs",
    ])
  func defaults(point: String, type: String) throws {
    try withSandbox { box in
      try #expect(mount(at: point, in: box).type == type)
    }
  }

  @Test("The old root cannot be reached")
  func oldRoot() throws {
    try withSandbox { box in
      let output = try box.sh("cat /proc/self/mountinfo; echo --; cd /; cd ../../..; pwd; ls -a")
      let parts = output.components(separatedBy: "--\n")
      try #require(parts.count == 2)
      let mounts = Mount.parse(parts[0])
      #expect(mounts.filter { $0.point == "/" }.count == 1)
      #expect(mounts.first { $0.point == "/" }?.root.hasSuffix("/rootfs") == true)
      let strange = mounts.filter { mount in
        mount.point != "/" && !["/proc", "/sys", "/dev"].contains { mount.point.hasPrefix($0) }
      }
      #expect(strange.isEmpty)
      #expect(Set(parts[1].lines) == ["/", ".", "..", "bin", "proc", "sys", "dev", "tmp", "etc"])
    }
  }

  @Test("--no-pivot gives the same root")
  func noPivot() throws {
    try withSandbox { box in
      box.config.shell("ls /")
      let outcome = try box.run(["--no-pivot"])
      #expect(outcome.status == 0, "\(outcome)")
      #expect(Set(outcome.lines) == ["bin", "proc", "sys", "dev", "tmp", "etc"])
    }
  }

  @Test("A read-only root refuses writes, a tmpfs on it takes them")
  func readOnlyRoot() throws {
    try withSandbox { box in
      try makeDirectory(box.rootfs + "/data")
      box.config["root.readonly"] = true
      box.config.mount("/data", type: "tmpfs", source: "tmpfs")
      let output = try box.sh(
        "(touch /file) 2>&1; touch /data/file && echo yes; touch /dev/shm/file && echo yes"
      ).lines
      #expect(output.count == 3)
      #expect(output.first?.contains("Read-only file system") == true)
      #expect(!exists(box.rootfs + "/file"))
    }
  }

  @Test("Masked files read empty, masked directories are empty, and missing ones do not matter")
  func masked() throws {
    try withSandbox { box in
      try makeDirectory(box.rootfs + "/secret/sub")
      try write("password", to: box.rootfs + "/etc/secret")
      box.config["linux.maskedPaths"] = ["/secret", "/etc/secret", "/etc/nowhere", "/proc/kcore"]
      let output = try box.sh(
        "cat /etc/secret; ls -A /secret; (touch /secret/new) 2>&1; head -c 10 /proc/kcore 2>&1; echo end")
      #expect(output.lines.last == "end")
      #expect(!output.contains("password") && !output.contains("sub"))
      #expect(output.contains("Read-only file system"))
      #expect(!exists(box.rootfs + "/etc/nowhere"))
    }
  }

  @Test("A masked path is hidden where it leads, also over .. and in what was mounted last")
  func maskedLast() throws {
    try withSandbox { box in
      try write("password", to: box.rootfs + "/etc/secret")
      try makeDirectory(box.scratch.path + "/first")
      try makeDirectory(box.scratch.path + "/second")
      for name in ["first", "second"] { try write("password", to: "\(box.scratch.path)/\(name)/secret") }
      // One of them with an option so long that it is mounted by its path.
      let below = box.scratch.path + "/" + String(repeating: "x", count: 200)
      try makeDirectory(below)
      box.config.mount("/data", source: box.scratch.path + "/first", ["bind"])
      box.config.mount(
        "/data", type: "overlay", source: "overlay", ["lowerdir=\(box.scratch.path)/second:\(below)"])
      box.config["linux.maskedPaths"] = ["/data/secret", "/proc/../etc/./secret"]
      try #expect(box.sh("cat /data/secret /etc/secret; echo end") == "end")
    }
  }

  @Test("Read-only paths can be read, not written")
  func readOnlyPaths() throws {
    try withSandbox { box in
      try write("text\n", to: box.rootfs + "/etc/fixed")
      box.config["linux.readonlyPaths"] = ["/etc/fixed", "/proc/sys", "/etc/nowhere"]
      let output = try box.sh(
        "cat /etc/fixed; (echo x > /etc/fixed) 2>&1; (echo x > /proc/sys/kernel/hostname) 2>&1; true"
      ).lines
      #expect(output.first == "text")
      #expect(output.filter { $0.contains("Read-only file system") }.count == 2)
    }
  }

  @Test("An empty list of masked and read-only paths masks nothing")
  func nothingMasked() throws {
    try withSandbox { box in
      box.config["linux.maskedPaths"] = [String]()
      box.config["linux.readonlyPaths"] = [String]()
      let mounts = Mount.parse(try box.sh("cat /proc/self/mountinfo"))
      #expect(!mounts.contains { $0.point.hasPrefix("/proc/") })
    }
  }

  @Test("A cgroup mount shows the container's own cgroup as its root")
  func cgroup() throws {
    try withSandbox { box in
      box.config.enter("cgroup")
      let output = try box.sh(
        "cat /sys/fs/cgroup/cgroup.procs; grep ^0:: /proc/self/cgroup; grep cgroup2 /proc/self/mountinfo")
      #expect(output.lines.first == "1")
      #expect(output.contains("0::/\n"))
      let mount = try #require(Mount.parse(output).first)
      #expect(mount.point == "/sys/fs/cgroup" && mount.options.contains("ro"), "\(mount)")
    }
  }

  @Test("A cgroup mount needs no cgroup namespace")
  func cgroupWithoutNamespace() throws {
    try withSandbox { box in
      box.config.leave("cgroup")
      box.config.unmount("/sys/fs/cgroup")
      box.config.mount("/cg", type: "cgroup", source: "cgroup", ["ro"])
      let mount = try mount(at: "/cg", in: box)
      #expect(mount.type == "cgroup2" && mount.options.contains("ro"), "\(mount)")
    }
  }
}
