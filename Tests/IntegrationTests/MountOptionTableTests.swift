import Foundation
import Testing

/// Every mount option of the specification (config.md, "Linux mount options"), as the container's own mountinfo shows it.
@Suite("The table of mount options")
struct MountOptionTableTests {
  /// What an option does.
  enum Effect: Equatable, Sendable {
    /// mountinfo shows a flag of the mount, or does not.
    case flag(String, Bool)
    /// mountinfo shows this way of keeping access times, of `noatime`, `relatime` and none; the mount had another.
    case accessTime(String, insteadOf: String)
    /// mountinfo shows a flag of the file system, or does not.
    case fileSystem(String, Bool)
    /// mountinfo shows this propagation.
    case propagation(String)
    /// It can be given, and nothing is to be seen of it.
    case accepted
  }

  struct Option: CustomTestStringConvertible, Sendable {
    let name: String
    let effect: Effect
    var isRecursive = false
    var testDescription: String { name }
  }

  static let flags: [Option] = [
    Option(name: "ro", effect: .flag("ro", true)), Option(name: "rw", effect: .flag("ro", false)),
    Option(name: "nosuid", effect: .flag("nosuid", true)),
    Option(name: "suid", effect: .flag("nosuid", false)),
    Option(name: "nodev", effect: .flag("nodev", true)), Option(name: "dev", effect: .flag("nodev", false)),
    Option(name: "noexec", effect: .flag("noexec", true)),
    Option(name: "exec", effect: .flag("noexec", false)),
    Option(name: "nodiratime", effect: .flag("nodiratime", true)),
    Option(name: "diratime", effect: .flag("nodiratime", false)),
    Option(name: "nosymfollow", effect: .flag("nosymfollow", true)),
    Option(name: "symfollow", effect: .flag("nosymfollow", false)),
    Option(name: "noatime", effect: .accessTime("noatime", insteadOf: "relatime")),
    Option(name: "atime", effect: .accessTime("relatime", insteadOf: "noatime")),
    Option(name: "relatime", effect: .accessTime("relatime", insteadOf: "noatime")),
    Option(name: "norelatime", effect: .accessTime("relatime", insteadOf: "relatime")),
    Option(name: "strictatime", effect: .accessTime("", insteadOf: "relatime")),
    Option(name: "nostrictatime", effect: .accessTime("relatime", insteadOf: "strictatime")),
  ]
  static let recursive = flags.map { Option(name: "r\($0.name)", effect: $0.effect, isRecursive: true) }
  static let propagation = ["private", "shared", "slave", "unbindable"].flatMap { kind in
    [false, true].map { isRecursive in
      Option(
        name: (isRecursive ? "r" : "") + kind, effect: .propagation(kind == "slave" ? "master" : kind),
        isRecursive: isRecursive)
    }
  }
  static let others: [Option] = [
    Option(name: "sync", effect: .fileSystem("sync", true)),
    Option(name: "async", effect: .fileSystem("sync", false)),
    Option(name: "dirsync", effect: .fileSystem("dirsync", true)),
    Option(name: "lazytime", effect: .fileSystem("lazytime", true)),
    Option(name: "nolazytime", effect: .fileSystem("lazytime", false)),
    Option(name: "mand", effect: .fileSystem("mand", true)),
    Option(name: "nomand", effect: .fileSystem("mand", false)),
    Option(name: "defaults", effect: .accepted), Option(name: "remount", effect: .accepted),
    Option(name: "iversion", effect: .accepted), Option(name: "noiversion", effect: .accepted),
    Option(name: "silent", effect: .accepted), Option(name: "loud", effect: .accepted),
  ]
  /// Each has a test of its own elsewhere.
  static let special = ["bind", "rbind", "tmpcopyup", "idmap", "ridmap"]

  private static let bits: [String: Int] = [
    "ro": 1, "nosuid": 2, "nodev": 4, "noexec": 8, "nosymfollow": 256, "noatime": 1024, "nodiratime": 2048,
    "relatime": 1 << 21, "strictatime": 1 << 24,
  ]

  /// The options that a mount has before `option` changes it.
  private func before(_ option: Option) -> [String] {
    switch option.effect {
    case .flag(let name, false): [name]
    case .fileSystem(_, false): option.name.hasPrefix("no") ? [String(option.name.dropFirst(2))] : ["sync"]
    case .accessTime(_, let other): [other]
    default: []
    }
  }

  private func check(_ mount: Mount, _ option: Option, isBind: Bool = false) {
    switch option.effect {
    case .flag(let name, let on): #expect(mount.options.contains(name) == on, "\(mount)")
    case .accessTime(let shown, _):
      #expect(
        mount.options.intersection(["noatime", "relatime"]) == Set(shown.isEmpty ? [] : [shown]), "\(mount)")
    case .fileSystem(let name, let on):
      #expect(mount.superOptions.contains(name) == (on && !isBind), "\(mount)")
    case .propagation("private"): #expect(mount.propagation.isEmpty, "\(mount)")
    case .propagation(let kind):
      #expect(mount.propagation.contains { $0.hasPrefix(kind) } || kind == "master" && !isBind, "\(mount)")
    case .accepted: break
    }
  }

  private func mount(at point: String, in box: Sandbox) throws -> Mount {
    let table = Mount.parse(try box.sh("cat /proc/self/mountinfo"))
    return try #require(table.last { $0.point == point }, "\(table)")
  }

  @Test("A new file system takes it", arguments: flags + recursive + propagation + others)
  func newFileSystem(option: Option) throws {
    try withSandbox { box in
      let recursive = option.isRecursive ? "r" : ""
      let before = before(option).map { recursive + $0 }
      box.config.mount("/data", type: "tmpfs", source: "tmpfs", before + [option.name])
      let mount = try mount(at: "/data", in: box)
      #expect(mount.type == "tmpfs")
      check(mount, option)
    }
  }

  @Test(
    "A bind mount takes it, whatever the host's mount has; those of the file system leave that as it is",
    arguments: flags + recursive + propagation + others)
  func bind(option: Option) throws {
    try withSandbox { box in
      let source = box.scratch.path + "/source"
      let points = [source, source + "/sub"]
      for point in points {
        try makeDirectory(point)
        try #require(Glibc.mount("tmpfs", point, "tmpfs", 0, nil) == 0)
        try #require(Glibc.mount(nil, point, nil, UInt(MS_SHARED), nil) == 0)
        if point == source { try makeDirectory(points[1]) }
      }
      for point in points {
        let bits = before(option).reduce(0) { $0 | (Self.bits[$1] ?? 0) }
        let flags = UInt(MS_REMOUNT) | UInt(MS_BIND) | UInt(bits)
        try #require(Glibc.mount(nil, point, nil, flags, nil) == 0)
      }
      box.config.mount("/data", source: source, ["rbind", option.name])
      let table = Mount.parse(try box.sh("cat /proc/self/mountinfo"))
      for (point, isBelow) in [("/data", false), ("/data/sub", true)] where !isBelow || option.isRecursive {
        let mount = try #require(table.last { $0.point == point }, "\(table)")
        check(mount, option, isBind: true)
      }
    }
  }

  @Test("The features document has all of them")
  func features() throws {
    let outcome = try Program(Swiftjail.program, ["features"]).call()
    let known = try #require((outcome.json as? [String: Any])?["mountOptions"] as? [String])
    let table =
      (Self.flags + Self.recursive + Self.propagation + Self.others).map(\.name) + Self.special
    #expect(known == table.sorted())
  }

  // MARK: Remounts

  @Test("A remount changes the mount that an earlier entry made, and the file system with it")
  func remount() throws {
    try withSandbox { box in
      let source = box.scratch.path + "/source"
      try makeDirectory(source)
      box.config.mount("/data", type: "tmpfs", source: "tmpfs", ["size=64k"])
      box.config.mount("/bound", source: source, ["bind"])
      box.config.mount("/data/below", type: "tmpfs", source: "tmpfs")
      box.config.mount("/data", type: "tmpfs", source: "tmpfs", ["remount", "ro", "nosuid", "size=128k"])
      box.config.mount("/bound", type: "none", source: source, ["bind", "remount", "ro", "noexec"])
      box.config.mount("/data/later", type: "tmpfs", source: "tmpfs")
      let table = Mount.parse(
        try box.sh("touch /data/below/new /data/later/new && cat /proc/self/mountinfo"))
      let data = table.filter { $0.point == "/data" }
      #expect(data.count == 1 && data[0].options.isSuperset(of: ["ro", "nosuid"]), "\(data)")
      #expect(data.first?.superOptions.contains("size=128k") == true, "\(data)")
      let bound = table.filter { $0.point == "/bound" }
      #expect(bound.count == 1 && bound[0].options.isSuperset(of: ["ro", "noexec"]), "\(bound)")
      try write("host", to: source + "/file")
    }
  }

  @Test("A remount makes a read-only directory in memory writable again, and the root read-only")
  func remountAgain() throws {
    try withSandbox { box in
      box.config.mount("/data", type: "tmpfs", source: "tmpfs", ["ro"])
      box.config.mount("/data", type: "tmpfs", source: "tmpfs", ["remount", "rw"])
      box.config.mount("/", type: "none", source: "none", ["remount", "ro"])
      let output = try box.sh("touch /data/new && echo yes; (touch /new) 2>&1; true").lines
      #expect(output.first == "yes" && output.last?.contains("Read-only file system") == true, "\(output)")
      #expect(!exists(box.rootfs + "/new"))
    }
  }

  @Test("A remount with an option that the file system cannot change says so")
  func impossible() throws {
    try withSandbox { box in
      box.config.mount("/data", type: "tmpfs", source: "tmpfs")
      box.config.mount("/data", type: "tmpfs", source: "tmpfs", ["remount", "nonsense=1"])
      expectRefusal(try box.run(), saying: "mounts[", "remount /data", "nonsense")
    }
  }

  // MARK: Devices

  static let hasLoopDevices =
    exists("/dev/loop-control") && exists("/usr/sbin/mkfs.ext4") && exists("/usr/sbin/losetup")

  @Test("A file system on a write-protected device is mounted read-only", .enabled(if: hasLoopDevices))
  func writeProtected() throws {
    try withSandbox { box in
      let image = box.scratch.path + "/image"
      try write("", to: image)
      try #require(truncate(image, 1 << 20) == 0)
      let made = try Program("/usr/sbin/mkfs.ext4", ["-q", "-O", "^has_journal", image]).call()
      try #require(made.status == 0, "\(made)")
      let device = try Program("/usr/sbin/losetup", ["--read-only", "--find", "--show", image]).call()
      try #require(device.status == 0, "\(device)")
      defer { _ = try? Program("/usr/sbin/losetup", ["--detach", device.text]).call() }
      box.config["linux.resources.devices"] = [["allow": true, "access": "rwm"]]
      box.config.mount("/data", type: "ext4", source: device.text, ["ro"])
      let mount = try mount(at: "/data", in: box)
      #expect(mount.type == "ext4" && mount.superOptions.contains("ro"), "\(mount)")
    }
  }
}
