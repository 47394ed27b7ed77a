import Foundation
import Testing

/// What is under a partition's file tree, and what stays of it.
@Suite("Roots of partitions", .enabled(if: Kernel.hasPartitions))
struct PartitionRootTests {
  func run(_ box: Sandbox, at root: String, _ options: [String], script: String) throws -> Outcome {
    var program = Program(
      Swiftjail.program,
      ["--root", root, "run", "--rm"] + options + [box.id, "--", "/bin/sh", "-c", script])
    program.environment["SWIFTJAIL_TEST"] = box.id
    return try program.call()
  }

  /// The state roots: one whose paths fit into the options of the kernel's newer interface, and one whose do not.
  func roots(_ box: Sandbox) throws -> [String] {
    let long =
      box.scratch.path + "/"
      + ["x", "y", "z"].map { String(repeating: $0, count: 100) }.joined(separator: "/")
    try makeDirectory(long)
    return [box.root, long]
  }

  @Test("No mount of the host is in a partition, and nothing is above its root")
  func nothingOfTheHost() throws {
    try withSandbox { box in
      for root in try roots(box) {
        for base in [["--rootfs", box.rootfs], ["--image", "host"]] {
          let script = "echo mark > /mark; cat /../mark; sed 's/ - .*//' /proc/self/mountinfo"
          let outcome = try run(box, at: root, base, script: script)
          #expect(outcome.status == 0 && outcome.lines.first == "mark", "\(outcome)")
          // One line for the root, and each other mount is on one that is in the list.
          let mounts = outcome.lines.dropFirst().map(\.words)
          #expect(mounts.filter { $0[4] == "/" }.count == 1, "\(outcome)")
          let ids = Set(mounts.map { $0[0] })
          #expect(mounts.allSatisfy { $0[4] == "/" || ids.contains($0[1]) }, "\(outcome)")
        }
      }
    }
  }

  @Test("A read-only partition of the host image writes nowhere")
  func readOnly() throws {
    try withSandbox { box in
      let script =
        "for f in /x /etc/x /usr/x /usr/bin/x /tmp/x; do (echo x > $f) 2>/dev/null && echo $f; done; true"
      for root in try roots(box) {
        let outcome = try run(box, at: root, ["--image", "host", "--read-only"], script: script)
        #expect(outcome.status == 0 && outcome.text == "", "\(outcome)")
      }
    }
  }

  @Test("A detached partition with --rm is gone when its program has ended")
  func removal() throws {
    try withSandbox { box in
      try box.succeed(
        "run", "--rootfs", box.rootfs, "--detach", "--rm", box.id, "--", "/bin/sleep", "0.2")
      #expect(poll { !exists(box.root + "/" + box.id) })
      expectNothingLeft(of: box)
    }
  }

  @Test("Files left of a partition are not touched by run, and go with delete --force")
  func leftover() throws {
    try withSandbox { box in
      let file = box.root + "/.partitions/\(box.id)/upper/file"
      try makeDirectory(box.root + "/.partitions/\(box.id)/upper")
      try write("kept", to: file)
      let outcome = try box.call("run", "--rootfs", box.rootfs, "--rm", box.id, "--", "true")
      expectRefusal(outcome, saying: box.id, "delete --force")
      #expect(contents(file) == "kept")
      try box.succeed("delete", "--force", box.id)
      #expect(!exists(file))
      try box.succeed("run", "--rootfs", box.rootfs, "--rm", box.id, "--", "true")
      expectNothingLeft(of: box)
    }
  }
}
