import Linux

/// How the API writes times, spans of time and patterns.
enum APIText {
  /// `nanoseconds` since 1970 as RFC 3339 has it; for `nil` the time that Go has for none.
  static func time(_ nanoseconds: Int64?) -> String {
    nanoseconds.map { Clock.text($0) } ?? "0001-01-01T00:00:00Z"
  }

  /// A span of time as `docker ps` words it: "5 minutes", "About an hour", "3 weeks".
  static func span(nanoseconds: Int64) -> String {
    let seconds = max(0, nanoseconds) / 1_000_000_000
    let minutes = seconds / 60
    // From the half on, the next hour is counted.
    let hours = (seconds + 1800) / 3600
    switch seconds {
    case 0: return "Less than a second"
    case 1: return "1 second"
    case ..<60: return "\(seconds) seconds"
    default: break
    }
    switch (minutes, hours) {
    case (1, _): return "About a minute"
    case (..<60, _): return "\(minutes) minutes"
    case (_, 1): return "About an hour"
    case (_, ..<48): return "\(hours) hours"
    case (_, ..<(24 * 7 * 2)): return "\(hours / 24) days"
    case (_, ..<(24 * 30 * 2)): return "\(hours / 24 / 7) weeks"
    case (_, ..<(24 * 365 * 2)): return "\(hours / 24 / 30) months"
    default: return "\(seconds / 3600 / 24 / 365) years"
    }
  }

  /// Whether `text` is what the shell's `pattern` stands for: `*` for any characters, `?` for one.
  static func matches(_ pattern: some StringProtocol, _ text: some StringProtocol) -> Bool {
    let pattern = Array(pattern.utf8)
    let text = Array(text.utf8)
    var (at, of) = (0, 0)
    var star: (pattern: Int, text: Int)?
    while of < text.count {
      if at < pattern.count, pattern[at] == UInt8(ascii: "*") {
        star = (at, of)
        at += 1
      } else if at < pattern.count, pattern[at] == UInt8(ascii: "?") || pattern[at] == text[of] {
        at += 1
        of += 1
      } else if let back = star {
        star = (back.pattern, back.text + 1)
        at = back.pattern + 1
        of = back.text + 1
      } else {
        return false
      }
    }
    return pattern[at...].allSatisfy { $0 == UInt8(ascii: "*") }
  }

  /// Whether `part` is in `text`; one that begins with `^` at its beginning, one that ends with `$` at its end.
  static func contains(_ part: String, _ text: String) -> Bool {
    var part = part.utf8[...]
    let isAtStart = part.first == UInt8(ascii: "^")
    if isAtStart { part = part.dropFirst() }
    let isAtEnd = part.last == UInt8(ascii: "$")
    if isAtEnd { part = part.dropLast() }
    let text = Array(text.utf8)
    let last = text.count - part.count
    guard last >= 0 else { return false }
    return (0...last).contains { offset in
      (!isAtStart || offset == 0) && (!isAtEnd || offset == last) && text[offset...].starts(with: part)
    }
  }
}
