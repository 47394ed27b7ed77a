import OCI

/// Up to which end of each keeper something is told: each counts its own, and what one tells may come before what another
/// told earlier.
struct EndMarks: Equatable {
  /// By the keeper's number.
  private var last: [Int: UInt64] = [:]

  /// Whether the end `number` is told.
  func cover(_ number: UInt64) -> Bool { number <= last[KeeperPlace.number(ofEnd: number)] ?? 0 }

  /// Notes that the end `number` and all before it of its keeper are told.
  mutating func note(_ number: UInt64) {
    let keeper = KeeperPlace.number(ofEnd: number)
    last[keeper] = max(number, last[keeper] ?? 0)
  }
}

extension EndMarks: JSONRepresentable {
  init(json: JSON) throws(ConfigError) {
    guard case .array(let numbers) = json else { throw ConfigError(path: "", reason: "must be a list") }
    for number in numbers { note(try UInt64(json: number)) }
  }

  var json: JSON { .array(last.values.sorted().map(\.json)) }
}
