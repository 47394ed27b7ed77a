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
  var isBeingRemoved = false
  /// Whether its files are being removed.
  var isLeaving = false
  /// Who waits for that, to hear whether it went well.
  var removers = Waiters<SupervisorError?>()
  var restartTimer: EventLoop.Timer?
  var killTimer: EventLoop.Timer?
  /// What checks its health, while it runs and has a check.
  var monitor: HealthMonitor?
  /// Who waits for the answer to a start.
  var startWaiters = Waiters<SupervisorError?>()
  /// Who waits for the program's end.
  var endWaiters = Waiters<Void>()
  /// Who waits until it is removed.
  var removalWaiters = Waiters<Void>()

  var name: String { record.definition.name }
  var definition: PartitionDefinition {
    get { record.definition }
    set {
      record.definition = newValue
      recordLength = 0
    }
  }
  var isRunning: Bool { pid != nil }

  init(_ record: PartitionRecord) { self.record = record }

  /// What others see of it.
  var status: PartitionStatus {
    var status = PartitionStatus(record.definition, id: record.id, created: record.created)
    status.pid = pid
    status.started = record.started
    status.finished = record.finished
    status.exitStatus = record.exitStatus
    status.wasOutOfMemory = record.wasOutOfMemory
    status.restarts = record.restarts
    status.error = record.error
    status.state = state
    if isRunning { status.health = record.health }
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
