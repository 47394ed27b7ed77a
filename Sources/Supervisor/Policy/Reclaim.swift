/// How the memory of an idle partition is given back: step by step, down to an amount, as long as there is something to be
/// had. Amounts are bytes.
struct Reclaim {
  /// What it is left with.
  var least: UInt64
  /// Whether there is nothing more to be had: it is down there, or the last steps brought next to nothing.
  private(set) var isDone = false
  private var poorSteps = 0

  /// The most that one step takes: it is not to keep a disk busy for long.
  static let largestStep: UInt64 = 64 << 20
  /// What is not worth a step.
  static let smallestStep: UInt64 = 256 << 10
  /// So many steps without a worthwhile result are enough.
  private static let patience = 2

  /// Nothing is given back yet, and at least `least` stays.
  init(least: UInt64) { self.least = least }

  /// How much is to be given back of `used` in the next step; `nil` for none.
  ///
  /// - Parameter protected: what the kernel is to leave to the partition in any case.
  mutating func step(used: UInt64, protected: UInt64 = 0) -> UInt64? {
    let floor = max(least, protected)
    if used <= floor || used - floor < Self.smallestStep { isDone = true }
    if isDone { return nil }
    return min(used - floor, Self.largestStep)
  }

  /// Notes that a step that asked for `wanted` has left `after` of `before`.
  mutating func note(wanted: UInt64, before: UInt64, after: UInt64) {
    let freed = before > after ? before - after : 0
    poorSteps = freed >= wanted / 4 ? 0 : poorSteps + 1
    isDone = poorSteps >= Self.patience
  }

  /// Notes that the partition works: what it has then is worth another try.
  mutating func renew() {
    poorSteps = 0
    isDone = false
  }
}
