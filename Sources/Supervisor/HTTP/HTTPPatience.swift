import Linux

/// What a connection waits for, which is mostly its client, and how long it does.
final class HTTPPatience {
  /// What the client has only so much time for, but for `turn`: then everybody else is to have one.
  enum Wait: Equatable {
    case turn(UInt64)
    case request(UInt64)
    case idle(UInt64)
    case body(received: Int)
    case output(sent: Int)
    case drain

    /// Whether they differ at most in how far the client has got.
    func isSame(as other: Wait?) -> Bool {
      switch (self, other) {
      case (.body, .body), (.output, .output): true
      default: self == other
      }
    }
  }

  private static let drainTime: Int64 = 2000

  /// What is called when the time is up.
  var onEnd: ((Wait) -> Void)?
  private(set) var awaited: Wait?
  /// Since when it waits for that, on the monotonic clock.
  private(set) var since: Int64 = 0
  private let settings: HTTPServer.Settings
  private let deadline: Deadline

  init(_ loop: EventLoop, _ settings: HTTPServer.Settings) {
    self.settings = settings
    deadline = Deadline(loop)
    deadline.onReached = { [weak self] in
      guard let self, let awaited else { return }
      onEnd?(awaited)
    }
  }

  /// Waits for `wait` from now on, or since it was said first.
  func wait(for wait: Wait?) {
    guard wait != awaited else { return }
    awaited = wait
    since = Clock.monotonic()
    let time: Int64? =
      switch wait {
      case .request: settings.requestTime
      case .idle, .output, .body: settings.idleTime
      case .drain: Self.drainTime
      case .turn, nil: nil
      }
    deadline.set(milliseconds: time)
  }
}
