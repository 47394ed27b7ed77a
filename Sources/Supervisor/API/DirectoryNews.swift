import Linux

/// Tells of what comes into directories, by one instance of inotify for all who ask: a user has few of them for all its
/// programs, and many watches.
final class DirectoryNews {
  private let loop: EventLoop
  private var inotify: Inotify?
  private var readers: [Inotify.Watch: [UInt64: () -> Void]] = [:]
  private var last: UInt64 = 0

  private static let events: Inotify.Events = [.modified, .created, .movedTo, .onlyDirectory]

  init(_ loop: EventLoop) { self.loop = loop }

  deinit { close() }

  /// How many directories are watched.
  var watchCount: Int { readers.count }

  /// Calls `action` when a file in the directory at `path` grows, is made or is moved there.
  ///
  /// - Returns: what ends that.
  /// - Throws: `Errno` when there is no such directory, or nobody tells of more of them.
  func watch(_ path: String, _ action: @escaping () -> Void) throws(Errno) -> () -> Void {
    try open()
    guard let watch = try inotify?.add(path, Self.events) else { throw .invalidArgument }
    last += 1
    let number = last
    readers[watch, default: [:]][number] = action
    return { [weak self] in self?.forget(watch, number) }
  }

  private func open() throws(Errno) {
    switch inotify {
    case .some: return
    case .none: break
    }
    let new = try Inotify()
    try loop.watch(new.rawValue, .readable) { [unowned self] _ in take() }
    inotify = consume new
  }

  private func close() {
    switch inotify {
    case .some(let inotify): loop.forget(inotify.rawValue)
    case .none: return
    }
    inotify = nil
  }

  private func forget(_ watch: Inotify.Watch, _ number: UInt64) {
    guard readers[watch]?.removeValue(forKey: number) != nil, readers[watch]?.isEmpty == true else { return }
    readers[watch] = nil
    try? inotify?.remove(watch)
  }

  private func take() {
    guard let events = try? inotify?.read() else { return }
    var told: Set<Inotify.Watch> = []
    for event in events {
      // Some of it is lost, and nobody knows whose.
      if event.events.contains(.overflowed) { told.formUnion(readers.keys) }
      told.insert(event.watch)
    }
    for watch in told {
      for number in (readers[watch] ?? [:]).keys { readers[watch]?[number]?() }
    }
    for event in events where event.events.contains(.ignored) { readers[event.watch] = nil }
  }
}
