import Foundation
import Testing

/// Where a mount goes when the root filesystem has a link there, or no file at all.
@Suite("Mount destinations")
struct MountDestinationTests {
  /// Links in a root filesystem, a destination that leads over them, and where that is.
  struct Layout: CustomTestStringConvertible, Sendable {
    let testDescription: String
    let links: [String: String]
    let destination: String
    let place: String
  }

  static let layouts = [
    Layout(
      testDescription: "a relative link to a missing directory",
      links: ["etc/resolv.conf": "../run/systemd/resolve/stub-resolv.conf"],
      destination: "/etc/resolv.conf", place: "run/systemd/resolve/stub-resolv.conf"),
    Layout(
      testDescription: "an absolute link", links: ["etc/hosts": "/tmp/hosts"], destination: "/etc/hosts",
      place: "tmp/hosts"),
    Layout(
      testDescription: "a link on the way", links: ["way": "/nowhere"], destination: "/way/sub/end",
      place: "nowhere/sub/end"),
    Layout(
      testDescription: "a chain of links", links: ["first": "etc/second", "etc/second": "third/fourth"],
      destination: "/first", place: "etc/third/fourth"),
    Layout(
      testDescription: "a link upwards over the root", links: ["etc/up": "../../../../../over/there"],
      destination: "/etc/up", place: "over/there"),
    Layout(
      testDescription: "a link with .. behind what is missing", links: ["back": "new/./../other/end"],
      destination: "/back", place: "other/end"),
    Layout(
      testDescription: "a link to a link on the way",
      links: ["one": "two", "two": "/etc/three", "etc/three": "../four"], destination: "/one/end",
      place: "four/end"),
  ]

  @Test("A file is bound where a link that leads nowhere leads in the root", arguments: layouts)
  func file(layout: Layout) throws {
    try withSandbox { box in
      for (link, target) in layout.links { try makeLink("\(box.rootfs)/\(link)", to: target) }
      try write("bound", to: box.scratch.path + "/file")
      box.config.mount(layout.destination, source: box.scratch.path + "/file", ["bind"])
      try #expect(box.sh("cat \(layout.destination) /\(layout.place)") == "boundbound")
      #expect(contents("\(box.rootfs)/\(layout.place)") == "")
    }
  }

  @Test("A directory is mounted where a link that leads nowhere leads in the root", arguments: layouts)
  func directory(layout: Layout) throws {
    try withSandbox { box in
      for (link, target) in layout.links { try makeLink("\(box.rootfs)/\(link)", to: target) }
      box.config.mount(layout.destination, type: "tmpfs", source: "tmpfs")
      try #expect(
        box.sh(
          "touch \(layout.destination)/new; ls /\(layout.place); awk '$2 == \"/\(layout.place)\" {print $3}' /proc/mounts"
        )
        .lines == ["new", "tmpfs"])
      #expect(!exists("\(box.rootfs)/\(layout.place)/new"))
    }
  }

  @Test("So it is with the volumes and tmpfs of a partition")
  func partition() throws {
    try withSandbox { box in
      try makeLink(box.rootfs + "/etc/localtime", to: "/nowhere/zone")
      try makeLink(box.rootfs + "/scratch", to: "var/scratch")
      try write("zone", to: box.scratch.path + "/zone")
      let outcome = try box.program([
        "run", "--rootfs", box.rootfs, "--rm", "--volume", box.scratch.path + "/zone:/etc/localtime",
        "--tmpfs", "/scratch", box.id, "--", "/bin/sh", "-c",
        "cat /etc/localtime; touch /scratch/new && ls /var/scratch",
      ]).call()
      #expect(outcome.text == "zonenew", "\(outcome)")
    }
  }

  @Test("/dev may be a link that leads nowhere", arguments: [true, false])
  func dev(isMounted: Bool) throws {
    try withSandbox { box in
      try FileManager.default.removeItem(atPath: box.rootfs + "/dev")
      try makeLink(box.rootfs + "/dev", to: "etc/devices")
      if !isMounted {
        for point in ["/dev", "/dev/pts", "/dev/shm", "/dev/mqueue"] { box.config.unmount(point) }
      }
      try #expect(
        box.sh("echo x > /dev/null; stat -c '%F %t:%T' /etc/devices/zero") == "character special file 1:5")
    }
  }

  @Test("Links that go round in circles are refused")
  func circle() throws {
    try withSandbox { box in
      try makeLink(box.rootfs + "/one", to: "two")
      try makeLink(box.rootfs + "/two", to: "one")
      for destination in ["/one", "/one/end"] {
        var mounts = box.config["mounts"] as? [Any] ?? []
        mounts.append(["destination": destination, "type": "tmpfs", "source": "tmpfs"])
        let before = box.config["mounts"]
        box.config["mounts"] = mounts
        expectRefusal(try box.run(), saying: destination, "symbolic links")
        box.config["mounts"] = before
      }
    }
  }

  @Test("A chain of links that grows without end is refused")
  func growingChain() throws {
    try withSandbox { box in
      try makeLink(box.rootfs + "/grow", to: "missing/../grow/grow/grow")
      box.config.mount("/grow", type: "tmpfs", source: "tmpfs")
      expectRefusal(try box.run(), saying: "/grow", "symbolic links")
    }
  }

  @Test("/proc and /sys are on no link, and nothing is created for one", arguments: ["proc", "sys"])
  func noLink(name: String) throws {
    try withSandbox { box in
      try FileManager.default.removeItem(atPath: box.rootfs + "/" + name)
      try makeLink(box.rootfs + "/" + name, to: "/etc/elsewhere")
      expectRefusal(try box.run(), saying: "/\(name)", "no link")
      #expect(!exists(box.rootfs + "/etc/elsewhere"))
    }
  }

  @Test("What is on the way and no directory is refused", arguments: ["/etc/file/end", "/link/end"])
  func noDirectory(destination: String) throws {
    try withSandbox { box in
      try write("", to: box.rootfs + "/etc/file")
      try makeLink(box.rootfs + "/link", to: "etc/file/sub")
      box.config.mount(destination, type: "tmpfs", source: "tmpfs")
      expectRefusal(try box.run(), saying: destination, "not a directory")
    }
  }

  @Test("The source of a bind mount may come with a mount before it", arguments: [true, false])
  func innerSource(hasUsers: Bool) throws {
    try withSandbox { box in
      if hasUsers {
        box.config.mapUsers()
        chmod(box.rootfs, 0o777)
      }
      let source = box.scratch.path + "/source"
      try makeDirectory(source + "/sub")
      try write("first", to: source + "/file")
      try write("second", to: source + "/sub/file")
      // What is there without the mount is another directory.
      try makeDirectory(box.rootfs + "/mnt/x/sub")
      box.config.mount("/mnt/x", source: source, ["rbind"])
      box.config.mount("/one", source: box.rootfs + "/mnt/x", ["bind", "ro"])
      box.config.mount("/two", type: "bind", source: "rootfs/./mnt/x/sub/file", ["rbind"])
      box.config.mount("/three", source: box.rootfs + "/mnt", ["rbind"])
      try #expect(
        box.sh("cat /one/file /two /three/x/file; touch /one/new 2> /dev/null || echo ' read-only'")
          == "firstsecondfirst read-only")
    }
  }

  @Test("A link in the root that is such a source leads nowhere outside")
  func innerLink() throws {
    try withSandbox { box in
      try makeDirectory(box.scratch.path + "/source")
      try write("secret", to: box.scratch.path + "/secret")
      try makeLink(box.scratch.path + "/source/link", to: box.scratch.path + "/secret")
      box.config.mount("/mnt/x", source: box.scratch.path + "/source", ["rbind"])
      box.config.mount("/one", source: box.rootfs + "/mnt/x/link", ["rbind"])
      expectRefusal(try box.run(), saying: "mounts[", "/mnt/x/link")
    }
  }

  @Test(
    "A FIFO, a device or a socket where a mount goes makes nobody wait: a file goes over it, a directory does not",
    arguments: ["fifo", "device", "socket"], [true, false])
  func special(kind: String, isDirectory: Bool) throws {
    try withSandbox { box in
      let path = box.rootfs + "/etc/special"
      switch kind {
      case "fifo": mkfifo(path, 0o666)
      case "device": mknod(path, S_IFCHR | 0o666, 0x105)
      default: mknod(path, S_IFSOCK | 0o666, 0)
      }
      try makeLink(box.rootfs + "/link", to: "etc/special")
      try write("bound", to: box.scratch.path + "/file")
      for destination in ["/etc/special", "/link"] {
        if isDirectory {
          box.config.mount(destination, type: "tmpfs", source: "tmpfs")
          expectRefusal(try box.run(), saying: destination)
        } else {
          box.config.mount(destination, source: box.scratch.path + "/file", ["bind"])
          try #expect(box.sh("cat /etc/special") == "bound")
        }
        box.config.unmount(destination)
      }
    }
  }

  @Test("A link to the root is no way to cover it", arguments: ["/", "..", "tmp/..", "missing/.."])
  func linkToRoot(target: String) throws {
    try withSandbox { box in
      try makeLink(box.rootfs + "/link", to: target)
      box.config.mount("/link", type: "tmpfs", source: "tmpfs")
      box.config.shell("ls /bin/busybox; mount -t tmpfs tmpfs /tmp 2> /dev/null; true")
      let outcome = try box.run()
      #expect(outcome.status != 0 || outcome.text == "/bin/busybox", "\(outcome)")
    }
  }

  @Test("Whoever exchanges files on the way to a destination leads nothing outside")
  func exchange() throws {
    try withSandbox { box in
      let outside = box.scratch.path + "/outside"
      try makeDirectory(outside)
      try write("secret", to: outside + "/file")
      try write("bound", to: box.scratch.path + "/bound")
      try makeDirectory(box.rootfs + "/a")
      try makeLink(box.rootfs + "/b", to: "../../../../../../../../../.." + outside)
      // RENAME_EXCHANGE, and everything that was created is taken away again.
      let exchanger = try Program(
        "perl",
        [
          "-e",
          """
          chdir '\(box.rootfs)'; my ($a, $b) = ('a', 'b');
          while (1) {
            syscall(\(Self.renameat2), -100, $a, -100, $b, 2) for 1..40;
            next if -l 'a';
            unlink glob 'a/f*'; rmdir for glob 'a/new*/place a/new*';
          }
          """,
        ]
      ).start()
      defer { exchanger.forget() }
      for number in 0..<3 {
        box.config.mount("/a/new\(number)/place", type: "tmpfs", source: "tmpfs")
        box.config.mount("/a/f\(number)", source: box.scratch.path + "/bound", ["bind"])
      }
      box.config["linux.devices"] = [["type": "c", "path": "/a/fdevice", "major": 1, "minor": 3]]
      box.config.shell("cat /a/file /b/file; true")
      for _ in 0..<25 {
        // It may well be refused.
        let outcome = try box.run()
        #expect(!outcome.text.contains("secret"), "\(outcome)")
      }
      try #expect(FileManager.default.contentsOfDirectory(atPath: outside) == ["file"])
    }
  }

  #if arch(x86_64)
    private static let renameat2 = 316
  #else
    private static let renameat2 = 276
  #endif
}
