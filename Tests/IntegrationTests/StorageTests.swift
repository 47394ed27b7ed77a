import Foundation
import Testing

/// Where a store is on overlayfs, as in every CI container.
@Suite("Storage of layers", .enabled(if: Kernel.hasPartitions))
struct StorageTests {
  /// Puts the store of a sandbox on an overlay.
  private func putOnOverlay(_ box: Sandbox) throws {
    let path = box.scratch.path
    for name in ["lower", "upper", "work"] { try makeDirectory("\(path)/overlay/\(name)") }
    let layers = "lowerdir=\(path)/overlay/lower,upperdir=\(path)/overlay/upper,workdir=\(path)/overlay/work"
    let outcome = try Program("/bin/mount", ["-t", "overlay", "overlay", "-o", layers, box.root]).call()
    guard outcome.status == 0 else { throw Broken("\(outcome)") }
  }

  private func memory(_ box: Sandbox) -> Mount? {
    Mount.table().last { $0.source == "swiftjail-layers" && $0.point.hasPrefix(box.root + "/") }
  }

  private func run(_ box: Sandbox, _ options: [String], _ script: String) throws -> Outcome {
    try box.program(
      ["run", "--rootfs", box.rootfs] + options + [box.id, "--", "/bin/sh", "-c", script]
    ).call()
  }

  @Test("On overlayfs, layers are in memory, and nothing of it is left")
  func memory() throws {
    try withSandbox { box in
      try putOnOverlay(box)
      let outcome = try run(box, [], "echo kept >/file; cat /file")
      #expect(outcome.text == "kept")
      #expect(
        outcome.complaints.contains { $0.contains("in memory") && $0.contains("--storage") }, "\(outcome)")
      #expect(try box.state()["annotations"].map { "\($0)" }?.contains("org.swiftjail.layer") == true)
      let listed = try box.call("ps", "--format", "json").json as? [[String: Any]]
      #expect(listed?.first?["layer"] as? String == "memory")
      #expect(try box.call("ps").lines.first?.words.contains("LAYER") == true)
      #expect(memory(box) != nil)
      try box.succeed("delete", box.id)
      #expect(memory(box) == nil)
    }
  }

  @Test("A partition that is removed at its exit brings no warning and leaves no mount")
  func removed() throws {
    try withSandbox { box in
      try putOnOverlay(box)
      let outcome = try run(box, ["--rm"], "echo 1 >/file")
      #expect(outcome.status == 0 && outcome.stderr.isEmpty, "\(outcome)")
      #expect(memory(box) == nil)
    }
  }

  @Test("The memory for layers ends where --storage-memory says")
  func limit() throws {
    try withSandbox { box in
      try putOnOverlay(box)
      box.globalOptions = ["--storage-memory", "4m"]
      let outcome = try run(box, [], "head -c 8388608 /dev/zero >/file; stat -c %s /file")
      #expect(try #require(Int(outcome.text)) <= 4 << 20)
      box.globalOptions = ["--storage-memory", "16m"]
      _ = try box.call("delete", box.id)
      #expect(try run(box, ["--rm"], "head -c 8388608 /dev/zero >/file").status == 0)
    }
  }

  @Test("By default it ends at half of the machine's memory, or less")
  func defaultLimit() throws {
    try withSandbox { box in
      try putOnOverlay(box)
      _ = try run(box, [], "true")
      let size = try #require(memory(box)?.superOptions.first { $0.hasPrefix("size=") })
      let kibibytes = try #require(Int(size.dropFirst("size=".count).dropLast()))
      let words = contents("/proc/meminfo")?.lines.first?.words ?? []
      #expect(kibibytes > 1024)
      #expect(try kibibytes <= #require(Int(words[1])) / 2 + 4)
    }
  }

  @Test("--storage has layers on a disk, and delete finds them there")
  func elsewhere() throws {
    try withSandbox { box in
      try putOnOverlay(box)
      let storage = box.scratch.path + "/storage"
      box.globalOptions = ["--storage", storage]
      let outcome = try run(box, [], "echo kept >/file")
      #expect(outcome.status == 0 && outcome.stderr.isEmpty, "\(outcome)")
      let found = try Program("/bin/busybox", ["find", storage, "-name", "file"]).call().lines
      #expect(found.count == 1)
      box.globalOptions = []
      let listed = try box.call("ps", "--format", "json").json as? [[String: Any]]
      #expect(listed?.first?["layer"] as? String == "disk")
      try box.succeed("delete", box.id)
      #expect(try Program("/bin/busybox", ["find", storage, "-name", "file"]).call().lines.isEmpty)
      #expect(memory(box) == nil)
    }
  }

  @Test("The supervisor has layers in memory as well, says so, and goes on after a kill")
  func supervised() throws {
    let site = try SupervisedSandbox()
    defer { site.remove() }
    try putOnOverlay(site.box)
    try site.launch()
    #expect(site.messages.contains("in memory"))
    try site.define("a", "echo kept >/file; \(SupervisedSandbox.patient)")
    try site.waitUntilReady("a")
    #expect(try site.inspect("a")?["GraphDriver.Data.InMemory"] as? String == "true")
    #expect(try site.call("ps").text.contains("memory"))
    try site.end(SIGKILL)
    try site.launch()
    try site.waitFor("a", "running")
    #expect(try site.call("exec", site.name("a"), "cat", "/file").text == "kept")
    try site.empty()
    #expect(memory(site.box) == nil)
  }

  @Test("The supervisor keeps layers where --storage says, and the commands find them there")
  func supervisedElsewhere() throws {
    let site = try SupervisedSandbox()
    defer { site.remove() }
    try putOnOverlay(site.box)
    let storage = site.box.scratch.path + "/storage"
    site.options = ["--storage", storage]
    try site.launch()
    #expect(!site.messages.contains("in memory"))
    try site.define("a")
    try site.waitUntilReady("a")
    let layer = try #require(try site.inspect("a")?["GraphDriver.Data.UpperDir"] as? String)
    #expect(layer.hasPrefix(storage) && exists(layer))
    try site.succeed("run", "--rootfs", site.box.rootfs, site.name("b"), "--", "/bin/true")
    #expect(memory(site.box) == nil)
    try site.succeed("delete", site.name("b"))
    try site.empty()
    #expect(!exists(layer))
  }
}
