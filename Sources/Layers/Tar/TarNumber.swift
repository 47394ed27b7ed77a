/// The numbers in a tar header: octal digits, and where those do not suffice a two's complement number of the field's whole
/// size behind a first byte 0x80 or 0xff (GNU tar, "Basic Tar Format").
enum TarNumber {
  /// The number in `field`; `nil` when there is none, or one that 64 bits do not hold. An empty field is 0.
  static func parse(_ field: ArraySlice<UInt8>) -> Int64? {
    guard let first = field.first else { return nil }
    return first & 0x80 == 0 ? octal(field) : binary(field)
  }

  private static func octal(_ field: ArraySlice<UInt8>) -> Int64? {
    func isBlank(_ byte: UInt8) -> Bool { byte == 0 || byte == UInt8(ascii: " ") }
    let digits = field.drop { $0 == UInt8(ascii: " ") }.prefix { !isBlank($0) }
    guard field[digits.endIndex...].allSatisfy(isBlank) else { return nil }
    var value: Int64 = 0
    for digit in digits {
      guard (UInt8(ascii: "0")...UInt8(ascii: "7")).contains(digit), value >> 60 == 0 else { return nil }
      value = value << 3 | Int64(digit - UInt8(ascii: "0"))
    }
    return value
  }

  private static func binary(_ field: ArraySlice<UInt8>) -> Int64? {
    let isNegative = field.first == 0xff
    guard isNegative || field.first == 0x80 else { return nil }
    var value: Int64 = isNegative ? -1 : 0
    for byte in field.dropFirst() {
      let (shifted, overflow) = value.multipliedReportingOverflow(by: 256)
      if overflow { return nil }
      value = shifted | Int64(byte)
    }
    return value
  }

  /// `value` as a field of `size` bytes: digits with zeros before them and a NUL behind; `nil` when that does not hold
  /// it.
  static func format(_ value: Int64, size: Int) -> [UInt8]? {
    guard value >= 0 else { return nil }
    let digits = Array(String(value, radix: 8).utf8)
    guard digits.count < size else { return nil }
    return [UInt8](repeating: UInt8(ascii: "0"), count: size - 1 - digits.count) + digits + [0]
  }
}
