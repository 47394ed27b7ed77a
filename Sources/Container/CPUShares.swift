/// The shares of cgroup v1, in which engines still count, and the weights of cgroup v2.
public enum CPUShares {
  /// The weight, 1 to 10,000, for `shares`, 2 to 262,144.
  public static func weight(of shares: Int) -> Int {
    Int(CgroupSettings.weight(shares: UInt64(max(shares, 2))))
  }

  /// The roundest shares that have `weight`, 1 to 10,000, or the next above it that any have.
  public static func shares(for weight: Int) -> Int {
    let first = least(for: weight)
    let behind = least(for: self.weight(of: first) + 1)
    return (first..<max(behind, first + 1)).max { $0.trailingZeroBitCount < $1.trailingZeroBitCount } ?? first
  }

  private static func least(for weight: Int) -> Int {
    var range = 2..<262_144
    while !range.isEmpty {
      let middle = range.lowerBound + range.count / 2
      if self.weight(of: middle) < weight {
        range = middle + 1..<range.upperBound
      } else {
        range = range.lowerBound..<middle
      }
    }
    return range.lowerBound
  }
}
