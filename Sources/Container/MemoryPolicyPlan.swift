import Linux
import OCI

extension MemoryPolicy {
  /// The policy of a configuration (config-linux.md, "Memory policy").
  init(_ policy: RuntimeConfig.Linux.MemoryPolicy) throws(ContainerError) {
    var mode: Int32 =
      switch policy.mode {
      case .standard: 0
      case .preferred: 1
      case .bind: 2
      case .interleave: 3
      case .local: 4
      case .preferredMany: 5
      case .weightedInterleave: 6
      }
    for flag in policy.flags {
      switch flag {
      case .staticNodes: mode |= 1 << 15
      case .relativeNodes: mode |= 1 << 14
      case .numaBalancing: mode |= 1 << 13
      }
    }
    self.init(mode: mode)
    guard let nodes = policy.nodes, !nodes.isEmpty else { return }
    let field = "linux.memoryPolicy.nodes"
    for part in nodes.split(separator: ",") {
      let ends = part.split(separator: "-").map { Int($0.filter { $0 != " " }) }
      guard let low = ends.first ?? nil, let high = ends.last ?? nil, low <= high else {
        throw .config(field, "\"\(part)\" is no range of nodes")
      }
      guard high <= Self.highestNode else { throw .config(field, "no node has the number \(high)") }
      for node in low...high { insert(node) }
    }
  }

  /// Makes it the policy of this process.
  func takeOn() throws(ContainerError) {
    do throws(Errno) { try apply() } catch {
      let advice: String? =
        switch error {
        case .invalidArgument:
          "the nodes must be in /sys/devices/system/node/has_memory and in the cpuset, and the kernel must know the mode and its flags"
        case .noFunction: "the kernel needs CONFIG_NUMA"
        default: nil
        }
      throw ContainerError("linux.memoryPolicy: set it", error, advice: advice)
    }
  }
}
