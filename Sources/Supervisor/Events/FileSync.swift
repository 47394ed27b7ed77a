import Linux

/// Sees to it that what is appended to a file is on its disk before long, though the machine lose its power, without
/// anybody waiting for that disk: not more often than a few times a second, however much there is.
final class FileSync {
  private let sync: BackgroundSync
  private let loop: EventLoop
  private let log: (String) -> Void
  private var timer: EventLoop.Timer?
  private var isRunning = false
  private var isWanted = false
  /// What is to be synced then, by its number.
  var file: () -> Int32? = { nil }

  /// So long others are waited for, in milliseconds.
  private static let patience: Int64 = 500

  init(_ loop: EventLoop, log: @escaping (String) -> Void) throws(Errno) {
    sync = try BackgroundSync()
    self.loop = loop
    self.log = log
    try loop.watch(sync.descriptor.rawValue, .readable) { [unowned self] _ in finish() }
  }

  deinit {
    loop.forget(sync.descriptor.rawValue)
    if let timer { loop.cancel(timer) }
  }

  /// Notes that something was appended.
  func schedule() {
    isWanted = true
    guard timer == nil, !isRunning else { return }
    timer = loop.after(milliseconds: Self.patience) { [unowned self] in
      timer = nil
      begin()
    }
  }

  /// Begins at once, unless one is under way: nothing more is appended to this file.
  func begin() {
    guard isWanted, !isRunning, let number = file() else { return }
    isWanted = false
    do throws(Errno) {
      try sync.begin(number)
      isRunning = true
    } catch {
      // A file system that has no disk.
    }
  }

  private func finish() {
    guard let end = try? sync.next() else { return }
    if let failure = end.failure {
      log("the disk has not taken what has happened, the journal of events: \(failure)")
    }
    isRunning = false
    if isWanted { schedule() }
  }
}
