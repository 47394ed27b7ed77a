import Linux

/// Sends what a partition writes, as it is written, to one who is attached to it.
///
/// First comes the time from which on that is, eight bytes of nanoseconds since 1970, big-endian. At the end the stream is
/// closed. One who takes nothing for some time, and holds up the partition by that, is cut off: nothing more is sent, and
/// it is he who closes.
final class OutputTap {
  /// How many there are.
  final class Count {
    fileprivate(set) var value = 0
  }

  /// What is to be sent.
  let wanted: KeeperAttachment
  /// Called when it takes more again, or is over.
  var onChange: (() -> Void)?

  private var socket: Socket?
  private let number: Int32
  private let loop: EventLoop
  private let count: Count
  private let patience: Int64
  private var waiting = OutputBuffer()
  private var timer: EventLoop.Timer?
  private var phase = Phase.new

  private enum Phase {
    /// Nothing was sent.
    case new
    case open
    /// What waits is sent, and then it is closed.
    case ending
    case cutOff
    case closed
  }

  /// For so long somebody may take nothing, in milliseconds.
  static let patience: Int64 = 30_000

  /// One who has the other end of `socket`. The loop holds this until that is closed.
  init(
    _ socket: consuming Socket, _ wanted: KeeperAttachment, _ count: Count, _ loop: EventLoop,
    patience: Int64 = OutputTap.patience
  ) throws(Errno) {
    self.wanted = wanted
    self.loop = loop
    self.count = count
    self.patience = patience
    number = socket.descriptor.rawValue
    self.socket = consume socket
    count.value += 1
    // That the other end is gone is always told.
    try loop.watch(number, []) { [self] events in ready(events) }
  }

  deinit { count.value -= 1 }

  /// Whether nothing more should come before what waits is gone.
  var isFull: Bool { phase == .open && waiting.count > 0 }

  /// Whether nothing is sent any more.
  var isOver: Bool { phase == .cutOff || phase == .closed }

  /// Begins, unless it has, at `time`, with the parts of lines that the log does not have.
  func begin(at time: Int64, rests: (LogStream) -> [UInt8]) {
    guard phase == .new else { return }
    phase = .open
    waiting.append(withUnsafeBytes(of: time.bigEndian) { Array($0) })
    for stream in [LogStream.stdout, .stderr] where wanted.followsLog {
      rests(stream).withUnsafeBytes { append($0, stream) }
    }
    flush()
  }

  /// Sends `bytes`, which `stream` gave, or keeps them until they can be sent.
  func write(_ bytes: UnsafeRawBufferPointer, from stream: LogStream) {
    guard phase == .open else { return }
    append(bytes, stream)
    flush()
  }

  /// Sends what waits, and closes.
  func end() {
    guard phase == .new || phase == .open else { return }
    phase = .ending
    if waiting.count == 0 { close() }
  }

  private func append(_ bytes: UnsafeRawBufferPointer, _ stream: LogStream) {
    guard !bytes.isEmpty, wanted.streams.contains(LogStreams(stream)) else { return }
    if wanted.isRaw { return waiting.append(Array(bytes)) }
    waiting.append(MultiplexedStream.frame(stream == .stderr ? .error : .output, bytes))
  }

  private func ready(_ events: Epoll.Events) {
    if events.isDisjoint(with: [.hungUp, .failed]) { flush() } else { close() }
    if !isFull { onChange?() }
  }

  /// Sends what can be sent.
  ///
  /// - Returns: how much that was, in bytes.
  @discardableResult
  private func flush() -> Int {
    guard waiting.count > 0 else { return 0 }
    var sent = 0
    do throws(Errno) {
      sent = try waiting.drain { (bytes) throws(Errno) in
        guard let count = try socket?.sendNow(bytes) else { throw .brokenPipe }
        return count
      }
      try waitOn(hasSent: sent > 0)
    } catch {
      close()
    }
    return sent
  }

  private func waitOn(hasSent: Bool) throws(Errno) {
    if waiting.count == 0, phase == .ending { return close() }
    if hasSent || waiting.count == 0 { cancelTimer() }
    try loop.change(number, to: waiting.count > 0 ? .writable : [])
    guard waiting.count > 0, timer == nil else { return }
    timer = loop.after(milliseconds: patience) { [weak self] in self?.losePatience() }
  }

  /// The kernel tells that there is room when there is much; a little is a sign of life as well.
  private func losePatience() {
    timer = nil
    guard flush() == 0, phase == .open || phase == .ending else { return }
    cancelTimer()
    waiting.removeAll()
    phase = .cutOff
    try? socket?.endSending()
    try? loop.change(number, to: [])
    onChange?()
  }

  private func cancelTimer() {
    if let timer { loop.cancel(timer) }
    timer = nil
  }

  private func close() {
    guard phase != .closed else { return }
    phase = .closed
    cancelTimer()
    waiting.removeAll()
    loop.forget(number)
    socket = nil
  }
}
