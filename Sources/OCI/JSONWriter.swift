extension JSON {
  /// How a JSON text is laid out.
  public enum Layout: Sendable {
    /// On one line, with no spaces.
    case compact
    /// A member or element a line, indented by tabs, as `runc spec` does.
    case tabs
    /// A member or element a line, indented by two spaces a level.
    case spaces
  }

  /// The value as JSON text in UTF-8, with no newline at the end.
  ///
  /// JSON has no infinity and no NaN: such a `double` is written as `null`.
  public func bytes(_ layout: Layout = .compact) -> [UInt8] {
    var writer = JSONWriter(layout: layout)
    writer.write(self)
    return writer.bytes
  }

  /// The value as JSON text, with no newline at the end.
  public func text(_ layout: Layout = .compact) -> String {
    String(decoding: bytes(layout), as: UTF8.self)
  }
}

/// Writes one JSON text.
private struct JSONWriter {
  private(set) var bytes: [UInt8] = []
  private let layout: JSON.Layout
  private var level = 0

  init(layout: JSON.Layout) {
    self.layout = layout
  }

  mutating func write(_ value: JSON) {
    switch value {
    case .null: put("null")
    case .bool(let bool): put(bool ? "true" : "false")
    case .integer(let integer): put(String(integer))
    case .unsigned(let unsigned): put(String(unsigned))
    case .double(let double): put(double.isFinite ? double.description : "null")
    case .string(let string): write(string)
    case .array(let values):
      list("[", "]", values) { (writer, value) in writer.write(value) }
    case .object(let object):
      list("{", "}", object.members) { (writer, member) in
        writer.write(member.key)
        writer.put(writer.layout == .compact ? ":" : ": ")
        writer.write(member.value)
      }
    }
  }

  private mutating func list<Element>(
    _ open: String, _ close: String, _ elements: [Element], _ write: (inout JSONWriter, Element) -> Void
  ) {
    put(open)
    level += 1
    for index in elements.indices {
      if index > 0 { put(",") }
      newline()
      write(&self, elements[index])
    }
    level -= 1
    if !elements.isEmpty { newline() }
    put(close)
  }

  private mutating func newline() {
    switch layout {
    case .compact: break
    case .tabs:
      put("\n")
      for _ in 0..<level { put("\t") }
    case .spaces:
      put("\n")
      for _ in 0..<level { put("  ") }
    }
  }

  private mutating func write(_ string: String) {
    put("\"")
    let start = bytes.count
    for byte in string.utf8 {
      guard byte < 0x7F else {
        bytes.removeSubrange(start...)
        writeScalars(of: string)
        break
      }
      write(byte)
    }
    put("\"")
  }

  /// Writes text of which some is not ASCII.
  private mutating func writeScalars(of string: String) {
    for scalar in string.unicodeScalars {
      if scalar.value >= 0x7F, scalar.isControlling {
        // All of these have four digits. Whoever reads the text may do so at a terminal.
        let digits = String(scalar.value, radix: 16)
        put("\\u" + String(repeating: "0", count: 4 - digits.utf8.count) + digits)
      } else {
        for byte in scalar.utf8 { write(byte) }
      }
    }
  }

  @inline(__always)
  private mutating func write(_ byte: UInt8) {
    switch byte {
    case UInt8(ascii: "\""): put("\\\"")
    case UInt8(ascii: "\\"): put("\\\\")
    case 0x08: put("\\b")
    case 0x0C: put("\\f")
    case 0x0A: put("\\n")
    case 0x0D: put("\\r")
    case 0x09: put("\\t")
    case 0..<0x20: put((byte < 0x10 ? "\\u000" : "\\u00") + String(byte, radix: 16))
    default: bytes.append(byte)
    }
  }

  private mutating func put(_ text: String) {
    bytes.append(contentsOf: text.utf8)
  }
}

/// The text in quotes, on one line, for a message.
public func quoted(_ text: String) -> String { JSON.string(text).text() }
