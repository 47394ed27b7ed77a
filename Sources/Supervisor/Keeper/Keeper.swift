import Container
import Definitions
import Linux
import OCI

/// The process that is the parent of all partitions and has the other ends of what they write to.
///
/// It knows nothing of policies and requests, so that it has little reason ever to end or to be replaced: supervisors come
/// and go, and each finds here what runs, and what has ended while there was none.
public final class Keeper {
  let loop: EventLoop
  let store: ContainerStore
  let listener: Socket
  let signals: SignalQueue
  var supervisor: PacketChannel?
  /// Whether it was asked to end, and nothing was lost by that.
  var isDismissed = false
  var partitions: [String: Kept] = [:]
  var names: [Int32: String] = [:]
  var starting: [String: Starting] = [:]
  /// How many of those take long.
  var longStarts = 0
  /// Those that were given up, and whose processes cannot be killed: until they go, nothing else is started under the name.
  var stuck: [String: Starting] = [:]
  /// Processes that start partitions: nobody asks for their ends.
  var workers: Set<Int32> = []
  /// Those that could not be started, until what was written meanwhile is in their logs.
  var failing: [String: OutputPump] = [:]
  /// Those who are attached to what is to be started.
  var expected: [String: [OutputTap]] = [:]
  /// How many are attached.
  let taps = OutputTap.Count()
  /// Those that are to be started, in their order.
  var queue = StartQueue()
  /// Children that ended before anybody said who they are.
  var early = EarlyEnds()
  /// Ends that no supervisor has on record yet.
  var ends: [UInt64: KeptEnd] = [:]
  var lastEnd: UInt64 = 0
  let logs: LogFiles
  /// What was told of that.
  var toldCounters = LogFiles.Counters()
  var countersTimer: EventLoop.Timer?
  private var reapTimer: EventLoop.Timer?
  let place: KeeperPlace
  let room: KeeperRoom
  /// What tells that nobody can find it any more.
  let lookout: KeeperLookout
  /// What partitions may have open, unlike the keeper, which has two descriptors for each.
  let openFiles = ResourceLimit.raiseOpenFiles()

  /// What it is called by those who list processes: not as a supervisor, whose end is another matter.
  public static let processName = "swiftjail-keep"

  /// Where new workers come in.
  let door: WorkerDoor
  /// What they make file trees in.
  let emptyTree: EmptyFileTree?
  /// What the next partition that is started can have.
  var spareNetwork: SpareNetwork?
  var networkTimer: EventLoop.Timer?
  /// The worker that makes it.
  var networkMaker: Employed?

  /// A keeper for the containers in `store`, which listens at `place`.
  public init(at place: KeeperPlace, store: ContainerStore) throws(Errno) {
    // Before all else, so that their numbers are low: workers go on with these descriptors and those before them.
    // Who cannot make device files shows the host's, which are not in an empty tree.
    let canMakeDevices = (try? Capabilities.effective().contains(Capabilities.deviceFiles)) ?? true
    emptyTree = canMakeDevices ? try? EmptyFileTree() : nil
    door = try WorkerDoor()
    loop = try EventLoop()
    self.store = store
    self.place = place
    let descriptors = ResourceLimit.openFiles
    room = KeeperRoom(descriptors: descriptors, processors: Processors.count)
    _ = try SignalMask.blockAll()
    signals = try SignalQueue()
    listener = try Socket.listenForPackets(at: place.path)
    lookout = try KeeperLookout(place)
    // These count apart.
    logs = try LogFiles(loop, capacity: min(1024, Int(clamping: descriptors) / 2))
    try ProcessControl.adoptOrphans()
    // It is the last to go, as much as it may say so: what partitions write would be lost.
    try? OutOfMemoryAdjustment.set(OutOfMemoryAdjustment.last)
    try lookout.watch(loop) { [unowned self] in endIfIdle() }
    try loop.watch(signals.descriptor.rawValue, .readable) { [unowned self] _ in takeSignals() }
    try loop.watch(listener.descriptor.rawValue, .readable) { [unowned self] _ in accept() }
    try loop.watch(door.ringing, .readable) { [unowned self] _ in
      guard (try? door.wait(milliseconds: 0)) != nil else { return }
      shutDoor()
    }
    logs.onCount = { [unowned self] in tellCountersSoon() }
  }

  /// Keeps, until there is nothing left to keep and nobody to keep it for.
  public func run() throws(Errno) {
    // A supervisor may have come while the last one went.
    repeat {
      try loop.run()
      accept()
    } while supervisor != nil && !isDismissed
  }

  // MARK: Supervisors

  func accept() {
    while let socket = try? listener.acceptPackets() {
      guard let channel = try? PacketChannel(socket, loop) else { continue }
      // The last one counts: an older one is gone, or about to be, and what it has asked for holds.
      supervisor?.onEnd = nil
      supervisor?.drain()
      supervisor?.close()
      forgetExpected()
      supervisor = channel
      channel.onMessage = { [unowned self, unowned channel] message in
        if let request = try? KeeperRequest(json: message) { take(request, channel.takeFile()) }
      }
      channel.onEnd = { [unowned self] in
        supervisor = nil
        forgetExpected()
        endIfIdle()
      }
      for kept in partitions.values { say(.kept(kept.partition)) }
      for name in starting.keys { say(.starting(name)) }
      for name in failing.keys { say(.starting(name)) }
      for name in queue.names { say(.starting(name)) }
      for end in ends.values.sorted(by: { $0.number < $1.number }) { say(.ended(end)) }
      tellCounters()
      say(.complete)
    }
  }

  func say(_ report: KeeperReport) { supervisor?.send(report) }

  /// Tells what was written to logs, a little later: there may be more by then.
  func tellCountersSoon() {
    guard supervisor != nil, countersTimer == nil, logs.counters != toldCounters else { return }
    countersTimer = loop.after(milliseconds: 1000) { [unowned self] in
      countersTimer = nil
      tellCounters()
    }
  }

  func tellCounters() {
    toldCounters = logs.counters
    say(.logged(logs.counters))
  }

  func take(_ request: KeeperRequest, _ file: consuming FileDescriptor?) {
    switch request {
    case .start(let start), .prepare(let start): begin(start)
    case .adopt(let start): adopt(start)
    case .answer: tellCounters()
    case .cutShort(let name): cutShort(name)
    case .acknowledge(let number): ends[number] = nil
    case .endInput(let name):
      guard let kept = partitions[name], kept.input != nil else { return }
      kept.input = nil
      kept.partition.input = nil
    case .limitLog(let name, let limits): partitions[name]?.output.log.limits = limits
    case .attach(let attachment):
      switch consume file {
      case .some(let socket): attach(Socket(socket), attachment)
      case .none: return
      }
    }
  }

  /// Whether there is nothing that it does.
  var isIdle: Bool {
    partitions.isEmpty && starting.isEmpty && failing.isEmpty && stuck.isEmpty && queue.isEmpty
  }

  func endIfIdle() {
    if isIdle { letGoOfNetworkSoon() }
    // What nobody will ever ask for need not be kept.
    if supervisor == nil, isIdle, ends.isEmpty || !lookout.canBeFound { loop.stop() }
  }

  // MARK: Ends

  func takeSignals() {
    while let (signal, sender) = try? signals.nextWithSender() {
      switch signal {
      // What is only kept to be told is nobody's loss; what runs is.
      case .terminate where isIdle && taps.value == 0:
        isDismissed = true
        loop.stop()
      case .child:
        if let status = waitForChild(sender) { end(sender, status) }
        // There is one signal for all that end before it is taken.
        reapSoon()
      default: break
      }
    }
    endIfIdle()
  }

  /// The kernel goes through all children to find one that has ended. Where there are more than so many, who ended without a
  /// signal of its own waits so many milliseconds to be noticed, together with others.
  private static let manyChildren = 256
  private static let reapPause: Int64 = 10

  private func reapSoon() {
    guard names.count > Self.manyChildren else { return reap() }
    guard reapTimer == nil else { return }
    reapTimer = loop.after(milliseconds: Self.reapPause) { [unowned self] in
      reapTimer = nil
      reap()
      endIfIdle()
    }
  }

  /// Notices all ends that there are.
  func reap() {
    while let child = waitForAnyChild() { end(child.pid, child.status) }
  }

  func end(_ pid: Int32, _ status: ExitStatus) {
    if door.entering == pid {
      // It may have come in before it ended, and the next one must not be taken for it.
      try? door.wait(milliseconds: 0)
      shutDoor()
    }
    guard workers.remove(pid) == nil else { return }
    guard let name = names.removeValue(forKey: pid), let kept = partitions[name] else {
      if !starting.isEmpty { early.note(pid, status) }
      return
    }
    finish(kept, status)
  }

  /// - Parameter status: `nil` when nobody knows it.
  func finish(_ kept: Kept, _ status: ExitStatus?) {
    let name = kept.partition.name
    let (finished, ran) = (Clock.now(), kept.ran)
    // All that it wrote is in the log before anybody hears of its end.
    kept.output.finish { [unowned self] in
      partitions[name] = nil
      lastEnd = place.nextEnd(after: lastEnd, now: Clock.monotonic())
      var end = KeptEnd(
        number: lastEnd, name: name, pid: kept.partition.pid,
        status: status?.shellStatus ?? KeptEnd.unknownStatus,
        started: kept.partition.started, finished: finished)
      end.isUnknown = status == nil
      end.ran = ran
      ends[lastEnd] = end
      say(.ended(end))
      endIfIdle()
    }
  }
}
