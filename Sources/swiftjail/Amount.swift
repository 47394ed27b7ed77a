/// Amounts as people read them.
enum Amount {
  /// Bytes with a binary unit and, below ten, one decimal.
  static func bytes(_ count: UInt64) -> String {
    var amount = Double(count)
    var unit = ""
    for next in ["K", "M", "G", "T"] where amount >= 1024 {
      amount /= 1024
      unit = next
    }
    if unit.isEmpty { return "\(count)B" }
    let tenths = Int((amount * 10).rounded())
    return tenths < 100 ? "\(tenths / 10).\(tenths % 10)\(unit)" : "\(tenths / 10)\(unit)"
  }

  /// A time in seconds with two decimals, or in minutes and hours.
  static func duration(microseconds: UInt64) -> String {
    let hundredths = microseconds / 10_000
    let seconds = hundredths / 100
    if seconds < 60 {
      let rest = hundredths % 100
      return "\(seconds).\(rest < 10 ? "0" : "")\(rest)s"
    }
    return age(microseconds: microseconds)
  }

  /// The two largest units of a time that matter.
  static func age(microseconds: UInt64) -> String {
    let seconds = microseconds / 1_000_000
    if seconds < 60 { return "\(seconds)s" }
    if seconds < 3600 { return "\(seconds / 60)m\(seconds % 60)s" }
    if seconds < 86_400 { return "\(seconds / 3600)h\(seconds / 60 % 60)m" }
    return "\(seconds / 86_400)d\(seconds / 3600 % 24)h"
  }
}
