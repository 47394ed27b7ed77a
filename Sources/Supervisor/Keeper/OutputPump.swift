import Linux

/// Takes what a partition writes to its standard streams to its log, and to those who are attached to it.
///
/// It reads on when what it has read before is in the log and with them, and when there is room for more on the way to all
/// logs: who writes too much for the disk, or for who reads it, is held by its own pipe, and by nothing else.
final class OutputPump {
  private let output: FileDescriptor
  private let errors: FileDescriptor?
  private let loop: EventLoop
  let log: LogWriter
  /// The number of its terminal, when it has one.
  let terminal: Int32?
  private var states: (output: State, errors: State)
  /// The stream that was read last.
  private var last = LogStream.stderr
  private var flush: EventLoop.Timer?
  /// Those who get what is read.
  private var taps: [OutputTap] = []
  /// Those who get what is read as soon as all that was read before is in the log.
  private var coming: [OutputTap] = []
  /// Called when all is in the log that was written before the end.
  private var whenFinished: (() -> Void)?

  /// What is known of one stream.
  private struct State {
    var isOpen = true
    /// Whether there may be something to read.
    var isReady = false
    /// Whether nobody writes any more, so that all that is there is followed by the end.
    var isHungUp = false
    /// How often it is still read, once the program has ended: a pipe holds no more than this many shares, and who still
    /// writes to it is not waited for.
    var reads: UInt8 = 16
  }

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
    states = (State(), State())
    try watch(numbers.0, .stdout)
    try watch(numbers.1, .stderr)
    log.whenIdle = { [weak self] in self?.move() }
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
    states = (State(), State(isOpen: false))
    try watch(number, .stdout)
    log.whenIdle = { [weak self] in self?.move() }
  }

  deinit {
    close(.stdout)
    close(.stderr)
    if let flush { loop.cancel(flush) }
    for tap in takeTaps() { tap.end() }
  }

  /// Each thing that comes is told once, so that nobody has to say when he does not want to hear of it.
  private func watch(_ number: Int32, _ stream: LogStream) throws(Errno) {
    try loop.watch(number, [.readable, .edge]) { [unowned self] events in
      change(stream) { state in
        state.isReady = true
        if events.contains(.hungUp) { state.isHungUp = true }
      }
      if !log.isBusy { move() }
    }
  }

  private func change(_ stream: LogStream, _ body: (inout State) -> Void) {
    switch stream {
    case .stdout: body(&states.output)
    case .stderr: body(&states.errors)
    }
  }

  private func state(_ stream: LogStream) -> State { stream == .stdout ? states.output : states.errors }

  // MARK: Those who are attached

  /// Gives `tap` what is read from now on.
  func add(_ tap: OutputTap) {
    tap.onChange = { [weak self] in self?.tapChanged() }
    coming.append(tap)
    admit()
  }

  /// Those who get what is read, and get it no longer.
  func takeTaps() -> [OutputTap] {
    defer { (taps, coming) = ([], []) }
    return taps + coming
  }

  private func admit() {
    coming.removeAll { tap in
      if tap.wanted.followsLog, log.isBusy { return false }
      tap.begin(at: Clock.now()) { stream in log.rest(of: stream) }
      taps.append(tap)
      return true
    }
  }

  private func tapChanged() {
    taps.removeAll(where: \.isOver)
    coming.removeAll(where: \.isOver)
    if !log.isBusy { move() }
  }

  /// Whether somebody has to take first what was read. What is left at the end is kept for him, as it is no more than a
  /// pipe holds.
  private var isHeldUp: Bool { whenFinished == nil && taps.contains(where: \.isFull) }

  // MARK: Reading

  /// Reads on, until there is nothing to read or a reason to wait, after which this is called again.
  private func move() {
    if !log.isBusy { admit() }
    while !log.isBusy, !isHeldUp, let stream = nextStream() {
      guard log.hasRoom() else { return }
      read(stream)
    }
    guard !log.isBusy else { return }
    if whenFinished == nil { scheduleFlush() } else { endFinish() }
  }

  /// The stream that is to be read next; none of the two has to wait for the other.
  private func nextStream() -> LogStream? {
    let other: LogStream = last == .stdout ? .stderr : .stdout
    for stream in [other, last] where state(stream).isOpen && state(stream).isReady { return stream }
    return nil
  }

  private func read(_ stream: LogStream) {
    last = stream
    let state = state(stream)
    if whenFinished != nil {
      guard state.reads > 0 else { return close(stream) }
      change(stream) { $0.reads -= 1 }
    }
    do throws(Errno) {
      let (count, share) = try readOnce(stream)
      if count == 0 {
        close(stream)
      } else if count < share, !state.isHungUp, terminal == nil {
        // A pipe gives all that it has, and tells of what comes after that; a terminal gives a line.
        change(stream) { $0.isReady = false }
      }
    } catch .resourceTemporarilyUnavailable {
      change(stream) { $0.isReady = false }
    } catch {
      close(stream)
    }
  }

  private func readOnce(_ stream: LogStream) throws(Errno) -> (count: Int, share: Int) {
    guard stream == .stderr else { return try log.append(from: output, stream) { show($0, stream) } }
    switch errors {
    case .some(let errors): return try log.append(from: errors, stream) { show($0, stream) }
    case .none: return (0, 0)
    }
  }

  private func show(_ bytes: UnsafeRawBufferPointer, _ stream: LogStream) {
    for tap in taps { tap.write(bytes, from: stream) }
    taps.removeAll(where: \.isOver)
  }

  private func close(_ stream: LogStream) {
    guard state(stream).isOpen else { return }
    change(stream) { $0.isOpen = false }
    loop.forget(number(stream))
  }

  private func number(_ stream: LogStream) -> Int32 {
    guard stream == .stderr else { return output.rawValue }
    switch errors {
    case .some(let errors): return errors.rawValue
    case .none: return -1
    }
  }

  // MARK: Ends

  private func scheduleFlush() {
    // Somebody at a terminal waits for each letter.
    if terminal != nil { return flushRests() }
    guard log.hasRest, flush == nil else { return }
    flush = loop.after(milliseconds: Self.patience) { [unowned self] in
      flush = nil
      flushRests()
    }
  }

  /// Takes what was written up to now, and no more, and calls `done` when it is in the log, or is lost.
  func finish(_ done: @escaping () -> Void) {
    whenFinished = done
    for stream in [LogStream.stdout, .stderr] { change(stream) { $0.isReady = true } }
    if !log.isBusy { move() }
  }

  private func endFinish() {
    close(.stdout)
    close(.stderr)
    if let flush { loop.cancel(flush) }
    flush = nil
    for tap in takeTaps() { tap.end() }
    flushRests()
    guard !log.isBusy, !log.hasRest, let done = whenFinished else { return }
    whenFinished = nil
    done()
  }

  private func flushRests() {
    // What waits behind what is on its way takes that one's place.
    guard log.hasRest, log.isBusy || log.hasRoom() else { return }
    let now = Clock.now()
    for stream in [LogStream.stdout, .stderr] { log.flush(stream, at: now) }
  }
}
