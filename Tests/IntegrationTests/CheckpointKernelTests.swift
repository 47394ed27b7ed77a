import Foundation
import Glibc
import Testing

extension Need {
  /// criu and this kernel get on with each other.
  static let criu = Need(
    name: "a criu that works with this kernel",
    isMet: (try? Program("criu", ["check"]).call().status) == 0)
}

/// Saving and restoring by criu itself.
extension CheckpointTests {
  /// A container that counts in a file of a volume, and what it has counted.
  struct Counter {
    let box: Sandbox
    var images: String { box.scratch.path + "/images" }
    private var file: String { box.scratch.path + "/volume/count" }

    init(_ box: Sandbox) throws {
      self.box = box
      try makeDirectory(box.scratch.path + "/volume")
      box.config.mount("/data", type: "bind", source: box.scratch.path + "/volume", ["rbind", "rw"])
      box.config.shell("i=0; while :; do i=$((i+1)); echo $i >>/data/count; sleep 0.1; done")
    }

    var count: Int { (contents(file) ?? "").lines.last.flatMap { Int($0) } ?? 0 }

    /// Waits until it has counted on.
    func waitForMore() throws {
      let before = count
      guard poll({ count > before + 2 }) else { throw Broken("still at \(count)") }
    }

    /// `run` and `restore` with streams that criu can save.
    func start(_ arguments: [String], output: Output = .descriptor(Counter.null)) throws {
      var program = box.program(arguments)
      program.stdout = output
      program.stderr = output
      let outcome = try program.call()
      guard outcome.status == 0 else {
        throw Broken(
          "\(outcome) \(contents(images + "/restore.log")?.lines.suffix(20).joined(separator: "\n") ?? "")")
      }
    }

    func run() throws {
      _ = try box.prepare("run")
      try start(["run", "--detach", "--bundle", box.bundle, box.id])
      try waitForMore()
    }

    func checkpoint(_ options: String...) throws {
      let outcome = try box.program(["checkpoint", "--image-path", images] + options + [box.id]).call()
      guard outcome.status == 0 else { throw Broken(outcome.description) }
    }

    func restore(_ options: String..., images: String? = nil) throws {
      try start(
        ["restore", "--detach", "--bundle", box.bundle, "--image-path", images ?? self.images] + options
          + [box.id])
    }

    /// Whether each number is one more than that before.
    var hasNoGap: Bool {
      let numbers = (contents(file) ?? "").lines.compactMap { Int($0) }
      return numbers == Array(1...max(1, numbers.count))
    }

    static let null = open("/dev/null", O_RDWR | O_CLOEXEC)
  }

  @Test(
    "A counter goes on where it stopped, with its limits, mounts and filter, and is a container like others",
    .needs(.criu, .memory, .pids))
  func counter() throws {
    try withSandbox { box in
      box.config["linux.resources"] = ["memory": ["limit": 64 << 20], "pids": ["limit": 30]]
      box.config["annotations"] = ["org.swiftjail.keyrings": "none"]
      box.config.mount("/tmp", type: "tmpfs", source: "tmpfs", ["nosuid", "size=1m"])
      box.config["linux.maskedPaths"] = ["/proc/kcore", "/proc/keys", "/sys/firmware", "/proc/acpi"]
      box.config["linux.readonlyPaths"] = ["/proc/sys"]
      let notes = box.scratch.path + "/notes"
      for kind in ["createRuntime", "poststop"] {
        box.config["hooks.\(kind)"] = [
          ["path": "/bin/sh", "args": ["sh", "-c", "echo \(kind) >>\(notes)"]]
        ]
      }
      let counter = try Counter(box)
      try counter.run()
      try #expect(box.exec([], "sh", "-c", "echo kept >/tmp/file").status == 0)
      try counter.checkpoint()
      #expect(!exists(box.root + "/" + box.id))
      let stopped = counter.count
      try counter.restore("--pid-file", box.scratch.path + "/pid")
      try counter.waitForMore()
      #expect(counter.hasNoGap && counter.count > stopped)

      let pid = try box.pid()
      #expect(contents(box.scratch.path + "/pid") == String(pid))
      let cgroup = try Kernel.cgroups + #require(Kernel.cgroup(of: pid))
      #expect(contents(cgroup + "/memory.max")?.trimmed == String(64 << 20))
      #expect(contents(cgroup + "/pids.max")?.trimmed == "30")
      #expect(contents("/proc/\(pid)/status")?.contains("Seccomp:\t2") == true)
      // criu takes this away from the whole machine.
      let options = Mount.table().first { $0.point == Kernel.cgroups }?.superOptions
      #expect(options?.contains("nsdelegate") == true, "\(options ?? [])")
      let seen = try box.exec([], "sh", "-c", "cat /tmp/file; hostname; ip addr show lo; wc -c </proc/kcore")
      for word in ["kept", "jail", "127.0.0.1", "0"] {
        #expect(seen.lines.joined().contains(word), "\(seen)")
      }
      try box.succeed("pause", box.id)
      try #expect(box.status() == "paused")
      try box.succeed("resume", box.id)
      try box.succeed("kill", box.id, "KILL")
      try box.waitForStatus("stopped")
      try box.succeed("delete", box.id)
      #expect(!exists(cgroup))
      #expect(contents(notes)?.lines == ["createRuntime", "poststop", "createRuntime", "poststop"])
    }
  }

  @Test(
    "Only what has changed since a first dump is saved, and a container that was left running goes on",
    .needs(.criu))
  func parents() throws {
    try withSandbox { box in
      let counter = try Counter(box)
      try counter.run()
      let first = box.scratch.path + "/first"
      for options in [["--pre-dump"], ["--leave-running", "--parent-path", "../first"]] {
        let images = options.count == 1 ? first : counter.images
        try #require(
          box.program(["checkpoint", "--image-path", images] + options + [box.id]).call().status == 0)
        try counter.waitForMore()
      }
      #expect(link(counter.images + "/parent") == "../first")
      try box.delete()
      try counter.restore()
      let before = counter.count
      try counter.waitForMore()
      // It counts again what it had counted after it was saved.
      #expect(!counter.hasNoGap && before > 0)
    }
  }

  @Test("A network namespace that was joined is joined again", .needs(.criu))
  func joinedNetwork() throws {
    try withSandbox { box in
      let holder = try Program(
        "/usr/bin/unshare", ["--net", "/bin/sh", "-c", "ip link add kept type dummy; exec sleep 1000"]
      ).start()
      defer { holder.forget() }
      let path = "/proc/\(holder.pid)/ns/net"
      try #require(poll { link(path) != link("/proc/self/ns/net") })
      box.config.enter("network", path: path)
      let counter = try Counter(box)
      try counter.run()
      try counter.checkpoint()
      try counter.restore()
      try counter.waitForMore()
      #expect(counter.hasNoGap)
      try #expect(link("/proc/\(box.pid())/ns/net") == link(path))
      try #expect(box.exec([], "ip", "link", "show", "kept").status == 0)
    }
  }

  @Test("Pipes are given anew, and a terminal is sent to the console socket", .needs(.criu))
  func streams() throws {
    try withSandbox { box in
      let counter = try Counter(box)
      box.config.shell("i=0; while :; do i=$((i+1)); echo at $i; sleep 0.1; done")
      _ = try box.prepare("run")
      var ends: [CInt] = [-1, -1]
      #expect(pipe(&ends) == 0)
      try counter.start(["run", "--detach", "--bundle", box.bundle, box.id], output: .descriptor(ends[1]))
      try counter.checkpoint()
      #expect(contents(counter.images + "/descriptors.json")?.contains("pipe:") == true)
      var others: [CInt] = [-1, -1]
      #expect(pipe(&others) == 0)
      try counter.start(
        ["restore", "--detach", "--bundle", box.bundle, "--image-path", counter.images, box.id],
        output: .descriptor(others[1]))
      var bytes = [UInt8](repeating: 0, count: 3)
      #expect(read(others[0], &bytes, 3) == 3 && bytes == Array("at ".utf8))
      for end in ends + others { Glibc.close(end) }
      try box.delete()

      box.config["process.terminal"] = true
      box.config.shell("echo ready; while read line; do echo got $line; done")
      try box.writeConfig()
      let socket = try ConsoleSocket(at: box.scratch.path + "/console")
      try counter.start(["run", "--detach", "--bundle", box.bundle, "--console-socket", socket.path, box.id])
      let first = try socket.receive().terminal
      try first.waitFor("ready")
      try counter.checkpoint()
      try counter.restore("--console-socket", socket.path)
      let second = try socket.receive().terminal
      second.type("word\n")
      try second.waitFor("got word")
    }
  }

  @Test("When criu fails, the error says why and where its log is, and the container goes on", .needs(.criu))
  func failure() throws {
    try withSandbox { box in
      let counter = try Counter(box)
      _ = try box.prepare("run")
      // A file of the host's, in which criu cannot find its way.
      let file = open(box.scratch.path + "/file", O_RDWR | O_CREAT | O_CLOEXEC, 0o600)
      defer { Glibc.close(file) }
      try counter.start(["run", "--detach", "--bundle", box.bundle, box.id], output: .descriptor(file))
      let outcome = try box.call("checkpoint", "--image-path", counter.images, box.id)
      expectRefusal(outcome, saying: "checkpoint \(box.id)", counter.images + "/dump.log", "file")
      try counter.waitForMore()
      #expect(counter.hasNoGap)
    }
  }
}
