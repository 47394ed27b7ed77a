import Linux

/// What the supervisor counts of its own work.
public struct SupervisorCounters: Equatable, Sendable {
  /// What this process takes of the system.
  public struct Process: Equatable, Sendable {
    /// Open descriptors.
    public var openDescriptors: UInt64
    /// The most that may be open.
    public var maximumDescriptors: UInt64
    /// Memory in use, in bytes, shared pages counted in full.
    public var residentBytes: UInt64
    /// Processor time, in microseconds.
    public var processorTime: UInt64

    /// What this process takes, given `maximumDescriptors`.
    public static func current(maximumDescriptors: UInt64) throws(Errno) -> Process {
      let status = try ProcessStatus.of(ProcessControl.pid)
      return Process(
        openDescriptors: UInt64(try FileDescriptor.openCount()), maximumDescriptors: maximumDescriptors,
        residentBytes: status.residentBytes,
        processorTime: status.processorTime * 1_000_000 / ProcessStatus.ticksPerSecond)
    }

    /// A process that takes this much.
    public init(
      openDescriptors: UInt64, maximumDescriptors: UInt64, residentBytes: UInt64, processorTime: UInt64
    ) {
      self.openDescriptors = openDescriptors
      self.maximumDescriptors = maximumDescriptors
      self.residentBytes = residentBytes
      self.processorTime = processorTime
    }
  }

  /// Answers of the API with one status.
  public struct Requests: Equatable, Sendable {
    /// The status, such as 200.
    public var status: Int
    /// How many.
    public var count: UInt64

    /// `count` answers with `status`.
    public init(status: Int, count: UInt64) {
      self.status = status
      self.count = count
    }
  }

  /// The version of the program.
  public var version: String
  /// When it was started, in nanoseconds since 1970.
  public var started: Int64
  /// What it takes of the system; `nil` when that cannot be found out.
  public var process: Process?
  /// What was written to logs.
  public var logs = LogFiles.Counters()
  /// Answers of the API, each status once.
  public var requests: [Requests] = []
  /// Partitions that were started.
  public var starts: UInt64 = 0
  /// Starts that failed.
  public var failedStarts: UInt64 = 0
  /// Functions, each name once.
  public var functions: [FunctionCounts] = []

  /// A supervisor that was started at `started` and has done nothing yet.
  public init(version: String, started: Int64) {
    self.version = version
    self.started = started
  }
}
