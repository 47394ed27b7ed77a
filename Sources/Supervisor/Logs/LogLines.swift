import Linux

/// Reads lines over all files of a log, from the oldest to the youngest, and goes on where it was when there are more.
///
/// It keeps one file open and nothing else. A line that is longer than a block is passed over.
final class LogLines {
  /// Where the log is.
  let path: String
  private var file: LogGeneration?
  /// Where the next line begins.
  private var offset = 0
  /// Whether what is here belongs to a line that was passed over.
  private var isInsideLongLine = false

  /// What is read at once, in bytes.
  static let blockSize = 128 << 10

  /// The lines of the log at `path`, which need not be there yet.
  init(_ path: String) { self.path = path }

  /// Hands the next lines to `body`, without their newlines, in their order, as many as a block holds.
  ///
  /// - Returns: whether there may be more already; else there are when the file at `path` grows or is another one.
  func read(_ body: (UnsafeRawBufferPointer) -> Void) throws(Errno) -> Bool {
    if file == nil, try !moveOn() { return false }
    if try readBlock(body) { return true }
    // It is at the end of this file, which is not the log's when that was rotated.
    guard let next = try successor() else { return false }
    // What was written between the last look and the rotation.
    while try readBlock(body) {}
    try readTornLine(body)
    go(to: next)
    return true
  }

  // MARK: One file

  /// Reads whole lines.
  ///
  /// - Returns: whether it came further.
  private func readBlock(_ body: (UnsafeRawBufferPointer) -> Void) throws(Errno) -> Bool {
    guard let block = try bytes(at: offset) else { return false }
    if block.isEmpty {
      // Somebody has emptied the file: what comes now is new.
      guard let size = try file?.size(), size < offset else { return false }
      offset = 0
      return size > 0
    }
    let used = block.withUnsafeBytes { readLines($0, body) }
    offset += used
    if used == 0, block.count == Self.blockSize {
      isInsideLongLine = true
      offset += block.count
      return true
    }
    return used > 0
  }

  private func readLines(_ bytes: UnsafeRawBufferPointer, _ body: (UnsafeRawBufferPointer) -> Void) -> Int {
    var start = 0
    while let newline = bytes[start...].firstIndex(of: UInt8(ascii: "\n")) {
      if isInsideLongLine {
        isInsideLongLine = false
      } else {
        body(UnsafeRawBufferPointer(rebasing: bytes[start..<newline]))
      }
      start = newline + 1
    }
    return start
  }

  /// Reads the last line of a file that nobody writes to any more, when it lacks but its newline.
  private func readTornLine(_ body: (UnsafeRawBufferPointer) -> Void) throws(Errno) {
    guard !isInsideLongLine, let rest = try bytes(at: offset) else { return }
    if !rest.isEmpty { rest.withUnsafeBytes { body($0) } }
  }

  private func bytes(at offset: Int) throws(Errno) -> [UInt8]? {
    try file?.bytes(at: offset, count: Self.blockSize)
  }

  // MARK: From file to file

  private func go(to next: consuming LogGeneration) {
    file = consume next
    offset = 0
    isInsideLongLine = false
  }

  /// Goes to the oldest file.
  ///
  /// - Returns: whether there is one.
  private func moveOn() throws(Errno) -> Bool {
    guard let next = try successor() else { return false }
    go(to: next)
    return true
  }

  /// The file after this one, or the oldest when there is no such file any more; `nil` when this is the youngest.
  private func successor() throws(Errno) -> LogGeneration? {
    while true {
      let present = try LogGeneration.list(path)
      let mine = file?.identity
      var next = present.count - 1
      if let mine, let position = present.firstIndex(where: { $0.identity == mine }) { next = position - 1 }
      if next < 0 { return nil }
      if let opened = try LogGeneration.open(present[next]) { return opened }
    }
  }

  /// The file before this one, or the youngest when there is none yet; `nil` when this is the oldest.
  private func predecessor() throws(Errno) -> LogGeneration? {
    while true {
      let present = try LogGeneration.list(path)
      var next = 0
      if let mine = file?.identity {
        guard let position = present.lastIndex(where: { $0.identity == mine }) else { return nil }
        next = position + 1
      }
      if next >= present.count { return nil }
      if let opened = try LogGeneration.open(present[next]) { return opened }
    }
  }

  // MARK: Backwards

  /// Goes to the beginning of the file before this one, or of the youngest when it is in none yet.
  ///
  /// - Returns: whether there is one.
  func moveBack() throws(Errno) -> Bool {
    guard let earlier = try predecessor() else { return false }
    go(to: earlier)
    return true
  }

  /// Goes to `offset` in this file, where a line begins.
  func seek(to offset: Int) { self.offset = offset }

  /// How long this file is, in bytes; `nil` when it is in none.
  func size() throws(Errno) -> Int? { try file?.size() }

  /// Up to `count` bytes of this file from `offset` on; `nil` when it is in none.
  func bytes(at offset: Int, count: Int) throws(Errno) -> [UInt8]? {
    try file?.bytes(at: offset, count: count)
  }
}
