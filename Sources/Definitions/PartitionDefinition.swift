import Layers
import Linux
import OCI

/// What a partition is to be, and how it is kept: what a file in `partitions.d` or a request of the API says.
public struct PartitionDefinition: Equatable, Sendable {
  /// What runs.
  public enum Content: Equatable, Sendable {
    /// A partition on a base. Its settings are many: copies of the definition share them.
    indirect case partition(PartitionSettings)
    /// The bundle in this directory.
    case bundle(String)
  }

  /// When a partition that has ended is started again.
  public enum RestartPolicy: Equatable, Sendable {
    case no
    /// When it exited with another status than 0, at most so often in a row; `nil` is without an end.
    case onFailure(most: Int?)
    /// Whenever it ends.
    case always
    /// Whenever it ends, unless somebody stopped it; then neither when the supervisor starts again.
    case unlessStopped

    /// The largest number of starts in a row that can be said.
    public static let mostRestarts = Int(Int32.max)
  }

  /// How long it is waited before a partition that has ended is started again: the longer, the more often in a row.
  public struct RestartDelay: Equatable, Sendable {
    /// Before the first restart, in milliseconds; 0 for none before any. Each further one waits twice as long.
    public var initial: Int64 = 100
    /// The longest wait, in milliseconds.
    public var longest: Int64 = 60_000
    /// How long it has to run, in milliseconds, for those before to be forgotten.
    public var forgottenAfter: Int64 = 10_000

    /// From 100 ms to a minute, forgotten after 10 s.
    public init() {}
  }

  /// How it is found out whether the program does its work.
  public struct HealthCheck: Equatable, Sendable {
    /// The command that is executed inside.
    public var command: [String]
    /// Between two checks, in milliseconds.
    public var interval: Int64 = 30_000
    /// The longest that one may take, in milliseconds.
    public var timeout: Int64 = 30_000
    /// For so long after the start failures do not count, in milliseconds.
    public var startPeriod: Int64 = 0
    /// After how many failures in a row the partition is unhealthy.
    public var retries = 3

    /// The largest number of such failures that can be said.
    public static let mostRetries = 1_000_000

    /// A check by `command`.
    public init(command: [String]) { self.command = command }
  }

  /// How much is kept of what it writes to its standard streams.
  public struct LogLimits: Equatable, Sendable {
    /// The size at which a file is full, in bytes.
    public var size: Int64 = 10 << 20
    /// How many files are kept.
    public var files = 3

    /// The largest number of files that can be said.
    public static let mostFiles = 1000

    /// Three files of 10 MiB.
    public init() {}
  }

  /// The name, a container's.
  public var name: String
  /// What runs.
  public var content: Content
  /// When it is started again.
  public var restart = RestartPolicy.no
  /// How long it is waited before that.
  public var restartDelay = RestartDelay()
  /// How it is found out whether it works.
  public var healthCheck: HealthCheck?
  /// How it follows the load; `nil` for as others without a word on that.
  public var load: LoadResponse?
  /// What asks it to end.
  public var stopSignal = Signal.terminate
  /// How long it has for that before it is killed, in milliseconds.
  public var stopTimeout: Int64 = 10_000
  /// The partitions that are started before it.
  public var after: [String] = []
  /// What its owner has noted about it.
  public var labels: NamedValues<String> = [:]
  /// How much is kept of what it writes.
  public var log = LogLimits()
  /// Whether something can be written to its standard input.
  public var opensInput = false
  /// Whether its standard input ends when the first client that was attached to it has gone.
  public var closesInput = false
  /// Whether it is removed when it has ended.
  public var isRemovedAtEnd = false
  /// For a function: how many instances of it wait to be started. `nil` for a partition, which runs itself.
  public var warm: Int?
  /// For a function: how many instances of it may be in use at the same time; `nil` for `defaultMaximum`.
  public var maximum: Int?

  /// A partition called `name` with `content`, and nothing out of the ordinary.
  public init(name: String, content: Content) {
    self.name = name
    self.content = content
  }
}
