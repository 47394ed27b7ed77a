import Container
import Definitions
import Layers
import Linux
import OCI

/// Many partitions, each kept as its definition says.
///
/// What it knows is in its files before anybody is told, and soon on their disk, and what runs belongs to the keeper: it may end at any moment, and the
/// next one goes on from there.
public final class Supervisor {
  let loop: EventLoop
  let store: ContainerStore
  let directory: String
  let keepers: Keepers
  let records: SavedRecords
  let removals: ErrandQueue
  /// What else may have to wait for somebody.
  let errands: ErrandQueue
  /// Requests whose answers take long: a few are served at once, however many there are.
  let inquiries: ErrandQueue
  var partitions = PartitionTable()
  /// The names of what else is in the store.
  var plainList = PlainNames()
  /// The pools of the functions that are kept warm, by name.
  var pools: [String: FunctionPool] = [:]
  /// The names of instances that are being built.
  var building: Set<String> = []
  /// When pools are filled next, unless something happens before.
  var filling: (timer: EventLoop.Timer, deadline: Int64)?
  /// Whether the keepers are there; without one there is nothing more to be done.
  public private(set) var hasKeeper = true
  /// Until the keeper has said what runs, nothing is started.
  var isComplete = false
  var whenComplete: [() -> Void] = []
  /// Called when a partition could not be started.
  var onFailedStart: (() -> Void)?
  /// What has happened.
  public let events: EventLog
  /// Ends of partitions that are gone, which are not in the journal for certain.
  var strayEnds: [UInt64] = []
  /// The number of the last end that the keeper has told of.
  var lastEnd: UInt64 = 0
  /// Which boot of the machine this is.
  let boot: String
  /// How many partitions were started.
  var starts: UInt64 = 0
  /// How many could not be.
  var failedStarts: UInt64 = 0
  /// What was written to logs, as each keeper has told it.
  var logged: [Int: LogFiles.Counters] = [:]
  /// Where messages for the person who runs it go.
  let log: (String) -> Void
  /// Whether the machine was started since the last supervisor was.
  let isNewBoot: Bool
  /// The commands inside.
  let executions: ExecutionTable
  /// What has partitions follow the load.
  let load: LoadControl
  /// Who works on files inside.
  let copies = CopyTable()

  /// Where the records and logs are of a supervisor for the containers in `store`.
  public static func directory(for store: ContainerStore) -> String {
    store.path == ContainerStore.defaultPath ? "/var/lib/swiftjail/supervisor" : "\(store.path)/.supervisor"
  }

  /// The program that is the first process of partitions that ask for one.
  static let initProgram: String = {
    // The two programs are installed side by side.
    let own = (try? File.realPath("/proc/self/exe")) ?? "/usr/local/bin/swiftjaild"
    let end = own.utf8.lastIndex(of: UInt8(ascii: "/")) ?? own.utf8.startIndex
    return "\(own[..<end])/swiftjail"
  }()

  /// Where such a supervisor's keepers listen: in a directory that does not outlive a boot, as they do not.
  static func keeperDirectory(for store: ContainerStore) -> String { "\(store.path)/.keeper" }

  /// Takes over what is there for `store`.
  ///
  /// - Parameters:
  ///   - journalSize: how long each of the two files is at most, in bytes, that tell what has happened.
  ///   - load: how partitions follow the load whose definitions do not say it.
  public init(
    store: ContainerStore, journalSize: Int, _ loop: EventLoop, load: LoadDefaults = LoadDefaults(),
    log: @escaping (String) -> Void
  ) throws(SupervisorError) {
    self.loop = loop
    self.store = store
    self.log = log
    directory = Self.directory(for: store)
    let saved = try RecordStore(directory: "\(directory)/partitions")
    let disk = DiskSync(loop, log: log)
    records = SavedRecords(saved, loop, disk: disk, log: log)
    boot = (try? File.text(Self.bootID)) ?? ""
    // The next supervisor finishes them, and must not meet what still does.
    removals = ErrandQueue(loop, areBound: true)
    errands = ErrandQueue(loop)
    inquiries = ErrandQueue(loop, mostLong: 8)
    let keeping = Self.keeperDirectory(for: store)
    executions = ExecutionTable(store, loop, CheckRecords(in: "\(keeping)/checks"))
    do throws(Errno) {
      try Directory.makeAll(keeping, mode: 0o711)
      try Directory.makeAll("\(directory)/logs", mode: 0o700)
      try Directory.makeAll("\(directory)/events", mode: 0o700)
      events = EventLog(
        try Journal(
          "\(directory)/events/events.log", size: journalSize, boot: boot, loop, disk: disk, log: log))
    } catch {
      throw SupervisorError("make the directories in \(directory) and \(keeping)", error)
    }
    self.load = LoadControl(store, load, events, loop, log: log)
    let (loaded, errors) = try saved.load()
    for error in errors { log(error) }
    let found = Renaming(of: store, logs: "\(directory)/logs").finished(loaded, saved, log: log)
    isNewBoot = Self.isNewBoot(directory)
    for record in found {
      let partition = Partition(record)
      // The keeper of another boot has counted by another clock.
      if record.boot != boot { partition.record.lastEnd = 0 }
      partition.record.boot = boot
      partitions[record.definition.name] = partition
    }
    keepers = try Keepers(in: keeping, containers: store.path, loop)
    records.onSave = { [unowned self] in noteSaved($0) }
    events.onCatchUp = { [unowned self] in acknowledgeAll() }
    keepers.onReport = { [unowned self] report, keeper in take(report, keeper) }
    keepers.onEnd = { [unowned self] in
      hasKeeper = false
      loop.stop()
    }
  }

  /// All partitions, the oldest first.
  public var statuses: [PartitionStatus] { statuses { _ in true } }

  /// Those partitions of whose state that is said, the oldest first.
  func statuses(where isWanted: (PartitionStatus.State) -> Bool) -> [PartitionStatus] {
    for partition in partitions.values where partition.isPaused { checkPause(partition) }
    let wanted = partitions.values.compactMap { isWanted($0.state) ? ($0.record.created, $0) : nil }
    return wanted.sorted { $0.0 == $1.0 ? $0.1.name < $1.1.name : $0.0 < $1.0 }.map { $0.1.status }
  }

  /// Calls `action` once it is known what runs.
  public func whenReady(_ action: @escaping () -> Void) {
    if isComplete { action() } else { whenComplete.append(action) }
  }

  /// How many partitions there are, and how many of them run.
  public var counts: (all: Int, running: Int) {
    (partitions.count, partitions.values.count { $0.isRunning })
  }

  /// The file that gets what the partition `name` writes.
  public func logPath(of name: String) -> String { "\(directory)/logs/\(name)/\(name)-json.log" }

  func partition(_ name: String) throws(SupervisorError) -> Partition {
    guard let partition = partitions[name] else {
      throw SupervisorError(.notFound, "there is no partition called \(name)")
    }
    checkPause(partition)
    return partition
  }

  /// The partition with the whole id `id`.
  func partition(withID id: String) -> Partition? { partitions.withID(id) }

  /// Notes on disk what is known of a partition.
  func save(_ partition: Partition) { records.save(partition) }

  /// Notes what has happened to the partition called `name`, if there is one.
  func tell(_ action: ContainerEvent.Action, of name: String) {
    if let partition = partitions[name] { events.add(action, partition) }
  }

  /// Calls `action` once all that is known of a partition is on disk, or there is no such partition.
  func whenSaved(_ name: String, _ action: @escaping () -> Void) {
    guard let partition = partitions[name], !records.isSaved(partition) else { return action() }
    partition.saveWaiters.add(action)
  }

  private func noteSaved(_ partition: Partition) {
    partition.isKnownAsWanted = partition.record.isWanted
    acknowledge(partition)
    for waiter in partition.saveWaiters.takeAll() { waiter(()) }
    guard case .held = partition.phase else { return }
    partition.phase = .idle
    tryStart(partition)
  }

  /// Tells the keeper that it may forget what is on record and in the journal.
  func acknowledge(_ partition: Partition) {
    if partition.unacknowledged.isEmpty { return }
    acknowledge(&partition.unacknowledged)
  }

  private func acknowledge(_ ends: inout [UInt64]) {
    for number in ends where events.has(end: number) { keepers.acknowledge(number) }
    ends.removeAll { events.has(end: $0) }
  }

  /// The journal has caught up, so that ends can be forgotten that were only on record.
  private func acknowledgeAll() {
    acknowledgeStrays()
    for partition in partitions.values where records.isSaved(partition) { acknowledge(partition) }
  }

  /// Has the ends of a partition that is no more forgotten as soon as that may be.
  func releaseEnds(of partition: Partition) {
    strayEnds += partition.unacknowledged
    partition.unacknowledged = []
    acknowledgeStrays()
  }

  /// Tells the keeper of the ends of partitions that are no more.
  func acknowledgeStrays() { acknowledge(&strayEnds) }

  // MARK: Commands inside

  /// Prepares a command in a partition that runs.
  func prepare(_ settings: Execution.Settings, in name: String) throws(SupervisorError) -> Execution {
    try executions.prepare(settings, in: try partition(name))
  }

  /// What the kernel says of a child of this process: a command inside, or the keeper.
  public func childEnded(_ pid: Int32, _ status: ExitStatus) { executions.childEnded(pid, status) }

  /// What leads to the standard input of a partition that runs, or its terminal.
  ///
  /// - Returns: `nil` when nothing can be written to it.
  func input(_ name: String) -> FileDescriptor? {
    guard let partition = partitions[name], let number = partition.input,
      let descriptor = keepers.descriptor(number, of: partition.keeper),
      // The keeper may have closed its own by now, and have another partition's under that number: not before this
      // one's program has ended.
      let id = try? ContainerID(name), let container = try? store.container(id),
      container.record.process?.pid == partition.pid, container.status() != .stopped
    else { return nil }
    return descriptor
  }

  /// Ends the standard input of a partition, unless that is a terminal: there is no end to what can be typed there.
  func endInput(_ name: String) {
    guard let partition = partitions[name], !partition.definition.hasTerminal else { return }
    partition.input = nil
    keepers.endInput(name, of: partition.keeper)
  }
}
