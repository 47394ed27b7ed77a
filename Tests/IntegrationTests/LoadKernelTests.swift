import Foundation
import Testing

/// Partitions that follow the load, where this machine has the controllers for it.
@Suite("Following the load", .serialized, .enabled(if: Kernel.hasPartitions))
struct LoadTests {
  /// A file of at least 45 MiB on disk that hardly anybody reads: a program's.
  static let large: String? = {
    let path = ProcessInfo.processInfo.environment["PATH"] ?? ""
    var files = [Bundle.main.executablePath ?? ""]
    for directory in Set(path.split(separator: ":").map(String.init) + ["/usr/bin"]) {
      let names = (try? FileManager.default.contentsOfDirectory(atPath: directory)) ?? []
      files += names.map { "\(directory)/\($0)" }
    }
    func size(_ path: String) -> Int {
      var status = stat()
      return stat(path, &status) == 0 && status.st_mode & S_IFMT == S_IFREG ? Int(status.st_size) : 0
    }
    let largest = files.map { ($0, size($0)) }.max { $0.1 < $1.1 }
    return largest.flatMap {
      $0.1 >= 45 << 20 ? URL(fileURLWithPath: $0.0).resolvingSymlinksInPath().path : nil
    }
  }()

  /// Reads 25 MiB of the file, others than the first, again and again while there is a switch, three times at once.
  static let reader = """
    echo ready
    for n in 1 2 3; do
      while :; do
        while [ -e /switch/on ]; do dd if=/large of=/dev/null bs=1M skip=20 count=25 2> /dev/null; done
        sleep 0.05
      done &
    done
    wait
    """

  static let lender = "echo ready; exec sleep 100000"

  /// What a file of a partition's cgroup says.
  private func file(_ site: SupervisedSandbox, _ short: String, _ name: String) throws -> Int {
    guard let cgroup = Kernel.cgroup(of: try site.pid(short)),
      let text = contents("\(Kernel.cgroups)\(cgroup)/\(name)")?.trimmed
    else { throw Broken("no \(name) of \(short)") }
    return Int(text) ?? Int.max
  }

  private func mebibytes(_ site: SupervisedSandbox, _ short: String, _ name: String) throws -> Double {
    Double(try file(site, short, name)) / 1_048_576
  }

  /// The changes of a partition that the events tell of, and their reasons.
  private func changes(_ site: SupervisedSandbox, _ short: String, _ resource: String) throws -> [String] {
    let end = Int(Date().timeIntervalSince1970) + 1
    let text = try site.ask("GET", "/events?since=1&until=\(end)").text
    return text.lines.compactMap { line in
      guard let event = (try? JSONSerialization.jsonObject(with: Data(line.utf8))) as? [String: Any] else {
        return nil
      }
      let document = Config(object: event)
      guard document["Actor.Attributes.name"] as? String == site.name(short),
        document["Actor.Attributes.resource"] as? String == resource,
        let from = document["Actor.Attributes.from"] as? String,
        let to = document["Actor.Attributes.to"] as? String, from != to
      else { return nil }
      #expect(document["Action"] as? String == "update")
      return document["Actor.Attributes.reason"] as? String
    }
  }

  private func metric(_ site: SupervisedSandbox, _ short: String, _ name: String) throws -> Int {
    let start = "swiftjail_partition_\(name){name=\"\(site.name(short))\"} "
    let line = try site.ask("GET", "/metrics").text.lines.first { $0.hasPrefix(start) }
    return line.flatMap { Int($0.dropFirst(start.count)) } ?? -1
  }

  private func reclaimed(_ site: SupervisedSandbox, _ short: String) throws -> Int {
    try metric(site, short, "memory_reclaimed_bytes_total")
  }

  @Test(
    "The memory of an idle partition is given back, down to what it is to keep", .needs(.memory),
    .enabled(if: reclaims))
  func idle() throws {
    let large = try #require(Self.large)
    try withSupervisor { site in
      let fields: [String: Any] = ["memory": "256m", "volumes": ["\(large):/large:ro"]]
      // A page is counted where it was read first, so each reads its own.
      func script(_ pages: String) -> String {
        "dd if=/large of=/dev/null bs=1M \(pages) 2> /dev/null; \(Self.lender)"
      }
      try site.define(
        "a", script("count=16"), fields.merging(["load": ["idleAfter": "1s", "reclaimTo": "6m"]]) { $1 })
      try site.define("b", script("skip=16 count=4"), fields)
      try site.waitUntilReady("a")
      try site.waitUntilReady("b")
      #expect(try poll { try reclaimed(site, "a") > 1 << 20 && mebibytes(site, "a", "memory.current") < 10 })
      try #expect(mebibytes(site, "a", "memory.current") > 3)
      let reasons = try changes(site, "a", "memory.current")
      #expect(reasons.allSatisfy { $0.contains("has not worked for") } && !reasons.isEmpty, "\(reasons)")
      try #expect(changes(site, "b", "memory.current").isEmpty, "it did not ask for it")
      try #expect(reclaimed(site, "b") == -1)
    }
  }

  /// Whether the kernel gives back memory when it is asked to (Linux 5.19).
  static let reclaims: Bool = {
    guard Kernel.has("memory") else { return false }
    let directory = Kernel.cgroups + "/swiftjail-test-\(getpid())"
    guard mkdir(directory, 0o755) == 0 else { return false }
    defer { rmdir(directory) }
    return exists(directory + "/memory.reclaim")
  }()

  /// Whether the kernel tells of pressure (`psi=1`).
  static let hasPressure = Kernel.has("memory") && exists("/proc/pressure/memory")

  @Test(
    "One under pressure borrows from an idle one within the bounds, whoever supervises, and gives it back",
    .needs(.memory), .enabled(if: hasPressure))
  func borrow() throws {
    let large = try #require(Self.large)
    try withSupervisor { site in
      let directory = site.box.scratch.path + "/switch"
      try makeDirectory(directory)
      try site.define(
        "b", Self.lender,
        ["memory": "32m", "load": ["idleAfter": "1s", "memory": ["least": "26m", "most": "32m"]]])
      try site.waitUntilReady("b")
      try site.define(
        "a", Self.reader,
        [
          "memory": "16m", "volumes": ["\(large):/large:ro", "\(directory):/switch"],
          "load": ["idleAfter": "1s", "memory": ["least": "16m", "most": "21m", "calm": "5s"]],
        ])
      try site.waitUntilReady("a")

      /// Both limits, of which neither is ever out of its bounds.
      func limits() throws -> (a: Double, b: Double) {
        let before = try mebibytes(site, "a", "memory.max")
        let b = try mebibytes(site, "b", "memory.max")
        // What moves in between is not to be counted twice.
        let a = min(before, try mebibytes(site, "a", "memory.max"))
        #expect(a >= 16 && a <= 21 && b >= 26 && b <= 32 && a + b <= 48, "\(a) and \(b)")
        return (a, b)
      }

      try write("", to: directory + "/on")
      #expect(try poll { try limits().a == 21 })
      try #expect(limits().b == 27)
      #expect(try poll { try metric(site, "a", "memory_borrowed_bytes") == 5 << 20 })
      try #expect(metric(site, "b", "memory_lent_bytes") == 5 << 20)
      let reasons = try changes(site, "b", "memory.max")
      #expect(reasons.allSatisfy { $0.contains("idle") && $0.contains(site.name("a")) }, "\(reasons)")
      try #expect(changes(site, "a", "memory.max").first == "it is under memory pressure")

      try site.end(SIGKILL)
      try site.launch()
      try site.waitFor("a", "running")
      try #expect(limits().a > 16, "it is still in need of it")
      unlink(directory + "/on")
      // What was being read then may bring pressure once more.
      var last: String?
      let isBack = try poll {
        let now = try limits()
        last = try changes(site, "a", "memory.max").last
        return now.a == 16 && now.b == 32 && last?.contains("no memory pressure") == true
      }
      #expect(isBack, "\(last ?? "none")")
      try #expect(file(site, "a", "memory.high") == Int.max, "nothing holds it down")
      try #expect(site.restarts("a") == 0 && site.status("a") == "running")
    }
  }

  @Test(
    "Weights follow demand between their bounds, and are left alone when nobody asks",
    .needs(.cpu))
  func weights() throws {
    try withSupervisor { site in
      let load: [String: Any] = ["load": ["cpuWeight": ["least": 40, "most": 300]]]
      try site.define("works", "while :; do :; done", load)
      try site.define("idle", Self.lender, load)
      try site.define("other", Self.lender)
      for short in ["works", "idle", "other"] { try site.waitFor(short, "running") }
      #expect(try poll { try file(site, "works", "cpu.weight") == 300 })
      #expect(try poll { try file(site, "idle", "cpu.weight") == 40 })
      try #expect(file(site, "other", "cpu.weight") == 100)
      let reasons = try changes(site, "works", "cpu.weight")
      #expect(reasons.count == 2 && reasons.allSatisfy { $0.contains("of a processor") }, "\(reasons)")
      try #expect(changes(site, "other", "cpu.weight").isEmpty)
      let pid = try site.pid("works")
      try site.define("works", "while :; do :; done", ["cpuWeight": 120])
      #expect(try poll { try file(site, "works", "cpu.weight") == 120 })
      try site.end(SIGKILL)
      try site.define("idle", Self.lender)
      try site.launch()
      #expect(try poll { try file(site, "idle", "cpu.weight") == 100 })
      try #expect(site.pid("works") == pid, "it runs on")
    }
  }
}
