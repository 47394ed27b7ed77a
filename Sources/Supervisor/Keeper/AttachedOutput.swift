import Linux

/// What a partition writes, as its keeper sends it to one who is attached to it.
///
/// Nothing is taken before `resume`, and little is on its way: who does not take holds up the partition.
final class AttachedOutput {
  /// How it has ended.
  enum End {
    /// It never began: there is nobody who could send it.
    case unknown
    /// All has come.
    case complete
    /// There is more, and it was not taken in time.
    case cutOff
  }

  private var socket: Socket?
  private let number: Int32
  private let loop: EventLoop
  private var head: [UInt8] = []
  private var isPaused = false
  private var isWatched = true
  /// Whether it has begun: whether it will get all that is written from then on.
  private(set) var hasBegun = false
  /// Called when it has begun, with the time from which on it is, in nanoseconds since 1970. It is paused then.
  var onBegin: ((Int64) -> Void)?
  /// Called with what comes.
  var onBytes: (([UInt8]) -> Void)?
  /// Called once, when nothing more comes.
  var onEnd: ((End) -> Void)?
  /// Called once it is closed.
  var onClose: (() -> Void)?

  /// So much is taken at once, in bytes.
  private static let share = 64 << 10
  /// How long what comes first is.
  private static let headLength = 8

  /// - Parameter socket: what the keeper has the other end of.
  init(_ socket: consuming Socket, _ loop: EventLoop) throws(Errno) {
    number = socket.descriptor.rawValue
    self.socket = consume socket
    self.loop = loop
    try watch(.readable)
  }

  deinit { close() }

  /// Takes nothing until `resume`.
  func pause() { wait(true) }

  /// Takes what comes.
  func resume() { wait(false) }

  /// Takes nothing any more; nobody is told.
  func close() {
    if isWatched { loop.forget(number) }
    isWatched = false
    socket = nil
    (onBegin, onBytes, onEnd) = (nil, nil, nil)
    let closed = onClose
    onClose = nil
    closed?()
  }

  private func watch(_ events: Epoll.Events) throws(Errno) {
    try loop.watch(number, events) { [unowned self] events in ready(events) }
  }

  private func wait(_ pauses: Bool) {
    guard socket != nil, isPaused != pauses else { return }
    isPaused = pauses
    // While nothing is taken it is heard all the same when it is cut off.
    let events: Epoll.Events = pauses ? .readHungUp : .readable
    do throws(Errno) {
      if isWatched { try loop.change(number, to: events) } else { try watch(events) }
      isWatched = true
    } catch { finish(.complete) }
  }

  private func ready(_ events: Epoll.Events) {
    guard isPaused else { return receive() }
    if events.contains(.hungUp) {
      // All is there that will come.
      loop.forget(number)
      isWatched = false
    } else if events.contains(.readHungUp) {
      finish(.cutOff)
    }
  }

  private func receive() {
    do throws(Errno) {
      let limit = hasBegun ? Self.share : Self.headLength - head.count
      guard let bytes = try socket?.receiveNow(limit: limit) else { return }
      if bytes.isEmpty { return finish(hasBegun ? .complete : .unknown) }
      guard !hasBegun else { return onBytes?(bytes) ?? () }
      head += bytes
      guard head.count == Self.headLength else { return }
      hasBegun = true
      pause()
      let began = onBegin
      onBegin = nil
      began?(Int64(bitPattern: head.reduce(0) { $0 << 8 | UInt64($1) }))
    } catch .resourceTemporarilyUnavailable {
      return
    } catch {
      finish(hasBegun ? .complete : .unknown)
    }
  }

  private func finish(_ end: End) {
    let ended = onEnd
    close()
    ended?(end)
  }
}
