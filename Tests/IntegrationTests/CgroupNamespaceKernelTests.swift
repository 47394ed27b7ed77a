import Foundation
import Testing

/// The root of a cgroup namespace with processes in it, as in every privileged container.
@Suite("Cgroup namespaces")
struct CgroupNamespaceTests {
  /// Runs a script at the root of a new cgroup namespace. `sj` in it is the program.
  private func inside(_ box: Sandbox, _ script: String) throws -> Outcome {
    let cgroup = "\(Kernel.cgroups)/\(box.id)"
    try makeDirectory(cgroup)
    var shell = Program(
      "/bin/sh", ["-c", "echo 0 >\(cgroup)/cgroup.procs && exec unshare -Cm sh -c \"$SCRIPT\""])
    shell.environment["CGROUPS"] = Kernel.cgroups
    shell.environment["SCRIPT"] = """
      umount -l $CGROUPS && mount -t cgroup2 -o nsdelegate cgroup2 $CGROUPS || exit 99
      sj() { '\(Swiftjail.program)' --root '\(box.root)' "$@"; }
      run() { sj --debug run --rootfs '\(box.rootfs)' --rm "$@"; }
      \(script)
      """
    defer { Self.remove(cgroup) }
    return try shell.call()
  }

  private static func remove(_ cgroup: String) {
    for name in (try? FileManager.default.contentsOfDirectory(atPath: cgroup)) ?? [] {
      var status = stat()
      let path = "\(cgroup)/\(name)"
      if lstat(path, &status) == 0, status.st_mode & S_IFMT == S_IFDIR { remove(path) }
    }
    #expect(poll { rmdir(cgroup) == 0 || errno == ENOENT }, "\(cgroup) is still in use")
  }

  @Test(
    "Limits work: the processes found at the root are moved once, and --debug says so",
    .needs(.testKernel, .memory, .pids))
  func moves() throws {
    try withSandbox { box in
      let outcome = try inside(
        box,
        """
        run --memory 64m --pids-limit 20 \(box.id) -- cat /sys/fs/cgroup/memory.max || exit 1
        cat /proc/self/cgroup $CGROUPS/cgroup.procs
        run --pids-limit 20 \(box.id) -- cat /sys/fs/cgroup/pids.max /proc/self/cgroup || exit 2
        sj run --rootfs '\(box.rootfs)' --detach --memory 32m \(box.id) -- sleep 1000 || exit 3
        sj exec \(box.id) cat /sys/fs/cgroup/memory.max || exit 4
        sj pause \(box.id) && sj resume \(box.id) || exit 5
        sj ps --format json \(box.id) | grep -c '[0-9]' || exit 6
        sj delete --force \(box.id)
        """)
      #expect(outcome.status == 0, "\(outcome)")
      #expect(outcome.lines == ["67108864", "0::/init", "20", "0::/", "33554432", "1"], "\(outcome)")
      let moves = outcome.complaints.filter { $0.contains(": moved ") }
      #expect(moves.count == 1 && moves.first?.contains("\(Kernel.cgroups)/init") == true, "\(outcome)")
    }
  }

  @Test(
    "Partitions that are started at the same moment do not get in each other's way",
    .needs(.testKernel, .memory))
  func atOnce() throws {
    try withSandbox { box in
      let outcome = try inside(
        box,
        "for i in 1 2 3 4 5; do run --memory 64m \(box.id)-$i -- cat /sys/fs/cgroup/memory.max & done; wait")
      #expect(outcome.lines == Array(repeating: "67108864", count: 5), "\(outcome)")
    }
  }

  struct Place: CustomTestStringConvertible, Sendable {
    let testDescription: String
    /// What the script does first.
    let preparation: String
    /// What the refusal of a limit says.
    let words: [String]
  }

  static let places = [
    Place(
      testDescription: "the hierarchy is read-only", preparation: "mount -o remount,bind,ro $CGROUPS",
      words: ["read-only", "--privileged"]),
    Place(
      testDescription: "the root of the namespace is threaded",
      preparation: "echo +pids >$CGROUPS/cgroup.subtree_control", words: ["is threaded"]),
    Place(
      testDescription: "processes at the root are out of sight",
      preparation: "[ $$ = 1 ] || exec unshare -pf --mount-proc sh -c \"$SCRIPT\"",
      words: ["could not be moved", "init"]),
    Place(
      testDescription: "another part of the hierarchy is mounted",
      preparation: """
        mkdir $CGROUPS/init $CGROUPS/part && echo $$ >$CGROUPS/init/cgroup.procs
        echo +memory >$CGROUPS/cgroup.subtree_control
        sleep 1000 >/dev/null 2>&1 &
        sleeper=$!
        echo $sleeper >$CGROUPS/part/cgroup.procs && mount --bind $CGROUPS/part $CGROUPS
        """, words: ["processes live in", "namespace"]),
  ]

  @Test(
    "Where no controller can be enabled, a partition starts without limits, and one with limits is refused",
    .needs(.testKernel, .memory), arguments: places)
  func refuses(place: Place) throws {
    try withSandbox { box in
      let outcome = try inside(
        box,
        """
        \(place.preparation)
        before=$(cat $CGROUPS/cgroup.subtree_control)
        run \(box.id) -- echo started || exit 1
        sj run --rootfs '\(box.rootfs)' --rm --memory 64m \(box.id) -- echo started; echo $?
        [ "$(cat $CGROUPS/cgroup.subtree_control)" = "$before" ] || exit 2
        [ -z "${sleeper-}" ] || kill $sleeper
        """)
      #expect(outcome.status == 0 && outcome.lines == ["started", "125"], "\(outcome)")
      let complaint = outcome.complaints.last ?? ""
      #expect(place.words.allSatisfy(complaint.contains), "\(outcome)")
      expectNothingLeft(of: box)
    }
  }

  @Test(
    "A cgroup with processes of others gets no controllers, and none of them is moved",
    .needs(.testKernel, .pids))
  func populated() throws {
    try withSandbox { box in
      let parent = "\(Kernel.cgroups)/\(box.id)-parent"
      try makeDirectory(parent)
      defer { Self.remove(parent) }
      let other = try Program("/bin/sh", ["-c", "echo 0 >\(parent)/cgroup.procs; exec sleep 1000"]).start()
      defer {
        kill(other.pid, SIGKILL)
        other.forget()
      }
      #expect(poll { contents(parent + "/cgroup.procs")?.trimmed == "\(other.pid)" })
      box.config["linux.cgroupsPath"] = "/\(box.id)-parent/own"
      let outcome = try box.run()
      #expect(outcome.status == 0, "\(outcome)")
      box.config["linux.resources"] = ["pids": ["limit": 10]]
      expectRefusal(try box.run(), saying: "linux.resources.pids.limit", "processes live in \(parent)")
      #expect(contents(parent + "/cgroup.subtree_control")?.trimmed == "")
      #expect(contents(parent + "/cgroup.procs")?.trimmed == "\(other.pid)")
    }
  }

  @Test(
    "swiftjail works with limits in a privileged partition of its own, beside exec into that",
    .needs(.testKernel, .memory))
  func nested() throws {
    try withSandbox { box in
      defer { _ = try? box.delete() }
      // The kernel puts no overlay on an overlay on an overlay, and the test kernel's own root is one.
      for name in ["lib", "lib64"] { try makeLink("\(box.rootfs)/\(name)", to: "usr/\(name)") }
      try makeDirectory(box.rootfs + "/usr")
      let directory = URL(fileURLWithPath: Swiftjail.program).deletingLastPathComponent().path
      try box.succeed(
        "run", "--rootfs", box.rootfs, "--privileged", "--detach", "--volume", "/usr:/usr:ro",
        "--volume", "\(directory):/programs:ro", "--volume", "\(box.rootfs):/tree:ro", "--tmpfs", "/run",
        "--tmpfs", "/var/lib",
        "--env", "PATH=/programs:/bin", box.id, "--", "sleep", "1000")
      let inner = try box.exec(
        [], "sh", "-c",
        """
        swiftjail run --rootfs /tree --rm --memory 64m one -- cat /sys/fs/cgroup/memory.max || exit 1
        swiftjail run --rootfs /tree --detach --memory 32m two -- sleep 1000 || exit 2
        swiftjail exec two cat /sys/fs/cgroup/memory.max
        """)
      #expect(inner.lines == ["67108864", "33554432"], "\(inner)")
      try #expect(box.exec([], "cat", "/proc/self/cgroup").text == "0::/init")
      try box.delete()
      expectNothingLeft(of: box)
    }
  }
}
