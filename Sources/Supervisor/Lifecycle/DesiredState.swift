import Definitions
import Linux

/// Makes the partitions those that the files of a directory define, whenever these change.
public final class DesiredState {
  private let directory: String
  private let supervisor: Supervisor
  private let loop: EventLoop
  private let log: (String) -> Void
  private var watch: DirectoryWatch?
  private var current = DefinitionSet()
  private var reload: EventLoop.Timer?
  /// Those that wait for others to be started, in their order.
  private var waiting: [String] = []
  /// Those that could not be made while an earlier one of the same name is on its way out.
  private var blocked: Set<String> = []
  private var isFirst = true
  /// What was wrong with the files when they were read last.
  private(set) var errors: [String] = []

  /// What is to be done with a partition.
  private enum Step {
    case retire(String)
    case change(PartitionDefinition, DefinitionChanges.Extent)
    case create(PartitionDefinition)
    /// One that the last supervisor has made, and has not come to start.
    case startUntouched(String)
  }

  /// A reading that is under way, and what comes of it.
  private final class Work {
    var reader: DefinitionReader
    var isReading = true
    /// What is still to be done, the last first.
    var steps: [Step] = []
    /// Those that were made and are to be started.
    var new: [String] = []
    let done: () -> Void

    init(reader: DefinitionReader, done: @escaping () -> Void) {
      self.reader = reader
      self.done = done
    }
  }

  private var work: Work?
  /// Whether it is read once more after what is under way.
  private var isReadingAgain = false
  private var isRead = false
  private var whenFirstRead: [() -> Void] = []
  /// What is done after that.
  private var afterwards: [() -> Void] = []

  /// The longest time for a share, during which nobody else is served, in nanoseconds.
  private static let share: Int64 = 5_000_000
  /// The number of definitions that are read between two looks at the clock.
  private static let definitionsAtOnce = 20

  /// A change is seldom alone: for so long others are waited for, in milliseconds.
  private static let patience: Int64 = 100

  /// Reads `directory` once it is known what runs, and again whenever a file in it changes.
  public init(
    _ directory: String, _ supervisor: Supervisor, _ loop: EventLoop, log: @escaping (String) -> Void
  ) {
    self.directory = directory
    self.supervisor = supervisor
    self.loop = loop
    self.log = log
    _ = supervisor.events.watch { [unowned self] event in
      switch event.action {
      case .start, .health(.healthy): startWaiting()
      // Whether it is started again is not known yet.
      case .die where !waiting.isEmpty: loop.after(milliseconds: 0) { [unowned self] in startWaiting() }
      case .destroy: nameIsFree(event.name)
      default: break
      }
    }
    supervisor.onFailedStart = { [unowned self] in
      guard !waiting.isEmpty else { return }
      // Whether it is tried again is not known yet.
      loop.after(milliseconds: 0) { [unowned self] in startWaiting() }
    }
    supervisor.whenReady { [unowned self] in
      beginWatching()
      read { [unowned self] in noteRead() }
    }
  }

  /// Makes the partition that could not be made as long as something else was called `name`.
  func nameIsFree(_ name: String) {
    if blocked.remove(name) != nil { scheduleReading() }
  }

  /// Reads the directory now, a share at a time, and calls `done` when what it says is carried out. What is asked for while
  /// that is under way is done after it.
  public func read(done: @escaping () -> Void = {}) {
    // It is read anyway once it is known what runs.
    guard supervisor.isComplete else { return done() }
    guard work == nil else {
      afterwards.append { [unowned self] in read(done: done) }
      return
    }
    guard (try? FileStatus.of(directory)) != nil else {
      // A slip in a path must not cost anybody his partitions: what is to go is taken out of a directory that is there.
      if !supervisor.definedByFiles.isEmpty {
        log("\(directory): there is no such directory; what files have defined stays as it is")
      }
      return done()
    }
    let reader = DefinitionReader(
      DefinitionSet.sources([directory]), initProgram: Supervisor.initProgram, keeping: current)
    work = Work(reader: reader, done: done)
    goOn()
  }

  /// Calls `action` once it is known what runs, and the directory was read for the first time.
  public func whenRead(_ action: @escaping () -> Void) {
    if isRead { action() } else { whenFirstRead.append(action) }
  }

  private func noteRead() {
    isRead = true
    let actions = whenFirstRead
    whenFirstRead = []
    for action in actions { action() }
  }

  /// Calls `action` once nothing is under way.
  public func whenIdle(_ action: @escaping () -> Void) {
    if work == nil { action() } else { afterwards.append(action) }
  }

  /// Does a share of what is to be done, and the rest in the next turns of the loop.
  private func goOn() {
    guard let work else { return }
    let end = Clock.monotonic() + Self.share
    while Clock.monotonic() < end {
      if work.isReading {
        work.isReading = work.reader.read(atMost: Self.definitionsAtOnce)
        if !work.isReading { plan(work) }
      } else if let step = work.steps.popLast() {
        carryOut(step, work)
      } else {
        startWaiting(and: work.new)
        self.work = nil
        work.done()
        // One of them may begin anew: the others come after that.
        while self.work == nil, !afterwards.isEmpty { afterwards.removeFirst()() }
        return
      }
    }
    begin(work.new)
    work.new = []
    loop.after(milliseconds: 0) { [unowned self] in goOn() }
  }

  /// Finds out what is to be done to have what was read.
  private func plan(_ work: Work) {
    let wanted = work.reader.set
    errors = wanted.errors.map(\.description)
    for error in errors { log(error) }
    current = wanted
    let definitions = wanted.inStartOrder
    let changes = DefinitionChanges(from: supervisor.definedByFiles, to: wanted)
    if !changes.unclear.isEmpty {
      log(
        "nobody is removed while files have errors; without a definition now: \(changes.unclear.joined(separator: ", "))"
      )
    }
    supervisor.retryRemovals()
    supervisor.mend(definitions)
    var steps = changes.removed.map(Step.retire)
    steps += changes.changed.map { .change($0.definition, $0.extent) }
    steps += changes.added.map(Step.create)
    if isFirst {
      let added = Set(changes.added.map { $0.name })
      steps += definitions.map { $0.name }.filter { !added.contains($0) }.map(Step.startUntouched)
      isFirst = false
    }
    work.steps = steps.reversed()
  }

  private func carryOut(_ step: Step, _ work: Work) {
    switch step {
    case .retire(let name): supervisor.retire(name)
    case .change(let definition, let extent): supervisor.change(definition, extent)
    case .create(let definition):
      do throws(SupervisorError) {
        _ = try supervisor.create(definition, .file)
        work.new.append(definition.name)
      } catch {
        log("\(definition.name): \(error)")
        if error.kind == .conflict { blocked.insert(definition.name) }
      }
    case .startUntouched(let name): if supervisor.isToBeStarted(name) { work.new.append(name) }
    }
  }

  /// Starts those that wait for nobody any more, of those that wait and of others.
  private func startWaiting(and others: [String] = []) {
    let names = waiting.filter(isWaiting) + others
    waiting = []
    begin(names)
  }

  /// Starts those of `names` that wait for nobody; the others wait from now on.
  private func begin(_ names: [String]) {
    if names.isEmpty { return }
    let before = waiting
    waiting = []
    var rest: [String] = []
    var held: Set<String> = []
    for name in names {
      guard let partition = supervisor.partitions[name], !partition.isRunning else { continue }
      if let first = partition.definition.after.first(where: {
        held.contains($0) || supervisor.holdsUpOthers($0)
      }) {
        supervisor.noteWaiting(partition, for: first)
        rest.append(name)
        held.insert(name)
      } else {
        supervisor.startUnasked(partition)
      }
    }
    waiting = before + rest + waiting
  }

  /// Whether the partition `name` waits still: who was stopped meanwhile does not.
  private func isWaiting(_ name: String) -> Bool { supervisor.partitions[name]?.waitsFor != nil }

  /// Starts all that are defined and do not run, and calls `done` when all have been asked to.
  public func startAll(done: @escaping () -> Void) {
    read { [unowned self] in
      startDefined()
      done()
    }
  }

  private func startDefined() {
    let known = Set(waiting.filter(isWaiting))
    var new: [String] = []
    for name in current.inStartOrder.map(\.name) where !known.contains(name) {
      guard let partition = supervisor.partitions[name] else { continue }
      if partition.isRunning {
        supervisor.renew(partition) { [unowned self] in startWaiting(and: [name]) }
      } else {
        new.append(name)
      }
    }
    startWaiting(and: new)
  }

  /// Stops all that are defined, at the same time, and calls `done` when all have been asked to end.
  public func stopAll(done: @escaping () -> Void) {
    whenIdle { [unowned self] in
      waiting = []
      for definition in current.definitions {
        do throws(SupervisorError) { try supervisor.stop(definition.name) {} } catch {
          // It does not run.
        }
      }
      done()
    }
  }

  private func beginWatching() {
    do throws(Errno) {
      watch = try DirectoryWatch(directory, loop) { [unowned self] in
        scheduleReading()
      } onFailure: { [unowned self] error in
        logUnwatched(error)
      }
    } catch { logUnwatched(error) }
    if (try? FileStatus.of(directory)) == nil {
      log("\(directory): there is no such directory, so nothing is defined by files until there is")
    }
  }

  private func logUnwatched(_ error: Errno) {
    log("\(directory): changes in it are not noticed: \(error); SIGHUP has it read")
  }

  private func scheduleReading() {
    guard reload == nil else { return }
    reload = loop.after(milliseconds: Self.patience) { [unowned self] in
      reload = nil
      guard !isReadingAgain else { return }
      isReadingAgain = true
      whenIdle { [unowned self] in
        isReadingAgain = false
        read()
      }
    }
  }
}
