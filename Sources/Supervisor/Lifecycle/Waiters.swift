/// Those who wait for something that happens once, in the order in which they came, as long as they care.
struct Waiters<Value> {
  private var waiting: [(number: UInt64, action: (Value) -> Void)] = []
  private var last: UInt64 = 0

  var isEmpty: Bool { waiting.isEmpty }

  /// Has `action` called when it happens.
  ///
  /// - Returns: the number by which it is forgotten.
  @discardableResult
  mutating func add(_ action: @escaping (Value) -> Void) -> UInt64 {
    last += 1
    waiting.append((last, action))
    return last
  }

  /// Forgets one, if it is still there.
  mutating func remove(_ number: UInt64) { waiting.removeAll { $0.number == number } }

  /// Takes out all of them, to be called: whatever they do, they are not called again.
  mutating func takeAll() -> [(Value) -> Void] {
    defer { waiting = [] }
    return waiting.map(\.action)
  }
}
