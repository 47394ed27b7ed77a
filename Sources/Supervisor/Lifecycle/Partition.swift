import Definitions
import Linux

/// A partition that the supervisor looks after.
final class Partition {
  /// What is on disk.
  var record: PartitionRecord
  /// How long its file is; 0 when that has to be written whole.
  var recordLength = 0
  /// What is done with it.
  var phase = Phase.idle
  /// How far its removal is.
  var removal = Removal.none
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
  /// Whether it is on disk that it is to run.
  var isKnownAsWanted = false
  /// Who waits until its files are removed, to hear whether that went well.
  var removers = Waiters<SupervisorError?>()
  var killTimer: EventLoop.Timer?
  /// What checks its health, while it runs and has a check.
  var monitor: HealthMonitor?
  /// What its checks have said when they ended with it.
  var lastChecks = HealthMonitor.Results()
  /// How it has followed the load; `nil` for one that does not.
  var load: PartitionStatus.Load?
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
  /// Whether it stands for its instances, and never runs itself.
  var isFunction: Bool { definition.isFunction && !isActive }

  /// Gives it the name `name`, on record.
  ///
  /// - Parameter former: the one that its files have until they have that; `nil` once they do.
  func beCalled(_ name: String, before former: String?) {
    definition.name = name
    record.formerName = former
  }

  /// A partition of which `record` is on disk.
  init(_ record: PartitionRecord) {
    self.record = record
    isKnownAsWanted = record.isWanted
  }

  /// What others see of it.
  var status: PartitionStatus {
    var status = PartitionStatus(record.definition, id: record.id, created: record.created)
    status.notes = record.notes
    status.pid = pid
    status.started = record.started
    status.finished = record.finished
    status.exitStatus = record.exitStatus
    status.wasOutOfMemory = record.wasOutOfMemory
    status.restarts = record.restarts
    status.error = record.damage?.reason ?? record.error ?? waitsFor.map { "it waits for \($0)" }
    status.state = state
    status.health = health
    status.load = load
    return status
  }

  /// What its health checks say, as Docker has it: what has ended does not do its work.
  var health: PartitionStatus.Health? { isRunning ? record.health : record.health.map { _ in .unhealthy } }

  var state: PartitionStatus.State {
    if removal > .none { return .removing }
    if record.isBeingRemoved { return .dead }
    if isRunning { return isPaused ? .paused : .running }
    if isBackingOff || (isStarting && record.finished != nil) { return .restarting }
    if record.isCrashLooping { return .crashLoop }
    return record.started == nil ? .created : .exited
  }
}
