/// A point in time as requests write it.
enum APITime {
  /// Nanoseconds since 1970 for so many seconds and nanoseconds since then; the first or last that there is for what is
  /// beyond that.
  static func nanoseconds(_ seconds: Int64, _ fraction: Int64 = 0) -> Int64 {
    let (whole, isBeyond) = seconds.multipliedReportingOverflow(by: 1_000_000_000)
    let (sum, isSumBeyond) = whole.addingReportingOverflow(fraction)
    if isBeyond || isSumBeyond { return seconds < 0 ? .min : .max }
    return sum
  }

  /// The whole number that `text` is; the first or last that there is for what is beyond that.
  private static func whole(_ text: some StringProtocol) -> Int64? {
    if let number = Int64(text) { return number }
    let sign = text.utf8.first.flatMap { "+-".utf8.contains($0) ? $0 : nil }
    let digits = sign == nil ? text.utf8[...] : text.utf8.dropFirst()[...]
    guard !digits.isEmpty,
      digits.allSatisfy({ (UInt8(ascii: "0")...UInt8(ascii: "9")).contains($0) })
    else { return nil }
    return sign == UInt8(ascii: "-") ? .min : .max
  }

  /// Nanoseconds since 1970 for `text`: seconds since then, with or without a fraction.
  static func seconds(_ text: some StringProtocol) -> Int64? {
    let parts = text.split(separator: ".", maxSplits: 1, omittingEmptySubsequences: false)
    guard let first = parts.first, let seconds = whole(first) else { return nil }
    guard parts.count == 2 else { return nanoseconds(seconds) }
    let digits = parts[1]
    guard (1...9).contains(digits.utf8.count), var fraction = UInt32(digits).map(Int64.init) else {
      return nil
    }
    for _ in digits.utf8.count..<9 { fraction *= 10 }
    return nanoseconds(seconds, fraction)
  }

  /// The nanoseconds that a Go duration such as `1h30m` or `1.5s` stands for.
  static func duration(_ text: some StringProtocol) -> Int64? {
    var rest = text[...]
    var total = 0.0
    guard !rest.isEmpty else { return nil }
    while !rest.isEmpty {
      let number = rest.prefix { ("0"..."9").contains($0) || $0 == "." }
      rest = rest[number.endIndex...]
      let unit = rest.prefix { !("0"..."9").contains($0) && $0 != "." }
      rest = rest[unit.endIndex...]
      guard let count = Double(number), let factor = factor(String(unit)) else { return nil }
      total += count * factor
    }
    return total < 9e18 ? Int64(total) : nil
  }

  private static func factor(_ unit: String) -> Double? {
    switch unit {
    case "ns": 1
    case "us", "µs": 1e3
    case "ms": 1e6
    case "s": 1e9
    case "m": 60e9
    case "h": 3600e9
    default: nil
    }
  }

  /// Nanoseconds since 1970 for `text`: a date of RFC 3339, or the beginning of one, in UTC where it says nothing else.
  static func date(_ text: String) -> Int64? {
    let bytes = Array(text.utf8)
    func number(_ range: Range<Int>) -> Int64? {
      guard range.upperBound <= bytes.count else { return nil }
      var number: Int64 = 0
      for byte in bytes[range] {
        guard (UInt8(ascii: "0")...UInt8(ascii: "9")).contains(byte) else { return nil }
        number = number * 10 + Int64(byte - UInt8(ascii: "0"))
      }
      return number
    }
    func has(_ character: Unicode.Scalar, at index: Int) -> Bool {
      index < bytes.count && bytes[index] == UInt8(ascii: character)
    }
    guard let year = number(0..<4), has("-", at: 4), let month = number(5..<7),
      (1...12).contains(month),
      has("-", at: 7), let day = number(8..<10), (1...31).contains(day)
    else { return nil }
    var seconds = days(year, month, day) * 86_400
    if bytes.count == 10 { return nanoseconds(seconds) }
    guard has("T", at: 10), let hour = number(11..<13), hour < 24, has(":", at: 13),
      let minute = number(14..<16), minute < 60
    else { return nil }
    seconds += hour * 3600 + minute * 60
    var index = 16
    var fraction: Int64 = 0
    if has(":", at: 16) {
      guard let second = number(17..<19), second < 61 else { return nil }
      seconds += second
      index = 19
      if has(".", at: 19) {
        let digits = bytes[20...].prefix { (UInt8(ascii: "0")...UInt8(ascii: "9")).contains($0) }
        guard let nanoseconds = Self.seconds("0." + String(decoding: digits, as: UTF8.self)) else {
          return nil
        }
        fraction = nanoseconds
        index = digits.endIndex
      }
    }
    if index == bytes.count || (has("Z", at: index) && index + 1 == bytes.count) {
      return nanoseconds(seconds, fraction)
    }
    guard has("+", at: index) || has("-", at: index), bytes.count == index + 6, has(":", at: index + 3),
      let hours = number(index + 1..<index + 3), let minutes = number(index + 4..<index + 6)
    else { return nil }
    let offset = (hours * 60 + minutes) * 60
    return nanoseconds(seconds + (has("+", at: index) ? -offset : offset), fraction)
  }

  /// The days from 1970-01-01 to a day of the Gregorian calendar.
  private static func days(_ year: Int64, _ month: Int64, _ day: Int64) -> Int64 {
    // Years begin in March here, so that the day that some have more is their last.
    let year = month > 2 ? year : year - 1
    let dayOfYear = (153 * ((month + 9) % 12) + 2) / 5 + day - 1
    return year * 365 + year / 4 - year / 100 + year / 400 + dayOfYear - 719_468
  }

  /// Nanoseconds since 1970 for `text`: seconds, a date, or a duration before `now`.
  static func point(_ text: String, now: Int64) -> Int64? {
    seconds(text) ?? duration(text).map { now - $0 } ?? date(text)
  }
}
