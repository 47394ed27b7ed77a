import Foundation
import Testing

/// Where no cgroup can be made: cgroup2 is mounted read-only, or not at all.
@Suite("Without a cgroup", .enabled(if: Kernel.hasPartitions))
struct NoCgroupTests {
  /// Runs a script in a mount namespace where cgroup2 is changed by `change`. `sj` in it is the program.
  private func inside(_ box: Sandbox, _ change: String, _ script: String) throws -> Outcome {
    var shell = Program("/usr/bin/unshare", ["-m", "sh", "-c", "$SCRIPT"])
    shell.arguments[3] = """
      \(change) \(Kernel.cgroups) || exit 99
      sj() { '\(Swiftjail.program)' --root '\(box.root)' "$@"; }
      run() { sj --debug run --rootfs '\(box.rootfs)' "$@"; }
      \(script)
      """
    return try shell.call()
  }

  @Test(
    "A partition without limits starts, and can be listed, joined, killed and removed",
    arguments: ["mount -o remount,bind,ro", "umount -l"])
  func starts(change: String) throws {
    try withSandbox { box in
      let outcome = try inside(
        box, change,
        """
        run --rm \(box.id) -- echo started || exit 1
        run --detach \(box.id) -- sleep 1000 || exit 2
        sj exec \(box.id) echo joined || exit 3
        sj exec --cgroup below \(box.id) echo joined && exit 8
        sj list --quiet || exit 4
        sj ps \(box.id) | grep -c 'sleep 1000' || exit 5
        sj kill \(box.id) KILL || exit 6
        sj delete --force \(box.id) || exit 7
        """)
      #expect(outcome.status == 0 && outcome.lines == ["started", "joined", box.id, "1"], "\(outcome)")
      #expect(outcome.stderr.contains("stays in the cgroup of the caller"), "\(outcome)")
      expectNothingLeft(of: box)
    }
  }

  @Test("Device rules hold all the same: no device can be made, by those that join either")
  func devices() throws {
    try withSandbox { box in
      let outcome = try inside(
        box, "umount -l",
        """
        run --detach --cap-add MKNOD \(box.id) -- sleep 1000 || exit 1
        sj exec --cap MKNOD \(box.id) mknod /tmp/disk b 8 0 2>/dev/null; echo $?
        sj exec \(box.id) grep CapBnd /proc/1/status
        sj delete --force \(box.id)
        """)
      let set = outcome.lines.last?.words.last.flatMap { UInt64($0, radix: 16) }
      #expect(outcome.status == 0 && outcome.lines.first != "0", "\(outcome)")
      #expect(set.map { $0 & 1 << 27 } == 0, "\(outcome)")
    }
  }

  @Test("A cgroup that the configuration names is needed, and a limit needs one, too")
  func refused() throws {
    try withSandbox { box in
      box.config["linux.cgroupsPath"] = "/\(box.id)"
      _ = try box.prepare("run")
      let run = "sj run --bundle '\(box.bundle)' \(box.id)"
      expectRefusal(try inside(box, "umount -l", run), saying: "no cgroup v2 hierarchy")
      expectRefusal(try inside(box, "mount -o remount,bind,ro", run), saying: "read-only")
      box.config["linux.cgroupsPath"] = nil
      box.config["linux.resources"] = ["pids": ["limit": 10]]
      _ = try box.prepare("run")
      expectRefusal(try inside(box, "umount -l", run), saying: "no cgroup v2 hierarchy")
      expectNothingLeft(of: box)
    }
  }
}
