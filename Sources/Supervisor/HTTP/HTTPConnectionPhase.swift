import Linux

/// Where a connection is between requests and answers.
enum HTTPConnectionPhase: Equatable {
  /// Between requests, or in one.
  case receiving
  /// The handler has a request, and maybe gives the answer already.
  case answering(HTTPAnswer)
  /// What waits to be sent is sent, and then the connection is closed.
  case finishing(draining: Bool)
  /// All is sent. What the client is still sending is read first, lest it misses the answer.
  case draining
  case closed

  /// The answer that is not at its end yet.
  var answer: HTTPAnswer? {
    if case .answering(let answer) = self { answer } else { nil }
  }
}

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
