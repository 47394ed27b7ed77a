import Linux

/// The log files that are open, of all partitions together: as many as descriptors may be spent on them, those that were
/// written to last.
///
/// They are written to by a thread of its own, so that nobody waits for a disk, or by whoever asks for it.
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
  /// Called when that may have become more.
  var onCount: (() -> Void)?
  /// How many files are open.
  public var openCount: Int { files.count }

  /// Lines that are being put together; empty whenever nobody does.
  var buffer = LogBuffer()
  /// Where what a partition wrote is read to.
  let input = UnsafeMutableRawBufferPointer.allocate(byteCount: 64 << 10, alignment: 16)

  private let thread: JobThread?
  private let loop: EventLoop?
  private var files: [LogFile] = []
  private var clock: UInt64 = 0
  /// Files of writers that are gone.
  private var abandoned: [Int32] = []
  /// What the thread has, by its place in memory.
  private var underWay: [UnsafeMutableRawPointer: Batch] = [:]
  private var bytesUnderWay = 0
  /// Those that have to wait until less is under way.
  private var waiting: [LogWriter] = []

  private struct Batch {
    /// Whose log it is for; `nil` when it is only to close a file.
    let writer: LogWriter?
    /// How many of its bytes, the first, say what is missing in the log.
    let noteCount: Int
  }

  /// So many bytes may be under way before others have to wait. One batch may exceed it.
  static let most = 16 << 20

  /// No files yet. Who writes to them waits for the disk.
  ///
  /// - Parameter capacity: how many may be open at once, at least one.
  public init(capacity: Int = 256) {
    self.capacity = max(1, capacity)
    thread = nil
    loop = nil
  }

  /// No files yet. They are written to by a thread, and `loop` hears what came of it.
  init(_ loop: EventLoop, capacity: Int = 1024) throws(Errno) {
    self.capacity = max(1, capacity)
    let thread = try JobThread { LogJob.carryOut($0) }
    let finished = thread.finished.rawValue
    self.thread = consume thread
    self.loop = loop
    try loop.watch(finished, .readable) { [unowned self] _ in takeFinished() }
  }

  deinit {
    switch thread {
    case .some(let thread): loop?.forget(thread.finished.rawValue)
    case .none: break
    }
    input.deallocate()
  }

  // MARK: Writing

  /// Whether more should wait.
  var isFull: Bool { bytesUnderWay >= Self.most || underWay.count >= JobThread.most / 2 }

  /// Calls `writer.whenIdle` as soon as less is under way.
  func wait(_ writer: LogWriter) { waiting.append(writer) }

  /// Writes the lines in the buffer to the log of `writer`, now or soon.
  ///
  /// - Parameter noteCount: how many of the bytes, the first, say what is missing in the log.
  /// - Returns: whether that is still to come.
  func write(for writer: LogWriter, noteCount: Int) -> Bool {
    let job = buffer.withBytes { LogJob.make(writer.path, writer.limits, lines: $0) }
    buffer.removeAll()
    let file = writer.file ?? place(for: writer, job)
    writer.file = file
    if let file {
      clock += 1
      file.lastUse = clock
      job.pointee.file = file.number
      job.pointee.size = file.size
    }
    job.pointee.keepsFile = file != nil
    return start(job, Batch(writer: writer, noteCount: noteCount))
  }

  /// A place among the open files, of which another one is closed when they are too many; `nil` when that cannot be now.
  private func place(for writer: LogWriter, _ job: UnsafeMutablePointer<LogJob>) -> LogFile? {
    if files.count >= capacity {
      // A look at all of them costs less than the opening of a file that it comes before.
      let idle = files.lazy.filter { !$0.owner.isBusy }
      guard let oldest = idle.min(by: { $0.lastUse < $1.lastUse }) else { return nil }
      job.pointee.surplus = oldest.number
      oldest.owner.file = nil
      forget(oldest)
    }
    let file = LogFile(writer)
    files.append(file)
    return file
  }

  private func start(_ job: UnsafeMutablePointer<LogJob>, _ batch: Batch) -> Bool {
    switch thread {
    case .some(let thread):
      underWay[job] = batch
      bytesUnderWay += job.pointee.count
      thread.submit(job)
      return true
    case .none:
      LogJob.carryOut(job)
      finish(job, batch)
      return false
    }
  }

  private func finish(_ job: UnsafeMutablePointer<LogJob>, _ batch: Batch) {
    defer { UnsafeMutableRawPointer(job).deallocate() }
    guard let writer = batch.writer else { return }
    if let file = writer.file {
      file.number = job.pointee.file
      file.size = job.pointee.size
      if file.number < 0 {
        forget(file)
        writer.file = nil
      }
    }
    writer.settle(job, noteCount: batch.noteCount)
  }

  private func takeFinished() {
    // Others wait as well.
    for _ in 0..<64 {
      var next: UnsafeMutableRawPointer?
      switch thread {
      case .some(let thread): next = thread.next()
      case .none: break
      }
      guard let memory = next, let batch = underWay.removeValue(forKey: memory) else { break }
      let job = memory.assumingMemoryBound(to: LogJob.self)
      bytesUnderWay -= job.pointee.count
      finish(job, batch)
      batch.writer?.goOn()
    }
    closeAbandoned()
    wakeWaiting()
    onCount?()
  }

  private func wakeWaiting() {
    // Not one at a time: there may be thousands.
    guard !waiting.isEmpty, bytesUnderWay < Self.most / 2, underWay.count < JobThread.most / 4 else { return }
    let writers = waiting
    waiting = []
    for writer in writers { writer.endWait() }
  }

  // MARK: Closing

  /// Closes `file`, whose owner has let go of it.
  func close(_ file: LogFile) {
    forget(file)
    if file.number >= 0 { abandoned.append(file.number) }
    closeAbandoned()
  }

  private func closeAbandoned() {
    while underWay.count < JobThread.most, let number = abandoned.popLast() {
      let job = LogJob.make("", .init(), lines: UnsafeRawBufferPointer(start: nil, count: 0))
      job.pointee.surplus = number
      _ = start(job, Batch(writer: nil, noteCount: 0))
    }
  }

  private func forget(_ file: LogFile) {
    guard let index = files.firstIndex(where: { $0 === file }) else { return }
    files.swapAt(index, files.count - 1)
    files.removeLast()
  }
}
