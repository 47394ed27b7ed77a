import Linux

/// Puts what was written to files on their disks without anybody waiting for those: the kernel does it in the background,
/// or a helper process where the kernel does not (`fs.aio-max-nr` used up, AIO not built in or forbidden).
final class DiskSync {
  /// What is called with why the data may not be on the disk, or `nil` when it is.
  typealias Done = (Errno?) -> Void

  /// A file that waits for the helper process.
  private final class File {
    let descriptor: FileDescriptor
    let done: Done
    init(_ descriptor: consuming FileDescriptor, _ done: @escaping Done) {
      self.descriptor = descriptor
      self.done = done
    }
  }

  private let loop: EventLoop
  private let log: (String) -> Void
  private var kernel: BackgroundSync?
  /// The syncs that the kernel is at work on.
  private var underWay: [UInt64: Done] = [:]
  private var last: UInt64 = 0
  /// What the next helper process does.
  private var waiting: [File] = []
  private var isHelped = false
  private var timer: EventLoop.Timer?

  /// The limit on files that are synced at the same time.
  static let most = 65
  /// The time before starting a helper process is retried, in milliseconds.
  private static let pause: Int64 = 1000

  /// - Parameter kernel: what makes the kernel do it.
  init(
    _ loop: EventLoop,
    kernel: () throws(Errno) -> BackgroundSync = { () throws(Errno) in
      try BackgroundSync(most: UInt32(DiskSync.most))
    },
    log: @escaping (String) -> Void
  ) {
    self.loop = loop
    self.log = log
    do throws(Errno) {
      let sync = try kernel()
      try loop.watch(sync.descriptor.rawValue, .readable) { [unowned self] _ in finish() }
      self.kernel = consume sync
    } catch {
      self.kernel = nil
      log(
        "no asynchronous I/O (\(error)): helper processes put records and the journal on the disk, which costs more; "
          + "see whether fs.aio-nr has reached fs.aio-max-nr, and raise that")
    }
  }

  deinit {
    if let timer { loop.cancel(timer) }
    switch kernel {
    case .some(let sync): loop.forget(sync.descriptor.rawValue)
    case .none: break
    }
  }

  /// Begins to put on the disk what was written up to now to the file `number`, which may be closed then.
  ///
  /// - Throws: `Errno`: `.resourceTemporarilyUnavailable` while too many are under way, `.invalidArgument` for a file
  ///   system that has no disk.
  func begin(_ number: Int32, done: @escaping Done) throws(Errno) {
    switch kernel {
    case .some(let sync):
      try sync.begin(number, mark: last + 1)
      last += 1
      underWay[last] = done
    case .none:
      guard waiting.count < Self.most else { throw .resourceTemporarilyUnavailable }
      waiting.append(File(try FileDescriptor.duplicate(of: number), done))
      help()
    }
  }

  private func finish() {
    switch kernel {
    case .some(let sync):
      while let end = try? sync.next() { underWay.removeValue(forKey: end.mark)?(end.failure) }
    case .none: break
    }
  }

  // MARK: Without the kernel

  /// Has a helper process put on their disks what waits.
  private func help() {
    guard !isHelped, timer == nil, !waiting.isEmpty else { return }
    let files = waiting
    do throws(Errno) {
      try Errand.run(loop, keeping: files.map { $0.descriptor.rawValue }) { () throws(SupervisorError) in
        files.map { file in
          do throws(Errno) { try file.descriptor.sync() } catch {
            return UInt8(truncatingIfNeeded: error.rawValue)
          }
          return 0
        }
      } done: { [unowned self] result in
        isHelped = false
        // What the process has not said is not known to be on the disk.
        let failures = (try? result.get()) ?? []
        for (index, file) in files.enumerated() {
          let failure = index < failures.count ? Int32(failures[index]) : Errno.ioError.rawValue
          file.done(
            failure == 0 || failure == Errno.invalidArgument.rawValue ? nil : Errno(rawValue: failure))
        }
        help()
      }
      waiting = []
      isHelped = true
    } catch {
      timer = loop.after(milliseconds: Self.pause) { [unowned self] in
        timer = nil
        help()
      }
    }
  }
}
