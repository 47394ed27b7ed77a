import Container
import Definitions
import Linux
import OCI

/// The process that is the parent of all partitions and has the other ends of what they write to.
///
/// It knows nothing of policies and requests, so that it has little reason ever to end or to be replaced: supervisors come
/// and go, and each finds here what runs, and what has ended while there was none.
public final class Keeper {
  private let loop: EventLoop
  private let store: ContainerStore
  private let listener: Socket
  private let signals: SignalQueue
  private var supervisor: PacketChannel?
  /// Whether it was asked to end, and nothing was lost by that.
  private var isDismissed = false
  private var partitions: [String: Kept] = [:]
  private var names: [Int32: String] = [:]
  private var starting: [String: Starting] = [:]
  /// How many of those take long.
  private var longStarts = 0
  /// Those that were given up, and whose processes cannot be killed: until they go, nothing else is started under the name.
  private var stuck: [String: Starting] = [:]
  /// Processes that start partitions: nobody asks for their ends.
  private var workers: Set<Int32> = []
  /// Those that could not be started, until what was written meanwhile is in their logs.
  private var failing: [String: OutputPump] = [:]
  /// Those who are attached to what is to be started.
  private var expected: [String: [OutputTap]] = [:]
  /// How many are attached.
  private let taps = OutputTap.Count()
  /// Those that are to be started, in their order.
  private var queue = StartQueue()
  /// Children that ended before anybody said who they are.
  private var early = EarlyEnds()
  /// Ends that no supervisor has on record yet.
  private var ends: [UInt64: KeptEnd] = [:]
  private var lastEnd: UInt64 = 0
  private let logs: LogFiles
  /// What was told of that.
  private var toldCounters = LogFiles.Counters()
  private var countersTimer: EventLoop.Timer?
  private let place: KeeperPlace
  private let room: KeeperRoom
  /// What tells that nobody can find it any more.
  private let lookout: KeeperLookout
  /// What partitions may have open, unlike the keeper, which has two descriptors for each.
  private let openFiles = ResourceLimit.raiseOpenFiles()

  /// What it is called by those who list processes: not as a supervisor, whose end is another matter.
  public static let processName = "swiftjail-keep"

  private final class Kept {
    var partition: KeptPartition
    let output: OutputPump
    /// What leads to its standard input, unless that is its terminal.
    var input: FileDescriptor?
    /// What tells of its end when it is not this process' child.
    let adoption: Adoption?
    init(
      _ partition: KeptPartition, _ output: OutputPump, _ input: consuming FileDescriptor? = nil,
      _ adoption: Adoption? = nil
    ) {
      self.partition = partition
      self.output = output
      self.adoption = adoption
      self.input = input
    }
  }

  /// A worker, and what leads to it.
  private struct Employed: ~Copyable {
    let socket: Socket
    let pid: Int32
  }

  private final class Starting {
    /// What leads to the worker.
    var worker: Socket?
    /// The number of that.
    let number: Int32
    var output: OutputPump
    var input: FileDescriptor?
    /// The ends that came before it are not its own.
    let mark: UInt64
    /// When its worker was made, in nanoseconds since 1970.
    let began: Int64
    var hasTerminal = false
    /// Whether it is prepared, and not started.
    var waits = false
    /// Whether the worker can do more when it has done this.
    var leavesNoTraces = false
    /// The worker.
    let pid: Int32
    /// Whether it takes long.
    var isLong = false
    /// Whether somebody wants it to end.
    var isCutShort = false
    /// What is called when it takes long, and longer.
    var timer: EventLoop.Timer?
    init(
      _ worker: consuming Socket, pid: Int32, _ output: OutputPump, _ input: consuming FileDescriptor?,
      after mark: UInt64, began: Int64
    ) {
      self.pid = pid
      number = worker.descriptor.rawValue
      self.worker = consume worker
      self.mark = mark
      self.began = began
      self.output = output
      self.input = input
    }
  }

  /// A keeper for the containers in `store`, which listens at `place`.
  public init(at place: KeeperPlace, store: ContainerStore) throws(Errno) {
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

  private func accept() {
    while let socket = try? listener.acceptPackets() {
      guard let channel = try? PacketChannel(socket, loop) else { continue }
      // The last one counts: an older one is gone, or about to be.
      supervisor?.onEnd = nil
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

  private func say(_ report: KeeperReport) { supervisor?.send(report) }

  /// Tells what was written to logs, a little later: there may be more by then.
  private func tellCountersSoon() {
    guard supervisor != nil, countersTimer == nil, logs.counters != toldCounters else { return }
    countersTimer = loop.after(milliseconds: 1000) { [unowned self] in
      countersTimer = nil
      tellCounters()
    }
  }

  private func tellCounters() {
    toldCounters = logs.counters
    say(.logged(logs.counters))
  }

  private func take(_ request: KeeperRequest, _ file: consuming FileDescriptor?) {
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

  // MARK: Those who are attached

  private func attach(_ socket: consuming Socket, _ wanted: KeeperAttachment) {
    // The other end sees that it was closed.
    guard taps.value < room.attachments, let tap = try? OutputTap(socket, wanted, taps, loop) else { return }
    let name = wanted.name
    if let output = output(of: name) {
      output.add(tap)
    } else if wanted.waits || queue.contains(name) {
      expected[name, default: []].append(tap)
    } else {
      tap.end()
    }
  }

  private func output(of name: String) -> OutputPump? {
    partitions[name]?.output ?? starting[name]?.output ?? failing[name]
  }

  /// Gives those what a partition writes who have waited for its start.
  private func handOver(_ name: String) {
    guard let taps = expected.removeValue(forKey: name) else { return }
    for tap in taps { if let output = output(of: name) { output.add(tap) } else { tap.end() } }
  }

  /// Those who asked for them are gone.
  private func forgetExpected() {
    for name in expected.keys { handOver(name) }
  }

  /// Whether there is nothing that it does.
  private var isIdle: Bool {
    partitions.isEmpty && starting.isEmpty && failing.isEmpty && stuck.isEmpty && queue.isEmpty
  }

  private func endIfIdle() {
    // What nobody will ever ask for need not be kept.
    if supervisor == nil, isIdle, ends.isEmpty || !lookout.canBeFound { loop.stop() }
  }

  // MARK: Starting

  private func begin(_ start: KeeperStart) {
    if let kept = partitions[start.name] { return say(.begun(kept.partition, waits: start.waits)) }
    // A supervisor that is gone has asked for it; the report is still to come, and goes to this one.
    guard starting[start.name] == nil, failing[start.name] == nil, !queue.contains(start.name) else {
      return
    }
    if let begun = stuck[start.name] {
      handOver(start.name)
      let reason =
        "a start of it that was given up has not ended: \(StartDelay.text(of: process(of: start.name, begun)))"
      return say(.failed(name: start.name, reason: reason))
    }
    guard
      partitions.count + starting.count + failing.count + stuck.count + queue.count < room.partitions
    else {
      handOver(start.name)
      return say(.full(start.name))
    }
    queue.append(start)
    workQueueOff()
  }

  /// Starts as many of those that wait as may be started at once.
  ///
  /// - Parameter idle: a worker that has nothing else to do.
  private func workQueueOff(with idle: consuming Employed? = nil) {
    var idle = idle
    while starting.count - longStarts < room.starts, let start = queue.popFirst() {
      do throws(Errno) { try begin(start, &idle) } catch {
        handOver(start.name)
        say(.failed(name: start.name, reason: "start a process for it: \(error)"))
      }
    }
  }

  private func begin(_ start: KeeperStart, _ idle: inout Employed?) throws(Errno) {
    let output = try FileDescriptor.pipe()
    let errors = try FileDescriptor.pipe()
    let definition = try? PartitionDefinition(json: start.definition)
    var input: FileDescriptor
    var toInput: FileDescriptor?
    if definition?.opensInput ?? false {
      let pipe = try FileDescriptor.pipe()
      input = pipe.read
      toInput = consume pipe.write
    } else {
      input = try FileDescriptor.open("/dev/null", .readOnly)
    }
    let streams = StandardStreams(input: input, output: output.write, error: errors.write)
    let began = Clock.now()
    let leavesNoTraces = definition?.leavesNoTraces ?? false
    let worker =
      leavesNoTraces ? try employ(&idle, start, streams) : try employ(start, streams)
    let limits = definition?.log ?? PartitionDefinition.LogLimits()
    let log = LogWriter(path: start.log, limits: limits, files: logs)
    let pump = try OutputPump(output: output.read, errors: errors.read, loop, log)
    let pid = worker.pid
    let begun = Starting(worker.socket, pid: pid, pump, toInput, after: early.mark, began: began)
    begun.hasTerminal = definition?.hasTerminal ?? false
    begun.leavesNoTraces = leavesNoTraces
    begun.waits = start.waits
    starting[start.name] = begun
    handOver(start.name)
    awaitStart(start.name, begun)
    try loop.watch(begun.number, .readable) { [unowned self] _ in finishStart(start.name) }
  }

  /// Has `start` carried out by an idle worker if there is one, or else by a new one.
  private func employ(
    _ idle: inout Employed?, _ start: KeeperStart, _ streams: consuming StandardStreams
  ) throws(Errno) -> Employed {
    switch idle.take() {
    case .some(let worker):
      // One that was killed takes nothing more.
      if (try? worker.socket.send(start.json.bytes(), with: streams)) != nil { return worker }
    case .none: break
    }
    return try employ(start, streams)
  }

  /// Has `start` carried out by a new worker.
  private func employ(_ start: KeeperStart, _ streams: consuming StandardStreams) throws(Errno) -> Employed {
    let pair = try Socket.pair()
    switch try clone(into: []) {
    case .child:
      Worker(store: store, report: pair.there.descriptor.rawValue, openFiles: openFiles).run(start, streams)
    case .parent(let pid, _):
      workers.insert(pid)
      return Employed(socket: pair.here, pid: pid)
    }
  }

  private func finishStart(_ name: String) {
    guard let begun = starting[name] ?? stuck[name] else { return }
    guard let message = receive(begun) else { return }
    let report = try? WorkerReport(parsing: message)
    if starting[name] == nil { return endStuck(name, begun, report) }
    leave(name, begun)
    loop.forget(begun.number)
    let idle = report != nil && begun.leavesNoTraces ? retire(begun) : nil
    // One that was killed before it could say so may have started it all the same.
    switch report ?? adoption(of: name, begun) {
    case .started(let pid):
      var partition = KeptPartition(name: name, pid: pid, started: Clock.now())
      partition.input = begun.output.terminal
      let input = begun.input.take()
      switch input {
      case .some(let descriptor): partition.input = partition.input ?? descriptor.rawValue
      case .none: break
      }
      partitions[name] = Kept(partition, begun.output, input)
      names[pid] = name
      say(.begun(partition, waits: begun.waits))
      if let status = early.take(pid, after: begun.mark) { end(pid, status) }
    case .failed(let reason): fail(name, begun, begun.isCutShort ? Self.cut : reason)
    case nil where begun.isCutShort: fail(name, begun, Self.cut)
    case nil:
      fail(name, begun, "the process that was to start it ended: it was killed, or lacked memory")
    }
    forgetEarlyEnds()
    workQueueOff(with: idle)
    endIfIdle()
  }

  /// What a worker says of what it was to do, nothing when it has ended without a word; `nil` when its word is still to come.
  private func receive(_ begun: Starting) -> [UInt8]? {
    do throws(Errno) {
      switch begun.worker {
      case .none: return []
      case .some(let worker):
        let received = try worker.receive(limit: WorkerReport.longest)
        let bytes = received.bytes
        switch consume received.file {
        case .some(let terminal):
          let taps = begun.output.takeTaps()
          begun.output = try OutputPump(terminal: terminal, loop, begun.output.log)
          for tap in taps { begun.output.add(tap) }
          return nil
        case .none: return bytes
        }
      }
    } catch { return [] }
  }

  /// The worker of a start that is over, for another one.
  private func retire(_ begun: Starting) -> Employed? {
    switch begun.worker.take() {
    case .some(let socket): Employed(socket: socket, pid: begun.pid)
    case .none: nil
    }
  }

  /// Counts a start no more.
  private func leave(_ name: String, _ begun: Starting) {
    starting[name] = nil
    if begun.isLong { longStarts -= 1 }
    if let timer = begun.timer { loop.cancel(timer) }
    begun.timer = nil
  }

  private func fail(_ name: String, _ begun: Starting, _ reason: String) {
    failing[name] = begun.output
    begun.output.finish { [unowned self] in
      failing[name] = nil
      say(.failed(name: name, reason: reason))
      endIfIdle()
    }
  }

  /// What a process would have said that has ended without a word; `nil` when it has left nothing that runs.
  private func adoption(of name: String, _ begun: Starting) -> WorkerReport? {
    guard let pid = Orphan.pid(of: name, in: store, since: begun.began, { early.has($0, after: begun.mark) })
    else { return nil }
    // Its terminal is gone with who was to hand that over.
    if begun.hasTerminal, begun.output.terminal == nil { try? Pidfd(of: pid).send(.kill) }
    return .started(pid: pid)
  }

  private func forgetEarlyEnds() {
    if starting.isEmpty { return early.forgetAll() }
    // One that never comes to an end must not have them all kept.
    guard early.count > 4096, let oldest = starting.values.map(\.mark).min() else { return }
    early.forget(before: oldest)
  }

  // MARK: Adopting

  private func adopt(_ start: KeeperStart) {
    defer { handOver(start.name) }
    if let kept = partitions[start.name] { return say(.kept(kept.partition)) }
    guard partitions.count + starting.count + failing.count + queue.count < room.partitions else {
      return say(.full(start.name))
    }
    do throws(Errno) {
      let adoption = try Adoption(of: start.name, in: store)
      let definition = try? PartitionDefinition(json: start.definition)
      let log = LogWriter(
        path: start.log, limits: definition?.log ?? PartitionDefinition.LogLimits(), files: logs)
      let output = try OutputPump(output: try adoption.output(), errors: try adoption.errors(), loop, log)
      try loop.watch(adoption.number, .readable) { [unowned self] _ in adoptedEnded(start.name) }
      let partition = KeptPartition(
        name: start.name, pid: adoption.process.pid, started: start.started ?? Clock.now())
      partitions[start.name] = Kept(partition, output, nil, adoption)
      say(.kept(partition))
    } catch {
      say(.failed(name: start.name, reason: "it is without a keeper, and cannot be adopted: \(error)"))
    }
  }

  private func adoptedEnded(_ name: String) {
    guard let kept = partitions[name], let adoption = kept.adoption else { return }
    loop.forget(adoption.number)
    finish(kept, adoption.status)
  }

  // MARK: Starts that take long

  /// A start that takes so long, in milliseconds, waits for somebody, most likely, and others are begun beside it.
  private static let patience: Int64 = 1000
  /// Of one that takes so long, in milliseconds, the person who runs it hears.
  private static let longPatience: Int64 = 10_000
  /// So long each of the two ways is tried to end one, in milliseconds.
  private static let endPatience: Int64 = 1000
  private static let cut = "it was stopped before it ran"

  private func awaitStart(_ name: String, _ begun: Starting) {
    begun.timer = loop.after(milliseconds: Self.patience) { [unowned self] in
      begun.timer = nil
      guard longStarts < room.longStarts else { return awaitStart(name, begun) }
      begun.isLong = true
      longStarts += 1
      if longStarts == room.longStarts {
        say(.note("\(longStarts) starts take long, which is the most beside which others are begun"))
      }
      begun.timer = loop.after(milliseconds: Self.longPatience - Self.patience) { [unowned self] in
        begun.timer = nil
        say(.note("\(name): its start takes long: \(StartDelay.text(of: process(of: name, begun)))"))
      }
      workQueueOff()
    }
  }

  /// The process that a start waits for: the first of the container, or else that which makes it.
  private func process(of name: String, _ begun: Starting) -> Int32 {
    Orphan.pid(of: name, in: store, since: begun.began) { _ in false } ?? begun.pid
  }

  /// Ends the start of a partition: its first process, whereupon the worker takes back what was done; then the worker; and
  /// when neither can be killed, it is given up.
  private func cutShort(_ name: String) {
    if queue.remove(name) {
      handOver(name)
      say(.failed(name: name, reason: Self.cut))
      return endIfIdle()
    }
    guard let begun = starting[name], !begun.isCutShort else { return }
    begun.isCutShort = true
    let first = process(of: name, begun)
    kill(first)
    guard first != begun.pid else { return awaitEnd(name, begun) }
    loop.after(milliseconds: Self.endPatience) { [unowned self] in awaitEnd(name, begun) }
  }

  private func awaitEnd(_ name: String, _ begun: Starting) {
    guard starting[name] === begun else { return }
    kill(begun.pid)
    loop.after(milliseconds: Self.endPatience) { [unowned self] in
      guard starting[name] === begun else { return }
      let process = process(of: name, begun)
      kill(process)
      leave(name, begun)
      stuck[name] = begun
      let text = StartDelay.text(of: process)
      say(.note("\(name): its start was given up, and cannot be ended: \(text)"))
      fail(name, begun, "\(Self.cut), and cannot be ended: \(text)")
      workQueueOff()
    }
  }

  /// Kills a child, unless that has ended and its number is another's.
  private func kill(_ pid: Int32) {
    guard names[pid] == nil, (try? ProcessStatus.of(pid))?.parent == ProcessControl.pid else { return }
    try? Pidfd(of: pid).send(.kill)
  }

  /// What was given up has come to its end after all, or runs, which nobody wants any more.
  private func endStuck(_ name: String, _ begun: Starting, _ report: WorkerReport?) {
    if case .started(let pid)? = report ?? adoption(of: name, begun) { kill(pid) }
    stuck[name] = nil
    loop.forget(begun.number)
    endIfIdle()
  }

  // MARK: Ends

  private func takeSignals() {
    while let signal = try? signals.next() {
      // What is only kept to be told is nobody's loss; what runs is.
      if signal == .terminate, isIdle, taps.value == 0 {
        isDismissed = true
        loop.stop()
      }
    }
    while let child = waitForAnyChild() { end(child.pid, child.status) }
    endIfIdle()
  }

  private func end(_ pid: Int32, _ status: ExitStatus) {
    guard workers.remove(pid) == nil else { return }
    guard let name = names.removeValue(forKey: pid), let kept = partitions[name] else {
      if !starting.isEmpty { early.note(pid, status) }
      return
    }
    finish(kept, status)
  }

  /// - Parameter status: `nil` when nobody knows it.
  private func finish(_ kept: Kept, _ status: ExitStatus?) {
    let name = kept.partition.name
    let finished = Clock.now()
    // All that it wrote is in the log before anybody hears of its end.
    kept.output.finish { [unowned self] in
      partitions[name] = nil
      lastEnd = place.nextEnd(after: lastEnd, now: Clock.monotonic())
      var end = KeptEnd(
        number: lastEnd, name: name, pid: kept.partition.pid,
        status: status?.shellStatus ?? KeptEnd.unknownStatus,
        started: kept.partition.started, finished: finished)
      end.isUnknown = status == nil
      ends[lastEnd] = end
      say(.ended(end))
      endIfIdle()
    }
  }
}
