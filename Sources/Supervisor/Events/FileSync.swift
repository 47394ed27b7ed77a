import Linux

/// Sees to it that what is appended to a file is on its disk before long, though the machine lose its power, without
/// anybody waiting for that disk: not more often than a few times a second, however much there is.
final class FileSync {
  /// Has what was written to the file with that number put on its disk, as `DiskSync.begin` does.
  typealias Begin = (Int32, @escaping DiskSync.Done) throws(Errno) -> Void

  /// A file to which nothing more is appended.
  private final class File {
    let descriptor: FileDescriptor
    init(_ descriptor: consuming FileDescriptor) { self.descriptor = descriptor }
  }

  private let beginSync: Begin
  private let loop: EventLoop
  private let log: (String) -> Void
  private let patience: Int64
  private var timer: EventLoop.Timer?
  private var isRunning = false
  private var isWanted = false
  /// Files that were rotated away, and whose end is not on the disk for certain.
  private var former: [File] = []
  /// What is to be synced then, by its number.
  var file: () -> Int32? = { nil }

  /// - Parameter patience: the longest wait for others, in milliseconds.
  init(
    _ loop: EventLoop, patience: Int64 = 500, begin: @escaping Begin, log: @escaping (String) -> Void
  ) {
    self.loop = loop
    self.patience = patience
    self.beginSync = begin
    self.log = log
  }

  deinit { if let timer { loop.cancel(timer) } }

  /// Notes that something was appended.
  func schedule() {
    isWanted = true
    wait()
  }

  /// Notes that nothing more is appended to this file, which is closed now: what was appended is put on the disk at once,
  /// or after what is under way.
  func finishFile() {
    guard isWanted, let number = file() else { return }
    isWanted = false
    do throws(Errno) { former.append(File(try FileDescriptor.duplicate(of: number))) } catch {
      log("put the end of the journal's older file on the disk: \(error)")
    }
    begin()
  }

  private func wait() {
    guard timer == nil, !isRunning else { return }
    timer = loop.after(milliseconds: patience) { [unowned self] in
      timer = nil
      begin()
    }
  }

  private func begin() {
    guard !isRunning else { return }
    if let first = former.first {
      if begin(first.descriptor.rawValue) { former.removeFirst() }
    } else if isWanted, let number = file() {
      isWanted = !begin(number)
    }
    if !isRunning, isWanted || !former.isEmpty { wait() }
  }

  /// - Returns: `false` when it is to be tried again.
  private func begin(_ number: Int32) -> Bool {
    do throws(Errno) {
      try beginSync(number) { [weak self] in self?.finish($0) }
      isRunning = true
      return true
    } catch .invalidArgument {
      // A file system that has no disk.
      return true
    } catch {
      return false
    }
  }

  private func finish(_ failure: Errno?) {
    if let failure {
      log("the disk has not taken what has happened, the journal of events: \(failure)")
    }
    isRunning = false
    if former.isEmpty, isWanted { wait() } else { begin() }
  }
}
