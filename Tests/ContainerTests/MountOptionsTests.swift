import Linux
import OCI
import Testing

@testable import Container

@Suite("Mount options")
struct MountOptionsTests {
  static let plain: [(String, MountAttributes, on: Bool)] = [
    ("ro", .readOnly, true), ("rw", .readOnly, false), ("nosuid", .noSuid, true), ("suid", .noSuid, false),
    ("nodev", .noDev, true), ("dev", .noDev, false), ("noexec", .noExec, true), ("exec", .noExec, false),
    ("nodiratime", .noDirectoryAccessTime, true), ("diratime", .noDirectoryAccessTime, false),
    ("nosymfollow", .noSymlinkFollow, true), ("symfollow", .noSymlinkFollow, false),
  ]

  @Test("An attribute is set or cleared, with r in front for all mounts below", arguments: plain.indices)
  func attribute(index: Int) {
    let (name, attribute, on) = Self.plain[index]
    var expected = MountOptions([])
    if on { expected.set = attribute } else { expected.clear = attribute }
    #expect(MountOptions([name]) == expected)
    expected = MountOptions([])
    if on { expected.recursiveSet = attribute } else { expected.recursiveClear = attribute }
    #expect(MountOptions(["r\(name)"]) == expected)
  }

  static let accessTimes: [([String], set: MountAttributes)] = [
    (["noatime"], .noAccessTime), (["atime"], []), (["strictatime"], .strictAccessTime),
    (["nostrictatime"], []), (["relatime"], []), (["norelatime"], []),
    (["strictatime", "norelatime"], .strictAccessTime), (["noatime", "norelatime"], .noAccessTime),
    (["noatime", "strictatime"], .strictAccessTime), (["strictatime", "noatime"], .noAccessTime),
    (["noatime", "relatime"], []), (["noatime", "atime"], []), (["strictatime", "nostrictatime"], []),
    (["noatime", "nostrictatime"], .noAccessTime), (["strictatime", "atime"], .strictAccessTime),
  ]

  @Test("The access times are one field, which is cleared before it is set", arguments: accessTimes.indices)
  func accessTime(index: Int) {
    let (options, set) = Self.accessTimes[index]
    let parsed = MountOptions(options)
    #expect(parsed.set == set)
    #expect(parsed.clear == .accessTime)
    let recursive = MountOptions(options.map { "r\($0)" })
    #expect(recursive.recursiveSet == set)
    #expect(recursive.recursiveClear == .accessTime)
    #expect(recursive.set.isEmpty && recursive.clear.isEmpty)
  }

  @Test("Of two options that contradict each other the later one holds")
  func order() {
    #expect(MountOptions(["ro", "rw"]).clear == .readOnly)
    #expect(MountOptions(["ro", "rw"]).set.isEmpty)
    #expect(MountOptions(["rw", "ro"]).set == .readOnly)
    #expect(MountOptions(["rw", "ro"]).clear.isEmpty)
    #expect(MountOptions(["rro", "rrw"]).recursiveClear == .readOnly)
    #expect(MountOptions(["rro", "rrw"]).recursiveSet.isEmpty)
    #expect(MountOptions(["bind", "rbind"]).bind == .recursive)
    let all = MountOptions(["nosuid", "nodev", "noatime", "dev"])
    #expect(all.set == [.noSuid, .noAccessTime])
    #expect(all.clear == [.noDev, .accessTime])
  }

  @Test("Changes of propagation keep their order")
  func propagation() {
    let names = [
      "private", "rprivate", "shared", "rshared", "slave", "rslave", "unbindable", "runbindable",
    ]
    let changes = MountOptions(names).propagation
    #expect(changes.map(\.recursive) == [false, true, false, true, false, true, false, true])
    #expect(
      changes.map(\.propagation) == [
        .private, .private, .shared, .shared, .slave, .slave, .unbindable, .unbindable,
      ])
  }

  @Test("What is not known is for the file system, in its order and with its value")
  func data() {
    let options = MountOptions(["size=64k", "ro", "mode=1777", "lowerdir=/a:/b,c=d", "inode64", "x=", ""])
    let data: [(String, String?)] = [
      ("size", "64k"), ("mode", "1777"), ("lowerdir", "/a:/b,c=d"), ("inode64", nil), ("x", ""),
    ]
    #expect(options.data == data.map { MountOptions.Data(key: $0.0, value: $0.1) })
    #expect(options.set == .readOnly)
    // Names that merely start like a recursive form.
    for name in ["rfoo", "r", "rsize=1", "rprivately", "RO", "rrro", "rdefaults"] {
      #expect(MountOptions([name]).data.count == 1, "\(name)")
    }
  }

  @Test("One text can hold several options, with commas between them")
  func list() throws {
    #expect(MountOptions.split("mode=1770,uid=1234,,ro") == ["mode=1770", "uid=1234", "ro"])
    #expect(MountOptions.split("context=\"a:c1,c2\",ro") == ["context=\"a:c1,c2\"", "ro"])
    #expect(MountOptions.split("size=1k") == ["size=1k"])
    let tmpfs = try plan(.init(destination: "/t", type: "tmpfs", options: ["nosuid,mode=1770,uid=1234"]))
      .options
    #expect(tmpfs.set == .noSuid)
    #expect(tmpfs.data == [.init(key: "mode", value: "1770"), .init(key: "uid", value: "1234")])
    let bind = try plan(.init(destination: "/b", source: "/s", options: ["rbind,ro", "nodev"])).options
    #expect(bind.bind == .recursive && bind.set == [.readOnly, .noDev])
    let overlay = try plan(.init(destination: "/o", type: "overlay", options: ["lowerdir=/a,b:/c"])).options
    #expect(overlay.data == [.init(key: "lowerdir", value: "/a,b:/c")])
  }

  @Test("What concerns mount(8) alone is nothing to the kernel")
  func ignored() {
    let names = [
      "defaults", "auto", "noauto", "user", "nouser", "users", "group", "owner", "_netdev", "nofail",
      "silent", "loud", "iversion", "noiversion", "x-systemd.automount", "x-gvfs-name=Data",
    ]
    #expect(MountOptions(names) == MountOptions([]))
  }

  @Test("A flag of the file system is set or cleared by the later option")
  func superblock() {
    let flags: [(String, String?, SuperblockFlags)] = [
      ("sync", "async", .synchronous), ("dirsync", nil, .synchronousDirectories),
      ("lazytime", "nolazytime", .lazyTime), ("mand", "nomand", .mandatoryLocks),
    ]
    for (on, off, flag) in flags {
      #expect(MountOptions([on]).superblockSet == flag)
      #expect(MountOptions([on]).superblockClear.isEmpty)
      guard let off else { continue }
      #expect(MountOptions([on, off]).superblockSet.isEmpty)
      #expect(MountOptions([on, off]).superblockClear == flag)
      #expect(MountOptions([off, on]).superblockSet == flag)
    }
  }

  @Test("A bind mount takes every option of the specification's table, and no other")
  func bindOptions() throws {
    for name in MountOptions.known where name != "tmpcopyup" {
      let mapping = RuntimeConfig.IDMapping(containerID: 0, hostID: 1, size: 1)
      _ = try plan(
        .init(
          destination: "/b", source: "/s", options: ["bind", name], uidMappings: [mapping],
          gidMappings: [mapping]))
    }
    #expect(throws: ContainerError.self) {
      try plan(.init(destination: "/b", source: "/s", options: ["bind", "size=1k"]))
    }
  }

  @Test("A label stands between double quotes in a list, and without them by itself")
  func label() {
    let options = MountOptions(["context=\"a:b:c:s0:c1,c2\"", "rootcontext=a:b", "size=1k"])
    #expect(
      options.data == [
        .init(key: "context", value: "a:b:c:s0:c1,c2"), .init(key: "rootcontext", value: "a:b"),
        .init(key: "size", value: "1k"),
      ])
    #expect(options.data.map(\.text) == ["context=\"a:b:c:s0:c1,c2\"", "rootcontext=a:b", "size=1k"])
  }

  @Test("linux.mountLabel is for new file systems whose files have no labels of the policy's own")
  func mountLabel() throws {
    let label = "system_u:object_r:container_file_t:s0:c1,c2"
    func data(_ mount: RuntimeConfig.Mount) throws -> [MountOptions.Data] {
      var entry = try plan(mount)
      entry.setLabel(label)
      return entry.options.data
    }
    for type in ["tmpfs", "devpts", "ext4", "overlay"] {
      #expect(try data(.init(destination: "/a", type: type)) == [.init(key: "context", value: label)])
    }
    for type in ["proc", "sysfs", "mqueue", "cgroup"] {
      #expect(try data(.init(destination: "/a", type: type)).isEmpty)
    }
    #expect(try data(.init(destination: "/a", source: "/s", options: ["bind"])).isEmpty)
    #expect(
      try data(.init(destination: "/a", type: "tmpfs", options: ["context=mine"]))
        == [.init(key: "context", value: "mine")])
  }

  @Test("A remount changes what an earlier entry has mounted there; without one it is a mount like others")
  func remount() throws {
    let mount = RuntimeConfig.Mount(destination: "/a", type: "tmpfs", options: ["remount", "ro"])
    let first = try plan(.init(destination: "/./a/", type: "tmpfs"))
    let later = try MountPlan(mount, field: "mounts[1]", bundle: "/bundle", after: [first])
    #expect(later.kind == .remount)
    #expect(try plan(mount).kind == .fileSystem(type: "tmpfs", source: "tmpfs"))
    var (memory, remount) = (first, later)
    memory.takeReadOnly(from: &remount)
    #expect(memory.isReadOnlyAtEnd && remount.options.set.isEmpty)
  }

  @Test("Copies, maps of ids and tmpcopyup are told apart")
  func special() {
    #expect(MountOptions(["bind"]).bind == .bind)
    #expect(MountOptions(["rbind"]).bind == .recursive)
    #expect(MountOptions([]).bind == .none)
    #expect(MountOptions(["idmap"]).idMap == .mount)
    #expect(MountOptions(["ridmap"]).idMap == .recursive)
    #expect(MountOptions(["tmpcopyup"]).copyUp)
  }

  @Test("Every option that the features document names is known, and none is data")
  func features() {
    for name in MountOptions.known { #expect(MountOptions([name]).data.isEmpty, "\(name)") }
    #expect(Set(MountOptions.known).count == MountOptions.known.count)
  }

  @Test(
    "A destination is made a path from the root that leads nowhere above it",
    arguments: [
      ("/", "/"), ("", "/"), ("proc", "/proc"), ("/proc/", "/proc"), ("//a///b", "/a/b"),
      ("/a/./b/.", "/a/b"),
      ("/a/../b", "/b"), ("../../etc", "/etc"), ("/..", "/"), ("a/../../..", "/"),
      ("/a/..b/...", "/a/..b/..."),
    ])
  func clean(path: String, expected: String) {
    #expect(MountPlan.clean(path) == expected)
  }

  func plan(_ mount: RuntimeConfig.Mount) throws -> MountPlan {
    try MountPlan(mount, field: "mounts[3]", bundle: "/bundle")
  }

  @Test("A bind mount has a source, which starts at the bundle unless it is absolute")
  func bind() throws {
    #expect(
      try plan(.init(destination: "/d", source: "s", options: ["bind"])).kind == .bind(source: "/bundle/s"))
    #expect(
      try plan(.init(destination: "/d", source: "/s", options: ["rbind"])).kind == .bind(source: "/s"))
    let typed = try plan(.init(destination: "/d", type: "bind", source: "/s"))
    #expect(typed.kind == .bind(source: "/s") && typed.options.bind == .bind)
    expectRefusal(of: "mounts[3].source") { try plan(.init(destination: "/d", options: ["bind"])) }
    expectRefusal(of: "mounts[3].options") {
      try plan(.init(destination: "/d", source: "/s", options: ["bind", "size=1"]))
    }
    expectRefusal(of: "mounts[3].options") {
      try plan(.init(destination: "/d", source: "/s", options: ["bind", "tmpcopyup"]))
    }
  }

  @Test("A file system has a type, and its type is its source when it has no other")
  func fileSystem() throws {
    #expect(
      try plan(.init(destination: "/p", type: "proc")).kind == .fileSystem(type: "proc", source: "proc"))
    #expect(
      try plan(.init(destination: "/t", type: "tmpfs", source: "x", options: ["tmpcopyup"])).kind
        == .fileSystem(type: "tmpfs", source: "x"))
    #expect(try plan(.init(destination: "/c", type: "cgroup")).kind == .cgroup)
    #expect(try plan(.init(destination: "/c", type: "cgroup2")).kind == .cgroup)
    expectRefusal(of: "mounts[3].type") { try plan(.init(destination: "/d", source: "/s")) }
    expectRefusal(of: "mounts[3].type") { try plan(.init(destination: "/d", type: "none")) }
    expectRefusal(of: "mounts[3].options") {
      try plan(.init(destination: "/d", type: "proc", options: ["tmpcopyup"]))
    }
  }

  @Test("Only a bind mount maps ids, and mappings alone ask for that")
  func idMap() throws {
    let range = [RuntimeConfig.IDMapping(containerID: 0, hostID: 1000, size: 1)]
    var mount = RuntimeConfig.Mount(destination: "/d", source: "/s", options: ["rbind"])
    mount.uidMappings = range
    mount.gidMappings = range
    #expect(try plan(mount).options.idMap == .mount)
    mount.options.append("ridmap")
    #expect(try plan(mount).options.idMap == .recursive)
    mount.options = []
    mount.type = "tmpfs"
    expectRefusal(of: "mounts[3].options") { try plan(mount) }
  }
}
