import Foundation
import Testing

/// What is made before a partition of the supervisor's, and in what its file tree is made.
@Suite("What a supervised partition starts from", .enabled(if: Kernel.hasPartitions))
struct SupervisorGroundworkTests {
  @Test("No mount of the host is in it, and nothing is above its root")
  func nothingOfTheHost() throws {
    try withSupervisor { site in
      let script = "echo mark > /mark; cat /../mark; sed 's/ - .*//' /proc/self/mountinfo"
      try site.define("dir", script)
      try site.define("host", script, ["rootfs": NSNull(), "image": "host"])
      for short in ["dir", "host"] {
        try site.waitFor(short, "exited")
        let lines = try site.succeed("logs", site.name(short)).lines
        #expect(lines.first == "mark", "\(lines)")
        let mounts = lines.dropFirst().map(\.words)
        #expect(mounts.filter { $0[4] == "/" }.count == 1, "\(lines)")
        let ids = Set(mounts.map { $0[0] })
        #expect(mounts.allSatisfy { $0[4] == "/" || ids.contains($0[1]) }, "\(lines)")
        #expect(mounts.allSatisfy { !$0[4].hasPrefix(site.box.scratch.path) }, "\(lines)")
      }
    }
  }

  @Test(
    "Who may do everything gets no further than its own root by leaving that, or by taking it away",
    .enabled(if: FileManager.default.isExecutableFile(atPath: "/usr/bin/python3")))
  func nothingAbove() throws {
    try withSupervisor { site in
      let leave = """
        import os
        os.makedirs('/tmp/below', exist_ok=True)
        open('/tmp/mark', 'w').close()
        os.chdir('/')
        os.chroot('/tmp/below')
        for _ in range(64): os.chdir('..')
        os.chroot('.')
        print(os.path.exists('/tmp/mark'), os.path.exists('\(site.box.scratch.path)'))
        os.system('umount -l / 2>/dev/null')
        print(os.path.exists('\(site.box.scratch.path)'))
        """
      try site.define(
        "a", "",
        [
          "rootfs": NSNull(), "image": "host", "privileged": true,
          "command": ["/usr/bin/python3", "-c", leave],
          "environment": ["PATH": "/usr/bin", "SWIFTJAIL_TEST": site.box.id],
        ])
      try site.waitFor("a", "exited")
      try #expect(site.succeed("logs", site.name("a")).lines == ["True False", "False"])
    }
  }

  @Test("One that is started again has a network namespace that waited for it, with its own view in /sys")
  func network() throws {
    try withSupervisor { site in
      let script = "echo $(readlink /proc/self/ns/net) $(ls /sys/class/net) $(cat /sys/class/net/lo/flags); "
      try site.define(
        "a", script + "exec sleep 1000",
        ["restart": "always", "restartDelay": ["initial": "0s"], "stopSignal": "KILL"])
      try site.waitFor("a", "running")
      let keeper = try #require(site.keepers.first)
      // Killed before that, it would say nothing.
      try site.waitForOutput("a", "lo 0x9")
      let host = try FileManager.default.destinationOfSymbolicLink(atPath: "/proc/self/ns/net")
      for turn in 1...3 {
        guard poll({ Self.networks(of: keeper).count == 1 }) else { throw Broken("there is no spare one") }
        let waiting = try #require(Self.networks(of: keeper).first)
        kill(pid_t(try site.pid("a")), SIGKILL)
        try #require(try poll { try site.succeed("logs", site.name("a")).lines.count > turn })
        let lines = try site.succeed("logs", site.name("a")).lines
        #expect(lines[turn] == "\(waiting) lo 0x9" && waiting != host, "\(lines)")
      }
    }
  }

  @Test("What was made for the next one goes when there is none that could be started again")
  func spareGoes() throws {
    try withSupervisor { site in
      try site.define("a", "exec sleep 1000", ["stopSignal": "KILL"])
      try site.waitFor("a", "running")
      let keeper = try #require(site.keepers.first)
      #expect(poll { Self.networks(of: keeper).count == 1 })
      try FileManager.default.removeItem(atPath: site.path("a"))
      #expect(poll { Self.networks(of: keeper).isEmpty })
      #expect(site.keepers == [keeper])
    }
  }

  /// The network namespaces that a keeper holds.
  private static func networks(of keeper: pid_t) -> [String] {
    let directory = "/proc/\(keeper)/fd"
    let numbers = (try? FileManager.default.contentsOfDirectory(atPath: directory)) ?? []
    return numbers.compactMap {
      try? FileManager.default.destinationOfSymbolicLink(atPath: "\(directory)/\($0)")
    }.filter { $0.hasPrefix("net:") }
  }
}
