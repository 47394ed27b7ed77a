import Linux

/// Sees whether those who look for a keeper can still find it: its socket may be removed with all around it.
final class KeeperLookout {
  private let path: String
  private let socket: FileStatus
  /// What tells of changes; `nil` where the kernel gives no more of them, and a look from time to time has to do.
  private let changes: Inotify?

  /// A lookout for the keeper that listens at `place`.
  init(_ place: KeeperPlace) throws(Errno) {
    path = place.path
    socket = try FileStatus.of(place.path, following: false)
    let changes = try? Inotify()
    switch changes {
    case .some(let changes):
      _ = try? changes.add(
        place.directory, [.deleted, .movedFrom, .movedTo, .created, .selfDeleted, .selfMoved, .onlyDirectory])
    case .none: break
    }
    self.changes = changes
  }

  /// Whether the socket is where it was.
  var canBeFound: Bool {
    guard let now = try? FileStatus.of(path, following: false) else { return false }
    return now.inode == socket.inode && now.fileSystem == socket.fileSystem
  }

  /// Calls `body` when that may have become otherwise.
  func watch(_ loop: EventLoop, _ body: @escaping () -> Void) throws(Errno) {
    switch changes {
    case .some(let changes):
      try loop.watch(changes.rawValue, .readable) { [unowned self] _ in
        drain()
        if !canBeFound { body() }
      }
    case .none: break
    }
  }

  private func drain() {
    switch changes {
    case .some(let changes): while let events = try? changes.read(), !events.isEmpty {}
    case .none: break
    }
  }
}
