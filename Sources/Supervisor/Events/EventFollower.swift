import Linux
import OCI

/// Hands out what has happened, from the journal, and then what happens.
///
/// While it reads, what happens comes into the journal, behind it: nothing is missed, and nothing is told twice.
final class EventFollower {
  private let events: EventLog
  private let query: EventQuery
  private let loop: EventLoop
  private let pace: LogFollower.Pace
  private let take: ([UInt8]) -> Void
  private let onEnd: () -> Void
  private var lines: LogLines?
  private var forget: (() -> Void)?
  private var timer: EventLoop.Timer?

  /// - Parameters:
  ///   - take: called with documents, a line each.
  ///   - onEnd: called when there will be no more of what is asked for.
  init(
    _ events: EventLog, _ query: EventQuery, _ loop: EventLoop, _ pace: LogFollower.Pace,
    take: @escaping ([UInt8]) -> Void, onEnd: @escaping () -> Void
  ) {
    self.events = events
    self.query = query
    self.loop = loop
    self.pace = pace
    self.take = take
    self.onEnd = onEnd
  }

  deinit { stop() }

  /// Begins.
  func start() {
    guard query.since != nil || query.until != nil else { return watch() }
    lines = events.reader()
    read()
  }

  /// Hands out a share of what the journal has.
  private func read() {
    guard let lines else { return }
    guard pace.isReady() else { return pace.whenReady { [weak self] in self?.read() } }
    var bytes: [UInt8] = []
    let hasMore =
      (try? lines.read { line in
        if let time = JournalEntry.time(of: line), !query.spans(time) { return }
        guard let message = try? EventMessage(parsing: Array(line)), query.wants(message) else { return }
        bytes += JournalEntry.document(of: line) ?? message.line
      }) ?? false
    if !bytes.isEmpty { take(bytes) }
    guard !hasMore else {
      timer = loop.after(milliseconds: 0) { [unowned self] in read() }
      return
    }
    self.lines = nil
    for message in events.pending where query.wants(message) { take(message.line) }
    watch()
  }

  /// Hands out what happens from now on.
  private func watch() {
    if let until = query.until {
      let now = Clock.now()
      // Looked at before anything is taken off: a client may name a time long before there were any.
      if until <= now { return onEnd() }
      timer = loop.after(milliseconds: (until - now) / 1_000_000 + 1) { [unowned self] in
        stop()
        onEnd()
      }
    }
    forget = events.follow { [unowned self] message, line in
      if query.wants(message) { take(line) }
    }
  }

  /// Ends it.
  func stop() {
    forget?()
    forget = nil
    lines = nil
    if let timer { loop.cancel(timer) }
    timer = nil
  }
}
