import Definitions
import Linux

/// The instances of a function that wait to be started.
final class FunctionPool {
  /// How many there are, and are to be.
  var level: PoolLevel
  /// Those that wait, the one that waits the longest first.
  private(set) var ready: [Partition] = []
  /// How many starts it has served.
  var warmStarts: UInt64 = 0
  /// How many starts found it empty.
  var coldStarts: UInt64 = 0
  /// How many instances could not be built, or ended while they waited.
  var failures: UInt64 = 0

  init(wanted: Int) { level = PoolLevel(wanted: wanted) }

  /// Adds one that waits.
  func add(_ instance: Partition) {
    ready.append(instance)
    level.ready = ready.count
  }

  /// Takes out the one that waits the longest.
  func take() -> Partition? {
    guard !ready.isEmpty else { return nil }
    let instance = ready.removeFirst()
    level.ready = ready.count
    return instance
  }

  /// Takes out `instance` if it is there.
  func remove(_ instance: Partition) {
    ready.removeAll { $0 === instance }
    level.ready = ready.count
  }
}
