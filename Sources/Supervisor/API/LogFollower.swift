import Linux

/// Hands out what is in a log, and what comes into it until it is let go of.
final class LogFollower {
  private let reader: LogReader
  private let loop: EventLoop
  private var forget: (() -> Void)?
  private let take: ([LogEntry]) -> Void
  private var again: EventLoop.Timer?
  private var isLookedAt = false
  private var onEnd: (() -> Void)?
  private let pace: Pace
  /// Which entries are handed out.
  var selection: LogSelection {
    get { reader.selection }
    set { reader.selection = newValue }
  }

  /// How fast entries are taken; what cannot be taken yet stays in the file.
  struct Pace {
    /// Whether more can be taken now.
    var isReady: () -> Bool
    /// Has something called once more can be taken.
    var whenReady: (@escaping () -> Void) -> Void
  }

  /// When nobody tells that there is more, it is looked every so many milliseconds.
  private static let lookingPause: Int64 = 200

  /// - Parameter take: called with entries, in their order.
  init(
    _ path: String, _ selection: LogSelection, _ loop: EventLoop, _ pace: Pace,
    take: @escaping ([LogEntry]) -> Void
  ) {
    self.pace = pace
    reader = LogReader(path: path, selection: selection)
    self.loop = loop
    self.take = take
  }

  deinit { stop() }

  /// Goes on with what comes, of which `news` tells.
  func follow(_ news: DirectoryNews) {
    let end = reader.path.utf8.lastIndex(of: UInt8(ascii: "/")) ?? reader.path.utf8.startIndex
    do throws(Errno) {
      forget = try news.watch(String(reader.path[..<end])) { [weak self] in self?.read() }
    } catch {
      // There may only be so many that are told.
      isLookedAt = true
    }
  }

  /// Hands out what there is, a share at a time.
  func read() {
    guard pace.isReady() else { return pace.whenReady { [weak self] in self?.read() } }
    var entries: [LogEntry] = []
    let hasMore = (try? reader.read { entries.append($0) }) ?? false
    if !entries.isEmpty { take(entries) }
    if hasMore { return readAgain(after: 0) }
    if let onEnd {
      self.onEnd = nil
      return onEnd()
    }
    if isLookedAt { readAgain(after: Self.lookingPause) }
  }

  private func readAgain(after milliseconds: Int64) {
    guard again == nil else { return }
    again = loop.after(milliseconds: milliseconds) { [unowned self] in
      again = nil
      read()
    }
  }

  /// Hands out what there is, and calls `done` then.
  func finish(_ done: @escaping () -> Void) {
    stop()
    onEnd = done
    read()
  }

  /// Ends it.
  func stop() {
    isLookedAt = false
    onEnd = nil
    forget?()
    forget = nil
    if let again { loop.cancel(again) }
    again = nil
  }
}
