import Linux

/// Sees to it that what was written to files is on their disk before long, though the machine lose its power, without
/// anybody waiting for that disk: those that have changed in half a second are taken together.
final class RecordSync {
  private let disk: DiskSync
  private let loop: EventLoop
  private let log: (String) -> Void
  private var timer: EventLoop.Timer?
  /// Files that have changed since others were last taken.
  private var changed: Set<String> = []
  /// Those that were taken, and are not begun yet.
  private var due: Set<String> = []
  /// The number of records that are being put on the disk.
  private var underWay = 0
  /// Called with each file whose content is on the disk.
  var onSync: ((String) -> Void)?

  private let patience: Int64
  /// So many are put on the disk at once: they share what the file system writes for each.
  private static let most = 64

  /// - Parameter patience: so long others are waited for, in milliseconds.
  init(_ disk: DiskSync, _ loop: EventLoop, patience: Int64 = 500, log: @escaping (String) -> Void) {
    self.patience = patience
    self.disk = disk
    self.loop = loop
    self.log = log
  }

  deinit { if let timer { loop.cancel(timer) } }

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
    while underWay < Self.most, let path = due.popFirst() {
      do throws(Errno) {
        let file = try FileDescriptor.open(path, .readOnly)
        try disk.begin(file.rawValue) { [weak self] in self?.finish(path, $0) }
        underWay += 1
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

  private func finish(_ path: String, _ failure: Errno?) {
    underWay -= 1
    if let failure {
      log("the disk has not taken \(path): \(failure)")
    } else if !changed.contains(path), !due.contains(path) {
      onSync?(path)
    }
    begin()
  }
}
