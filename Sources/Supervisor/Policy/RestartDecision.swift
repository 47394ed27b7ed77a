import Definitions

/// What is done about a partition that has ended.
public enum RestartDecision: Equatable, Sendable {
  /// It is started again after so many milliseconds, 0 for at once; with this, it was that often in a row.
  case start(afterMilliseconds: Int64, inARow: Int)
  /// It stays as it is.
  case stay
  /// It has ended with an error once too often in a row, and stays as it is.
  case crashLoop

  /// How a partition has ended.
  public struct End: Equatable, Sendable {
    /// The status, as a shell would say it.
    public var exitStatus: Int32
    /// Whether somebody stopped it.
    public var wasStopped = false
    /// How long it ran, in milliseconds.
    public var ran: Int64
    /// How often it had been started again in a row before this.
    public var restartsInARow = 0

    /// It ended with `exitStatus` after `ran` milliseconds, by itself.
    public init(exitStatus: Int32, ran: Int64) {
      self.exitStatus = exitStatus
      self.ran = ran
    }
  }

  /// What `policy` wants for a partition that has ended so.
  public init(
    _ policy: PartitionDefinition.RestartPolicy, _ delay: PartitionDefinition.RestartDelay, _ end: End
  ) {
    let inARow = end.ran >= delay.forgottenAfter ? 0 : max(0, end.restartsInARow)
    if end.wasStopped {
      self = .stay
      return
    }
    switch policy {
    case .no:
      self = .stay
      return
    case .onFailure where end.exitStatus == 0:
      self = .stay
      return
    case .onFailure(let most?) where inARow >= most:
      self = .crashLoop
      return
    case .onFailure, .always, .unlessStopped: break
    }
    self = .start(afterMilliseconds: delay.milliseconds(before: inARow), inARow: inARow + 1)
  }
}

extension PartitionDefinition.RestartDelay {
  /// How long it is waited before a restart, in milliseconds, after so many in a row.
  func milliseconds(before restarts: Int) -> Int64 {
    var milliseconds = min(initial, longest)
    for _ in 0..<restarts {
      if milliseconds == 0 || milliseconds >= longest { break }
      milliseconds = milliseconds > longest / 2 ? longest : milliseconds * 2
    }
    return milliseconds
  }
}

extension PartitionDefinition.RestartPolicy {
  /// Whether a partition that does not run is started when the supervisor finds it after the machine was restarted.
  ///
  /// - Parameters:
  ///   - wasStopped: whether somebody had stopped it.
  ///   - exitStatus: with which it had ended before; `nil` when it ran until the machine stopped.
  public func startsAgain(wasStopped: Bool, exitStatus: Int32?) -> Bool {
    switch self {
    case .no: false
    case .always: true
    case .unlessStopped: !wasStopped
    case .onFailure: !wasStopped && exitStatus != 0
    }
  }
}
