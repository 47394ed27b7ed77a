import Linux

/// Errands that are begun in their order, a few at once.
///
/// One that takes long waits for somebody, most likely: others are begun beside it.
final class ErrandQueue {
  /// What one does, in a process of its own.
  typealias Work = () throws(SupervisorError) -> [UInt8]
  /// What is called with what came of it.
  typealias Done = (Result<[UInt8], SupervisorError>) -> Void

  private let loop: EventLoop
  private let most = Processors.count + 1
  private let patience: Int64
  private let areBound: Bool
  /// Those that run, the long ones apart.
  private var running = 0
  private var long = 0
  private var waiting: [(work: Work, done: Done)] = []

  /// So many may take long before others have to wait for them.
  private let mostLong: Int

  /// - Parameters:
  ///   - patience: in milliseconds, the time after which an errand is one that takes long.
  ///   - mostLong: how many errands may take long before others have to wait for them.
  ///   - areBound: whether its errands are killed when this process dies.
  init(_ loop: EventLoop, patience: Int64 = 500, areBound: Bool = false, mostLong: Int = 64) {
    self.loop = loop
    self.mostLong = mostLong
    self.areBound = areBound
    self.patience = patience
  }

  /// Does `work` when it is its turn, and calls `done` with what came of it.
  func add(_ work: @escaping Work, done: @escaping Done) {
    waiting.append((work, done))
    start()
  }

  private func start() {
    while running < most, !waiting.isEmpty {
      let (work, done) = waiting.removeFirst()
      do throws(Errno) {
        var isLong = false
        let timer = loop.after(milliseconds: patience) { [unowned self] in
          guard long < mostLong else { return }
          isLong = true
          long += 1
          running -= 1
          start()
        }
        do throws(Errno) {
          try Errand.run(loop, isBound: areBound, work) { [unowned self] result in
            loop.cancel(timer)
            if isLong { long -= 1 } else { running -= 1 }
            done(result)
            start()
          }
        } catch {
          loop.cancel(timer)
          throw error
        }
        running += 1
      } catch {
        done(.failure(SupervisorError("start a process for it", error)))
      }
    }
  }
}
