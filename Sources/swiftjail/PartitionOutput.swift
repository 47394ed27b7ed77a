import Linux

/// What a partition writes, passed on as it comes: with a header before each piece that says which stream it is of, or raw,
/// when it comes from a terminal.
struct PartitionOutput {
  private let isRaw: Bool
  private var bytes: [UInt8] = []

  init(isRaw: Bool) { self.isRaw = isRaw }

  mutating func add(_ more: [UInt8]) throws(Errno) {
    if isRaw {
      return try FileDescriptor.duplicate(of: 1).writeAll(more)
    }
    bytes += more
    var start = 0
    while bytes.count - start >= 8 {
      let length = bytes[(start + 4)..<(start + 8)].reduce(0) { $0 << 8 | Int($1) }
      guard bytes.count - start - 8 >= length else { break }
      let number: Int32 = bytes[start] == 2 ? 2 : 1
      let piece = Array(bytes[(start + 8)..<(start + 8 + length)])
      try FileDescriptor.duplicate(of: number).writeAll(piece)
      start += 8 + length
    }
    bytes.removeFirst(start)
  }
}
