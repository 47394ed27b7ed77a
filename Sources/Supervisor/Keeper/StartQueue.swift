import OCI

/// Partitions that a keeper is to start, in their order.
///
/// Thousands may wait, so each is kept as it came over the wire.
struct StartQueue {
  private var waiting: [[UInt8]] = []
  /// How many of those have gone.
  private var gone = 0
  /// The number of the first of `waiting`, counted from the first of all.
  private var first = 0
  /// The number of each that waits.
  private var numbers: [String: Int] = [:]

  var names: some Collection<String> { numbers.keys }
  var count: Int { numbers.count }
  var isEmpty: Bool { numbers.isEmpty }

  /// Whether the one with the name `name` waits.
  func contains(_ name: String) -> Bool { numbers[name] != nil }

  mutating func append(_ start: KeeperStart) {
    numbers[start.name] = first + waiting.count
    waiting.append(start.json.bytes())
  }

  /// Takes out the one that has waited longest.
  mutating func popFirst() -> KeeperStart? {
    while gone < waiting.count {
      let bytes = waiting[gone]
      waiting[gone] = []
      gone += 1
      if 2 * gone >= waiting.count {
        waiting.removeFirst(gone)
        first += gone
        gone = 0
      }
      // What was written here can be read; what was taken out is empty.
      guard let start = try? KeeperStart(parsing: bytes) else { continue }
      numbers[start.name] = nil
      return start
    }
    return nil
  }

  /// Takes out the one with the name `name`, and says whether it was there.
  mutating func remove(_ name: String) -> Bool {
    guard let number = numbers.removeValue(forKey: name) else { return false }
    if waiting.indices.contains(number - first) { waiting[number - first] = [] }
    return true
  }
}
