import Linux

/// Tells of changes in a directory, by whatever of its path it comes and goes: it need not be there yet, and may be replaced.
final class DirectoryWatch {
  /// What a watch of the kernel's is for.
  private enum Place {
    /// The directory itself.
    case content
    /// One above it, in which this name is the next part of the path.
    case above(String)
  }

  /// The parts of the path, from the root on.
  private let parts: [String]
  private let loop: EventLoop
  private let onChange: () -> Void
  private let onFailure: (Errno) -> Void
  private let inotify: Inotify
  private var places: [Inotify.Watch: Place] = [:]

  private static let content: Inotify.Events = [
    .closedAfterWriting, .created, .deleted, .movedFrom, .movedTo, .selfDeleted, .selfMoved, .onlyDirectory,
  ]
  private static let comings: Inotify.Events = [.created, .deleted, .movedFrom, .movedTo]
  private static let goings: Inotify.Events = [.selfDeleted, .selfMoved, .onlyDirectory]

  /// Watches the directory at `path`.
  ///
  /// - Parameters:
  ///   - onChange: called when something in it, or on the way to it, is not as before.
  ///   - onFailure: called when changes are not noticed from now on.
  init(
    _ path: String, _ loop: EventLoop, onChange: @escaping () -> Void, onFailure: @escaping (Errno) -> Void
  ) throws(Errno) {
    let absolute = path.hasPrefix("/") ? path : "\(try File.realPath("."))/\(path)"
    parts = absolute.utf8.split(separator: UInt8(ascii: "/")).map { String(Substring($0)) }.filter {
      $0 != "."
    }
    self.loop = loop
    self.onChange = onChange
    self.onFailure = onFailure
    inotify = try Inotify()
    try look()
    try loop.watch(inotify.rawValue, .readable) { [unowned self] _ in take() }
  }

  deinit { loop.forget(inotify.rawValue) }

  private func take() {
    var isChanged = false
    var isElsewhere = false
    while let events = try? inotify.read(), !events.isEmpty {
      for event in events {
        if event.events.contains(.overflowed) { isElsewhere = true }
        // Of a watch that is no more there may still be some to come.
        guard let place = places[event.watch] else { continue }
        if !event.events.isDisjoint(with: [.selfDeleted, .selfMoved, .ignored]) { isElsewhere = true }
        switch place {
        case .content: isChanged = true
        case .above(let name): if event.name == name { isElsewhere = true }
        }
      }
    }
    if isElsewhere {
      do throws(Errno) { try look() } catch { onFailure(error) }
    }
    if isChanged || isElsewhere { onChange() }
  }

  /// Watches the directory and the way to it, as far as that is there.
  private func look() throws(Errno) {
    for watch in places.keys { try? inotify.remove(watch) }
    places = [:]
    // What goes while it is looked at is looked at once more, when it tells of that.
    var path = "/"
    for (index, name) in parts.enumerated() {
      let next = path == "/" ? "/\(name)" : "\(path)/\(name)"
      // Of the last one above, every coming and going of the name is told: the directory itself tells of its removal only
      // when nobody has it open.
      let isLast = index == parts.count - 1
      var events = Self.goings
      if isLast || !isThere(next) { events.insert(Self.comings) }
      guard try add(path, events, .above(name)) else { return try look() }
      // What came before it was watched nobody tells of.
      guard isThere(next) else { return }
      path = next
    }
    _ = try add(path, Self.content, .content)
  }

  /// - Returns: `false` when there is no such directory any more.
  private func add(_ path: String, _ events: Inotify.Events, _ place: Place) throws(Errno) -> Bool {
    do throws(Errno) {
      places[try inotify.add(path, events)] = place
      return true
    } catch .noSuchFileOrDirectory {
      return false
    } catch .notDirectory {
      return false
    }
  }

  private func isThere(_ path: String) -> Bool {
    (try? FileStatus.of(path))?.kind == .directory
  }
}
