import Definitions

/// How full the pool of a function is, and when more may be built for it. Times are in nanoseconds by a clock that nobody
/// sets.
struct PoolLevel: Equatable, Sendable {
  /// How many instances are to wait.
  var wanted: Int
  /// How many wait.
  var ready = 0
  /// How many are being built.
  var building = 0
  /// How often in a row one could not be built.
  private(set) var failuresInARow = 0
  /// Before this none is built.
  private(set) var pausedUntil: Int64 = 0

  /// An empty pool.
  init(wanted: Int) { self.wanted = wanted }

  /// How many are still to be built.
  var missing: Int { max(0, wanted - ready - building) }

  /// How many wait of whom nobody knows what for.
  var surplus: Int { max(0, ready - wanted) }

  /// Notes that an instance was built.
  mutating func noteSuccess() {
    failuresInARow = 0
    pausedUntil = 0
  }

  /// Notes that one could not be built: the more often in a row, the longer none is tried.
  ///
  /// - Returns: for how long, in milliseconds.
  @discardableResult
  mutating func noteFailure(_ delay: PartitionDefinition.RestartDelay, now: Int64) -> Int64 {
    let pause = delay.milliseconds(before: failuresInARow)
    failuresInARow += 1
    pausedUntil = now + pause * 1_000_000
    return pause
  }
}

/// Who gets the next instance that is built, of the pools of several functions.
struct PoolPlan {
  /// How many are built at a time: each of them takes processors from who waits for an answer.
  static func most(processors: Int) -> Int { max(1, processors / 2) }

  /// The function whose pool is the emptiest for its size, of those that lack instances and may build now; of several the
  /// first by name. `nil` when there is none.
  static func next(_ levels: [String: PoolLevel], now: Int64) -> String? {
    levels.filter { $0.value.missing > 0 && $0.value.pausedUntil <= now }
      .min { ($0.value.fullness, $0.key) < ($1.value.fullness, $1.key) }?.key
  }

  /// When a function that may not build now may; `nil` when nothing waits for that.
  static func wake(_ levels: [String: PoolLevel], now: Int64) -> Int64? {
    levels.values.filter { $0.missing > 0 && $0.pausedUntil > now }.map(\.pausedUntil).min()
  }
}

extension PoolLevel {
  /// From 0, when nothing is there, to 1.
  fileprivate var fullness: Double { Double(ready + building) / Double(max(1, wanted)) }
}
