/// The frames of a `MultiplexedStream` that have come whole: behind those, something else can be said.
struct WholeFrames {
  private var rest: [UInt8] = []

  private static let headLength = 8

  /// What has become whole by `bytes`.
  mutating func take(_ bytes: [UInt8]) -> [UInt8] {
    rest += bytes
    var end = 0
    while rest.count - end >= Self.headLength {
      let start = end + Self.headLength
      let length = rest[(start - 4)..<start].reduce(0) { $0 << 8 | Int($1) }
      guard rest.count - start >= length else { break }
      end = start + length
    }
    let whole = Array(rest[..<end])
    rest.removeFirst(end)
    return whole
  }
}
