import Linux

/// Reads a tar archive from its start to its end: POSIX's with extended headers, GNU's with long names, and the older form.
/// What somebody else has written is believed of nothing but its own length.
public struct TarReader {
  /// Reads once into the memory, and says how much; 0 is the end.
  public typealias Source = (UnsafeMutableRawBufferPointer) throws(Errno) -> Int

  private let source: Source
  private var buffer = [UInt8](repeating: 0, count: 128 << 10)
  /// What was read and not yet used of the buffer.
  private var filled = 0..<0
  /// Where in the archive the next unused byte is.
  private var position = 0
  /// How much of the last entry's content is still to come.
  private var left = 0
  private var padding = 0
  /// What holds for all entries from here on.
  private var global = TarRecords()
  private var isAtEnd = false

  /// Reads from `source`.
  public init(_ source: @escaping Source) { self.source = source }

  /// The next entry; `nil` at the archive's end. What nobody has asked for of the last one's content is passed over.
  ///
  /// - Throws: `LayerError`: of the kind `.invalid` when that is no archive, or one with something that is not supported.
  public mutating func next() throws(LayerError) -> TarEntry? {
    var records = global
    var longName: [UInt8]?
    var longLink: [UInt8]?
    var isStarted = false
    while true {
      try finishContent()
      if isAtEnd { return nil }
      let start = position
      guard let header = try header() else {
        isAtEnd = true
        if isStarted { throw damaged(start, "it ends after an extended header") }
        return nil
      }
      switch header.type {
      case UInt8(ascii: "x"), UInt8(ascii: "X"):
        if let wrong = records.add(try extra(header, start)) { throw damaged(start, wrong) }
      case UInt8(ascii: "g"):
        if let wrong = global.add(try extra(header, start)) { throw damaged(start, wrong) }
        records = global
        continue
      case UInt8(ascii: "L"): longName = Array(try extra(header, start).prefix { $0 != 0 })
      case UInt8(ascii: "K"): longLink = Array(try extra(header, start).prefix { $0 != 0 })
      default:
        var entry = try entry(header, records, start, name: longName, link: longLink)
        entry.attributes = records.attributes
        if case .file(let size) = entry.kind {
          left = size
          padding = TarEntry.padding(size)
        }
        return entry
      }
      isStarted = true
    }
  }

  /// Calls `body` with the next piece of the last entry's content.
  ///
  /// - Returns: whether there was one.
  public mutating func content(
    _ body: (UnsafeRawBufferPointer) throws(LayerError) -> Void
  ) throws(LayerError) -> Bool {
    guard left > 0 else { return false }
    guard try fill() else { throw damaged(position, "it ends in the middle of a file") }
    let count = min(left, filled.count)
    let piece = filled.prefix(count)
    try buffer.withUnsafeBufferPointer { (bytes) throws(LayerError) in
      try body(UnsafeRawBufferPointer(UnsafeBufferPointer(rebasing: bytes[piece])))
    }
    use(count)
    left -= count
    return true
  }

  /// Reads what is behind the archive's end to the end of the source, so that who writes it is not cut off.
  public mutating func drain() throws(LayerError) {
    repeat { use(filled.count) } while try fill()
  }

  // MARK: Bytes

  /// Sees to it that something unused is in the buffer; `false` at the end.
  private mutating func fill() throws(LayerError) -> Bool {
    if !filled.isEmpty { return true }
    let count = try attempt("read the archive") { () throws(Errno) in
      try buffer.withUnsafeMutableBufferPointer { (buffer) throws(Errno) -> Int in
        try source(UnsafeMutableRawBufferPointer(buffer))
      }
    }
    filled = 0..<count
    return count > 0
  }

  private mutating func use(_ count: Int) {
    filled = (filled.lowerBound + count)..<filled.upperBound
    position += count
  }

  private mutating func finishContent() throws(LayerError) {
    var rest = left + padding
    while rest > 0 {
      guard try fill() else {
        // Some leave out what would fill up the last block.
        if rest <= padding { break }
        throw damaged(position, "it ends in the middle of a file")
      }
      let count = min(rest, filled.count)
      use(count)
      rest -= count
    }
    left = 0
    padding = 0
  }

  /// The next `count` bytes; fewer only at the end of the source.
  private mutating func take(_ count: Int) throws(LayerError) -> [UInt8] {
    var bytes: [UInt8] = []
    while bytes.count < count, try fill() {
      let piece = filled.prefix(count - bytes.count)
      bytes += buffer[piece]
      use(piece.count)
    }
    return bytes
  }

  private func damaged(_ offset: Int, _ reason: String) -> LayerError {
    LayerError(.invalid, "the archive is damaged at byte \(offset): \(reason)")
  }

  // MARK: Headers

  private mutating func header() throws(LayerError) -> TarHeader? {
    let start = position
    let block = try take(TarHeader.size)
    // Not all that write archives mark their end.
    if block.isEmpty { return nil }
    guard block.count == TarHeader.size else { throw damaged(start, "it ends in the middle of a header") }
    if block.allSatisfy({ $0 == 0 }) {
      let second = try take(TarHeader.size)
      guard second.allSatisfy({ $0 == 0 }) else {
        throw damaged(start, "an empty block is followed by one that is not")
      }
      return nil
    }
    do throws(TarHeader.Fault) { return try TarHeader(parsing: block[...]) } catch {
      if start == 0, let program = Self.compression(block) {
        throw LayerError(.invalid, "the archive is compressed with \(program), which is not supported")
      }
      throw damaged(start, error.reason)
    }
  }

  /// The program that has compressed what starts with `bytes`.
  private static func compression(_ bytes: [UInt8]) -> String? {
    let marks: [(program: String, start: [UInt8])] = [
      ("gzip", [0x1f, 0x8b]), ("bzip2", Array("BZh".utf8)), ("xz", [0xfd, 0x37, 0x7a, 0x58, 0x5a]),
      ("zstd", [0x28, 0xb5, 0x2f, 0xfd]),
    ]
    return marks.first { bytes.starts(with: $0.start) }?.program
  }

  /// The content of something that is about the next entry.
  private mutating func extra(_ header: TarHeader, _ start: Int) throws(LayerError) -> [UInt8] {
    guard header.contentSize >= 0, header.contentSize <= TarRecords.longest else {
      throw damaged(start, "an extended header is larger than \(TarRecords.longest) bytes")
    }
    let size = Int(header.contentSize)
    let bytes = try take(size)
    guard bytes.count == size, try take(TarEntry.padding(size)).count == TarEntry.padding(size) else {
      throw damaged(start, "it ends in the middle of an extended header")
    }
    return bytes
  }

  private func entry(
    _ header: TarHeader, _ records: TarRecords, _ start: Int, name longName: [UInt8]?, link longLink: [UInt8]?
  ) throws(LayerError) -> TarEntry {
    let name = records.path ?? longName ?? header.name
    let link = records.linkPath ?? longLink ?? header.linkName
    var entry = TarEntry(name: name, kind: .directory)
    func unsupported(_ what: String) -> LayerError {
      LayerError(
        .invalid, "the archive's member \"\(entry.shown)\" at byte \(start): \(what) is not supported")
    }
    guard !name.isEmpty else { throw damaged(start, "a member has no name") }
    if records.isSparse { throw unsupported("a file with holes") }
    switch header.type {
    case 0, UInt8(ascii: "0"), UInt8(ascii: "7"):
      // The older form has no type for directories.
      if header.type == 0, name.last == UInt8(ascii: "/") { break }
      let size = records.size ?? header.contentSize
      guard size >= 0, size < Int64.max - 1024 else { throw damaged(start, "a member's size is none") }
      entry.kind = .file(size: Int(size))
    case UInt8(ascii: "1"): entry.kind = .hardLink(to: link)
    case UInt8(ascii: "2"): entry.kind = .symbolicLink(to: link)
    case UInt8(ascii: "3"): entry.kind = .characterDevice(header.device)
    case UInt8(ascii: "4"): entry.kind = .blockDevice(header.device)
    case UInt8(ascii: "5"): break
    case UInt8(ascii: "6"): entry.kind = .fifo
    case UInt8(ascii: "S"): throw unsupported("a file with holes")
    case UInt8(ascii: "M"): throw unsupported("a part of a file")
    case UInt8(ascii: "V"): throw unsupported("a volume's label")
    case let type: throw unsupported("a member of the type \(type)")
    }
    entry.permissions = header.permissions
    guard let user = UInt32(exactly: records.user ?? header.user), user != .max,
      let group = UInt32(exactly: records.group ?? header.group), group != .max
    else { throw damaged(start, "a member's owner has no number that there is") }
    entry.user = user
    entry.group = group
    let longest = Int64.max / 1_000_000_000
    entry.modified =
      records.modified ?? min(max(header.modified, -longest), longest) * 1_000_000_000
    return entry
  }
}
