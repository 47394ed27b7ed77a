/// An amount of memory.
public struct ByteSize: Hashable, Sendable {
  /// Bytes, at least 0.
  public let bytes: Int64

  /// That many bytes.
  public init(bytes: Int64) { self.bytes = bytes }

  /// The amount that people write as `text`: a number, whole or with a decimal point, and a unit of 1,024 bytes (`k`), its
  /// square (`m`), third (`g`) or fourth power (`t`), in either case and with or without `b` or `ib`. Without a unit it is
  /// bytes.
  ///
  /// `nil` when `text` is anything else, or more than a kernel can count.
  public init?(_ text: String) {
    let lower = text.lowercased()
    let number = lower.prefix { $0.isASCII && ($0.isNumber || $0 == ".") }
    guard let factor = Self.factor(lower.dropFirst(number.count)), number.first != ".", number.last != "."
    else { return nil }
    if let whole = Int64(number) {
      let (bytes, overflow) = whole.multipliedReportingOverflow(by: factor)
      guard !overflow else { return nil }
      self.bytes = bytes
    } else {
      guard number.contains("."), let fraction = Double(number) else { return nil }
      let bytes = (fraction * Double(factor)).rounded(.down)
      // The largest number that is exact in both types.
      guard bytes < 9_007_199_254_740_992 else { return nil }
      self.bytes = Int64(bytes)
    }
  }

  private static func factor(_ unit: Substring) -> Int64? {
    switch unit {
    case "", "b": 1
    case "k", "kb", "kib": 1 << 10
    case "m", "mb", "mib": 1 << 20
    case "g", "gb", "gib": 1 << 30
    case "t", "tb", "tib": 1 << 40
    default: nil
    }
  }
}
