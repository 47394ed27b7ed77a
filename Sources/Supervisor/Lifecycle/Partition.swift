import Definitions
import Linux

/// A partition that the supervisor looks after.
final class Partition {
  /// What is on disk.
  var record: PartitionRecord
  /// How long its file is; 0 when that has to be written whole.
  var recordLength = 0
  /// The first process while it runs.
  var pid: Int32?
  /// The first process while that waits to be started, of an instance of a function.
  var waitingPid: Int32?
  /// Whether the keeper has been asked to make it, and not to start it, and has not answered.
  var isBuilding = false
  /// What gives an instance back that somebody has claimed and does not start.
  var claimTimer: EventLoop.Timer?
  /// The number of the keeper that has it while it runs.
  var keeper = 0
  /// The keeper's descriptor that leads to its standard input.
  var input: Int32?
  var isPaused: Bool {
    get { record.isPaused }
    set { record.isPaused = newValue }
  }
  /// The ends that are not on record for certain.
  var unacknowledged: [UInt64] = []
  /// Whether the keeper has been asked to start it and has not answered.
  var isStarting = false
  /// Whether it runs without a keeper, and one has been asked to take it and has not answered; it counts as being started.
  var isAdopting = false
  /// The definition with which it runs, or is being started, as far as this supervisor knows.
  var begun: PartitionDefinition?
  /// How it is to end as soon as it is started: somebody has asked for that meanwhile.
  var endOnceStarted: Ending?
  /// Whether it is on disk that it is to run.
  var isKnownAsWanted = false
  /// Whether it is started as soon as that is on disk.
  var isHeld = false
  var isBeingRemoved = false
  /// Whether it is removed, with its record: whoever still has something to do with it must not write that anew.
  var isGone = false
  /// Whether its files are being removed.
  var isLeaving = false
  /// Who waits for that, to hear whether it went well.
  var removers = Waiters<SupervisorError?>()
  var restartTimer: EventLoop.Timer?
  var killTimer: EventLoop.Timer?
  /// What checks its health, while it runs and has a check.
  var monitor: HealthMonitor?
  /// How it has followed the load; `nil` for one that does not.
  var load: PartitionStatus.Load?
  /// The partition that is to be started before it, while it waits for that.
  var waitsFor: String?
  /// Who is attached to it for when it runs.
  var attachments: [WaitingAttachment] = []
  /// Who waits for the answer to a start.
  var startWaiters = Waiters<SupervisorError?>()
  /// Who waits for the program's end.
  var endWaiters = Waiters<Void>()
  /// Who waits until it is paused, or cannot be.
  var pauseWaiters = Waiters<Void>()
  /// Whether its limits are being changed.
  var isLimiting = false
  /// Who waits until its limits are what its definition says.
  var limitWaiters = Waiters<SupervisorError?>()
  /// Who waits until all that is known of it is on disk.
  var saveWaiters = Waiters<Void>()
  /// Who waits until it is removed.
  var removalWaiters = Waiters<Void>()

  var name: String { record.definition.name }
  var definition: PartitionDefinition {
    get { record.definition }
    set {
      record.definition = newValue
      record.damage = nil
      recordLength = 0
    }
  }
  var isRunning: Bool { pid != nil }
  /// Whether it stands for its instances, and never runs itself.
  var isFunction: Bool { definition.isFunction && !isRunning && !isStarting && restartTimer == nil }
  /// Whether it is there for whoever starts it, and nothing else can be done with it.
  var isPrepared: Bool { isBuilding || waitingPid != nil }

  /// Gives it the name `name`, on record.
  ///
  /// - Parameter former: the one that its files have until they have that; `nil` once they do.
  func beCalled(_ name: String, before former: String?) {
    definition.name = name
    record.formerName = former
  }

  /// How a partition is made to end.
  enum Ending: Equatable {
    /// It is asked to, and killed after so many milliseconds: `nil` for its own time, a negative number for never.
    case asked(timeout: Int64?)
    /// It is killed at once.
    case killed
  }

  /// A partition of which `record` is on disk.
  init(_ record: PartitionRecord) {
    self.record = record
    isKnownAsWanted = record.isWanted
  }

  /// What others see of it.
  var status: PartitionStatus {
    var status = PartitionStatus(record.definition, id: record.id, created: record.created)
    status.pid = pid
    status.started = record.started
    status.finished = record.finished
    status.exitStatus = record.exitStatus
    status.wasOutOfMemory = record.wasOutOfMemory
    status.restarts = record.restarts
    status.error = record.damage?.reason ?? record.error ?? waitsFor.map { "it waits for \($0)" }
    status.state = state
    if isRunning { status.health = record.health }
    status.load = load
    return status
  }

  var state: PartitionStatus.State {
    if isBeingRemoved { return .removing }
    if pid != nil { return isPaused ? .paused : .running }
    if restartTimer != nil || (isStarting && record.finished != nil) { return .restarting }
    if record.isCrashLooping { return .crashLoop }
    return record.started == nil ? .created : .exited
  }
}
