/// Reads lines of Docker's json-file format.
///
/// An object whose members are all strings, in any order; those that are not `log`, `stream` or `time` are passed over.
extension LogEntry {
  /// Makes this entry the one that `line` holds, without the newline that ends it, and uses its memory again.
  ///
  /// - Returns: whether there is one. A line that was cut short, or is somebody else's, holds none.
  public mutating func read(_ line: UnsafeRawBufferPointer) -> Bool {
    var parser = LogLineParser(line)
    var hasLog = false
    var stream: LogStream?
    var time: Int64?
    guard parser.take("{") else { return false }
    repeat {
      guard let key = parser.plainString(), parser.take(":") else { return false }
      if key.elementsEqual("log".utf8) {
        bytes.removeAll(keepingCapacity: true)
        guard parser.string(into: &bytes) else { return false }
        hasLog = true
      } else {
        guard let value = parser.plainString() else { return false }
        if key.elementsEqual("stream".utf8) {
          stream =
            value.elementsEqual("stdout".utf8) ? .stdout : value.elementsEqual("stderr".utf8) ? .stderr : nil
        } else if key.elementsEqual("time".utf8) {
          time = LogTime.parse(value)
        }
      }
    } while parser.take(",")
    guard parser.take("}"), parser.isAtEnd, hasLog, let stream, let time else { return false }
    self.stream = stream
    self.time = time
    return true
  }

  /// The entry that `line` holds, without the newline that ends it; `nil` when there is none.
  public init?(line: [UInt8]) {
    self.init(stream: .stdout, time: 0, bytes: [])
    guard line.withUnsafeBytes({ read($0) }) else { return nil }
  }
}

private struct LogLineParser {
  private let line: UnsafeRawBufferPointer
  private var offset = 0

  init(_ line: UnsafeRawBufferPointer) { self.line = line }

  var isAtEnd: Bool {
    mutating get {
      skipSpace()
      return offset == line.count
    }
  }

  private mutating func skipSpace() {
    while offset < line.count, line[offset] == UInt8(ascii: " ") || line[offset] == UInt8(ascii: "\t") {
      offset += 1
    }
  }

  mutating func take(_ byte: StaticString) -> Bool {
    skipSpace()
    guard offset < line.count, line[offset] == byte.utf8Start[0] else { return false }
    offset += 1
    return true
  }

  /// The bytes between the quotes, escapes as they are.
  mutating func plainString() -> UnsafeRawBufferPointer? {
    guard take("\"") else { return nil }
    let start = offset
    while offset < line.count {
      switch line[offset] {
      case UInt8(ascii: "\""):
        offset += 1
        return UnsafeRawBufferPointer(rebasing: line[start..<(offset - 1)])
      case UInt8(ascii: "\\"): offset += 2
      default: offset += 1
      }
    }
    return nil
  }

  /// Appends the text between the quotes.
  mutating func string(into text: inout [UInt8]) -> Bool {
    guard take("\"") else { return false }
    while true {
      let start = offset
      while offset < line.count, line[offset] != UInt8(ascii: "\""), line[offset] != UInt8(ascii: "\\") {
        offset += 1
      }
      text.append(contentsOf: UnsafeRawBufferPointer(rebasing: line[start..<offset]))
      guard offset < line.count else { return false }
      offset += 1
      if line[offset - 1] == UInt8(ascii: "\"") { return true }
      guard escape(into: &text) else { return false }
    }
  }

  private mutating func escape(into text: inout [UInt8]) -> Bool {
    guard offset < line.count else { return false }
    let byte = line[offset]
    offset += 1
    switch byte {
    case UInt8(ascii: "n"): text.append(0x0A)
    case UInt8(ascii: "r"): text.append(0x0D)
    case UInt8(ascii: "t"): text.append(0x09)
    case UInt8(ascii: "b"): text.append(0x08)
    case UInt8(ascii: "f"): text.append(0x0C)
    case UInt8(ascii: "\""), UInt8(ascii: "\\"), UInt8(ascii: "/"): text.append(byte)
    case UInt8(ascii: "u"):
      guard let scalar = scalar() else { return false }
      text.append(contentsOf: Unicode.UTF8.encode(scalar) ?? Unicode.UTF8.encodedReplacementCharacter)
    default: return false
    }
    return true
  }

  /// The scalar of four digits, or of two times four that are a surrogate pair.
  private mutating func scalar() -> Unicode.Scalar? {
    guard let first = hexadecimal() else { return nil }
    if let scalar = Unicode.Scalar(first) { return scalar }
    guard first < 0xDC00, offset + 1 < line.count, line[offset] == UInt8(ascii: "\\"),
      line[offset + 1] == UInt8(ascii: "u")
    else { return nil }
    offset += 2
    guard let second = hexadecimal(), (0xDC00..<0xE000).contains(second) else { return nil }
    return Unicode.Scalar(0x10000 + ((first - 0xD800) << 10) + (second - 0xDC00))
  }

  private mutating func hexadecimal() -> UInt32? {
    guard offset + 4 <= line.count else { return nil }
    var value: UInt32 = 0
    for _ in 0..<4 {
      let byte = line[offset]
      switch byte {
      case UInt8(ascii: "0")...UInt8(ascii: "9"): value = value << 4 | UInt32(byte & 15)
      case UInt8(ascii: "a")...UInt8(ascii: "f"), UInt8(ascii: "A")...UInt8(ascii: "F"):
        value = value << 4 | UInt32((byte & 7) + 9)
      default: return nil
      }
      offset += 1
    }
    return value
  }
}
