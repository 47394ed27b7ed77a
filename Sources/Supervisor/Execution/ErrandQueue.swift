import Linux

/// Errands that are run in their order, a few at once.
final class ErrandQueue {
  /// What one does, in a process of its own.
  typealias Work = () throws(SupervisorError) -> [UInt8]
  /// What is called with what came of it.
  typealias Done = (Result<[UInt8], SupervisorError>) -> Void

  private let loop: EventLoop
  private let most = Processors.count + 1
  private var running = 0
  private var waiting: [(work: Work, done: Done)] = []

  init(_ loop: EventLoop) { self.loop = loop }

  /// Does `work` when it is its turn, and calls `done` with what came of it.
  func add(_ work: @escaping Work, done: @escaping Done) {
    waiting.append((work, done))
    start()
  }

  private func start() {
    while running < most, !waiting.isEmpty {
      let (work, done) = waiting.removeFirst()
      do throws(Errno) {
        try Errand.run(loop, work) { [unowned self] result in
          running -= 1
          done(result)
          start()
        }
        running += 1
      } catch {
        done(.failure(SupervisorError("start a process for it", error)))
      }
    }
  }
}
