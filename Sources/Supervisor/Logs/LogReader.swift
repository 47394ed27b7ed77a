import Linux

/// Reads a log back, over all its files from the oldest to the youngest, and goes on where it was when there is more.
///
/// It keeps one file open and nothing else. A line that was cut short or is somebody else's is passed over.
public final class LogReader {
  /// What of it is asked for.
  public var selection: LogSelection
  private let lines: LogLines
  private var hasStarted = false
  /// Where the last lines begin, once that is found; `nil` when all are asked for.
  private var tail: LogTail?
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
      if tail == nil { tail = selection.tail.map { LogTail($0, of: lines, selection) } }
      // Others wait as well.
      if try tail?.look() == false { return true }
      hasStarted = true
    }
    return try lines.read { line in
      guard entry.read(line), selection.contains(entry), tail?.skips(entry) != true else { return }
      body(entry)
    }
  }
}
