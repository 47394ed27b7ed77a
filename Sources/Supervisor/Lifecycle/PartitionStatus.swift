import Definitions

/// What a partition does now, and has done.
public struct PartitionStatus: Sendable {
  /// What it does.
  public enum State: String, CaseIterable, Sendable {
    /// It was never started.
    case created
    case running
    case paused
    /// It has ended and is going to be started again.
    case restarting
    /// It has ended.
    case exited
    /// It has ended so often in a row that nobody starts it again.
    case crashLoop = "crash-loop"
    case removing
    /// Its removal has failed: some of its files may be gone, and it can only be removed.
    case dead
  }

  /// What its health check says.
  public enum Health: String, Sendable {
    case starting
    case healthy
    case unhealthy
  }

  /// How it has followed the load.
  public struct Load: Equatable, Sendable {
    /// Memory that was given back while it was idle, in bytes, since the supervisor was started.
    public var reclaimed: UInt64 = 0
    /// By how much its limit of memory is above what its definition gives it, in bytes; below 0 it has lent that.
    public var borrowed: Int64 = 0
  }

  /// What it is to be.
  public var definition: PartitionDefinition
  /// What its client has said beside that.
  public var notes = RequestNotes()
  /// 64 hexadecimal digits that no other partition has or had.
  public var id: String
  /// What it does.
  public var state = State.created
  /// What its health check says; `nil` without one.
  public var health: Health?
  /// The first process, when it runs.
  public var pid: Int32?
  /// When it was made, in nanoseconds since 1970.
  public var created: Int64
  /// When it was last started.
  public var started: Int64?
  /// When it last ended.
  public var finished: Int64?
  /// How it last ended, as a shell would say it.
  public var exitStatus: Int32?
  /// Whether it last ended for lack of memory.
  public var wasOutOfMemory = false
  /// How often it was started again.
  public var restarts = 0
  /// How it has followed the load; `nil` for one that does not.
  public var load: Load?
  /// Why it could not be started, last.
  public var error: String?

  /// What else is told of one that was made without the supervisor; `nil` for its own.
  public var plain: PlainFacts?

  /// A partition that was just made.
  public init(_ definition: PartitionDefinition, id: String, created: Int64) {
    self.definition = definition
    self.id = id
    self.created = created
  }
}
