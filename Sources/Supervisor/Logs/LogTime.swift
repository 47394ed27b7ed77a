/// Times as logs write them: RFC 3339, in UTC, to the nanosecond.
enum LogTime {
  /// The length of a time that `write` writes.
  static let length = 30

  /// Writes `nanoseconds` since 1970 to `target`, `length` bytes; what lies before 1970 as its beginning.
  static func write(_ nanoseconds: Int64, to target: UnsafeMutablePointer<UInt8>) {
    let nanoseconds = max(0, nanoseconds)
    let seconds = nanoseconds / 1_000_000_000
    let date = date(days: seconds / 86_400)
    let rest = seconds % 86_400
    func put(_ value: Int64, _ width: Int, at offset: Int, then separator: StaticString) {
      var value = value
      for index in (offset..<(offset + width)).reversed() {
        target[index] = UInt8(ascii: "0") + UInt8(truncatingIfNeeded: value % 10)
        value /= 10
      }
      target[offset + width] = separator.utf8Start[0]
    }
    put(date.year, 4, at: 0, then: "-")
    put(date.month, 2, at: 5, then: "-")
    put(date.day, 2, at: 8, then: "T")
    put(rest / 3600, 2, at: 11, then: ":")
    put(rest / 60 % 60, 2, at: 14, then: ":")
    put(rest % 60, 2, at: 17, then: ".")
    put(nanoseconds % 1_000_000_000, 9, at: 20, then: "Z")
  }

  /// What `text` says, in nanoseconds since 1970; `nil` when it is no time or one that the number does not hold.
  static func parse(_ text: UnsafeRawBufferPointer) -> Int64? {
    var offset = 0
    func byte() -> UInt8 { offset < text.count ? text[offset] : 0 }
    func number(_ width: Int, _ range: ClosedRange<Int64>) -> Int64? {
      var value: Int64 = 0
      for _ in 0..<width {
        guard byte() >= UInt8(ascii: "0"), byte() <= UInt8(ascii: "9") else { return nil }
        value = value * 10 + Int64(byte() - UInt8(ascii: "0"))
        offset += 1
      }
      return range.contains(value) ? value : nil
    }
    func take(_ expected: StaticString) -> Bool {
      guard byte() == expected.utf8Start[0] else { return false }
      offset += 1
      return true
    }
    // Whole years that the number holds: from 1677-09-21 to 2262-04-11.
    guard let year = number(4, 1678...2261), take("-"), let month = number(2, 1...12), take("-"),
      let day = number(2, 1...31), take("T"), let hour = number(2, 0...23), take(":"),
      let minute = number(2, 0...59), take(":"), let second = number(2, 0...60)
    else { return nil }
    var fraction: Int64 = 0
    if take(".") {
      var unit: Int64 = 100_000_000
      let start = offset
      while let digit = number(1, 0...9) {
        fraction += digit * unit
        unit /= 10
      }
      if offset == start { return nil }
    }
    var zone: Int64 = 0
    if !take("Z") {
      let isEast = take("+")
      guard isEast || take("-"), let hours = number(2, 0...23), take(":"), let minutes = number(2, 0...59)
      else { return nil }
      zone = (hours * 3600 + minutes * 60) * (isEast ? 1 : -1)
    }
    guard offset == text.count else { return nil }
    let seconds =
      days(year: year, month: month, day: day) * 86_400 + hour * 3600 + minute * 60 + second - zone
    return seconds * 1_000_000_000 + fraction
  }

  // Years begin in March here, so that the leap day is the last of one; 400 of them have 146,097 days, and
  // 719,468 days lie between the first of March of the year 0 and 1970.

  private static func date(days: Int64) -> (year: Int64, month: Int64, day: Int64) {
    let shifted = days + 719_468
    let era = shifted / 146_097
    let dayOfEra = shifted % 146_097
    let yearOfEra = (dayOfEra - dayOfEra / 1460 + dayOfEra / 36_524 - dayOfEra / 146_096) / 365
    let dayOfYear = dayOfEra - (365 * yearOfEra + yearOfEra / 4 - yearOfEra / 100)
    let monthFromMarch = (5 * dayOfYear + 2) / 153
    let month = monthFromMarch < 10 ? monthFromMarch + 3 : monthFromMarch - 9
    let year = era * 400 + yearOfEra + (month <= 2 ? 1 : 0)
    return (year, month, dayOfYear - (153 * monthFromMarch + 2) / 5 + 1)
  }

  private static func days(year: Int64, month: Int64, day: Int64) -> Int64 {
    let shiftedYear = month <= 2 ? year - 1 : year
    let yearOfEra = shiftedYear % 400
    let dayOfYear = (153 * (month > 2 ? month - 3 : month + 9) + 2) / 5 + day - 1
    return shiftedYear / 400 * 146_097 + yearOfEra * 365 + yearOfEra / 4 - yearOfEra / 100 + dayOfYear
      - 719_468
  }
}
