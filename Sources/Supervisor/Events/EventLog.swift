import Linux

/// What has happened to partitions, for those who watch and those who come later.
public final class EventLog {
  private let journal: Journal
  private var watchers: [Int: (ContainerEvent) -> Void] = [:]
  private var followers: [Int: (EventMessage, [UInt8]) -> Void] = [:]
  private var nextWatcher = 0
  private var lastDeaths: [String: Int64]?

  /// Whether the end `number` is in the journal for certain.
  func has(end number: UInt64) -> Bool { journal.written.cover(number) }

  /// Called when what could not be written for a while is in the journal.
  var onCatchUp: (() -> Void)? {
    get { journal.onCatchUp }
    set { journal.onCatchUp = newValue }
  }

  init(_ journal: Journal) { self.journal = journal }

  /// Whether the end of the container `id` was one of the last things that the journal had when this was asked first, and
  /// not before `time`.
  func hasDeath(of id: String, since time: Int64) -> Bool {
    let deaths = lastDeaths ?? journal.lastDeaths()
    lastDeaths = deaths
    return deaths[id].map { $0 >= time } ?? false
  }

  /// How many watch.
  public var watcherCount: Int { watchers.count + followers.count }

  /// Calls `watcher` for each event from now on.
  ///
  /// - Returns: what ends that.
  public func watch(_ watcher: @escaping (ContainerEvent) -> Void) -> () -> Void {
    nextWatcher += 1
    let number = nextWatcher
    watchers[number] = watcher
    return { [unowned self] in watchers[number] = nil }
  }

  /// Calls `follower` for each event from now on, with the event as the API has it and the line that it is, which are made
  /// once for all who follow.
  ///
  /// - Returns: what ends that.
  func follow(_ follower: @escaping (EventMessage, [UInt8]) -> Void) -> () -> Void {
    nextWatcher += 1
    let number = nextWatcher
    followers[number] = follower
    return { [unowned self] in followers[number] = nil }
  }

  func add(_ action: ContainerEvent.Action, _ partition: Partition) {
    let event = ContainerEvent(action, of: partition.status, time: Clock.now())
    journal.append([event.message])
    tell(event)
  }

  /// Adds an event that is about no partition.
  func add(_ message: EventMessage) {
    journal.append([message])
    tell(message)
  }

  /// Notes what is to be said of an end, which the keeper may have told before.
  func add(_ actions: [ContainerEvent.Action], _ partition: Partition, end: UInt64) {
    let now = Clock.now()
    let events = actions.map { ContainerEvent($0, of: partition.status, time: now) }
    if !journal.noted.cover(end) { journal.append(events.map(\.message), end: end) }
    for event in events { tell(event) }
  }

  /// Notes an end of which no more is known than what the keeper says.
  func add(_ end: KeptEnd) {
    guard !journal.noted.cover(end.number) else { return }
    var attributes = ContainerEvent.Action.died(end).attributes
    attributes["name"] = end.name
    journal.append(
      [EventMessage(action: "die", id: "", attributes: attributes, time: Clock.now())], end: end.number)
  }

  private func tell(_ event: ContainerEvent) {
    for watcher in watchers.values { watcher(event) }
    guard !followers.isEmpty else { return }
    tell(event.message)
  }

  private func tell(_ message: EventMessage) {
    let line = message.line
    for follower in followers.values { follower(message, line) }
  }

  /// A reader of all that the journal has.
  func reader() -> LogLines { LogLines(journal.path) }

  /// What has happened and is not in the journal yet.
  var pending: [EventMessage] { journal.pending.map(\.message) }
}
