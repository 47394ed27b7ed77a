import Definitions
import Linux

/// Appends what a partition writes to its log, in Docker's json-file format, and keeps the log within its limits.
///
/// The log is the file at `path`, and older ones beside it, `path.1` the youngest of them. What cannot be written, to a
/// full disk for one, is dropped, and the log says so when there is room again. Nobody waits for a disk: what comes while
/// something is on its way to the file waits here, and who has more asks first (`isBusy`, `hasRoom`).
public final class LogWriter {
  /// Where the log is.
  public let path: String
  /// How much of it is kept.
  public var limits: PartitionDefinition.LogLimits

  private let files: LogFiles
  /// The file while it is open.
  var file: LogFile?
  /// What began a line that has not ended, of each stream.
  private var rests: (stdout: [UInt8], stderr: [UInt8]) = ([], [])
  private var loss: Loss?
  /// Whether something is on its way to the file: what comes meanwhile waits.
  private(set) var isBusy = false
  private var waiting: [Piece] = []
  private var isWaitingForRoom = false
  /// How many bytes of the batch that is being put together, the first, say what is missing.
  private var noteCount = 0
  /// Called when it has become worth a try to append more: nothing is on its way any more, or there is room again.
  var whenIdle: (() -> Void)?

  /// What is to be appended after what is on its way.
  private enum Piece {
    case text([UInt8], LogStream, time: Int64)
    /// What is kept of a line is one.
    case end(LogStream, time: Int64)
  }

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

  deinit { if let file { files.close(file) } }

  // MARK: Whether more may come

  /// Whether there is room for more on the way to all files; when not, `whenIdle` is called as soon as there is.
  func hasRoom() -> Bool {
    guard files.isFull else { return true }
    if !isWaitingForRoom { files.wait(self) }
    isWaitingForRoom = true
    return false
  }

  func endWait() {
    isWaitingForRoom = false
    if !isBusy { whenIdle?() }
  }

  /// Reads once from `source` to memory that is there for that, and appends what came.
  ///
  /// - Parameter see: called with what came.
  /// - Returns: how many bytes came, 0 at the end, and how many could have come.
  func append(
    from source: borrowing FileDescriptor, _ stream: LogStream, see: (UnsafeRawBufferPointer) -> Void
  ) throws(Errno) -> (count: Int, share: Int) {
    let count = try source.read(into: files.input)
    let bytes = UnsafeRawBufferPointer(rebasing: files.input[..<count])
    append(bytes, from: stream, at: Clock.now())
    see(bytes)
    return (count, files.input.count)
  }

  // MARK: Appending

  /// Appends `bytes`, which `stream` gave at `time`, in nanoseconds since 1970. A line that is not over is kept, up to
  /// what an entry holds, until its end comes or `flush` is called.
  public func append(_ bytes: UnsafeRawBufferPointer, from stream: LogStream, at time: Int64) {
    var text = bytes
    while !text.isEmpty {
      if isBusy { return waiting.append(.text(Array(text), stream, time: time)) }
      text = appendBatch(of: text, stream, time)
    }
  }

  /// Appends `bytes`, which `stream` gave at `time`, in nanoseconds since 1970.
  public func append(_ bytes: [UInt8], from stream: LogStream, at time: Int64) {
    bytes.withUnsafeBytes { append($0, from: stream, at: time) }
  }

  /// What is kept of a line whose end has not come.
  func rest(of stream: LogStream) -> [UInt8] { withRest(of: stream) { $0 } }

  /// Whether a line is kept whose end has not come.
  public var hasRest: Bool { !rests.stdout.isEmpty || !rests.stderr.isEmpty }

  /// Appends what is kept of a line whose end has not come: the stream has ended, or the program that writes.
  public func flush(_ stream: LogStream, at time: Int64) {
    if isBusy { return waiting.append(.end(stream, time: time)) }
    let rest = takeRest(of: stream)
    if rest.isEmpty { return }
    beginBatch(stream, time)
    rest.withUnsafeBytes { bytes in
      var text = bytes
      while !text.isEmpty {
        text = UnsafeRawBufferPointer(rebasing: text[files.buffer.append(lineOf: text, isLast: true)...])
      }
    }
    writeBatch()
  }

  /// Goes on with what has waited.
  func goOn() {
    while !isBusy, !waiting.isEmpty {
      let pieces = waiting
      waiting = []
      for piece in pieces {
        switch piece {
        case .text(let bytes, let stream, let time): append(bytes, from: stream, at: time)
        case .end(let stream, let time): flush(stream, at: time)
        }
      }
    }
    if !isBusy, !isWaitingForRoom { whenIdle?() }
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
      let count = line.withUnsafeBytes { files.buffer.append(lineOf: $0, isLast: false) }
      if count < line.count { withRest(of: stream) { $0.append(contentsOf: line[count...]) } }
    }
    return UnsafeRawBufferPointer(rebasing: text[end...])
  }

  // MARK: Batches

  /// Writes what `text` begins with, as much as one batch holds.
  ///
  /// - Returns: the rest.
  private func appendBatch(
    of text: UnsafeRawBufferPointer, _ stream: LogStream, _ time: Int64
  ) -> UnsafeRawBufferPointer {
    beginBatch(stream, time)
    var text = text
    while !text.isEmpty, !files.buffer.isFull, let rest = finishRest(of: stream, with: text) { text = rest }
    while !text.isEmpty, !files.buffer.isFull {
      let count = files.buffer.append(lineOf: text, isLast: false)
      if count == 0 {
        withRest(of: stream) { $0.append(contentsOf: text) }
        text = UnsafeRawBufferPointer(start: nil, count: 0)
      } else {
        text = UnsafeRawBufferPointer(rebasing: text[count...])
      }
    }
    writeBatch()
    return text
  }

  private func beginBatch(_ stream: LogStream, _ time: Int64) {
    noteCount = 0
    if let loss {
      let note =
        "swiftjaild: \(loss.entries) entries (\(loss.bytes) bytes) of this log are missing here: \(loss.reason)\n"
      files.buffer.begin(.stderr, at: time)
      Array(note.utf8).withUnsafeBytes { _ = files.buffer.append(lineOf: $0, isLast: true) }
      noteCount = files.buffer.count
    }
    files.buffer.begin(stream, at: time)
  }

  private func writeBatch() {
    if files.buffer.count > 0 { isBusy = files.write(for: self, noteCount: noteCount) }
  }

  /// Takes note of what came of a batch.
  func settle(_ job: UnsafePointer<LogJob>, noteCount: Int) {
    isBusy = false
    let written = job.pointee.written
    files.counters.writtenBytes += UInt64(written)
    if noteCount > 0, written >= noteCount { loss = nil }
    let start = max(written, noteCount)
    guard let failure = job.pointee.failure, start < job.pointee.count else { return }
    let entries = job.pointee.lostEntries(from: start)
    let bytes = UInt64(job.pointee.count - start)
    let loss = loss ?? Loss(failure)
    loss.reason = failure
    loss.entries += entries
    loss.bytes += bytes
    self.loss = loss
    files.counters.droppedEntries += entries
    files.counters.droppedBytes += bytes
  }
}
