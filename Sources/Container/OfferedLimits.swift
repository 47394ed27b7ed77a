import Linux

/// The limits that this machine can give containers.
public struct OfferedLimits: Equatable, Sendable {
  /// The cgroup v2 controllers that it has.
  public let controllers: Set<String>
  /// Whether memory and swap together can be limited.
  public let hasSwap: Bool

  /// Limits by these controllers.
  public init(controllers: Set<String>, hasSwap: Bool) {
    self.controllers = controllers
    self.hasSwap = hasSwap
  }

  /// Those that there are now; none where the hierarchy cannot be found.
  public static var current: OfferedLimits {
    let controllers = (try? CgroupHierarchy.find().controllers()) ?? []
    // Without it, the kernel has no swap.
    let hasSwap = (try? FileStatus.of("/proc/swaps")) != nil
    return OfferedLimits(controllers: Set(controllers), hasSwap: hasSwap && controllers.contains("memory"))
  }
}
