/// Lengths of time as people write them.
public enum DurationText {
  /// The milliseconds that `text` says: whole numbers with the units `h`, `m`, `s` and `ms`, the larger first, such as
  /// `1m30s`.
  ///
  /// `nil` for anything else, and for more than `longest`.
  public static func milliseconds(_ text: String) -> Int64? {
    var rest = text.utf8[...]
    var total: Int64 = 0
    var units = units[...]
    if rest.isEmpty { return nil }
    while !rest.isEmpty {
      let digits = rest.prefix { (UInt8(ascii: "0")...UInt8(ascii: "9")).contains($0) }
      rest = rest.dropFirst(digits.count)
      let name = rest.prefix { !(UInt8(ascii: "0")...UInt8(ascii: "9")).contains($0) }
      rest = rest.dropFirst(name.count)
      guard let number = Int64(String(Substring(digits))),
        let index = units.firstIndex(where: { name.elementsEqual($0.name.utf8) }),
        number <= longest / units[index].length
      else { return nil }
      total += number * units[index].length
      guard total <= longest else { return nil }
      units = units[(index + 1)...]
    }
    return total
  }

  /// The text that says `milliseconds`, which are not negative.
  public static func text(_ milliseconds: Int64) -> String {
    var rest = milliseconds
    var text = ""
    for unit in units where rest >= unit.length {
      text += "\(rest / unit.length)\(unit.name)"
      rest %= unit.length
    }
    return text.isEmpty ? "0s" : text
  }

  /// The most, in milliseconds: a hundred years.
  public static let longest: Int64 = 100 * 365 * 86_400_000

  private static let units: [(name: String, length: Int64)] = [
    ("h", 3_600_000), ("m", 60_000), ("s", 1000), ("ms", 1),
  ]
}
