import Definitions

/// What the health checks of a partition that runs have said, and when the next is due. Times are milliseconds by a clock
/// that nobody sets.
public struct HealthState: Equatable, Sendable {
  /// What happens at present.
  public enum Phase: Equatable, Sendable {
    /// At this time a check is due.
    case waiting(until: Int64)
    /// A check runs, and has failed when it runs longer than to this time.
    case checking(until: Int64)
  }

  /// What they have said.
  public private(set) var health = PartitionStatus.Health.starting
  /// How many have failed in a row, as far as they count.
  public private(set) var failuresInARow = 0
  /// What happens at present.
  public private(set) var phase: Phase

  private let check: PartitionDefinition.HealthCheck
  private let started: Int64

  /// A partition that was started at the time `started` and has not been checked.
  public init(_ check: PartitionDefinition.HealthCheck, started: Int64) {
    self.check = check
    self.started = started
    phase = .waiting(until: started + check.interval)
  }

  /// A partition that was started at the time `started`, whose earlier checks, not known any more, have said `health`; at
  /// the time `now`.
  ///
  /// Checks stay where they would have been after the start: of many partitions that are found at once, not all are
  /// checked at once.
  public init(
    _ check: PartitionDefinition.HealthCheck, started: Int64, resumedAt now: Int64,
    health: PartitionStatus.Health
  ) {
    self.init(check, started: started)
    self.health = health
    phase = .waiting(until: now + check.interval - max(0, now - started) % check.interval)
  }

  /// When there is something to do: to start a check, or to end one that takes too long.
  public var due: Int64 {
    switch phase {
    case .waiting(let time), .checking(let time): time
    }
  }

  /// Notes that a check has started.
  public mutating func begin(at time: Int64) { phase = .checking(until: time + check.timeout) }

  /// Notes that nothing can be checked now: a check that runs says nothing, and the next is due an interval later.
  public mutating func postpone(at time: Int64) { phase = .waiting(until: time + check.interval) }

  /// Notes how the check ended that runs, or that it could not be started; without one that runs or is due, nothing.
  ///
  /// - Parameter passed: whether its command exited with 0, in time.
  /// - Returns: whether `health` is another now.
  @discardableResult
  public mutating func end(passed: Bool, at time: Int64) -> Bool {
    if case .waiting(let due) = phase, time < due { return false }
    let before = health
    phase = .waiting(until: time + check.interval)
    if passed {
      failuresInARow = 0
      health = .healthy
    } else if health != .starting || time - started >= check.startPeriod {
      // Once it has been healthy its start is over, however long that was to take.
      failuresInARow += 1
      if failuresInARow >= check.retries { health = .unhealthy }
    }
    return health != before
  }
}
