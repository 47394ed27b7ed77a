import Foundation
import Testing

/// Published escapes by somebody who shares a volume with a container, and exchanges names in it while the container starts.
@Suite("Escapes by races", .serialized)
struct EscapeRaceTests {
  // CVE-2021-30465: the first mount goes over the directory of the sources, through a link that was a directory a moment ago.
  // There the second mount's source is a link to the host's root.
  // With the path resolved outside of the kernel's RESOLVE_IN_ROOT, this fails within a second.
  @Test("A directory that becomes a link has nothing mounted outside")
  func exchangedMount() throws {
    try withSandbox { box in
      let outside = try Outside(of: box)
      let volume = box.scratch.path + "/volume"
      let sources = box.scratch.path + "/sources"
      for directory in [volume + "/mnt", volume + "/two", sources + "/data", sources + "/two"] {
        try makeDirectory(directory)
      }
      try makeLink(sources + "/data/two", to: "/")
      try makeLink(volume + "/link", to: sources)
      box.config.mount("/volume", source: volume, ["rbind"])
      box.config.mount("/volume/mnt", source: sources + "/data", ["rbind"])
      box.config.mount("/volume/two", source: sources + "/two", ["rbind"])
      box.config.shell(
        """
        cat /volume/two\(outside.path)/file /volume/mnt/two\(outside.path)/file 2> /dev/null
        grep -q ' /sources/data \\|\(sources)/data ' /proc/self/mountinfo || echo stray
        """)
      let racer = try Racer(in: volume, "exchange('mnt', 'link')")
      defer { racer.stop() }
      try Racer.race("CVE-2021-30465") {
        let outcome = try box.run()
        outside.expectUntouched(by: outcome)
        #expect(!outcome.text.contains("stray"), "mounted outside: \(outcome)")
        return outcome
      }
    }
  }

  // CVE-2024-45310: what is missing of a mount's destination is created through a link that was a directory a moment ago.
  // runc 1.1.5 fails this within a second, and so does a build that creates by path.
  @Test("A directory that becomes a link has nothing created behind it", arguments: [true, false])
  func exchangedCreation(isAbsolute: Bool) throws {
    try withSandbox { box in
      let outside = try Outside(of: box)
      let volume = box.scratch.path + "/volume"
      try makeDirectory(volume + "/mnt")
      try write("bound", to: box.scratch.path + "/bound")
      let way: Outside.Way = isAbsolute ? .absolute : .upwards
      try makeLink(volume + "/link", to: way.target(outside.path))
      box.config.mount("/volume", source: volume, ["rbind"])
      box.config.mount("/volume/mnt/new/deep", type: "tmpfs", source: "tmpfs")
      for number in 0..<4 {
        box.config.mount("/volume/mnt/f\(number)", source: box.scratch.path + "/bound", ["bind"])
      }
      box.config["linux.devices"] = [["type": "c", "path": "/volume/mnt/device", "major": 1, "minor": 3]]
      box.config.shell("cat /volume/mnt/file /volume/link/file; true")
      // What was created is taken away again, so that there is something to create.
      let racer = try Racer(
        in: volume,
        """
        exchange('mnt', 'link') for 1..20;
        next if -l 'mnt';
        unlink glob 'mnt/f* mnt/device'; rmdir for 'mnt/new/deep', 'mnt/new';
        """)
      defer { racer.stop() }
      try Racer.race("CVE-2024-45310") {
        let outcome = try box.run()
        outside.expectUntouched(by: outcome)
        return outcome
      }
    }
  }

  // CVE-2025-31133: the container's /dev/null, which is bound over masked files, becomes a link to a file of procfs, or is gone
  // so that nothing is masked.
  // runc 1.1.5 fails the first case within a second, a build that masks with the container's own device both.
  @Test("/dev/null that becomes a link, or is removed, unmasks nothing", arguments: [true, false])
  func exchangedNull(isLink: Bool) throws {
    try withSandbox { box in
      let volume = box.scratch.path + "/volume"
      let pattern = "/proc/sys/kernel/core_pattern"
      for directory in ["pts", "shm", "mqueue"] { try makeDirectory("\(volume)/\(directory)") }
      mknod(volume + "/null", S_IFCHR | 0o666, 0x103)
      if isLink { try makeLink(volume + "/link", to: pattern) }
      box.config.unmount("/dev")
      let mounts = box.config["mounts"] as? [[String: Any]] ?? []
      let shared: [String: Any] = [
        "destination": "/dev", "type": "bind", "source": volume, "options": ["bind"],
      ]
      box.config["mounts"] = [shared] + mounts
      try write("password", to: box.rootfs + "/etc/hidden")
      box.config["linux.maskedPaths"] = ["/proc/kcore", "/etc/hidden"]
      box.config.shell(
        """
        cat /etc/hidden
        for file in /proc/kcore /etc/hidden; do
          if [ $file -ef \(pattern) ]; then echo escaped; fi
        done
        true
        """)
      let racer = try Racer(
        in: volume,
        isLink
          ? "exchange('null', 'link')"
          : "rename 'null', 'away'; select undef, undef, undef, 0.0005; rename 'away', 'null';")
      defer { racer.stop() }
      try Racer.race("CVE-2025-31133") {
        let outcome = try box.run()
        #expect(
          !outcome.text.contains("password") && !outcome.text.contains("escaped"), "\(outcome)")
        return outcome
      }
    }
  }

  // CVE-2025-52565: /dev/pts, of which a terminal is bound on /dev/console, becomes a directory whose terminals are links to a
  // file of procfs.
  // A build that follows links in /dev/pts, and binds the terminal by its name, fails this within a second.
  @Test("/dev/pts that becomes another directory has nothing of procfs bound on /dev/console")
  func exchangedTerminal() throws {
    try withSandbox { box in
      let volume = box.scratch.path + "/volume"
      let pattern = "/proc/sys/kernel/core_pattern"
      for directory in ["pts", "false"] { try makeDirectory("\(volume)/\(directory)") }
      for number in 0..<4 { try makeLink("\(volume)/false/\(number)", to: pattern) }
      try makeLink(box.rootfs + "/dev/pts", to: "../volume/pts")
      for point in ["/dev", "/dev/shm", "/dev/mqueue"] { box.config.unmount(point) }
      let mounts = box.config["mounts"] as? [[String: Any]] ?? []
      let shared: [String: Any] = [
        "destination": "/volume", "type": "bind", "source": volume, "options": ["bind"],
      ]
      box.config["mounts"] = [shared] + mounts
      box.config["process.terminal"] = true
      box.config.shell("[ -c /dev/console ] || echo escaped")
      let racer = try Racer(in: volume, "exchange('pts', 'false')")
      defer { racer.stop() }
      try Racer.race("CVE-2025-52565") {
        let outcome = try box.run()
        #expect(!outcome.text.contains("escaped"), "\(outcome)")
        return outcome
      }
    }
  }

  // CVE-2019-19921, CVE-2023-27561 with a second container that shares the volume to which /proc leads, while that is where
  // procfs is mounted, masked and written to.
  // crun 1.8.1 fails this within a second, and so does a build that looks the masked path up again.
  @Test("A volume that changes under /proc exposes nothing of it")
  func exchangedProc() throws {
    try withSandbox { box in
      let volume = box.scratch.path + "/volume"
      for name in ["proc", "other"] { try makeDirectory("\(volume)/\(name)") }
      box.config.unmount("/proc")
      let mounts = box.config["mounts"] as? [[String: Any]] ?? []
      box.config["mounts"] =
        [
          ["destination": "/volume", "type": "bind", "source": volume, "options": ["bind"]],
          ["destination": "/volume/proc", "type": "proc", "source": "proc"],
        ] + mounts
      box.config["linux.maskedPaths"] = ["/volume/proc/keys"]
      box.config["linux.readonlyPaths"] = ["/volume/proc/sys"]
      box.config.shell(
        """
        for place in /volume/proc /volume/other; do
          if (: >> $place/sys/kernel/hostname) 2> /dev/null; then echo exposed; fi
          if [ -s $place/keys ] && cat $place/keys | grep -q .; then echo unmasked; fi
        done
        true
        """)
      let racer = try Racer(in: volume, "exchange('proc', 'other')")
      defer { racer.stop() }
      try Racer.race("CVE-2023-27561") {
        let outcome = try box.run()
        #expect(!outcome.text.contains("exposed") && !outcome.text.contains("unmasked"), "\(outcome)")
        return outcome
      }
    }
  }
}
