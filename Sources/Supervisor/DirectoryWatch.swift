import Linux

/// Tells of changes in a directory, by whatever of its path it comes and goes: it need not be there yet, and may be replaced.
final class DirectoryWatch {
  /// What a watch of the kernel's is for.
  private struct Place {
    var events: Inotify.Events
    /// The next parts of the path that are looked for in it: a directory may be on the way twice, by symbolic links.
    var names: Set<String> = []
    /// Whether it is the directory itself.
    var isContent = false
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
    parts = Self.parts(of: absolute)
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
        if place.isContent { isChanged = true }
        if place.names.contains(event.name) { isElsewhere = true }
      }
    }
    if isElsewhere {
      do throws(Errno) { try look() } catch { onFailure(error) }
    }
    if isChanged || isElsewhere { onChange() }
  }

  /// Watches the directory and the way to it, as far as that is there, and the way of each symbolic link on it.
  private func look() throws(Errno) {
    for watch in places.keys { try? inotify.remove(watch) }
    places = [:]
    // What goes while it is looked at is looked at once more, when it tells of that.
    var path = "/"
    var rest = Array(parts.reversed())
    var links = 0
    while let name = rest.popLast() {
      if name == ".." {
        path = Self.parent(of: path)
        continue
      }
      let next = path == "/" ? "/\(name)" : "\(path)/\(name)"
      // Of the last one above, every coming and going of the name is told: the directory itself tells of its removal only
      // when nobody has it open. A link tells of nothing.
      let isPlain = !rest.isEmpty && kind(next) == .directory
      guard try add(path, isPlain ? Self.goings : [Self.goings, Self.comings], name) else {
        return try look()
      }
      // What came before it was watched nobody tells of.
      switch kind(next) {
      case .directory: path = next
      case _ where isPlain: return try look()
      case .symbolicLink:
        links += 1
        guard links <= Self.mostLinks, let target = try? File.symbolicLink(next) else { return }
        if target.hasPrefix("/") { path = "/" }
        rest += Self.parts(of: target).reversed()
      default: return
      }
    }
    _ = try add(path, Self.content, nil)
  }

  /// The kernel follows no more links in a path.
  private static let mostLinks = 40

  private static func parts(of path: String) -> [String] {
    path.utf8.split(separator: UInt8(ascii: "/")).map { String(Substring($0)) }.filter { $0 != "." }
  }

  private static func parent(of path: String) -> String {
    let end = path.utf8.lastIndex(of: UInt8(ascii: "/")) ?? path.utf8.startIndex
    return end == path.utf8.startIndex ? "/" : String(path[..<end])
  }

  /// - Parameter name: what is looked for in it; `nil` for the directory itself.
  /// - Returns: `false` when there is no such directory any more.
  private func add(_ path: String, _ events: Inotify.Events, _ name: String?) throws(Errno) -> Bool {
    do throws(Errno) {
      let watch = try inotify.add(path, events)
      var place = places[watch] ?? Place(events: events)
      // The kernel has taken these in the place of what it had.
      if !events.isSuperset(of: place.events) { _ = try inotify.add(path, events.union(place.events)) }
      place.events.formUnion(events)
      if let name { place.names.insert(name) } else { place.isContent = true }
      places[watch] = place
      return true
    } catch .noSuchFileOrDirectory {
      return false
    } catch .notDirectory {
      return false
    }
  }

  /// What is at `path`; `nil` when nothing is.
  private func kind(_ path: String) -> FileKind? {
    (try? FileStatus.of(path, following: false))?.kind
  }
}
