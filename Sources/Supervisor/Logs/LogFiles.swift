import Linux

/// The log files that are open, of all partitions together: as many as descriptors may be spent on them, those that were
/// written to last.
public final class LogFiles {
  /// What was written and what could not be, to all of them.
  public struct Counters: Equatable, Sendable {
    /// Bytes that were appended to files.
    public var writtenBytes: UInt64 = 0
    /// Bytes that would have been appended and are lost.
    public var droppedBytes: UInt64 = 0
    /// Entries that are lost.
    public var droppedEntries: UInt64 = 0
  }

  /// How many files are open at once, at most.
  public let capacity: Int
  /// What was written and what could not be.
  public internal(set) var counters = Counters()
  /// How many files are open.
  public var openCount: Int { files.count }

  /// What of a batch is known beside its lines.
  struct Batch {
    /// How many of its bytes, the first, say what is missing in the log.
    var noteCount = 0
    /// Why the rest of it cannot be written.
    var failure: Errno?
  }

  /// What is on its way to a file; empty whenever nobody writes.
  var buffer = LogBuffer()
  var batch = Batch()
  private var files: [LogFile] = []
  private var clock: UInt64 = 0

  /// No files yet.
  ///
  /// - Parameter capacity: how many may be open at once, at least one.
  public init(capacity: Int = 256) { self.capacity = max(1, capacity) }

  /// Opens the file of `writer`, and closes another one when there are too many.
  func open(for writer: LogWriter) throws(Errno) -> LogFile {
    if files.count >= capacity { closeLeastRecent() }
    let file: LogFile
    do throws(Errno) { file = try LogFile(writer) } catch  where error == .tooManyOpenFiles && !files.isEmpty
    {
      closeLeastRecent()
      file = try LogFile(writer)
    }
    use(file)
    files.append(file)
    return file
  }

  /// Notes that `file` is being written to.
  func use(_ file: LogFile) {
    clock += 1
    file.lastUse = clock
  }

  /// Closes `file` when its owner has let go of it.
  func close(_ file: LogFile) {
    guard let index = files.firstIndex(where: { $0 === file }) else { return }
    files.swapAt(index, files.count - 1)
    files.removeLast()
  }

  private func closeLeastRecent() {
    // A look at all of them costs less than the opening of a file that it comes before.
    guard let oldest = files.min(by: { $0.lastUse < $1.lastUse }) else { return }
    oldest.owner.letGo()
  }
}
