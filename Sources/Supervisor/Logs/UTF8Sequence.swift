/// What bytes are as UTF-8 (The Unicode Standard, table 3-7).
enum UTF8Sequence {
  /// How long the character is that `first` begins, as far as one byte tells; 1 for a byte that begins none.
  @inline(__always)
  static func expectedLength(_ first: UInt8) -> Int {
    if first < 0xC2 || first > 0xF4 { return 1 }
    return first < 0xE0 ? 2 : first < 0xF0 ? 3 : 4
  }

  /// How long the character at `bytes` is, of which there are `count`, at least one; 0 when there is none.
  @inline(__always)
  static func length(_ bytes: UnsafePointer<UInt8>, _ count: Int) -> Int {
    let first = bytes[0]
    if first < 0x80 { return 1 }
    let length = expectedLength(first)
    guard length > 1, length <= count else { return 0 }
    let second: ClosedRange<UInt8> =
      switch first {
      case 0xE0: 0xA0...0xBF
      case 0xED: 0x80...0x9F
      case 0xF0: 0x90...0xBF
      case 0xF4: 0x80...0x8F
      default: 0x80...0xBF
      }
    guard second.contains(bytes[1]) else { return 0 }
    for index in 2..<max(2, length) where bytes[index] & 0xC0 != 0x80 { return 0 }
    return length
  }
}
