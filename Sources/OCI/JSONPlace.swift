extension JSON {
  /// The line, from 1, where the value of that path begins; for a member, where its name does.
  ///
  /// Where the path leads nowhere, as that of a property which is missing, it is the line of the innermost value that is
  /// there.
  ///
  /// - Parameters:
  ///   - path: as a `ConfigError` has it.
  ///   - bytes: a text that `init(parsing:)` reads.
  public static func line(of path: String, in bytes: [UInt8]) -> Int {
    var search = PlaceSearch(bytes)
    let place = search.place(of: PlaceSearch.steps(path))
    return 1 + bytes[..<min(place, bytes.count)].count { $0 == UInt8(ascii: "\n") }
  }
}

/// Looks for a value in a JSON text that is known to be well-formed.
private struct PlaceSearch {
  enum Step: Equatable {
    case member(String)
    case element(Int)
  }

  private let bytes: [UInt8]
  private var offset = 0

  init(_ bytes: [UInt8]) { self.bytes = bytes }

  /// What leads from a document to the value of `path`.
  static func steps(_ path: String) -> [Step] {
    var steps: [Step] = []
    var rest = Array(path.utf8)[...]
    while let first = rest.first {
      switch first {
      case UInt8(ascii: "."):
        rest.removeFirst()
      case UInt8(ascii: "[") where rest.dropFirst().first == UInt8(ascii: "\""):
        var search = PlaceSearch(Array(rest.dropFirst()))
        steps.append(.member(search.string()))
        rest = rest.dropFirst(1 + search.offset + 1)
      case UInt8(ascii: "["):
        let digits = rest.dropFirst().prefix { $0 != UInt8(ascii: "]") }
        steps.append(.element(Int(String(decoding: digits, as: UTF8.self)) ?? 0))
        rest = rest.dropFirst(1 + digits.count + 1)
      default:
        let name = rest.prefix { $0 != UInt8(ascii: ".") && $0 != UInt8(ascii: "[") }
        steps.append(.member(String(decoding: name, as: UTF8.self)))
        rest = rest.dropFirst(name.count)
      }
    }
    return steps
  }

  /// Where the value that `steps` lead to begins, or the innermost one that is there.
  mutating func place(of steps: [Step]) -> Int {
    skipSpace()
    var place = offset
    for step in steps {
      guard let next = enter(step) else { break }
      place = next
    }
    return place
  }

  /// Goes from the value that is here to the value in it that `step` leads to; `nil` when there is none.
  private mutating func enter(_ step: Step) -> Int? {
    let open = take()
    var index = 0
    while true {
      skipSpace()
      guard let byte = peek, byte != UInt8(ascii: "]"), byte != UInt8(ascii: "}") else { return nil }
      let place = offset
      var found = false
      switch (step, open) {
      case (.member(let name), UInt8(ascii: "{")?):
        found = string() == name
        skipSpace()
        _ = take()
        skipSpace()
      case (.element(let number), UInt8(ascii: "[")?): found = index == number
      default: return nil
      }
      if found { return place }
      skipValue()
      skipSpace()
      if take() != UInt8(ascii: ",") { return nil }
      index += 1
    }
  }

  private mutating func skipValue() {
    var depth = 0
    while let byte = peek {
      switch byte {
      case UInt8(ascii: "\""): _ = string()
      case UInt8(ascii: "{"), UInt8(ascii: "["):
        depth += 1
        offset += 1
      case UInt8(ascii: "}"), UInt8(ascii: "]"):
        if depth == 0 { return }
        depth -= 1
        offset += 1
      case UInt8(ascii: ",") where depth == 0: return
      default: offset += 1
      }
    }
  }

  /// The string whose opening quote is here; empty when there is none.
  private mutating func string() -> String {
    let start = offset
    guard take() == UInt8(ascii: "\"") else { return "" }
    while let byte = take(), byte != UInt8(ascii: "\"") {
      if byte == UInt8(ascii: "\\") { _ = take() }
    }
    guard case .string(let text)? = try? JSON(parsing: Array(bytes[start..<offset])) else { return "" }
    return text
  }

  private var peek: UInt8? { offset < bytes.count ? bytes[offset] : nil }

  private mutating func take() -> UInt8? {
    guard let byte = peek else { return nil }
    offset += 1
    return byte
  }

  private mutating func skipSpace() {
    while let byte = peek, byte <= 0x20 { offset += 1 }
  }
}
