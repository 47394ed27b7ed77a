/// The beginning of what a health check writes.
struct CheckOutput: Equatable {
  /// So much of it is kept, in bytes.
  static let most = 4096

  private var bytes: [UInt8] = []
  /// Whether there was more than is kept.
  private(set) var isCut = false

  /// Takes what came next.
  mutating func add(_ more: [UInt8]) {
    let room = Self.most - bytes.count
    bytes += more.prefix(room)
    if more.count > room { isCut = true }
  }

  /// What is kept, without a character that was cut through.
  var text: String {
    guard isCut else { return String(decoding: bytes, as: UTF8.self) }
    let start = bytes.lastIndex { $0 & 0xC0 != 0x80 } ?? 0
    let isWhole = start + UTF8Sequence.expectedLength(bytes[start]) <= bytes.count
    return String(decoding: isWhole ? bytes[...] : bytes[..<start], as: UTF8.self)
  }
}
