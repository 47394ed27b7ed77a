extension JSON {
  /// How deep arrays and objects may nest.
  public static let maximumDepth = 128

  /// Reads a JSON text, strictly: RFC 8259, UTF-8 with no byte order mark, no duplicate names, numbers
  /// that `Int64`, `UInt64` or a finite `Double` holds, and nothing after the value.
  ///
  /// The caller limits the size.
  public init(parsing bytes: [UInt8]) throws(JSONError) {
    var parser = JSONParser(bytes)
    do {
      self = try parser.document()
    } catch {
      throw parser.located(error)
    }
  }
}

/// Reads one JSON text, byte by byte.
private struct JSONParser {
  /// What is wrong, and the offset of the byte where it is.
  struct Failure: Error {
    let offset: Int
    let message: String
  }

  private let bytes: [UInt8]
  private var offset = 0
  private var depth = 0

  init(_ bytes: [UInt8]) {
    self.bytes = bytes
  }

  mutating func document() throws(Failure) -> JSON {
    if bytes.starts(with: [0xEF, 0xBB, 0xBF]) { throw failure("a byte order mark is not allowed") }
    skipSpace()
    let value = try value()
    skipSpace()
    if offset < bytes.count { throw failure("unexpected \(found) after the end of the value") }
    return value
  }

  func located(_ failure: Failure) -> JSONError {
    var line = 1
    var start = 0
    for index in 0..<min(failure.offset, bytes.count) where bytes[index] == .newline {
      line += 1
      start = index + 1
    }
    return JSONError(line: line, column: failure.offset - start + 1, message: failure.message)
  }

  // MARK: Values

  private mutating func value() throws(Failure) -> JSON {
    guard let byte = peek else { throw failure("a value is expected, not \(found)") }
    switch byte {
    case .openBrace: return try nested { (parser) throws(Failure) in try parser.object() }
    case .openBracket: return try nested { (parser) throws(Failure) in try parser.array() }
    case .quote: return .string(try string())
    case .minus, .zero ... .nine: return try number()
    case UInt8(ascii: "t"): return try word("true", .bool(true))
    case UInt8(ascii: "f"): return try word("false", .bool(false))
    case UInt8(ascii: "n"): return try word("null", .null)
    default: throw failure("a value is expected, not \(found)")
    }
  }

  private mutating func nested(
    _ read: (inout JSONParser) throws(Failure) -> JSON
  ) throws(Failure) -> JSON {
    if depth == JSON.maximumDepth { throw failure("nested more than \(JSON.maximumDepth) levels deep") }
    depth += 1
    defer { depth -= 1 }
    offset += 1
    return try read(&self)
  }

  private mutating func array() throws(Failure) -> JSON {
    var values: [JSON] = []
    skipSpace()
    if take(.closeBracket) { return .array(values) }
    while true {
      skipSpace()
      values.append(try value())
      skipSpace()
      if take(.closeBracket) { return .array(values) }
      if !take(.comma) { throw failure("\",\" or \"]\" is expected, not \(found)") }
    }
  }

  private mutating func object() throws(Failure) -> JSON {
    var names = DistinctNames()
    var members: [JSON.Object.Member] = []
    skipSpace()
    if take(.closeBrace) { return .object(JSON.Object()) }
    while true {
      skipSpace()
      let start = offset
      if peek != .quote { throw failure("a name in quotes is expected, not \(found)") }
      let key = try string()
      if !names.insert(key, after: members) {
        throw Failure(offset: start, message: "the name \(quoted(key)) is already in this object")
      }
      skipSpace()
      if !take(.colon) { throw failure("\":\" is expected, not \(found)") }
      skipSpace()
      members.append(JSON.Object.Member(key: key, value: try value()))
      skipSpace()
      if take(.closeBrace) { return .object(JSON.Object(distinct: members)) }
      if !take(.comma) { throw failure("\",\" or \"}\" is expected, not \(found)") }
    }
  }

  private mutating func word(_ word: StaticString, _ value: JSON) throws(Failure) -> JSON {
    let count = word.utf8CodeUnitCount
    let matches = word.withUTF8Buffer { bytes[offset...].prefix(count).elementsEqual($0) }
    if !matches { throw failure("a value is expected, not \(found)") }
    offset += count
    return value
  }

  // MARK: Numbers

  private mutating func number() throws(Failure) -> JSON {
    let start = offset
    let negative = take(.minus)
    var magnitude: UInt64 = 0
    var overflow = false
    let first = offset
    while let digit = digit() {
      let (product, over) = magnitude.multipliedReportingOverflow(by: 10)
      let (sum, carry) = product.addingReportingOverflow(digit)
      overflow = overflow || over || carry
      magnitude = sum
      offset += 1
    }
    if offset == first { throw failure("a digit is expected, not \(found)") }
    if offset - first > 1, bytes[first] == .zero {
      throw Failure(offset: first, message: "a number does not begin with 0")
    }

    var whole = true
    if take(.point) {
      whole = false
      try digits()
    }
    if take(UInt8(ascii: "e")) || take(UInt8(ascii: "E")) {
      whole = false
      if !take(.plus) { _ = take(.minus) }
      try digits()
    }
    if !whole {
      let text = String(decoding: bytes[start..<offset], as: UTF8.self)
      guard let double = Double(text), double.isFinite else {
        throw Failure(offset: start, message: "this number is too large")
      }
      return .double(double)
    }
    if overflow { throw Failure(offset: start, message: "this number is too large") }
    if !negative { return JSON(magnitude) }
    guard magnitude <= Int64.min.magnitude else {
      throw Failure(offset: start, message: "this number is too small")
    }
    return .integer(Int64(truncatingIfNeeded: 0 &- magnitude))
  }

  private func digit() -> UInt64? {
    guard offset < bytes.count, case .zero ... .nine = bytes[offset] else { return nil }
    return UInt64(bytes[offset] - .zero)
  }

  private mutating func digits() throws(Failure) {
    if digit() == nil { throw failure("a digit is expected, not \(found)") }
    while digit() != nil { offset += 1 }
  }

  // MARK: Strings

  /// The string whose opening quote is here.
  private mutating func string() throws(Failure) -> String {
    offset += 1
    let start = offset
    var union: UInt8 = 0
    while offset < bytes.count {
      let byte = bytes[offset]
      union |= byte
      switch byte {
      case .quote:
        defer { offset += 1 }
        // ASCII needs no validation, which would cost more than all the rest.
        if union < 0x80 { return String(decoding: bytes[start..<offset], as: UTF8.self) }
        return try text(bytes[start..<offset], at: start)
      case .backslash:
        return try escapedString(from: start)
      case 0..<0x20:
        throw failure("a control character in a string must be escaped")
      default:
        offset += 1
      }
    }
    throw failure("the text ends inside a string")
  }

  /// The string that began at `start` and whose first escape is here.
  private mutating func escapedString(from start: Int) throws(Failure) -> String {
    var unescaped = bytes[start..<offset]
    while offset < bytes.count {
      switch bytes[offset] {
      case .quote:
        offset += 1
        return try text(unescaped, at: start)
      case .backslash:
        try escape(into: &unescaped)
      case 0..<0x20:
        throw failure("a control character in a string must be escaped")
      case let byte:
        unescaped.append(byte)
        offset += 1
      }
    }
    throw failure("the text ends inside a string")
  }

  private func text(_ slice: ArraySlice<UInt8>, at start: Int) throws(Failure) -> String {
    guard let text = String(validating: slice, as: UTF8.self) else {
      throw Failure(offset: start, message: "the string that begins here is not UTF-8")
    }
    return text
  }

  private mutating func escape(into text: inout ArraySlice<UInt8>) throws(Failure) {
    let start = offset
    offset += 1
    switch peek {
    case .quote, .backslash, UInt8(ascii: "/"): text.append(bytes[offset])
    case UInt8(ascii: "b"): text.append(0x08)
    case UInt8(ascii: "f"): text.append(0x0C)
    case UInt8(ascii: "n"): text.append(0x0A)
    case UInt8(ascii: "r"): text.append(0x0D)
    case UInt8(ascii: "t"): text.append(0x09)
    case UInt8(ascii: "u"):
      offset += 1
      text.append(contentsOf: String(try scalar(escapedAt: start)).utf8)
      return
    default: throw Failure(offset: start, message: "there is no such escape")
    }
    offset += 1
  }

  /// The scalar of a `\uXXXX`, or of two that are a surrogate pair, from its first digit on.
  private mutating func scalar(escapedAt start: Int) throws(Failure) -> Unicode.Scalar {
    let first = try hexadecimal()
    if let scalar = Unicode.Scalar(first) { return scalar }
    if first < 0xDC00, take(.backslash), take(UInt8(ascii: "u")) {
      let second = try hexadecimal()
      if (0xDC00..<0xE000).contains(second),
        let scalar = Unicode.Scalar(0x10000 + ((first - 0xD800) << 10) + (second - 0xDC00))
      {
        return scalar
      }
    }
    throw Failure(offset: start, message: "half of a surrogate pair is no character")
  }

  private mutating func hexadecimal() throws(Failure) -> UInt32 {
    var value: UInt32 = 0
    for _ in 0..<4 {
      switch peek {
      case let byte? where (.zero ... .nine).contains(byte):
        value = value << 4 | UInt32(byte - .zero)
      case let byte? where (UInt8(ascii: "a")...UInt8(ascii: "f")).contains(byte | 0x20):
        value = value << 4 | UInt32((byte | 0x20) - UInt8(ascii: "a") + 10)
      default: throw failure("four hexadecimal digits are expected after \\u")
      }
      offset += 1
    }
    return value
  }

  // MARK: Bytes

  private var peek: UInt8? { offset < bytes.count ? bytes[offset] : nil }

  private mutating func take(_ byte: UInt8) -> Bool {
    guard offset < bytes.count, bytes[offset] == byte else { return false }
    offset += 1
    return true
  }

  private mutating func skipSpace() {
    while offset < bytes.count {
      switch bytes[offset] {
      case .space, .tab, .newline, .carriageReturn: offset += 1
      default: return
      }
    }
  }

  private func failure(_ message: String) -> Failure { Failure(offset: offset, message: message) }

  /// What is here, for a message.
  private var found: String {
    guard let byte = peek else { return "the end of the text" }
    guard (0x21..<0x7F).contains(byte) else { return "byte 0x" + String(byte, radix: 16, uppercase: true) }
    return quoted(String(Unicode.Scalar(byte)))
  }
}

/// The names of an object so far: a few are compared one by one, many are hashed.
private struct DistinctNames {
  private var hashed: Set<String> = []

  /// Whether `name` is none of those of `members`, all of which were inserted before.
  mutating func insert(_ name: String, after members: [JSON.Object.Member]) -> Bool {
    if members.count < 16 { return !members.contains { $0.key == name } }
    if hashed.isEmpty { for member in members { hashed.insert(member.key) } }
    return hashed.insert(name).inserted
  }
}

extension UInt8 {
  fileprivate static let tab = UInt8(ascii: "\t")
  fileprivate static let newline = UInt8(ascii: "\n")
  fileprivate static let carriageReturn = UInt8(ascii: "\r")
  fileprivate static let space = UInt8(ascii: " ")
  fileprivate static let quote = UInt8(ascii: "\"")
  fileprivate static let plus = UInt8(ascii: "+")
  fileprivate static let comma = UInt8(ascii: ",")
  fileprivate static let minus = UInt8(ascii: "-")
  fileprivate static let point = UInt8(ascii: ".")
  fileprivate static let zero = UInt8(ascii: "0")
  fileprivate static let nine = UInt8(ascii: "9")
  fileprivate static let colon = UInt8(ascii: ":")
  fileprivate static let openBracket = UInt8(ascii: "[")
  fileprivate static let backslash = UInt8(ascii: "\\")
  fileprivate static let closeBracket = UInt8(ascii: "]")
  fileprivate static let openBrace = UInt8(ascii: "{")
  fileprivate static let closeBrace = UInt8(ascii: "}")
}
