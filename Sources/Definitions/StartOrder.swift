/// In which order partitions are started.
public struct StartOrder: Sendable {
  /// The indices of the definitions: each after those that it is `after`, and otherwise in the order in which they were
  /// given. A name that none has, and what would close a circle, does not count.
  public private(set) var order: [Int] = []
  /// Circles, the first 20: indices of definitions, each of which is after the next, and the last after the first.
  public private(set) var cycles: [[Int]] = []

  private enum Mark { case new, open, done }

  /// The order of `definitions`, whose names are distinct.
  public init(_ definitions: [PartitionDefinition]) {
    order.reserveCapacity(definitions.count)
    var indices: [String: Int] = [:]
    for (index, definition) in definitions.enumerated() { indices[definition.name] = index }
    var marks = [Mark](repeating: .new, count: definitions.count)

    for start in definitions.indices where marks[start] == .new {
      // A chain may be as long as there are partitions: too long for the call stack.
      var path = [(index: start, next: 0)]
      marks[start] = .open
      while let (index, next) = path.last {
        let after = definitions[index].after
        guard next < after.count else {
          marks[index] = .done
          order.append(index)
          path.removeLast()
          continue
        }
        path[path.count - 1].next += 1
        guard let other = indices[after[next]] else { continue }
        switch marks[other] {
        case .new:
          marks[other] = .open
          path.append((other, 0))
        case .open where cycles.count < 20:
          let first = path.firstIndex { $0.index == other } ?? path.startIndex
          cycles.append(path[first...].map(\.index))
        case .open, .done: break
        }
      }
    }
  }
}

extension DefinitionSet {
  /// What is defined, in the order in which it is started.
  public var inStartOrder: [PartitionDefinition] {
    let definitions = definitions
    return StartOrder(definitions).order.map { definitions[$0] }
  }
}
