/// The keys by which who is at a program's terminal leaves it, and the program goes on.
public struct DetachKeys: Equatable, Sendable {
  /// As they were given; empty for the usual ones.
  public let text: String
  /// What the terminal sends for them.
  private let bytes: [UInt8]

  /// Those that `text` names: single characters and `ctrl-` with a letter or one of `@[\]^_`, with commas between them.
  /// Without any they are ctrl-p and ctrl-q.
  ///
  /// - Throws: `APIError` for what is none of these.
  public init(_ text: String = "") throws(APIError) {
    self.text = text
    guard !text.isEmpty else {
      bytes = [0x10, 0x11]
      return
    }
    var bytes: [UInt8] = []
    for key in text.split(separator: ",", omittingEmptySubsequences: false) {
      guard let byte = Self.byte(of: key) else {
        throw .badRequest(
          "invalid detach keys \"\(text)\": "
            + "\"\(key)\" is neither a character nor ctrl- with a-z or one of @[\\]^_")
      }
      bytes.append(byte)
    }
    self.bytes = bytes
  }

  private static func byte(of key: Substring) -> UInt8? {
    let isControl = key.hasPrefix("ctrl-")
    let character = isControl ? key.dropFirst("ctrl-".count) : key
    guard character.utf8.count == 1, let byte = character.utf8.first else { return nil }
    guard isControl else { return byte }
    switch byte {
    case UInt8(ascii: "a")...UInt8(ascii: "z"), UInt8(ascii: "@"), UInt8(ascii: "[")...UInt8(ascii: "_"):
      return byte & 0x1f
    default: return nil
    }
  }

  /// Looks for the keys in what is typed.
  public struct Watch: Sendable {
    private let keys: [UInt8]
    /// What may be the beginning of them.
    private var held: [UInt8] = []

    /// Looks for `keys`.
    public init(for keys: DetachKeys) { self.keys = keys.bytes }

    /// Takes what came next.
    ///
    /// - Returns: what goes to the program, and whether the keys came behind that.
    public mutating func take(_ bytes: [UInt8]) -> (passed: [UInt8], isDetached: Bool) {
      var passed: [UInt8] = []
      for byte in bytes {
        held.append(byte)
        while !keys.starts(with: held) { passed.append(held.removeFirst()) }
        if held.count == keys.count { return (passed, true) }
      }
      return (passed, false)
    }
  }
}
