import Foundation
import Testing

/// FUSE file systems as sources of bind mounts, such as sshfs: their mounts have flags that not everybody may clear, and their
/// files may be for one user alone.
@Suite("FUSE file systems")
struct FuseMountTests {
  static let bindfs = "/usr/bin/bindfs"
  static let isAvailable = exists(bindfs) && exists("/dev/fuse")

  /// Mounts a FUSE file system with one file and calls `body` with its directory.
  func withFuse(
    _ options: String, isForAll: Bool = true, in box: Sandbox, _ body: (String) throws -> Void
  ) throws {
    let (below, point) = (box.scratch.path + "/below", box.scratch.path + "/fuse")
    for path in [below, point] { try makeDirectory(path) }
    try write("text\n", to: below + "/file")
    // It goes to the background once the file system is mounted, and ends when that is unmounted.
    let mounted = try Program(
      Self.bindfs, (isForAll ? [] : ["--no-allow-other"]) + ["-o", options, below, point]
    ).call()
    try #require(mounted.status == 0, "\(mounted)")
    defer { umount2(point, Int32(MNT_DETACH)) }
    try body(point)
  }

  @Test(
    "A bind mount of one keeps the flags that its options do not name", .enabled(if: isAvailable),
    arguments: [
      ["rbind", "ro"], ["rbind", "rw", "rprivate"], ["bind", "rslave", "noexec"], ["rbind", "rro"],
    ],
    [false, true])
  func flags(options: [String], hasUsers: Bool) throws {
    try withSandbox { box in
      try withFuse("nosuid,nodev,noatime", in: box) { point in
        if hasUsers { box.config.mapUsers() }
        try makeDirectory(box.rootfs + "/data")
        box.config.mount("/data", source: point, options)
        let output = try box.sh("cat /data/file; grep ' /data ' /proc/self/mountinfo")
        #expect(output.hasPrefix("text\n"), "\(output)")
        let mount = try #require(Mount.parse(output).first { $0.point == "/data" }, "\(output)")
        #expect(
          mount.type.hasPrefix("fuse") && mount.options.isSuperset(of: ["nosuid", "nodev"]), "\(mount)")
        for option in options where ["ro", "rw", "noexec"].contains(option) {
          #expect(mount.options.contains(option), "\(mount)")
        }
      }
    }
  }

  @Test("Root in a user namespace cannot clear the flags of one", .enabled(if: isAvailable))
  func locked() throws {
    try withSandbox { box in
      try withFuse("nosuid,nodev,ro", in: box) { point in
        box.config.mapUsers()
        for set in ["bounding", "effective", "permitted"] {
          box.config.append("CAP_SYS_ADMIN", to: "process.capabilities.\(set)")
        }
        try makeDirectory(box.rootfs + "/data")
        box.config.mount("/data", source: point, ["rbind"])
        try #expect(
          box.sh("mount -o remount,bind,rw,suid,dev /data 2> /dev/null || echo locked; cat /data/file")
            == "locked\ntext")
      }
    }
  }

  @Test(
    "One that its user has for itself is bound for a container of other users, who cannot look into it",
    .enabled(if: isAvailable))
  func ofOneUser() throws {
    try withSandbox { box in
      try withFuse("nosuid,nodev", isForAll: false, in: box) { point in
        box.config.mapUsers()
        try makeDirectory(box.rootfs + "/data")
        box.config.mount("/data", source: point, ["rbind", "ro"])
        try #expect(
          box.sh("cat /data/file 2> /dev/null || echo denied; grep -c ' /data ' /proc/self/mountinfo")
            == "denied\n1")
      }
    }
  }
}
