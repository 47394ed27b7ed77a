import Linux

/// A point in time that is put off often and reached seldom: a timer is set only where none comes earlier.
final class Deadline {
  /// What is called when it is reached.
  var onReached: (() -> Void)?

  private let loop: EventLoop
  private var time: Int64?
  private var timer: (timer: EventLoop.Timer, time: Int64)?

  init(_ loop: EventLoop) { self.loop = loop }

  deinit { if let timer { loop.cancel(timer.timer) } }

  /// Puts it `milliseconds` from now; `nil` is never.
  func set(milliseconds: Int64?) {
    guard let milliseconds else {
      time = nil
      return
    }
    let time = Clock.monotonic() + milliseconds * 1_000_000
    self.time = time
    if let timer, timer.time <= time { return }
    if let timer { loop.cancel(timer.timer) }
    setTimer(milliseconds, time)
  }

  private func setTimer(_ milliseconds: Int64, _ time: Int64) {
    timer = (loop.after(milliseconds: milliseconds) { [weak self] in self?.timerCame() }, time)
  }

  private func timerCame() {
    timer = nil
    guard let time else { return }
    let left = time - Clock.monotonic()
    if left > 0 { return setTimer((left + 999_999) / 1_000_000, time) }
    self.time = nil
    onReached?()
  }
}
