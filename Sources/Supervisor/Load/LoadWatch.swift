import Definitions
import Linux

/// A partition that runs and follows the load.
final class LoadWatch {
  let partition: Partition
  let files: LoadFiles
  var response: PartitionDefinition.LoadResponse
  var idle: IdleState
  /// How its memory is given back; `nil` when it is not.
  var reclaim: Reclaim?
  /// Whether that is being done.
  var isReclaiming = false
  /// The weight in force; `nil` when it is not moved.
  var weight: Int?
  /// What tells of memory pressure; `nil` when nobody wants to know.
  var trigger: PressureTrigger?
  /// When it is looked at next, in milliseconds.
  var due: Int64 = 0
  /// Between two looks at processors, in milliseconds.
  private var weightInterval = weightIntervals.lowerBound
  private var last: (time: Int64, used: UInt64, waited: UInt64)?

  init(
    _ partition: Partition, _ directory: String, _ response: PartitionDefinition.LoadResponse, at now: Int64
  ) {
    self.partition = partition
    files = LoadFiles(directory: directory)
    self.response = response
    idle = IdleState(at: now)
  }

  var name: String { partition.name }

  /// Whether it has not worked for so long that it is idle.
  var isIdle: Bool { idle.idleTime >= response.idleAfter }

  /// What it has demanded of processors since this was asked last; `nil` the first time.
  ///
  /// - Parameter used: the processor time so far, in microseconds.
  func demand(used: UInt64, at now: Int64) -> WeightChoice.Demand? {
    let waited = files.processorWaiting ?? 0
    defer { last = (now, used, waited) }
    guard let last, now > last.time else { return nil }
    let time = Double(now - last.time) * 1000
    return WeightChoice.Demand(
      used: Double(used &- min(last.used, used)) / time,
      waited: min(1, Double(waited &- min(last.waited, waited)) / time))
  }

  /// Whether it is of interest that it does nothing.
  func isToBeIdle(_ member: MemoryPool.Member?) -> Bool {
    reclaim != nil || member.map { $0.bounds.lowerBound < $0.given } ?? false
  }

  /// Has processors looked at the less often, the longer next to nothing was demanded of them.
  func notePace(isQuiet: Bool) {
    let longest = Self.weightIntervals.upperBound
    weightInterval = isQuiet ? min(weightInterval * 2, longest) : Self.weightIntervals.lowerBound
  }

  /// Between two looks at processors, in milliseconds.
  static let weightIntervals: ClosedRange<Int64> = 1000...8000
  /// Between two looks at a limit that is elsewhere than it was given, and at one that is being lowered.
  static let lendingInterval: Int64 = 1000
  static let loweringInterval: Int64 = 250
  /// Between two looks at whether it is idle.
  static let idleIntervals: ClosedRange<Int64> = 250...60_000

  /// After how long it is to be looked at again, in milliseconds; `nil` for never.
  func interval(_ member: MemoryPool.Member?) -> Int64? {
    var intervals: [Int64] = []
    if weight != nil { intervals.append(weightInterval) }
    if let member {
      if member.isHeld { intervals.append(Self.loweringInterval) }
      if member.borrowed > 0 { intervals.append(Self.lendingInterval) }
    }
    if isToBeIdle(member) {
      // Of one that is idle and has given all, it only needs to be seen that it works again.
      let isDone = isIdle && reclaim?.isDone ?? true
      let interval = isDone ? max(response.idleAfter, 1000) : response.idleAfter / 4
      intervals.append(min(max(interval, Self.idleIntervals.lowerBound), Self.idleIntervals.upperBound))
    }
    return intervals.min()
  }
}
