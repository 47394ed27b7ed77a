import Definitions
import Linux

extension Partition {
  /// What is done with a partition, or is going to be: one thing at a time.
  enum Phase {
    /// Nothing: it was never started or has ended, or it stands for its instances.
    case idle
    /// It is started as soon as it is on disk that it is to run.
    case held
    /// It is started once the partition of that name is.
    case waiting(for: String)
    /// It has ended, and is started again when the timer says so.
    case backingOff(EventLoop.Timer)
    /// The keeper has been asked to start it, and has not answered.
    case starting(Start)
    /// The keeper has been asked to make it, and not to start it, and has not answered.
    case building
    /// Its first process waits to be started, of an instance of a function.
    case prepared(pid: Int32)
    /// Its first process executes the program.
    case running(pid: Int32)
  }

  /// A start that is under way. It is looked at far more often than it changes, and a definition is long.
  final class Start {
    /// The definition that it was asked for with; `nil` when the last supervisor has asked.
    var definition: PartitionDefinition?
    /// Whether it runs already, without a keeper, and one has been asked to take it.
    var isAdoption = false
    /// How it is to end as soon as it runs: somebody has asked for that meanwhile.
    var ending: Ending?

    init(isAdoption: Bool = false) { self.isAdoption = isAdoption }
  }

  /// How a partition is made to end.
  enum Ending: Equatable {
    /// It is asked to, and killed after so many milliseconds: `nil` for its own time, a negative number for never.
    case asked(timeout: Int64?)
    /// It is killed at once.
    case killed
  }

  /// How far its removal is.
  enum Removal: Comparable {
    /// Nobody wants it removed.
    case none
    /// It is removed as soon as it has ended.
    case wanted
    /// Its files are being removed.
    case underWay
    /// It is gone, with its record: whoever still has something to do with it must not write that anew.
    case done
  }

  /// The first process while it runs.
  var pid: Int32? {
    if case .running(let pid) = phase { pid } else { nil }
  }

  /// The first process while that waits to be started.
  var waitingPid: Int32? {
    if case .prepared(let pid) = phase { pid } else { nil }
  }

  /// The start that is under way.
  var start: Start? {
    if case .starting(let start) = phase { start } else { nil }
  }

  var isRunning: Bool { if case .running = phase { true } else { false } }
  var isStarting: Bool { if case .starting = phase { true } else { false } }
  var isAdopting: Bool { start?.isAdoption == true }
  var isBuilding: Bool { if case .building = phase { true } else { false } }
  /// Whether it is there for whoever starts it, and nothing else can be done with it.
  var isPrepared: Bool { isBuilding || waitingPid != nil }
  var isBackingOff: Bool { if case .backingOff = phase { true } else { false } }
  /// Whether a keeper has it, or has been asked to make it.
  var isKept: Bool { isRunning || isStarting || isPrepared }
  /// Whether its program runs, or is about to, now or after a while that it has to wait.
  var isActive: Bool { isRunning || isStarting || isBackingOff }
  /// Whether somebody wants it removed, or its removal has failed: then it can only be removed.
  var isBeingRemoved: Bool { removal > .none || record.isBeingRemoved }

  /// The partition that is to be started before it, while it waits for that.
  var waitsFor: String? {
    if case .waiting(let other) = phase { other } else { nil }
  }

  /// Whether its program runs, or is going to be started.
  var isToRun: Bool {
    switch phase {
    case .held, .waiting, .backingOff, .starting, .running: true
    case .idle, .building, .prepared: false
    }
  }
}
