import Linux

/// What has happened to partitions, for those who watch and for a while for those who come later.
public final class EventLog {
  /// The latest, the oldest first.
  public private(set) var recent: [ContainerEvent] = []
  private var watchers: [Int: (ContainerEvent) -> Void] = [:]
  private var nextWatcher = 0

  /// How many are kept.
  private static let most = 4096

  /// How many watch.
  public var watcherCount: Int { watchers.count }

  /// Calls `watcher` for each event from now on.
  ///
  /// - Returns: what ends that.
  public func watch(_ watcher: @escaping (ContainerEvent) -> Void) -> () -> Void {
    nextWatcher += 1
    let number = nextWatcher
    watchers[number] = watcher
    return { [unowned self] in watchers[number] = nil }
  }

  func add(_ action: ContainerEvent.Action, _ partition: Partition) {
    let event = ContainerEvent(action, of: partition.status, time: Clock.now())
    recent.append(event)
    if recent.count > 2 * Self.most { recent.removeFirst(Self.most) }
    for watcher in watchers.values { watcher(event) }
  }
}
