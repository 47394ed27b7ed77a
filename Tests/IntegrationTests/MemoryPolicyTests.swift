import Foundation
import Testing

@Suite("NUMA memory policies")
struct MemoryPolicyTests {
  /// The kernel knows policies, and there is a node 0.
  static let isAvailable = exists("/proc/self/numa_maps") && exists("/sys/devices/system/node/node0")

  static let policies: [(mode: String, nodes: String?, flags: [String], shown: String)] = [
    ("MPOL_BIND", "0", [], "bind:0"), ("MPOL_INTERLEAVE", "0", [], "interleave:0"),
    ("MPOL_PREFERRED", "0", [], "prefer:0"), ("MPOL_PREFERRED", nil, [], "local"),
    ("MPOL_LOCAL", nil, [], "local"), ("MPOL_DEFAULT", nil, [], "default"),
    ("MPOL_BIND", "0", ["MPOL_F_STATIC_NODES"], "bind=static:0"),
    ("MPOL_INTERLEAVE", "0", ["MPOL_F_RELATIVE_NODES"], "interleave=relative:0"),
  ]

  @Test(
    "The first process, what it starts and what joins it have the policy", .enabled(if: isAvailable),
    arguments: policies.indices)
  func policy(index: Int) throws {
    let (mode, nodes, flags, shown) = Self.policies[index]
    try withSandbox { box in
      box.config["linux.memoryPolicy.mode"] = mode
      box.config["linux.memoryPolicy.nodes"] = nodes
      if !flags.isEmpty { box.config["linux.memoryPolicy.flags"] = flags }
      box.config.shell("cat /proc/self/numa_maps; echo ready; sleep 1000")
      try box.detach()
      try box.waitForOutput("ready")
      let exec = try box.exec([], "cat", "/proc/self/numa_maps")
      for text in [box.output, exec.text] {
        let found = text.lines.compactMap { $0.words.dropFirst().first }
        #expect(found.contains(shown), "\(text)")
      }
    }
  }

  @Test(
    "What cannot be is refused", .enabled(if: isAvailable),
    arguments: [
      (#"{"mode": "MPOL_BIND"}"#, "linux.memoryPolicy.nodes", "needs nodes"),
      (#"{"mode": "MPOL_LOCAL", "nodes": "0"}"#, "linux.memoryPolicy.nodes", "takes no nodes"),
      (#"{"mode": "MPOL_BIND", "nodes": "0-x"}"#, "linux.memoryPolicy.nodes", "0-x"),
      (#"{"mode": "MPOL_BIND", "nodes": "0-70000"}"#, "linux.memoryPolicy.nodes", "70000"),
      (#"{"mode": "MPOL_BIND", "nodes": "4000"}"#, "linux.memoryPolicy", "has_memory"),
      (#"{"mode": "MPOL_NONSENSE"}"#, "linux.memoryPolicy.mode", "MPOL_BIND"),
      (
        #"{"mode": "MPOL_BIND", "nodes": "0", "flags": ["MPOL_F_STATIC_NODES", "MPOL_F_RELATIVE_NODES"]}"#,
        "linux.memoryPolicy.flags", "exclude"
      ),
    ])
  func refused(policy: String, path: String, reason: String) throws {
    try withSandbox { box in
      box.config["linux.memoryPolicy"] = try JSONSerialization.jsonObject(with: Data(policy.utf8))
      expectRefusal(try box.run(), saying: path, reason)
      expectNothingLeft(of: box)
    }
  }
}
