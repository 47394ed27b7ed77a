import Linux

/// Sees to it that what was written to files is on their disk before long, though the machine lose its power, without
/// anybody waiting for that disk: those that have changed in half a second are taken together.
final class RecordSync {
  private let sync: BackgroundSync
  private let loop: EventLoop
  private let log: (String) -> Void
  private var timer: EventLoop.Timer?
  /// Files that have changed since others were last taken.
  private var changed: Set<String> = []
  /// Those that were taken, and are not begun yet.
  private var due: Set<String> = []
  /// Those that are being put on the disk, by the marks of that.
  private var underWay: [UInt64: String] = [:]
  private var last: UInt64 = 0
  /// Called with each file whose content is on the disk.
  var onSync: ((String) -> Void)?

  private let patience: Int64
  /// So many are put on the disk at once: they share what the file system writes for each.
  private static let most = 64

  /// - Parameter patience: so long others are waited for, in milliseconds.
  init(_ loop: EventLoop, patience: Int64 = 500, log: @escaping (String) -> Void) throws(Errno) {
    self.patience = patience
    sync = try BackgroundSync(most: UInt32(Self.most))
    self.loop = loop
    self.log = log
    try loop.watch(sync.descriptor.rawValue, .readable) { [unowned self] _ in finish() }
  }

  deinit {
    loop.forget(sync.descriptor.rawValue)
    if let timer { loop.cancel(timer) }
  }

  /// Notes that the file or directory at `path` has changed.
  func note(_ path: String) {
    guard changed.insert(path).inserted, timer == nil else { return }
    timer = loop.after(milliseconds: patience) { [unowned self] in
      timer = nil
      due.formUnion(changed)
      changed = []
      begin()
    }
  }

  private func begin() {
    while underWay.count < Self.most, let path = due.popFirst() {
      do throws(Errno) {
        last += 1
        let file = try FileDescriptor.open(path, .readOnly)
        try sync.begin(file.rawValue, mark: last)
        underWay[last] = path
      } catch .resourceTemporarilyUnavailable {
        return note(path)
      } catch .invalidArgument {
        // A file system that has no disk.
        onSync?(path)
      } catch .noSuchFileOrDirectory {
        // It was removed, or renamed: that is noted as well.
      } catch .tooManyOpenFiles {
        note(path)
      } catch {
        log("put \(path) on the disk: \(error)")
      }
    }
  }

  private func finish() {
    while let end = try? sync.next() {
      guard let path = underWay.removeValue(forKey: end.mark) else { continue }
      if let failure = end.failure {
        log("the disk has not taken \(path): \(failure)")
      } else if !changed.contains(path), !due.contains(path) {
        onSync?(path)
      }
    }
    begin()
  }
}
