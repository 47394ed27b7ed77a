import Linux

/// Takes what a partition writes to its standard streams to its log.
final class OutputPump {
  private let output: FileDescriptor
  private let errors: FileDescriptor?
  private let loop: EventLoop
  let log: LogWriter
  /// The number of its terminal, when it has one.
  let terminal: Int32?
  private var isOpen: (output: Bool, errors: Bool)
  private var flush: EventLoop.Timer?

  /// The most that is taken from one stream before others have their turn, in bytes.
  private static let share = 64 << 10

  /// For so long the rest of a line waits for its end, in milliseconds.
  private static let patience: Int64 = 100

  init(
    output: consuming FileDescriptor, errors: consuming FileDescriptor, _ loop: EventLoop, _ log: LogWriter
  ) throws(Errno) {
    try output.setNonBlocking()
    try errors.setNonBlocking()
    let numbers = (output.rawValue, errors.rawValue)
    self.output = output
    self.errors = consume errors
    self.loop = loop
    self.log = log
    terminal = nil
    isOpen = (true, true)
    try loop.watch(numbers.0, .readable) { [unowned self] _ in take(.stdout) }
    try loop.watch(numbers.1, .readable) { [unowned self] _ in take(.stderr) }
  }

  /// Takes what comes from the master side of a terminal.
  init(terminal: consuming FileDescriptor, _ loop: EventLoop, _ log: LogWriter) throws(Errno) {
    try terminal.setNonBlocking()
    let number = terminal.rawValue
    output = terminal
    errors = nil
    self.loop = loop
    self.log = log
    self.terminal = number
    isOpen = (true, false)
    try loop.watch(number, .readable) { [unowned self] _ in take(.stdout) }
  }

  private func number(_ stream: LogStream) -> Int32 {
    guard stream == .stderr else { return output.rawValue }
    switch errors {
    case .some(let errors): return errors.rawValue
    case .none: return -1
    }
  }

  deinit {
    if isOpen.output { loop.forget(output.rawValue) }
    if isOpen.errors { loop.forget(number(.stderr)) }
    if let flush { loop.cancel(flush) }
  }

  private func take(_ stream: LogStream) {
    if !moveOnce(stream) { close(stream) }
    scheduleFlush()
  }

  /// - Returns: whether more may come.
  private func moveOnce(_ stream: LogStream) -> Bool {
    var buffer = [UInt8](repeating: 0, count: Self.share)
    do throws(Errno) {
      let count = try buffer.withUnsafeMutableBufferPointer { (buffer) throws(Errno) -> Int in
        let bytes = UnsafeMutableRawBufferPointer(buffer)
        guard stream == .stderr else { return try output.read(into: bytes) }
        switch errors {
        case .some(let errors): return try errors.read(into: bytes)
        case .none: return 0
        }
      }
      guard count > 0 else { return false }
      buffer.withUnsafeBytes {
        log.append(UnsafeRawBufferPointer(rebasing: $0[..<count]), from: stream, at: Clock.now())
      }
      return true
    } catch .resourceTemporarilyUnavailable {
      return true
    } catch {
      return false
    }
  }

  private func close(_ stream: LogStream) {
    switch stream {
    case .stdout where isOpen.output:
      loop.forget(output.rawValue)
      isOpen.output = false
    case .stderr where isOpen.errors:
      loop.forget(number(.stderr))
      isOpen.errors = false
    default: break
    }
  }

  private func scheduleFlush() {
    // Somebody at a terminal waits for each letter.
    if terminal != nil { return flushRests() }
    guard log.hasRest, flush == nil else { return }
    flush = loop.after(milliseconds: Self.patience) { [unowned self] in
      flush = nil
      flushRests()
    }
  }

  /// Takes what was written up to now, and no more.
  func finish() {
    for stream in [LogStream.stdout, .stderr] where stream == .stdout ? isOpen.output : isOpen.errors {
      drain(stream)
      close(stream)
    }
    if let flush { loop.cancel(flush) }
    flush = nil
    flushRests()
  }

  /// A pipe holds no more than this many shares, and who still writes to it is not waited for.
  private func drain(_ stream: LogStream) {
    var entries = [PollEntry(number(stream), .readable)]
    for _ in 0..<16 {
      guard (try? poll(&entries, milliseconds: 0)) == true, moveOnce(stream) else { return }
    }
  }

  private func flushRests() {
    let now = Clock.now()
    for stream in [LogStream.stdout, .stderr] { log.flush(stream, at: now) }
  }
}
