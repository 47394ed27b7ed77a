import Linux

/// Reads a log back, over all its files from the oldest to the youngest, and goes on where it was when there is more.
///
/// It keeps one file open and nothing else. A line that was cut short or is somebody else's is passed over.
public final class LogReader {
  /// Where the log is.
  public let path: String
  /// What of it is asked for.
  public let selection: LogSelection

  private var file: LogGeneration?
  /// Where the next line begins.
  private var offset = 0
  /// Whether what is here belongs to a line that was passed over.
  private var isInsideLongLine = false
  private var hasStarted = false
  private var entry = LogEntry(stream: .stdout, time: 0, bytes: [])

  /// More than any line that a writer of ours makes.
  private static let blockSize = 128 << 10

  /// A reader of the log at `path`, which need not be there yet.
  public init(path: String, selection: LogSelection = LogSelection()) {
    self.path = path
    self.selection = selection
  }

  /// Hands the next entries to `body`, in their order, as many as some ten thousand bytes hold.
  ///
  /// - Returns: whether there may be more already; else there is when the file at `path` grows or is another one.
  public func read(_ body: (LogEntry) -> Void) throws(Errno) -> Bool {
    if !hasStarted {
      if let tail = selection.tail { try seek(last: tail) }
      hasStarted = true
    }
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
  private func readBlock(_ body: (LogEntry) -> Void) throws(Errno) -> Bool {
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

  private func readLines(_ bytes: UnsafeRawBufferPointer, _ body: (LogEntry) -> Void) -> Int {
    var start = 0
    while let newline = bytes[start...].firstIndex(of: UInt8(ascii: "\n")) {
      if isInsideLongLine {
        isInsideLongLine = false
      } else {
        hand(UnsafeRawBufferPointer(rebasing: bytes[start..<newline]), to: body)
      }
      start = newline + 1
    }
    return start
  }

  private func hand(_ line: UnsafeRawBufferPointer, to body: (LogEntry) -> Void) {
    if entry.read(line), selection.contains(entry) { body(entry) }
  }

  /// Reads the last line of a file that nobody writes to any more, when it lacks but its newline.
  private func readTornLine(_ body: (LogEntry) -> Void) throws(Errno) {
    guard !isInsideLongLine, let rest = try bytes(at: offset) else { return }
    rest.withUnsafeBytes { hand($0, to: body) }
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

  // MARK: The last entries

  /// Goes to where the last `count` entries begin that are asked for, reading no more than those take.
  private func seek(last count: Int) throws(Errno) {
    var wanted = max(0, count)
    while let earlier = try predecessor() {
      go(to: earlier)
      if let start = try seekBack(&wanted) {
        offset = start
        return
      }
    }
  }

  /// Where the entry begins that is the last of `wanted` from the end of this file; `nil` when it has fewer, by which
  /// `wanted` is less then.
  private func seekBack(_ wanted: inout Int) throws(Errno) -> Int? {
    guard var low = try file?.size() else { return nil }
    // From `low` on, the beginning of what was looked at: it ends with a newline, or is the torn end of the file.
    var head: [UInt8] = []
    var isWhole = false
    while low > 0 {
      let start = max(0, low - Self.blockSize)
      guard var data = try file?.bytes(at: start, count: low - start) else { return nil }
      low = start
      data.append(contentsOf: head)
      var end = data.count
      while let newline = data[..<(isWhole ? end - 1 : end)].lastIndex(of: UInt8(ascii: "\n")) {
        if isWhole, count(data[(newline + 1)..<(end - 1)], &wanted) { return low + newline + 1 }
        if !isWhole, wanted == 0 { return low + newline + 1 }
        isWhole = true
        end = newline + 1
      }
      head = Array(data[..<end])
      // A line that long is nobody's of ours: what is before it makes it no better.
      if head.count > 2 * Self.blockSize { head = isWhole ? [UInt8(ascii: "\n")] : [] }
    }
    return isWhole && count(head.dropLast(), &wanted) ? 0 : nil
  }

  /// Whether `line` is the last one wanted.
  private func count(_ line: ArraySlice<UInt8>, _ wanted: inout Int) -> Bool {
    guard line.withUnsafeBytes({ entry.read($0) }), selection.contains(entry) else { return false }
    wanted -= 1
    return wanted == 0
  }
}
