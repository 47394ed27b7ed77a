import Linux

/// Ends of children that nobody knew when they came: of a program that was faster than the word of who started it, and of
/// many others that nobody will ever ask for.
struct EarlyEnds {
  private var ends: [Int32: (status: ExitStatus, number: UInt64)] = [:]
  private var last: UInt64 = 0

  /// How many are kept.
  var count: Int { ends.count }
  /// A point in their order: what comes from now on is after it.
  var mark: UInt64 { last }

  mutating func note(_ pid: Int32, _ status: ExitStatus) {
    last += 1
    ends[pid] = (status, last)
  }

  /// Whether the end of the child `pid` is there, that came after `mark`.
  func has(_ pid: Int32, after mark: UInt64) -> Bool { (ends[pid]?.number ?? 0) > mark }

  /// Takes out the end of the child `pid`.
  ///
  /// - Parameter mark: before which the child did not exist: an earlier end is that of another one with the same number.
  mutating func take(_ pid: Int32, after mark: UInt64) -> ExitStatus? {
    guard let end = ends.removeValue(forKey: pid), end.number > mark else { return nil }
    return end.status
  }

  /// Forgets what nobody asks for any more who began at `mark` or later.
  mutating func forget(before mark: UInt64) { ends = ends.filter { $0.value.number > mark } }

  mutating func forgetAll() { ends = [:] }
}
