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
      read()
    }
  }

  /// Makes the partition that could not be made as long as something else was called `name`.
  func nameIsFree(_ name: String) {
    if blocked.remove(name) != nil { scheduleReading() }
  }

  /// Reads the directory now.
  public func read() {
    // It is read anyway once it is known what runs.
    guard supervisor.isComplete else { return }
    guard (try? FileStatus.of(directory)) != nil else {
      // A slip in a path must not cost anybody his partitions: what is to go is taken out of a directory that is there.
      if !supervisor.definedByFiles.isEmpty {
        log("\(directory): there is no such directory; what files have defined stays as it is")
      }
      return
    }
    apply(
      DefinitionSet(DefinitionSet.sources([directory]), initProgram: Supervisor.initProgram, keeping: current)
    )
  }

  private func apply(_ wanted: DefinitionSet) {
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
    for name in changes.removed { supervisor.retire(name) }
    for change in changes.changed { supervisor.change(change.definition, change.extent) }
    supervisor.mend(definitions)
    var new: [String] = []
    for definition in changes.added {
      do throws(SupervisorError) {
        _ = try supervisor.create(definition, .file)
        new.append(definition.name)
      } catch {
        log("\(definition.name): \(error)")
        if error.kind == .conflict { blocked.insert(definition.name) }
      }
    }
    if isFirst {
      let added = Set(new)
      new += definitions.map(\.name).filter { !added.contains($0) && supervisor.isToBeStarted($0) }
      isFirst = false
    }
    startWaiting(and: new)
  }

  /// Starts those that wait for nobody any more, of those that wait and of others.
  private func startWaiting(and others: [String] = []) {
    let names = waiting.filter(isWaiting) + others
    waiting = []
    if names.isEmpty { return }
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
    waiting = rest + waiting
  }

  /// Whether the partition `name` waits still: who was stopped meanwhile does not.
  private func isWaiting(_ name: String) -> Bool { supervisor.partitions[name]?.waitsFor != nil }

  /// Starts all that are defined and do not run.
  public func startAll() {
    read()
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

  /// Stops all that are defined, at the same time.
  public func stopAll() {
    waiting = []
    for definition in current.definitions {
      do throws(SupervisorError) { try supervisor.stop(definition.name) {} } catch {
        // It does not run.
      }
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
      read()
    }
  }
}
