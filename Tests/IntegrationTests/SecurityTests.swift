import Foundation
import Testing

/// A root file system that means harm. The published escapes are in the files Escape….
@Suite("Hostile roots")
struct SecurityTests {
  /// A directory on the host, with a file, that nothing inside may reach or change.
  func outside(of box: Sandbox) throws -> String {
    let path = box.scratch.path + "/outside"
    try makeDirectory(path)
    try write("host secret", to: path + "/file")
    return path
  }

  func expectUntouched(_ outside: String, sourceLocation: SourceLocation = #_sourceLocation) throws {
    try #expect(
      FileManager.default.contentsOfDirectory(atPath: outside) == ["file"], sourceLocation: sourceLocation)
    #expect(contents(outside + "/file") == "host secret", sourceLocation: sourceLocation)
  }

  enum Way: String, CaseIterable, Sendable {
    case absolute, upwards, process, nested

    /// A link's target that would lead from the root's top to a host path.
    func target(_ path: String) -> String {
      switch self {
      case .absolute: path
      case .upwards: "../../../../../../../../../.." + path
      case .process: "/proc/self/root" + path
      case .nested: "/etc/again/file/.." + path
      }
    }
  }

  @Test("A mount below a link stays in the root", arguments: Way.allCases)
  func mountThroughLink(way: Way) throws {
    try withSandbox { box in
      let outside = try outside(of: box)
      try makeLink(box.rootfs + "/link", to: way.target(outside))
      box.config.mount("/link/new/place", type: "tmpfs", source: "tmpfs")
      box.config.shell("cat /link/file; cat \(outside)/file; true")
      let outcome = try box.run()
      #expect(!outcome.text.contains("host secret"), "\(outcome)")
      try expectUntouched(outside)
    }
  }

  @Test("A mount on a link stays in the root", arguments: Way.allCases)
  func mountOnLink(way: Way) throws {
    try withSandbox { box in
      let outside = try outside(of: box)
      try makeDirectory(box.scratch.path + "/source")
      try makeLink(box.rootfs + "/link", to: way.target(outside))
      box.config.mount("/link", source: box.scratch.path + "/source", ["bind"])
      box.config.shell("touch /link/new; cat /link/file; true")
      let outcome = try box.run()
      #expect(!outcome.text.contains("host secret"), "\(outcome)")
      try expectUntouched(outside)
    }
  }

  @Test("A file bound on a link stays in the root", arguments: Way.allCases)
  func fileOnLink(way: Way) throws {
    try withSandbox { box in
      let outside = try outside(of: box)
      try write("bound", to: box.scratch.path + "/bound")
      try makeLink(box.rootfs + "/link", to: way.target(outside + "/file"))
      box.config.mount("/link", source: box.scratch.path + "/bound", ["bind"])
      box.config.shell("cat /link; true")
      let outcome = try box.run()
      #expect(!outcome.text.contains("host secret"), "\(outcome)")
      try expectUntouched(outside)
    }
  }

  @Test("tmpcopyup copies nothing from outside the root", arguments: Way.allCases)
  func copyUp(way: Way) throws {
    try withSandbox { box in
      let outside = try outside(of: box)
      try makeLink(box.rootfs + "/link", to: way.target(outside))
      box.config.mount("/link", type: "tmpfs", source: "tmpfs", ["tmpcopyup"])
      box.config.shell("cat /link/file \(outside)/file; true")
      let outcome = try box.run()
      #expect(!outcome.text.contains("host secret"), "\(outcome)")
      try expectUntouched(outside)
    }
  }

  @Test("A destination with .. stays in the root")
  func upwards() throws {
    try withSandbox { box in
      let outside = try outside(of: box)
      box.config.mount("/../../../../../.." + outside + "/new", type: "tmpfs", source: "tmpfs")
      _ = try box.run()
      try expectUntouched(outside)
    }
  }

  // CVE-2019-19921, CVE-2023-28642
  @Test("/proc as a link is refused, or the real one is mounted with its parts read-only")
  func procLink() throws {
    try withSandbox { box in
      try FileManager.default.removeItem(atPath: box.rootfs + "/proc")
      try makeDirectory(box.rootfs + "/tmp/proc/self/attr")
      try makeLink(box.rootfs + "/proc", to: "/tmp/proc")
      box.config.shell("grep -q . /proc/self/mountinfo && (echo x > /proc/sys/kernel/hostname) 2>&1; true")
      let outcome = try box.run()
      if outcome.status == 0 {
        #expect(outcome.text.contains("Read-only file system"), "\(outcome)")
      } else {
        expectRefusal(outcome, saying: "/proc")
      }
    }
  }

  // CVE-2025-31133
  @Test("/dev/null as a link unmasks nothing and is never followed")
  func nullLink() throws {
    try withSandbox { box in
      let outside = try outside(of: box)
      for point in ["/dev", "/dev/pts", "/dev/shm", "/dev/mqueue"] { box.config.unmount(point) }
      try write("password", to: box.rootfs + "/etc/secret")
      try write("innocent", to: box.rootfs + "/etc/innocent")
      try makeLink(box.rootfs + "/dev/null", to: outside + "/file")
      try makeLink(box.rootfs + "/dev/zero", to: "/etc/innocent")
      box.config["linux.maskedPaths"] = ["/etc/secret"]
      box.config.shell("cat /etc/secret; echo x > /etc/secret; cat /dev/null; true")
      let outcome = try box.run()
      #expect(!outcome.text.contains("password") && !outcome.text.contains("host secret"), "\(outcome)")
      #expect(contents(box.rootfs + "/etc/innocent") == "innocent")
      try expectUntouched(outside)
    }
  }

  @Test("A masked path that is a link hides what it leads to, and nothing outside", arguments: [true, false])
  func maskedLink(inside: Bool) throws {
    try withSandbox { box in
      let outside = try outside(of: box)
      try write("password", to: box.rootfs + "/etc/secret")
      try makeLink(box.rootfs + "/etc/masked", to: inside ? "/etc/secret" : outside + "/file")
      box.config["linux.maskedPaths"] = ["/etc/masked"]
      box.config.shell("cat /etc/masked; true")
      let outcome = try box.run()
      #expect(!outcome.text.contains("password") && !outcome.text.contains("host secret"), "\(outcome)")
      try expectUntouched(outside)
    }
  }

  @Test("A read-only path that is a link changes nothing outside", arguments: Way.allCases)
  func readOnlyLink(way: Way) throws {
    try withSandbox { box in
      let outside = try outside(of: box)
      try makeLink(box.rootfs + "/etc/fixed", to: way.target(outside))
      box.config["linux.readonlyPaths"] = ["/etc/fixed"]
      box.config.shell("cat /etc/fixed/file; true")
      let outcome = try box.run()
      #expect(!outcome.text.contains("host secret"), "\(outcome)")
      try write("host secret", to: outside + "/file")
      try expectUntouched(outside)
    }
  }

  @Test("A device below a link stays in the root", arguments: Way.allCases)
  func deviceThroughLink(way: Way) throws {
    try withSandbox { box in
      let outside = try outside(of: box)
      try makeLink(box.rootfs + "/link", to: way.target(outside))
      box.config["linux.devices"] = [["type": "c", "path": "/link/mine", "major": 1, "minor": 3]]
      _ = try box.run()
      try expectUntouched(outside)
    }
  }

  @Test("Descriptors that the caller leaves open do not come in")
  func callersDescriptors() throws {
    try withSandbox { box in
      let directory = open("/", O_RDONLY | O_DIRECTORY | O_CLOEXEC)
      defer { close(directory) }
      box.config["process.args"] = ["ls", "/proc/self/fd"]
      var run = try box.prepare("run")
      run.extra = [directory, directory, directory]
      try #expect(run.call().lines == ["0", "1", "2", "3"])

      box.config["process.args"] = ["sleep", "1000"]
      try box.detach()
      var exec = box.program(["exec", box.id, "ls", "/proc/self/fd"])
      exec.extra = [directory, directory]
      try #expect(exec.call().lines == ["0", "1", "2", "3"])
    }
  }

  @Test("Who may trace every process inside never sees one that has the host's root or the runtime's program")
  func tracer() throws {
    try withSandbox { box in
      let outside = try outside(of: box)
      let capabilities = box.config["process.capabilities.effective"] as? [String] ?? []
      for set in ["bounding", "effective", "permitted"] {
        box.config["process.capabilities.\(set)"] = capabilities + ["CAP_SYS_PTRACE"]
      }
      try write("", to: box.rootfs + "/runtime")
      box.config.mount("/runtime", source: Swiftjail.program, ["bind", "ro"])
      // A process may look at another's root and image when it may trace it.
      box.config.shell(
        """
        echo ready
        while :; do
          for p in /proc/[0-9]*; do
            [ -e $p/root\(outside)/file ] && echo escaped
            [ $p/exe -ef /runtime ] && echo caught
          done
        done
        """)
      try box.detach()
      try box.waitForOutput("ready")
      for _ in 0..<20 { try #expect(box.exec([], "/bin/true").status == 0) }
      try box.delete()
      #expect(box.output == "ready")
    }
  }

  @Test("A program that joins a container that waits for its start gets hold of nothing of what waits there")
  func waiting() throws {
    try withSandbox { box in
      try write("", to: box.rootfs + "/runtime")
      box.config.mount("/runtime", source: Swiftjail.program, ["bind", "ro"])
      try box.create()
      // What it is told to start over, and what it says then, are connections to the host.
      let script = "[ /proc/1/exe -ef /runtime ] && echo caught; ls -l /proc/1/fd | grep -c ' -> '; true"
      let outcome = try box.exec([], "sh", "-c", script)
      #expect(outcome.text == "0" && outcome.stderr.contains("Permission denied"), "\(outcome)")
      try box.start()
    }
  }

  @Test("A FIFO where a mount goes is refused, and makes nobody wait")
  func pipeAsDestination() throws {
    try withSandbox { box in
      try FileManager.default.removeItem(atPath: box.rootfs + "/sys")
      mkfifo(box.rootfs + "/sys", 0o666)
      expectRefusal(try box.run(), saying: "/sys")
      expectNothingLeft(of: box)
    }
  }

  @Test("A FIFO as the program's working directory, or as a masked path, makes nobody wait")
  func pipes() throws {
    try withSandbox { box in
      mkfifo(box.rootfs + "/etc/pipe", 0o666)
      box.config["linux.maskedPaths"] = ["/etc/pipe"]
      box.config["linux.readonlyPaths"] = ["/etc/pipe"]
      _ = try box.run()
      box.config["linux.maskedPaths"] = [String]()
      box.config["process.cwd"] = "/etc/pipe"
      try #expect(box.run().status != 0)
    }
  }

  @Test("Killing or signalling by the container's word never reaches the host")
  func signals() throws {
    try withSandbox { box in
      // All that pid 1 of the namespace can signal is its own.
      box.config.shell("kill -0 \(getpid()) 2>&1; kill -9 -1; echo survived")
      let outcome = try box.run()
      #expect(outcome.text.contains("survived"), "\(outcome)")
    }
  }

  @Test("A shared volume that changes under /proc exposes nothing of it")
  func changingVolume() throws {
    try withSandbox { box in
      let volume = box.scratch.path + "/volume"
      for name in ["a", "b"] { try makeDirectory("\(volume)/\(name)") }
      // Somebody else in the volume.
      let exchange = try Program(
        "perl",
        [
          "-e",
          "my ($a, $b) = ('a', 'b'); chdir '\(volume)'; syscall \(Call.renameat2), -100, $a, -100, $b, 2 while 1",
        ]
      ).start()
      defer { exchange.forget() }
      try FileManager.default.removeItem(atPath: box.rootfs + "/proc")
      try makeLink(box.rootfs + "/proc", to: "/volume/a")
      let mounts = box.config["mounts"] as? [[String: Any]] ?? []
      let shared: [String: Any] = [
        "destination": "/volume", "type": "bind", "source": volume, "options": ["bind"],
      ]
      box.config["mounts"] = [shared] + mounts
      box.config.shell(
        """
        for place in /volume/a /volume/b; do
          if (echo jail > $place/sys/kernel/hostname) 2> /dev/null; then echo exposed; fi
        done
        """)
      for _ in 0..<60 {
        let outcome = try box.run()
        #expect(!outcome.text.contains("exposed"), "\(outcome)")
      }
    }
  }

  @Test("A device of a user namespace is that device of the host, and no other file")
  func falseDevice() throws {
    try withSandbox { box in
      box.config.mapUsers()
      box.config["linux.devices"] = [["path": "/etc/passwd", "type": "c", "major": 1, "minor": 3]]
      expectRefusal(try box.run(), saying: "/etc/passwd")
    }
  }

  @Test("A partition's programs, and those that join it, can do nothing with the host's keyrings")
  func keyrings() throws {
    try withSandbox { box in
      let refused = try KeyCalls.refused()
      try KeyCalls.write(to: box.rootfs + "/calls")
      let run = ["run", "--rootfs", box.rootfs]
      for options in [[], ["--user", "1000"], ["--cap-add", "ALL"], ["--init"]] {
        let outcome = try box.program(run + ["--rm"] + options + [box.id, "--", "/calls"]).call()
        #expect(outcome.text == refused, "\(options): \(outcome)")
      }
      try box.succeed("run", "--rootfs", box.rootfs, "--detach", box.id, "--", "/bin/sleep", "1000")
      for options in [[], ["--user", "1000"], ["--cap", "CAP_SYS_ADMIN"], ["--tty"]] {
        let outcome = try box.exec(options, "/calls")
        #expect(outcome.text == refused, "\(options): \(outcome)")
      }
      try box.delete()
    }
  }

  @Test("Who is given all of the host has its keyrings, and so has a bundle unless it says otherwise")
  func ownKeyrings() throws {
    try withSandbox { box in
      let refused = try KeyCalls.refused()
      try KeyCalls.write(to: box.rootfs + "/calls")
      let outcome = try box.program(
        ["run", "--rootfs", box.rootfs, "--rm", "--privileged", box.id, "--", "/calls"]
      ).call()
      #expect(outcome.stdout.count == refused.count && !outcome.text.contains("1"), "\(outcome)")
      box.config["process.args"] = ["/calls"]
      let bundle = try box.run()
      #expect(bundle.stdout.count == refused.count && !bundle.text.contains("1"), "\(bundle)")

      box.config["annotations"] = ["org.swiftjail.keyrings": "none"]
      box.config["process.noNewPrivileges"] = false
      try #expect(box.run().text == refused)
      box.config.shell("grep NoNewPrivs /proc/self/status")
      try #expect(box.run().text.words == ["NoNewPrivs:", "0"])
    }
  }

  @Test("A program that joins does not have the caller's session keyring")
  func keyring() throws {
    try withSandbox { box in
      for directory in ["lib", "lib64"] { try makeLink("\(box.rootfs)/\(directory)", to: "usr/\(directory)") }
      box.config.mount("/usr", source: "/usr", ["rbind", "ro"])
      box.config["process.args"] = ["/bin/sleep", "1000"]
      try box.detach()
      // A session keyring with a key in it, as a login may have: KEYCTL_JOIN_SESSION_KEYRING.
      let names = "my ($type, $name, $secret) = ('user', '\(box.id)', 's');"
      let make =
        "syscall \(Call.keyctl), 1, 0; syscall(\(Call.addKey), $type, $name, $secret, 1, -3) > 0 or die;"
      // KEYCTL_SEARCH
      let look = "print syscall(\(Call.keyctl), 10, -3, $type, $name, 0) > 0 ? 'found' : 'none'"
      let own = try Program("perl", ["-e", names + make + look]).call()
      #expect(own.text == "found")
      let outcome = try Program(
        "perl",
        [
          "-e", names + make + "exec @ARGV", Swiftjail.program, "--root", box.root, "exec", box.id,
          "/usr/bin/perl",
          "-e", names + look,
        ]
      ).call()
      #expect(outcome.text == "none", "\(outcome)")
    }
  }
}

/// Numbers of system calls.
private enum Call {
  #if arch(x86_64)
    static let renameat2 = 316
    static let keyctl = 250
    static let addKey = 248
  #else
    static let renameat2 = 276
    static let keyctl = 219
    static let addKey = 217
  #endif
}
