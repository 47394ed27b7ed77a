import OCI

/// Partitions that a keeper is to start, in their order.
///
/// Thousands may wait, so each is kept as it came over the wire.
struct StartQueue {
  private var waiting: [[UInt8]] = []
  /// How many of those have gone.
  private var gone = 0
  /// Their names.
  private(set) var names: Set<String> = []

  var count: Int { names.count }
  var isEmpty: Bool { names.isEmpty }

  mutating func append(_ start: KeeperStart) {
    names.insert(start.name)
    waiting.append(start.json.bytes())
  }

  /// Takes out the one that has waited longest.
  mutating func popFirst() -> KeeperStart? {
    guard gone < waiting.count else { return nil }
    let bytes = waiting[gone]
    waiting[gone] = []
    gone += 1
    if 2 * gone >= waiting.count {
      waiting.removeFirst(gone)
      gone = 0
    }
    // What was written here can be read.
    guard let start = try? KeeperStart(parsing: bytes) else { return nil }
    names.remove(start.name)
    return start
  }
}
