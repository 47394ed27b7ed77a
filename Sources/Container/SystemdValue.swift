/// A value of the D-Bus, as `busctl` takes it on its command line.
struct SystemdValue: Equatable, Sendable {
  /// The signature of its type.
  let type: String
  /// The words that give it.
  let words: [String]

  init(type: String, words: [String]) {
    self.type = type
    self.words = words
  }

  /// The value that `text` is in GVariant's text format, as runc takes it in annotations: numbers, strings, arrays,
  /// dictionaries and variants, with or without their types.
  ///
  /// - Returns: `nil` when it is none, or its type cannot be told.
  init?(_ text: String) {
    var parser = VariantParser(text)
    guard let value = parser.value(), parser.isAtEnd, let type = value.type, let words = value.words(as: type)
    else { return nil }
    self.init(type: type, words: words)
  }

  /// Seconds as microseconds, in which systemd has them; `nil` for what is no number of them.
  var microseconds: SystemdValue? {
    guard words.count == 1, let word = words.first else { return nil }
    switch type {
    case "y", "n", "q", "i", "u", "x", "t":
      guard let seconds = UInt64(word) else { return nil }
      let (product, overflow) = seconds.multipliedReportingOverflow(by: 1_000_000)
      return overflow ? nil : SystemdValue(type: "t", words: [String(product)])
    case "d":
      guard let seconds = Double(word), seconds >= 0, seconds < 1e13 else { return nil }
      return SystemdValue(type: "t", words: [String(UInt64(seconds * 1_000_000))])
    default: return nil
    }
  }
}

/// A value as it is written, before its type is known.
private indirect enum Variant {
  case bool(Bool)
  case number(String)
  case string(String)
  case bytes([UInt8])
  case array([Variant])
  case dictionary([(key: Variant, value: Variant)])
  case variant(Variant)
  case typed(String, Variant)

  /// The type that it has where nothing says another; `nil` when that cannot be told.
  var type: String? {
    switch self {
    case .bool: return "b"
    case .number(let text): return text.utf8.contains { ".eE".utf8.contains($0) } && !isHex ? "d" : "i"
    case .string: return "s"
    case .bytes: return "ay"
    case .array(let elements):
      // One that says its type speaks for the others.
      for element in elements { if case .typed(let type, _) = element { return "a\(type)" } }
      return elements.first?.type.map { "a\($0)" }
    case .dictionary(let entries):
      guard let key = entries.first?.key.type, let value = entries.first?.value.type else { return nil }
      return "a{\(key)\(value)}"
    case .variant: return "v"
    case .typed(let type, _): return type
    }
  }

  private var isHex: Bool {
    guard case .number(let text) = self else { return false }
    return text.hasPrefix("0x") || text.hasPrefix("-0x")
  }

  /// The words that give it as a value of `type`; `nil` when it is none.
  func words(as type: String) -> [String]? {
    switch self {
    case .typed(let own, let value): return own == type ? value.words(as: type) : nil
    case .bool(let value): return type == "b" ? [value ? "true" : "false"] : nil
    case .number(let text): return Self.number(text, type).map { [$0] }
    case .string(let text):
      switch type {
      case "s": return [text]
      case "o": return text.hasPrefix("/") ? [text] : nil
      case "g": return text.utf8.allSatisfy("ybnqiuxtdhsogav(){}".utf8.contains) ? [text] : nil
      default: return nil
      }
    case .bytes(let bytes):
      // As a string of C's.
      return type == "ay" ? [String(bytes.count + 1)] + bytes.map { String($0) } + ["0"] : nil
    case .array(let elements):
      guard type.hasPrefix("a"), !type.hasPrefix("a{") else { return nil }
      var words = [String(elements.count)]
      for element in elements {
        guard let more = element.words(as: String(type.dropFirst())) else { return nil }
        words += more
      }
      return words
    case .dictionary(let entries):
      guard type.hasPrefix("a{"), type.hasSuffix("}") else { return nil }
      let key = String(type.dropFirst(2).prefix(1))
      let value = String(type.dropFirst(3).dropLast())
      var words = [String(entries.count)]
      for entry in entries {
        guard let first = entry.key.words(as: key), let second = entry.value.words(as: value) else {
          return nil
        }
        words += first + second
      }
      return words
    case .variant(let value):
      guard type == "v", let inner = value.type, let words = value.words(as: inner) else { return nil }
      return [inner] + words
    }
  }

  private static func number(_ text: String, _ type: String) -> String? {
    func whole<Number: FixedWidthInteger>(_ type: Number.Type) -> String? {
      var digits = Substring(text)
      let isNegative = digits.hasPrefix("-")
      if isNegative || digits.hasPrefix("+") { digits = digits.dropFirst() }
      let isHex = digits.hasPrefix("0x") || digits.hasPrefix("0X")
      if isHex { digits = digits.dropFirst(2) }
      guard digits.first != "-", digits.first != "+",
        let number = Number((isNegative ? "-" : "") + digits, radix: isHex ? 16 : 10)
      else { return nil }
      return String(number)
    }
    switch type {
    case "y": return whole(UInt8.self)
    case "n": return whole(Int16.self)
    case "q": return whole(UInt16.self)
    case "i": return whole(Int32.self)
    case "u": return whole(UInt32.self)
    case "x": return whole(Int64.self)
    case "t": return whole(UInt64.self)
    case "d": return Double(text).map { "\($0)" }
    default: return nil
    }
  }
}

/// Reads GVariant's text format.
private struct VariantParser {
  private var rest: Substring.UTF8View
  /// Values in values, which cost stack.
  private var depth = 0

  init(_ text: String) { rest = Substring(text).utf8 }

  private static let types = [
    ("boolean", "b"), ("byte", "y"), ("int16", "n"), ("uint16", "q"), ("int32", "i"), ("uint32", "u"),
    ("int64", "x"), ("uint64", "t"), ("double", "d"), ("string", "s"), ("objectpath", "o"),
    ("signature", "g"),
  ]

  var isAtEnd: Bool {
    mutating get {
      skipSpace()
      return rest.isEmpty
    }
  }

  private mutating func skipSpace() {
    while let byte = rest.first, byte == 0x20 || byte == 0x09 || byte == 0x0A || byte == 0x0D {
      rest.removeFirst()
    }
  }

  /// Takes `character`, after space.
  private mutating func take(_ character: Unicode.Scalar) -> Bool {
    skipSpace()
    guard rest.first == UInt8(ascii: character) else { return false }
    rest.removeFirst()
    return true
  }

  private mutating func word() -> String {
    let word = rest.prefix { byte in
      switch byte {
      case UInt8(ascii: "a")...UInt8(ascii: "z"), UInt8(ascii: "A")...UInt8(ascii: "Z"),
        UInt8(ascii: "0")...UInt8(ascii: "9"), UInt8(ascii: "."), UInt8(ascii: "+"), UInt8(ascii: "-"):
        true
      default: false
      }
    }
    rest = rest.dropFirst(word.count)
    return String(Substring(word))
  }

  mutating func value() -> Variant? {
    guard depth < 16 else { return nil }
    depth += 1
    defer { depth -= 1 }
    if take("[") { return list("]") }
    if take("{") { return entries() }
    if take("<") {
      guard let inner = value(), take(">") else { return nil }
      return .variant(inner)
    }
    if take("@") {
      let type = rest.prefix { $0 != 0x20 }
      rest = rest.dropFirst(type.count)
      let name = String(Substring(type))
      guard Self.isSingleType(name[...]), let inner = value() else { return nil }
      return .typed(name, inner)
    }
    if rest.first == UInt8(ascii: "'") || rest.first == UInt8(ascii: "\"") {
      return quoted().map { .string(String(decoding: $0, as: UTF8.self)) }
    }
    let word = word()
    switch word {
    case "true": return .bool(true)
    case "false": return .bool(false)
    case "b" where rest.first == UInt8(ascii: "'") || rest.first == UInt8(ascii: "\""):
      return quoted().map { .bytes($0) }
    case "": return nil
    default: break
    }
    if let (_, type) = Self.types.first(where: { $0.0 == word }) {
      return value().map { .typed(type, $0) }
    }
    guard let first = word.utf8.first, !(UInt8(ascii: "A")...UInt8(ascii: "z")).contains(first) else {
      return nil
    }
    return .number(word)
  }

  private mutating func list(_ end: Unicode.Scalar) -> Variant? {
    var elements: [Variant] = []
    if take(end) { return .array([]) }
    repeat {
      guard let element = value() else { return nil }
      elements.append(element)
    } while take(",")
    return take(end) ? .array(elements) : nil
  }

  private mutating func entries() -> Variant? {
    var entries: [(key: Variant, value: Variant)] = []
    if take("}") { return .dictionary([]) }
    repeat {
      guard let key = value(), take(":"), let value = value() else { return nil }
      entries.append((key, value))
    } while take(",")
    return take("}") ? .dictionary(entries) : nil
  }

  private mutating func quoted() -> [UInt8]? {
    guard let quote = rest.popFirst() else { return nil }
    var bytes: [UInt8] = []
    while let byte = rest.popFirst() {
      if byte == quote { return bytes }
      guard byte == UInt8(ascii: "\\") else {
        bytes.append(byte)
        continue
      }
      guard let escaped = rest.popFirst() else { return nil }
      switch escaped {
      case UInt8(ascii: "a"): bytes.append(7)
      case UInt8(ascii: "b"): bytes.append(8)
      case UInt8(ascii: "f"): bytes.append(12)
      case UInt8(ascii: "n"): bytes.append(10)
      case UInt8(ascii: "r"): bytes.append(13)
      case UInt8(ascii: "t"): bytes.append(9)
      case UInt8(ascii: "v"): bytes.append(11)
      case UInt8(ascii: "x"), UInt8(ascii: "u"):
        let digits = rest.prefix(escaped == UInt8(ascii: "x") ? 2 : 4)
        rest = rest.dropFirst(digits.count)
        guard let number = UInt32(Substring(digits), radix: 16), let scalar = Unicode.Scalar(number),
          number != 0
        else { return nil }
        bytes += Array(String(Character(scalar)).utf8)
      default: bytes.append(escaped)
      }
    }
    return nil
  }

  /// Whether `text` is one complete type, without structures.
  private static func isSingleType(_ text: Substring) -> Bool {
    guard let first = text.utf8.first else { return false }
    let basic = "ybnqiuxtdsog".utf8
    if text.utf8.count == 1 { return basic.contains(first) || first == UInt8(ascii: "v") }
    guard first == UInt8(ascii: "a") else { return false }
    let inner = text.dropFirst()
    guard inner.hasPrefix("{") else { return isSingleType(inner) }
    guard inner.hasSuffix("}"), let key = inner.dropFirst().utf8.first, basic.contains(key) else {
      return false
    }
    return isSingleType(inner.dropFirst(2).dropLast())
  }
}
