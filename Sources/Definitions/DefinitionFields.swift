import Layers
import OCI

// The kinds of values that the fields of a definition have.

extension JSON.Object {
  /// The text or whole number, as text, read by `read`; `what` says what it must be.
  func value<Value>(
    _ field: String, _ what: String, _ read: (String) -> Value?
  ) throws(ConfigError) -> Value? {
    let text: String
    switch self[field] {
    case nil, .null?: return nil
    case .string(let string)? where !string.utf8.contains(0): text = string
    case .integer(let number)?: text = String(number)
    default: throw ConfigError(path: field, reason: "must be \(what)")
    }
    guard let value = read(text) else { throw ConfigError(path: field, reason: "must be \(what)") }
    return value
  }

  /// A whole number from `range`.
  func number(_ field: String, in range: ClosedRange<Int>) throws(ConfigError) -> Int? {
    guard let number: Int = try optional(field) else { return nil }
    guard range.contains(number) else {
      throw ConfigError(
        path: field, reason: "must be a number from \(range.lowerBound) to \(range.upperBound)")
    }
    return number
  }

  /// A length of time, in milliseconds, of at least `least`.
  func duration(_ field: String, from least: Int64 = 0) throws(ConfigError) -> Int64? {
    let what = least > 0 ? "a length of time above 0 such as 10s" : "a length of time such as 10s or 1m30s"
    return try value(field, what) { (text) -> Int64? in
      DurationText.milliseconds(text).flatMap { $0 < least ? nil : $0 }
    }
  }

  /// An amount of memory or of disk, above 0.
  func size(_ field: String) throws(ConfigError) -> ByteSize? {
    try value(field, "an amount such as 64m") { (text) -> ByteSize? in
      ByteSize(text).flatMap { $0.bytes > 0 ? $0 : nil }
    }
  }

  /// Throws when there is a field that is none of `fields`.
  func check(fields: [String]) throws(ConfigError) {
    for member in members where !fields.contains(member.key) {
      throw ConfigError(
        path: "", reason: "there is no such field; there are \(fields.joined(separator: ", "))"
      ).inside(member.key)
    }
  }
}
