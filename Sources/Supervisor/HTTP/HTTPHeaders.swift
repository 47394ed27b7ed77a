/// The fields of a request's or an answer's header, in order (RFC 9110, section 5).
public struct HTTPHeaders: Equatable, Sendable, ExpressibleByDictionaryLiteral {
  /// One field.
  public struct Field: Equatable, Sendable {
    /// The name, in which capital letters are as small ones.
    public let name: String
    /// The value.
    public let value: String
  }

  /// The fields.
  public private(set) var fields: [Field] = []

  /// The fields with these names and values.
  public init(dictionaryLiteral elements: (String, String)...) {
    fields = elements.map { Field(name: $0, value: $1) }
  }

  /// The value of the first field `name`. Setting it replaces all of that name.
  public subscript(name: String) -> String? {
    get { fields.first { isSameWord($0.name, name) }?.value }
    set {
      fields.removeAll { isSameWord($0.name, name) }
      if let newValue { add(name, newValue) }
    }
  }

  /// Adds a field at the end.
  public mutating func add(_ name: String, _ value: String) {
    fields.append(Field(name: name, value: value))
  }

  /// The values of all fields `name`.
  public func values(_ name: String) -> [String] {
    fields.filter { isSameWord($0.name, name) }.map(\.value)
  }

  /// The words that the fields `name` list with commas between them, in small letters.
  public func words(_ name: String) -> [String] {
    values(name).flatMap { value in
      value.utf8.split(separator: UInt8(ascii: ",")).map { word in
        String(decoding: trimmed(word).map(smallLetter), as: UTF8.self)
      }
    }.filter { !$0.isEmpty }
  }
}

/// Whether the two differ in nothing but capital and small letters of ASCII: to others, no further letters are the same.
func isSameWord(_ one: String, _ other: String) -> Bool {
  one.utf8.lazy.map(smallLetter).elementsEqual(other.utf8.lazy.map(smallLetter))
}

private func smallLetter(_ byte: UInt8) -> UInt8 {
  (UInt8(ascii: "A")...UInt8(ascii: "Z")).contains(byte) ? byte | 0x20 : byte
}

/// `bytes` without the spaces and tabs at its ends.
func trimmed<Bytes: BidirectionalCollection<UInt8>>(_ bytes: Bytes) -> Bytes.SubSequence
where Bytes.SubSequence: BidirectionalCollection {
  func isSpace(_ byte: UInt8) -> Bool { byte == UInt8(ascii: " ") || byte == UInt8(ascii: "\t") }
  guard let first = bytes.firstIndex(where: { !isSpace($0) }),
    let last = bytes.lastIndex(where: { !isSpace($0) })
  else { return bytes[bytes.endIndex...] }
  return bytes[first...last]
}
