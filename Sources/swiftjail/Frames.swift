import Linux

/// Output with a header before each piece that says which stream it is of, passed on as it comes.
struct Frames {
  private var bytes: [UInt8] = []

  mutating func add(_ more: [UInt8]) {
    bytes += more
    var start = 0
    while bytes.count - start >= 8 {
      let length = bytes[(start + 4)..<(start + 8)].reduce(0) { $0 << 8 | Int($1) }
      guard bytes.count - start - 8 >= length else { break }
      let number: Int32 = bytes[start] == 2 ? 2 : 1
      let piece = Array(bytes[(start + 8)..<(start + 8 + length)])
      try? FileDescriptor.duplicate(of: number).writeAll(piece)
      start += 8 + length
    }
    bytes.removeFirst(start)
  }
}
