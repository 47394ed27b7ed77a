extension Unicode.Scalar {
  /// Whether it does something to a terminal or to the text around it instead of being seen: a control character, an end of a
  /// line or paragraph, or what turns the direction of writing (Unicode's `Cc`, `Zl`, `Zp` and `Bidi_Control`).
  var isControlling: Bool {
    switch value {
    case 0..<0x20, 0x7f..<0xa0, 0x61c, 0x200e, 0x200f, 0x2028...0x202e, 0x2066...0x2069: true
    default: false
    }
  }
}

extension String {
  /// The text as it may be shown on a terminal, on one line, with a question mark for whatever would do something there: what a
  /// container, a file or a process is called is its maker's affair, what the terminal does and in which order it shows things
  /// is not.
  public var printable: String {
    // Nearly all there is, and there may be thousands of lines.
    let isPlain = utf8.withContiguousStorageIfAvailable { $0.allSatisfy { $0 >= 0x20 && $0 < 0x7f } }
    if isPlain == true { return self }
    var shown = String.UnicodeScalarView()
    for scalar in unicodeScalars { shown.append(scalar.isControlling ? "?" : scalar) }
    return String(shown)
  }
}
