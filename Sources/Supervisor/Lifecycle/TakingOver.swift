import Container
import Definitions
import Linux

/// How a supervisor goes on where the last one was.
extension Supervisor {
  func complete() {
    isComplete = true
    noteBoot()
    executions.endLeftChecks()
    reopenPools()
    for partition in partitions.values where partition.isRunning { followLoad(partition) }
    load.isComplete = true
    adoptOrphans()
    for partition in partitions.values where !partition.isAdopting { resume(partition) }
    fillPools()
    let waiting = whenComplete
    whenComplete = []
    for action in waiting { action() }
  }

  static let bootID = "/proc/sys/kernel/random/boot_id"

  /// Whether this is another boot of the machine than that of the last supervisor in `directory`.
  static func isNewBoot(_ directory: String) -> Bool {
    guard let last = try? File.text("\(directory)/boot"), let now = try? File.text(bootID) else {
      return false
    }
    return last != now
  }

  /// Notes which boot of the machine this is.
  func noteBoot() {
    guard let now = try? File.text(Self.bootID) else { return }
    try? File.replace("\(directory)/boot", with: Array("\(now)\n".utf8))
  }

  /// Goes on with a partition where the last supervisor was.
  func resume(_ partition: Partition) {
    if partition.removal > .none || pools[partition.name] != nil { return }
    let record = partition.record
    if record.isBeingRemoved { return resumeRemoval(partition) }
    if partition.isFunction {
      if record.isRenewing { openPool(partition) }
      return
    }
    if record.function != nil, !partition.isRunning, record.started == nil, !record.isWanted,
      record.finished == nil
    {
      return resumeInstance(partition)
    }
    // The last supervisor did not come to it.
    if partition.isStarting, !record.isWanted { cutShortSoon(partition) }
    let policy = partition.definition.restart
    let hasEndedUnseen = !partition.isActive && !record.isOver
    if hasEndedUnseen {
      noteUnseenEnd(partition)
      save(partition)
    }
    let wasPausing = partition.record.isPausing
    partition.record.isPausing = false
    switch (partition.isRunning, partition.record.isWanted) {
    // Its definition is another since it was started.
    case (_, true) where record.isRenewing && (partition.isRunning || partition.isStarting):
      end(partition, isRenewing: true) { [unowned self] in
        if partition.record.isRenewing { startUnasked(partition) }
      }
    case (true, true):
      watchHealth(partition)
      if record.isBehind { applyLimitsAnew(partition) }
      if wasPausing { finishPause(partition) }
    // Somebody stopped it, and did not see it end.
    case (true, false):
      if partition.record.isRenewing { startOnceEnded(partition) }
      stopNow(partition)
    // What is being started is what it was.
    case (false, false) where partition.record.isRenewing && partition.isStarting: startOnceEnded(partition)
    // It is started when those are that it waits for.
    case (false, false) where isToWait(partition): break
    case (false, false) where partition.record.isRenewing: startUnasked(partition)
    case (false, true) where !partition.isActive:
      if !hasEndedUnseen || policy.startsAgain(wasStopped: record.wasStopped, exitStatus: nil) {
        if hasEndedUnseen { partition.record.restarts += 1 }
        tryStart(partition)
      } else {
        partition.record.isWanted = false
        cleanUp(partition)
        save(partition)
        removeIfOver(partition)
      }
    case (false, false) where partition.definition.isRemovedAtEnd && partition.record.finished != nil:
      remove(partition)
    case (false, false) where isNewBoot:
      if record.started != nil,
        policy.startsAgain(wasStopped: record.wasStopped, exitStatus: partition.record.exitStatus)
      {
        tryStart(partition)
      }
    case (false, _): break
    }
  }
}
