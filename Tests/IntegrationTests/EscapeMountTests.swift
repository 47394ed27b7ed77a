import Foundation
import Testing

/// Published escapes by a path that is looked up in the root filesystem, or in a directory that is shared with the container.
@Suite("Escapes by paths")
struct EscapeMountTests {
  // CVE-2019-19921, CVE-2023-27561, CVE-2023-28642: a /proc that is a link takes procfs out of the place where it is masked,
  // and puts files of the attacker's where the runtime writes its labels. A build that follows the link fails this.
  @Test(
    "/proc and /sys are mounted on no link, be it in the root or into a volume",
    arguments: ["proc", "sys"],
    ["tmp/fake", "/tmp/fake", "/volume/fake", "volume/deep/../fake", "./etc/../tmp/fake"])
  func procLink(name: String, target: String) throws {
    try withSandbox { box in
      let volume = box.scratch.path + "/volume"
      for directory in [box.rootfs + "/tmp", volume] {
        try makeDirectory(directory + "/fake/self/attr/apparmor")
        try write("", to: directory + "/fake/self/attr/exec")
        try write("", to: directory + "/fake/self/attr/apparmor/exec")
      }
      try makeDirectory(volume + "/deep")
      try FileManager.default.removeItem(atPath: box.rootfs + "/" + name)
      try makeLink(box.rootfs + "/" + name, to: target)
      let mounts = box.config["mounts"] as? [[String: Any]] ?? []
      let shared: [String: Any] = [
        "destination": "/volume", "type": "bind", "source": volume, "options": ["bind"],
      ]
      box.config["mounts"] = [shared] + mounts
      expectRefusal(try box.run(), saying: "/\(name)", "no link")
      expectNothingLeft(of: box)
    }
  }

  // The links of CVE-2021-30465 and CVE-2024-45310 without the race: a build without RESOLVE_IN_ROOT fails this.
  @Test(
    "A mount, a file, a device, a masked and a read-only path through a link change nothing outside",
    arguments: Outside.Way.allCases)
  func link(way: Outside.Way) throws {
    try withSandbox { box in
      let outside = try Outside(of: box)
      try makeDirectory(box.scratch.path + "/source")
      try write("bound", to: box.scratch.path + "/bound")
      try makeLink(box.rootfs + "/link", to: way.target(outside.path))
      try makeLink(box.rootfs + "/etc/file", to: way.target(outside.path + "/file"))
      let plain = box.config
      let script = "cat /link/file /etc/file \(outside.path)/file; touch /link/new; true"
      func attack(_ name: String, _ change: (inout Config) -> Void) throws {
        box.config = plain
        box.config.shell(script)
        change(&box.config)
        outside.expectUntouched(by: try box.run(), name)
      }
      try attack("tmpfs on a link") { $0.mount("/link", type: "tmpfs", source: "tmpfs") }
      try attack("tmpfs below a link") { $0.mount("/link/new/place", type: "tmpfs", source: "tmpfs") }
      try attack("directory below a link") {
        $0.mount("/link/place", source: box.scratch.path + "/source", ["bind"])
      }
      try attack("file below a link") { $0.mount("/link/new", source: box.scratch.path + "/bound", ["bind"]) }
      try attack("file on a link") { $0.mount("/etc/file", source: box.scratch.path + "/bound", ["bind"]) }
      try attack("copy of what is below") {
        $0.mount("/link", type: "tmpfs", source: "tmpfs", ["tmpcopyup"])
      }
      try attack("device") {
        $0["linux.devices"] = [["type": "c", "path": "/link/new", "major": 1, "minor": 3]]
      }
      try attack("masked path") { $0["linux.maskedPaths"] = ["/link", "/etc/file"] }
      try attack("read-only path") { $0["linux.readonlyPaths"] = ["/link", "/etc/file"] }
      try attack("working directory") { $0["process.cwd"] = "/link/new/directory" }
      try attack("the terminal's name") {
        $0["process.terminal"] = true
        $0["process.cwd"] = "/link/place"
      }
    }
  }

  // CVE-2026-41579, CVE-2026-47766: an image whose /dev is a link has devices and links created, and ptmx removed, in a
  // directory of the host. runc 1.1.5 fails this, as does crun 1.8.1 where nothing is mounted on /dev.
  @Test(
    "An image's /dev that is a link has nothing created or removed outside", arguments: Outside.Way.allCases)
  func devLink(way: Outside.Way) throws {
    try withSandbox { box in
      let outside = try Outside(of: box)
      try FileManager.default.removeItem(atPath: box.rootfs + "/dev")
      try makeLink(box.rootfs + "/dev", to: way.target(outside.path))
      box.config["linux.devices"] = [["type": "c", "path": "/dev/mine", "major": 1, "minor": 3]]
      box.config["linux.maskedPaths"] = ["/etc/hidden", "/dev/file"]
      try write("", to: box.rootfs + "/etc/hidden")
      box.config.shell("cat /dev/file \(outside.path)/file; true")
      let plain = box.config
      for (mounted, terminal, users) in [
        (true, false, false), (true, true, false), (false, false, false), (false, true, false),
        (false, false, true),
      ] {
        box.config = plain
        if !mounted {
          for point in ["/dev", "/dev/pts", "/dev/shm", "/dev/mqueue"] { box.config.unmount(point) }
        }
        box.config["process.terminal"] = terminal
        if users { box.config.mapUsers() }
        let attack = "mounted: \(mounted), terminal: \(terminal), users: \(users)"
        outside.expectUntouched(by: try box.run(), attack)
        guard !terminal else { continue }
        // It may well be refused.
        let created = try box.prepare("create").call()
        if created.status == 0 { _ = try box.call("start", box.id) }
        _ = try box.call("delete", "--force", box.id)
        outside.expectUntouched(by: created, "create, \(attack)")
      }
    }
  }

  // The same of the names in it: CVE-2025-31133 (null), CVE-2025-52565 (console and pts). A build that masks with the
  // container's own /dev/null, and takes what is there for the device, fails this.
  @Test(
    "Names in an image's /dev that are links lead to no file of the host or of procfs",
    arguments: ["null", "console", "ptmx", "pts", "tty", "fd", "stdin", "zero"])
  func deviceLink(name: String) throws {
    try withSandbox { box in
      let outside = try Outside(of: box)
      for point in ["/dev", "/dev/pts", "/dev/shm", "/dev/mqueue"] { box.config.unmount(point) }
      try write("password", to: box.rootfs + "/etc/hidden")
      box.config["linux.maskedPaths"] = ["/etc/hidden"]
      let pattern = "/proc/sys/kernel/core_pattern"
      box.config.shell(
        """
        cat /etc/hidden
        for file in /etc/hidden /dev/console /dev/\(name); do
          if [ ! -L $file ] && [ -f $file ] && [ $file -ef \(pattern) ]; then echo escaped; fi
        done 2> /dev/null
        true
        """)
      for target in [pattern, outside.path + "/file", "../../../../../../../.." + outside.path + "/file"] {
        try? FileManager.default.removeItem(atPath: box.rootfs + "/dev/" + name)
        try makeLink(box.rootfs + "/dev/" + name, to: target)
        for terminal in [false, true] {
          box.config["process.terminal"] = terminal
          let outcome = try box.run()
          outside.expectUntouched(by: outcome, "\(target), terminal: \(terminal)")
          #expect(
            !outcome.text.contains("password") && !outcome.text.contains("escaped"), "\(target): \(outcome)")
        }
      }
    }
  }

  // CVE-2019-16884: a volume of the image's over /proc takes the label that the runtime writes, which then confines nobody. The
  // label here is one that this kernel cannot give, so a start that succeeds has not given it.
  @Test(
    "A security label is not written to a volume that lies over procfs, and is not forgotten for one",
    arguments: ["apparmorProfile", "selinuxLabel"], ["/proc", "/proc/self/attr", "/proc/thread-self/attr"])
  func falseLabel(label: String, destination: String) throws {
    try withSandbox { box in
      let volume = box.scratch.path + "/volume"
      let files = ["self", "thread-self", "1"].flatMap { process in
        ["attr/exec", "attr/current", "attr/apparmor/exec"].map { "\(process)/\($0)" }
      }
      for file in ["exec", "current", "apparmor/exec"] + files {
        let path = "\(volume)/\(file)"
        try makeDirectory(URL(filePath: path).deletingLastPathComponent().path)
        try write("", to: path)
      }
      box.config.mount(destination, type: "bind", source: volume, ["rbind", "rw"])
      box.config["process.\(label)"] = "no-such-label"
      let outcome = try box.run()
      #expect(outcome.status != 0, "\(outcome)")
      for file in ["exec", "current", "apparmor/exec"] + files {
        #expect(contents("\(volume)/\(file)") == "", "\(file)")
      }
      expectNothingLeft(of: box)
    }
  }

  // CVE-2025-52881: what is written for a sysctl goes to another file of procfs, by a mount over its name. A build that opens
  // the file by its path fails this.
  @Test("A sysctl is written to no other file, whatever a joined mount namespace has over it")
  func redirectedSysctl() throws {
    try withSandbox { box in
      let outside = try Outside(of: box)
      let marker = "/proc/sys/net/ipv4/ip_forward"
      for cover in [
        "mount --bind \(outside.path)/file \(marker)", "mount --bind /proc/self/oom_score_adj \(marker)",
        "mount -t tmpfs tmpfs /proc/sys/net && mkdir -p /proc/sys/net/ipv4 && ln -s \(outside.path)/file \(marker)",
        "mount -t tmpfs tmpfs /proc && mkdir -p /proc/sys/net/ipv4 && ln -s \(outside.path)/file \(marker)",
      ] {
        let ready = box.scratch.path + "/ready"
        try? FileManager.default.removeItem(atPath: ready)
        let holder = try Program(
          "unshare",
          ["--mount", "--propagation", "private", "sh", "-c", "\(cover) && : > \(ready) && exec sleep 1000"]
        ).start()
        defer { holder.forget() }
        guard poll({ exists(ready) || holder.hasEnded }), exists(ready) else { throw Broken(holder.stderr) }
        box.config.enter("mount", path: "/proc/\(holder.pid)/ns/mnt")
        box.config["root.path"] = "/"
        box.config["mounts"] = [Any]()
        box.config["linux.maskedPaths"] = nil
        box.config["linux.readonlyPaths"] = nil
        box.config["linux.sysctl"] = ["net.ipv4.ip_forward": "1"]
        box.config["process.args"] = ["/bin/true"]
        let outcome = try box.run()
        outside.expectUntouched(by: outcome, cover)
        // Of the process that holds the namespace, as of any other that the mount shows.
        #expect(contents("/proc/\(holder.pid)/oom_score_adj")?.trimmed == "0")
        #expect(outcome.status == 0 || outcome.stderr.contains("linux."), "\(cover): \(outcome)")
      }
    }
  }
}
