import CLinux

/// From which NUMA nodes a process gets its memory (`set_mempolicy(2)`).
public struct MemoryPolicy: Hashable, Sendable {
  /// The kernel's `MPOL_*` number, and flags `MPOL_F_*`.
  public var mode: Int32
  /// A bit for each node.
  public var nodes: [UInt64] = []

  /// The policy with the kernel's number `mode`.
  public init(mode: Int32) { self.mode = mode }

  /// The highest number that a node can have here, more than any kernel is built for.
  public static let highestNode = 4095

  /// Adds the node `number`, which is at most `highestNode`.
  public mutating func insert(_ number: Int) {
    while nodes.count <= number / 64 { nodes.append(0) }
    nodes[number / 64] |= 1 << UInt64(number % 64)
  }

  /// Makes it the policy of this process, and of those that it starts.
  public func apply() throws(Errno) {
    // The kernel takes one bit less than it is told.
    try once { linux_set_mempolicy(mode, nodes, nodes.isEmpty ? 0 : UInt(nodes.count * 64 + 1)) }
  }
}
