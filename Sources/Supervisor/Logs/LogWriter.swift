import Definitions
import Linux

/// Appends what a partition writes to its log, in Docker's json-file format, and keeps the log within its limits.
///
/// The log is the file at `path`, and older ones beside it, `path.1` the youngest of them. What cannot be written, to a
/// full disk for one, is dropped, and the log says so when there is room again: nobody waits for a disk.
public final class LogWriter {
  /// Where the log is.
  public let path: String
  /// How much of it is kept.
  public var limits: PartitionDefinition.LogLimits

  private let files: LogFiles
  private var file: LogFile?
  /// What began a line that has not ended, of each stream.
  private var rests: (stdout: [UInt8], stderr: [UInt8]) = ([], [])
  private var loss: Loss?

  /// What could not be written since something was written last.
  private final class Loss {
    var entries: UInt64 = 0
    var bytes: UInt64 = 0
    var reason: Errno

    init(_ reason: Errno) { self.reason = reason }
  }

  /// A writer of the log at `path`, which need not be there yet, unlike its directory.
  public init(path: String, limits: PartitionDefinition.LogLimits, files: LogFiles) {
    self.path = path
    self.limits = limits
    self.files = files
  }

  deinit { letGo() }

  /// Closes the file until there is more to write.
  func letGo() {
    if let file { files.close(file) }
    file = nil
  }

  /// Appends `bytes`, which `stream` gave at `time`, in nanoseconds since 1970. A line that is not over is kept, up to
  /// what an entry holds, until its end comes or `flush` is called.
  public func append(_ bytes: UnsafeRawBufferPointer, from stream: LogStream, at time: Int64) {
    beginBatch(stream, time)
    var text = bytes
    while !text.isEmpty, let rest = finishRest(of: stream, with: text) { text = rest }
    while !text.isEmpty {
      let count = appendLine(of: text, isLast: false)
      if count == 0 {
        withRest(of: stream) { $0.append(contentsOf: text) }
        break
      }
      text = UnsafeRawBufferPointer(rebasing: text[count...])
    }
    write()
  }

  /// Appends `bytes`, which `stream` gave at `time`, in nanoseconds since 1970.
  public func append(_ bytes: [UInt8], from stream: LogStream, at time: Int64) {
    bytes.withUnsafeBytes { append($0, from: stream, at: time) }
  }

  /// Whether a line is kept whose end has not come.
  public var hasRest: Bool { !rests.stdout.isEmpty || !rests.stderr.isEmpty }

  /// Appends what is kept of a line whose end has not come: the stream has ended, or the program that writes.
  public func flush(_ stream: LogStream, at time: Int64) {
    let rest = takeRest(of: stream)
    if rest.isEmpty { return }
    beginBatch(stream, time)
    rest.withUnsafeBytes { bytes in
      var text = bytes
      while !text.isEmpty {
        text = UnsafeRawBufferPointer(rebasing: text[appendLine(of: text, isLast: true)...])
      }
    }
    write()
  }

  // MARK: Lines that are not over

  private func withRest<Result>(of stream: LogStream, _ body: (inout [UInt8]) -> Result) -> Result {
    switch stream {
    case .stdout: body(&rests.stdout)
    case .stderr: body(&rests.stderr)
    }
  }

  private func takeRest(of stream: LogStream) -> [UInt8] {
    withRest(of: stream) { rest in
      var taken: [UInt8] = []
      swap(&taken, &rest)
      return taken
    }
  }

  /// Adds the beginning of `text` to the line that is not over, and appends that line when it is over then.
  ///
  /// - Returns: the part of `text` that was not used; `nil` when there is no such line.
  private func finishRest(of stream: LogStream, with text: UnsafeRawBufferPointer) -> UnsafeRawBufferPointer?
  {
    let known = withRest(of: stream) { $0.count }
    if known == 0 { return nil }
    // One byte more than an entry holds tells where it ends.
    let beginning = text.prefix(LogEntry.longest + 1 - known)
    let newline = beginning.firstIndex(of: UInt8(ascii: "\n"))
    let end = newline.map { $0 + 1 } ?? beginning.endIndex
    withRest(of: stream) { $0.append(contentsOf: text[..<end]) }
    if newline != nil || known + end > LogEntry.longest {
      let line = takeRest(of: stream)
      let count = line.withUnsafeBytes { appendLine(of: $0, isLast: false) }
      if count < line.count { withRest(of: stream) { $0.append(contentsOf: line[count...]) } }
    }
    return UnsafeRawBufferPointer(rebasing: text[end...])
  }

  // MARK: Batches

  private func beginBatch(_ stream: LogStream, _ time: Int64) {
    files.batch = LogFiles.Batch()
    if let loss {
      let note =
        "swiftjaild: \(loss.entries) entries (\(loss.bytes) bytes) of this log are missing here: \(loss.reason)\n"
      files.buffer.begin(.stderr, at: time)
      Array(note.utf8).withUnsafeBytes { _ = files.buffer.append(lineOf: $0, isLast: true) }
      files.batch.noteCount = files.buffer.count
      makeRoom(for: 0)
    }
    files.buffer.begin(stream, at: time)
  }

  /// Puts the first line of `text` into the batch.
  ///
  /// - Returns: its length; 0 when it is not over.
  private func appendLine(of text: UnsafeRawBufferPointer, isLast: Bool) -> Int {
    let before = files.buffer.count
    let count = files.buffer.append(lineOf: text, isLast: isLast)
    if count == 0 { return 0 }
    makeRoom(for: before)
    if files.buffer.isFull { write() }
    return count
  }

  /// Begins a new file when this one has no room for the last line of the batch, which starts at `start`.
  private func makeRoom(for start: Int) {
    guard let file = opened(), file.size + start > 0, file.size + files.buffer.count > limits.size else {
      return
    }
    write(start)
    rotate()
  }

  /// The file, opened when it was not; `nil` when nothing can be written to it now.
  private func opened() -> LogFile? {
    if files.batch.failure != nil { return nil }
    if let file { return file }
    do throws(Errno) { file = try files.open(for: self) } catch { files.batch.failure = error }
    return file
  }

  private func rotate() {
    letGo()
    do throws(Errno) { try LogFile.rotate(path, keeping: limits.files) } catch { files.batch.failure = error }
  }

  private func write() { write(files.buffer.count) }

  /// Writes the first `count` bytes of the batch, which are whole lines, and drops what cannot be written.
  private func write(_ count: Int) {
    if count == 0 { return }
    var written = 0
    if let file = opened() {
      files.use(file)
      let result = files.buffer.withBytes { file.append(UnsafeRawBufferPointer(rebasing: $0[..<count])) }
      written = result.count
      files.batch.failure = result.failure
      files.counters.writtenBytes += UInt64(written)
    }
    let noteCount = files.batch.noteCount
    if noteCount > 0, written >= noteCount { loss = nil }
    if let failure = files.batch.failure { drop(max(written, noteCount), count, failure) }
    files.batch.noteCount = max(0, noteCount - count)
    files.buffer.removeFirst(count)
  }

  /// Counts what of the first `count` bytes of the batch is lost: all from `start` on.
  private func drop(_ start: Int, _ count: Int, _ reason: Errno) {
    if start >= count { return }
    let entries = files.buffer.withBytes { bytes in
      bytes[start..<count].reduce(into: 0 as UInt64) { $0 += $1 == UInt8(ascii: "\n") ? 1 : 0 }
    }
    let loss = loss ?? Loss(reason)
    loss.reason = reason
    loss.entries += entries
    loss.bytes += UInt64(count - start)
    self.loss = loss
    files.counters.droppedEntries += entries
    files.counters.droppedBytes += UInt64(count - start)
  }
}
