import Foundation
import Glibc
import Testing

/// `checkpoint` and `restore` as far as they go without a criu that works: what criu is asked, and what is refused.
// One at a time: what criu does to the options of the cgroup hierarchy, it does to the whole machine.
@Suite("Checkpoint and restore", .serialized, .enabled(if: exists("/usr/bin/python3")))
struct CheckpointTests {
  /// A container that runs, and a program in the place of criu.
  func withContainer(_ body: (Sandbox, PretendedCheckpointer) throws -> Void) throws {
    try withSandbox { box in
      box.config["process.args"] = ["/bin/sleep", "1000"]
      box.config["linux.maskedPaths"] = ["/proc/version", "/proc/sys"]
      try makeDirectory(box.scratch.path + "/volume")
      box.config.mount("/data", type: "bind", source: box.scratch.path + "/volume", ["rbind"])
      let criu = try PretendedCheckpointer(in: box.scratch.path)
      box.globalOptions = criu.options
      try box.detach()
      try body(box, criu)
    }
  }

  func call(
    _ box: Sandbox, _ criu: PretendedCheckpointer, failing log: String? = nil, extra: [CInt] = [],
    _ arguments: String...
  ) throws -> Outcome {
    var program = box.program(arguments)
    program.environment.merge(criu.environment(failing: log)) { $1 }
    program.extra = extra
    return try program.call()
  }

  @Test("checkpoint asks criu for what its options say, and removes the container")
  func checkpoint() throws {
    try withContainer { box, criu in
      let pid = try box.pid()
      let images = box.scratch.path + "/images"
      let outcome = try call(
        box, criu, "checkpoint", "--image-path", images, "--work-path", box.scratch.path + "/work",
        "--tcp-established", "--ext-unix-sk", "--shell-job", "--file-locks", "--auto-dedup", "--link-remap",
        "--tcp-skip-in-flight", "--manage-cgroups-mode", "full", "--empty-ns", "network",
        "--page-server", "[::1]:4711", box.id)
      #expect(outcome.status == 0, "\(outcome)")
      for field in [
        "1=1", "2.2=\(pid)", "2.4=1", "2.5=1", "2.7=1", "2.8=1", "2.10=dump.log", "2.11=::1,4711",
        "2.13=\(box.rootfs)", "2.16=1", "2.18=1", "2.23=/data,/data", "2.23=/proc/version,/dev/null",
        "2.34=4",
        "2.38=1073741824", "2.46=1", "2.48=0", "2.50=1",
      ] {
        #expect(criu.was(field), "\(field) in \(criu.fields)")
      }
      #expect(!criu.was("2.3=1") && !criu.was("2.23=/proc/sys,/dev/null"), "\(criu.fields)")
      #expect(criu.fields.contains { $0.hasPrefix("2.44=/") && $0.hasSuffix(box.id) }, "\(criu.fields)")
      #expect(exists(images + "/descriptors.json"))
      expectRefusal(try box.call("state", box.id), saying: "does not exist")
    }
  }

  @Test("A container goes on with --leave-running and --pre-dump, and so when criu fails")
  func goesOn() throws {
    try withContainer { box, criu in
      let images = box.scratch.path + "/images"
      let first = try call(
        box, criu, "checkpoint", "--image-path", images + "/1", "--pre-dump", box.id)
      #expect(first.status == 0, "\(first)")
      for field in ["1=9", "5.1=1", "1=4", "2.15=1"] { #expect(criu.was(field), "\(criu.fields)") }
      #expect(!exists(images + "/1/descriptors.json"))

      let second = try call(
        box, criu, "checkpoint", "--image-path", images + "/2", "--parent-path", "../1", "--leave-running",
        box.id)
      #expect(second.status == 0, "\(second)")
      for field in ["2.14=../1", "2.3=1"] { #expect(criu.was(field), "\(criu.fields)") }

      let log = """
        Error (criu/util.c:627): execvp("iptables-restore", ...) failed: No such file or directory
        (00.1) Error (criu/util.c:642): exited, status=1
        (00.2) Error (criu/net.c:3071): Locking network failed
        (00.3) Error (criu/cr-dump.c:2053): Dumping FAILED.
        """
      expectRefusal(
        try call(box, criu, failing: log, "checkpoint", "--image-path", images + "/3", box.id),
        saying: "checkpoint \(box.id)", "iptables-restore", "net.c:3071: Locking network failed",
        images + "/3/dump.log")
      try #expect(box.status() == "running")
    }
  }

  @Test("--status-fd gets a zero byte when lazy pages can be fetched, and is closed")
  func lazyPages() throws {
    try withContainer { box, criu in
      var ends: [CInt] = [-1, -1]
      #expect(pipe(&ends) == 0)
      defer { Glibc.close(ends[0]) }
      let outcome = try call(
        box, criu, extra: [ends[1]], "checkpoint", "--image-path", box.scratch.path + "/images",
        "--lazy-pages", "--status-fd", "3", "--leave-running", box.id)
      Glibc.close(ends[1])
      #expect(outcome.status == 0, "\(outcome)")
      for field in ["5.2=1", "2.48=1"] { #expect(criu.was(field), "\(criu.fields)") }
      var bytes: [UInt8] = [1, 1]
      #expect(read(ends[0], &bytes, 2) == 1 && bytes[0] == 0)
    }
  }

  @Test("restore asks criu for what its options and the bundle say, and nothing stays when criu fails")
  func restore() throws {
    try withSandbox { box in
      let criu = try PretendedCheckpointer(in: box.scratch.path)
      box.globalOptions = criu.options
      try makeDirectory(box.scratch.path + "/volume/below")
      box.config.mount("/new/place", type: "bind", source: box.scratch.path + "/volume", ["bind"])
      box.config.enter("network", path: "/proc/self/ns/net")
      box.config.enter("uts", path: "/proc/self/ns/uts")
      box.config["hostname"] = nil
      box.config["linux.maskedPaths"] = ["/proc/kcore"]
      try box.writeConfig()
      let images = box.scratch.path + "/images"
      try makeDirectory(images)
      try write("", to: images + "/inventory.img")
      try write(#"["/dev/null", "pipe:[11]", "pipe:[12]"]"#, to: images + "/descriptors.json")

      expectRefusal(
        try call(
          box, criu, failing: "(00.1) Error (criu/cr-restore.c:1): no luck", "restore", "--bundle",
          box.bundle,
          "--image-path", images, "--detach", "--pid-file", box.scratch.path + "/pid", "--tcp-established",
          "--ext-unix-sk", "--shell-job", "--file-locks", "--auto-dedup", "--lazy-pages",
          "--manage-cgroups-mode", "ignore", "--no-pivot", "--no-new-keyring", "--no-subreaper",
          "--lsm-profile", "apparmor:other", "--lsm-mount-context", "system_u:x", box.id),
        saying: "restore \(box.id)", "cr-restore.c:1: no luck", images + "/restore.log")
      for field in [
        "1=2", "2.4=1", "2.5=1", "2.6=1", "2.7=1", "2.8=1", "2.10=restore.log", "2.16=1", "2.26=1",
        "2.23=/new/place,\(box.scratch.path)/volume", "2.23=/dev/null,/dev/null", "2.27=pipe:[11],1",
        "2.27=pipe:[12],2", "2.27=extRootNetNS,6", "2.34=0", "2.39=uts,/proc/self/ns/uts", "2.48=1",
        "2.53=apparmor:other", "2.63=system_u:x",
      ] {
        #expect(criu.was(field), "\(field) in \(criu.fields)")
      }
      // Mount points are created, as when a container is.
      #expect(exists(box.rootfs + "/new/place") && !exists(box.rootfs + "/new/place/below"))
      #expect(!exists(box.root + "/" + box.id) && !exists(box.scratch.path + "/pid"))
      #expect(Mount.table().allSatisfy { !$0.point.hasPrefix(box.scratch.path) })
    }
  }

  @Test("What cannot be is refused before anything is done")
  func refusals() throws {
    try withContainer { box, criu in
      let images = box.scratch.path + "/images"
      func refused(_ arguments: String..., saying words: String) throws {
        let outcome = try box.program(["checkpoint", "--image-path", images] + arguments + [box.id]).call()
        expectRefusal(outcome, saying: words)
        #expect(!exists(images), "\(outcome)")
      }
      try refused("--page-server", "host", saying: "ADDRESS:PORT")
      try refused("--page-server", "host:0", saying: "ADDRESS:PORT")
      try refused("--manage-cgroups-mode", "hard", saying: "soft, full, strict or ignore")
      try refused("--empty-ns", "ipc", saying: "network")
      try refused("--status-fd", "77", "--lazy-pages", saying: "open descriptor")
      try refused("--status-fd", "1", saying: "--lazy-pages")
      try refused("--parent-path", "/absolute", saying: "must be relative")
      box.globalOptions = ["--criu", "/no/criu"]
      try refused(saying: "--criu /no/criu")
      expectRefusal(
        try box.call("restore", "--image-path", images, "--bundle", box.bundle, "other"),
        saying: "--criu /no/criu")
      box.globalOptions = criu.options
      expectRefusal(
        try box.call("restore", "--image-path", images, "--bundle", box.bundle, "other"),
        saying: "--image-path", "no complete checkpoint")
      // As podman asks whether containers can be restored into a pod.
      expectRefusal(try box.call("restore", "--lsm-mount-context"), saying: "requires an argument")
      expectRefusal(
        try call(box, criu, "checkpoint", "--image-path", images, "--parent-path", "../none", box.id),
        saying: "--parent-path ../none")
      try #expect(box.status() == "running")

      try box.succeed("kill", box.id, "KILL")
      try box.waitForStatus("stopped")
      expectRefusal(try box.call("checkpoint", "--image-path", images, box.id), saying: "it is stopped")
    }
  }

  @Test("A container that was not started, and one that a mount namespace is joined for, cannot be saved")
  func created() throws {
    try withSandbox { box in
      let criu = try PretendedCheckpointer(in: box.scratch.path)
      box.globalOptions = criu.options
      try box.create()
      expectRefusal(try call(box, criu, "checkpoint", box.id), saying: "it is created")
    }
  }

  @Test("A partition cannot be saved, with or without a supervisor")
  func partition() throws {
    try withSupervisor { site in
      let box = site.box
      let criu = try PretendedCheckpointer(in: box.scratch.path)
      box.globalOptions = criu.options
      let images = box.scratch.path + "/images"
      try box.succeed("run", "--rootfs", box.rootfs, "--detach", box.id, "--", "/bin/sleep", "1000")
      defer { _ = try? box.call("delete", "--force", box.id) }
      try site.define("a")
      try site.waitUntilReady("a")
      for name in [box.id, site.name("a")] {
        for options in [[], ["--leave-running"]] {
          let outcome = try box.program(["checkpoint", "--image-path", images] + options + [name]).call()
          expectRefusal(outcome, saying: "it is a partition")
          #expect(!exists(images))
        }
        try #expect(box.status(id: name) == "running")
      }
    }
  }

  @Test("Where criu is missing, one line says what to install")
  func missing() throws {
    try withContainer { box, _ in
      let own = ["/usr/local/sbin/criu", "/usr/local/bin/criu", "/usr/sbin/criu", "/usr/bin/criu"]
      let hide = own.filter(exists).map { "mount --bind /dev/null \($0) && " }.joined()
      let outcome = try Program(
        "/usr/bin/unshare",
        [
          "--mount", "/bin/sh", "-c",
          "\(hide)exec '\(Swiftjail.program)' --root '\(box.root)' checkpoint '\(box.id)'",
        ]
      ).call()
      expectRefusal(outcome, saying: "install the package criu")
    }
  }

  @Test("The host's /dev/null as a standard stream becomes the container's")
  func ownNull() throws {
    try withSandbox { box in
      box.config["process.args"] = ["/bin/sleep", "1000"]
      try box.detach()
      let file = "/proc/\(try box.pid())"
      var stream = stat()
      var own = stat()
      #expect(stat(file + "/fd/0", &stream) == 0 && stat(file + "/root/dev/null", &own) == 0)
      #expect(stream.st_dev == own.st_dev && stream.st_ino == own.st_ino)
    }
  }
}
