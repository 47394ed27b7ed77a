import Linux

/// Answers that take long, each made in a process of its own: a few at a time, in the order in which they were asked for.
///
/// One whose client does not read keeps nobody else waiting.
final class AnswerQueue {
  /// What makes an answer.
  typealias Text = () -> [UInt8]

  private struct Answer {
    let number: UInt64
    let text: Text
    let start: () -> HTTPStream
  }

  private let loop: EventLoop
  private let log: (String) -> Void
  private let most = Processors.count + 1
  /// Those that are being made, and apart from them those that are not read.
  private var running = 0
  private var stalled = 0
  private var waiting: [Answer] = []
  private var last: UInt64 = 0

  /// So many that are not read may there be before others have to wait for them.
  private static let mostStalled = 32

  init(_ loop: EventLoop, log: @escaping (String) -> Void) {
    self.loop = loop
    self.log = log
  }

  /// Has `text` made when it is its turn, and sends it to the stream that `start` gives then; unless the client has gone.
  func add(_ exchange: HTTPExchange, _ text: @escaping Text, start: @escaping () -> HTTPStream) {
    last += 1
    let number = last
    waiting.append(Answer(number: number, text: text, start: start))
    exchange.whenClosed { [weak self] in self?.waiting.removeAll { $0.number == number } }
    startNext()
  }

  private func startNext() {
    while running < most, !waiting.isEmpty {
      let answer = waiting.removeFirst()
      let stream = answer.start()
      var hasStalled = false
      running += 1
      do throws(Errno) {
        try ErrandStream.run(loop, to: stream, answer.text) { [unowned self] in
          guard stalled < Self.mostStalled else { return }
          hasStalled = true
          stalled += 1
          running -= 1
          startNext()
        } onEnd: { [unowned self] in
          if hasStalled { stalled -= 1 } else { running -= 1 }
          startNext()
        }
      } catch {
        // The stream breaks off.
        running -= 1
        log("start a process for an answer: \(error)")
      }
    }
  }
}
