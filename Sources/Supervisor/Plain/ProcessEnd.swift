import Linux

/// Waits for the end of a process that may be anybody's child.
final class ProcessEnd {
  private let process: Pidfd
  private let loop: EventLoop
  private let wantsStatus: Bool
  private var done: ((ExitStatus?) -> Void)?
  private var timer: EventLoop.Timer?

  /// The kernel tells how a process has ended when its parent has asked for that, which so long is waited for, in
  /// milliseconds.
  private static let patience: Int64 = 5000

  private init(
    _ process: consuming Pidfd, _ loop: EventLoop, wantsStatus: Bool, _ done: @escaping (ExitStatus?) -> Void
  ) {
    self.process = process
    self.loop = loop
    self.wantsStatus = wantsStatus
    self.done = done
  }

  /// Calls `done` when `process` has ended, with how it did where that is wanted and the kernel tells it.
  ///
  /// The loop holds what is returned until then, or until that is cancelled.
  static func wait(
    for process: consuming Pidfd, _ loop: EventLoop, wantsStatus: Bool = false,
    done: @escaping (ExitStatus?) -> Void
  ) throws(Errno) -> ProcessEnd {
    let end = ProcessEnd(process, loop, wantsStatus: wantsStatus, done)
    try loop.watch(end.process.descriptor.rawValue, .readable) { _ in end.look() }
    return end
  }

  /// Waits no more.
  func cancel() {
    guard done != nil else { return }
    done = nil
    if let timer { loop.cancel(timer) }
    timer = nil
    loop.forget(process.descriptor.rawValue)
  }

  /// Ends it at once.
  func kill() { try? process.send(.kill) }

  private func look() {
    guard wantsStatus else { return finish(nil) }
    do throws(Errno) {
      if let status = try process.endStatus() { return finish(status) }
      guard timer == nil else { return }
      // Hanging up, which is always waited for, is the word that its parent knows.
      try loop.change(process.descriptor.rawValue, to: [])
      timer = loop.after(milliseconds: Self.patience) { [weak self] in self?.finish(nil) }
    } catch {
      finish(nil)
    }
  }

  private func finish(_ status: ExitStatus?) {
    let done = done
    cancel()
    done?(status)
  }
}
