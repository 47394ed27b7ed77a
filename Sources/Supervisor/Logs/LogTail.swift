import Linux

/// Finds where the last lines of a log begin, from its end backwards and a block at a time.
///
/// A line is one for `tail` however many entries hold it. Lines of the two streams may be mixed, so that entries that are
/// not asked for lie between those that are: they are counted, to be skipped.
struct LogTail {
  private let lines: LogLines
  private let selection: LogSelection
  /// The number of lines still to be found.
  private var wanted: Int
  /// The streams of which a line is taken whose beginning was not found yet.
  private var open: LogStreams = []
  /// How many entries of each stream are skipped from where the reader goes on.
  private(set) var skipped: [LogStream: Int] = [:]
  /// From here on, this file was looked at; 0 when all of it was.
  private var low = 0
  /// What was looked at begins so: it ends with a newline, or is the torn end of the file.
  private var head: [UInt8] = []
  private var isWhole = false
  /// The number of bytes looked at since the last entry that is asked for.
  private var distance = 0
  private var entry = LogEntry(stream: .stdout, time: 0, bytes: [])

  /// The greatest distance between two pieces of a line, in bytes.
  static let furthest = 1 << 20

  /// The last `count` lines of `lines` that `selection` contains.
  init(_ count: Int, of lines: LogLines, _ selection: LogSelection) {
    self.lines = lines
    self.selection = selection
    wanted = max(0, count)
  }

  /// Looks at one more block.
  ///
  /// - Returns: whether the beginning is found, where `lines` is then.
  mutating func look() throws(Errno) -> Bool {
    if low == 0 {
      // At the beginning of the oldest file.
      guard try lines.moveBack(), let size = try lines.size() else { return true }
      low = size
      head = []
      isWhole = false
    }
    let start = max(0, low - LogLines.blockSize)
    guard var data = try lines.bytes(at: start, count: low - start) else { return true }
    distance += low - start
    low = start
    data.append(contentsOf: head)
    var end = data.count
    while let newline = data[..<(isWhole ? end - 1 : end)].lastIndex(of: UInt8(ascii: "\n")) {
      let isFound = isWhole ? take(data[(newline + 1)..<(end - 1)]) : wanted == 0 && open.isEmpty
      if isFound {
        lines.seek(to: low + newline + 1)
        return true
      }
      isWhole = true
      end = newline + 1
    }
    head = Array(data[..<end])
    // No log of the supervisor has a line that long: the file is damaged, and more bytes of the line would not help.
    if head.count > 2 * LogLines.blockSize { head = isWhole ? [UInt8(ascii: "\n")] : [] }
    if low == 0, isWhole, take(head.dropLast()) {
      lines.seek(to: 0)
      return true
    }
    return false
  }

  /// - Returns: whether nothing before `line` is asked for.
  private mutating func take(_ line: ArraySlice<UInt8>) -> Bool {
    guard line.withUnsafeBytes({ entry.read($0) }) else { return false }
    if let since = selection.since, entry.time < since { return true }
    if selection.contains(entry) {
      let stream = LogStreams(entry.stream)
      if open.contains(stream), selection.continues(entry) {
        distance = 0
      } else {
        open.remove(stream)
        if wanted > 0 {
          wanted -= 1
          open.insert(stream)
          distance = 0
        } else {
          skipped[entry.stream, default: 0] += 1
        }
      }
    }
    return wanted == 0 && (open.isEmpty || distance > Self.furthest)
  }

  /// Whether `entry`, the next that the reader comes to and that is asked for otherwise, is to be skipped.
  mutating func skips(_ entry: borrowing LogEntry) -> Bool {
    guard let count = skipped[entry.stream], count > 0 else { return false }
    skipped[entry.stream] = count - 1
    return true
  }
}
