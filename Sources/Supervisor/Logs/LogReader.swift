import Linux

/// Reads a log back, over all its files from the oldest to the youngest, and goes on where it was when there is more.
///
/// It keeps one file open and nothing else. A line that was cut short or is somebody else's is passed over.
public final class LogReader {
  /// What of it is asked for.
  public var selection: LogSelection
  private let lines: LogLines
  private var hasStarted = false
  private var entry = LogEntry(stream: .stdout, time: 0, bytes: [])

  /// Where the log is.
  public var path: String { lines.path }

  /// A reader of the log at `path`, which need not be there yet.
  public init(path: String, selection: LogSelection = LogSelection()) {
    lines = LogLines(path)
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
    return try lines.read { line in
      if entry.read(line), selection.contains(entry) { body(entry) }
    }
  }

  /// Goes to where the last `count` entries begin that are asked for, reading no more than those take.
  private func seek(last count: Int) throws(Errno) {
    var wanted = max(0, count)
    while try lines.moveBack() {
      if let start = try seekBack(&wanted) { return lines.seek(to: start) }
    }
  }

  /// Where the entry begins that is the last of `wanted` from the end of this file; `nil` when it has fewer, by which
  /// `wanted` is less then.
  private func seekBack(_ wanted: inout Int) throws(Errno) -> Int? {
    guard var low = try lines.size() else { return nil }
    // From `low` on, the beginning of what was looked at: it ends with a newline, or is the torn end of the file.
    var head: [UInt8] = []
    var isWhole = false
    while low > 0 {
      let start = max(0, low - LogLines.blockSize)
      guard var data = try lines.bytes(at: start, count: low - start) else { return nil }
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
      if head.count > 2 * LogLines.blockSize { head = isWhole ? [UInt8(ascii: "\n")] : [] }
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
