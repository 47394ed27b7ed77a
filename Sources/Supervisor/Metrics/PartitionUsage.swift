import Container
import Linux

/// What a partition uses and has used, as its cgroup counts it (Linux, Documentation/admin-guide/cgroup-v2.rst).
///
/// What the machine does not count for cgroups of version 2 is `nil`.
public struct PartitionUsage: Equatable, Sendable {
  /// Processor time, of `cpu.stat`.
  public struct Processor: Equatable, Sendable {
    /// All of it, in microseconds.
    public var usage: UInt64 = 0
    /// In programs, in microseconds.
    public var user: UInt64 = 0
    /// In the kernel, in microseconds.
    public var system: UInt64 = 0
    /// How a limit has held it back; `nil` where the controller is missing.
    public var throttling: Throttling?
  }

  /// How a limit of processor time has held processes back, of `cpu.stat`.
  public struct Throttling: Equatable, Sendable {
    /// How many periods there were in which something ran.
    public var periods: UInt64 = 0
    /// In how many of these the limit was reached.
    public var throttledPeriods: UInt64 = 0
    /// How long processors were kept from it, in microseconds.
    public var time: UInt64 = 0
  }

  /// Memory, in bytes.
  public struct Memory: Equatable, Sendable {
    /// In use, with the cache of files.
    public var current: UInt64
    /// The most that was in use; `nil` before Linux 5.19.
    public var peak: UInt64?
    /// The most that may be; `nil` without a limit.
    public var limit: UInt64?
    /// Swap in use; `nil` where it is not counted.
    public var swap: UInt64?
    /// The lines of `memory.stat`.
    public var details: [Count] = []
    /// The lines of `memory.events`: how often a bound was reached (`low`, `high`, `max`), memory lacked (`oom`) and
    /// a process was ended for it (`oom_kill`).
    public var events: [Count] = []
  }

  /// A number and what it is called.
  public struct Count: Equatable, Sendable {
    /// The kernel's name.
    public var name: String
    /// The number.
    public var value: UInt64
  }

  /// What was read from and written to one block device, of `io.stat`.
  public struct Device: Equatable, Sendable {
    /// The device.
    public var number: DeviceNumber
    /// Bytes read.
    public var readBytes: UInt64 = 0
    /// Bytes written.
    public var writtenBytes: UInt64 = 0
    /// Requests to read.
    public var reads: UInt64 = 0
    /// Requests to write.
    public var writes: UInt64 = 0
  }

  /// Processes and threads.
  public struct Tasks: Equatable, Sendable {
    /// There now.
    public var current: UInt64
    /// The most there were; `nil` before Linux 6.1.
    public var peak: UInt64?
    /// The most there may be; `nil` without a limit.
    public var limit: UInt64?
  }

  /// How much work waited for a resource (Linux, Documentation/accounting/psi.rst).
  public struct Pressure: Equatable, Sendable {
    /// While some of the work waited.
    public var some: Share
    /// While all of it waited; `nil` for processors before Linux 5.13.
    public var full: Share?
  }

  /// For how much of a time something was so.
  public struct Share: Equatable, Sendable {
    /// Of the last ten seconds, in percent.
    public var average10: Double
    /// Of the last minute, in percent.
    public var average60: Double
    /// Of the last five minutes, in percent.
    public var average300: Double
    /// Since the partition was made, in microseconds.
    public var total: UInt64
  }

  /// Processor time.
  public var processor: Processor?
  /// Memory.
  public var memory: Memory?
  /// Block devices; `nil` where they are not counted, empty when none was used.
  public var devices: [Device]?
  /// Processes and threads.
  public var tasks: Tasks?
  /// Waiting for processors.
  public var processorPressure: Pressure?
  /// Waiting for memory.
  public var memoryPressure: Pressure?
  /// Waiting for block devices.
  public var devicePressure: Pressure?

  /// Nothing that is known.
  public init() {}

  /// What the files of the cgroup in `directory` say; `nil` when there is no such cgroup.
  ///
  /// - Parameter withDetails: whether `memory.details` is read, which takes the kernel longer than all the rest.
  public static func of(cgroup directory: String, withDetails: Bool = true) -> PartitionUsage? {
    guard let cgroup = try? FileDescriptor.open(directory, [.path, .directory]) else { return nil }
    let number = cgroup.rawValue
    var usage = PartitionUsage { withDetails || $0 != "memory.stat" ? try? File.read($0, at: number) : nil }
    withExtendedLifetime(cgroup) {}
    // One that was removed in between has said nothing.
    if usage.processor == nil, (try? FileStatus.of(directory)) == nil { return nil }
    usage.devices?.sort { ($0.number.major, $0.number.minor) < ($1.number.major, $1.number.minor) }
    return usage
  }

  /// What the files of a cgroup say that `file` gives by name; `nil` is a file that is not there.
  init(reading file: (String) -> [UInt8]?) {
    processor = file("cpu.stat").flatMap(Processor.init)
    memory = CgroupFile.number(file("memory.current")).map { Memory(current: $0) }
    memory?.peak = CgroupFile.number(file("memory.peak"))
    memory?.limit = CgroupFile.number(file("memory.max"))
    memory?.swap = CgroupFile.number(file("memory.swap.current"))
    if memory != nil {
      memory?.details = CgroupFile.counts(file("memory.stat") ?? [])
      memory?.events = CgroupFile.counts(file("memory.events") ?? [])
    }
    devices = file("io.stat").map(CgroupFile.devices)
    tasks = CgroupFile.number(file("pids.current")).map { Tasks(current: $0) }
    tasks?.peak = CgroupFile.number(file("pids.peak"))
    tasks?.limit = CgroupFile.number(file("pids.max"))
    processorPressure = file("cpu.pressure").flatMap(Pressure.init)
    memoryPressure = file("memory.pressure").flatMap(Pressure.init)
    devicePressure = file("io.pressure").flatMap(Pressure.init)
  }
}

extension Container {
  /// What the container uses; `nil` without a cgroup of its own.
  public func partitionUsage(withDetails: Bool = true) -> PartitionUsage? {
    cgroupDirectory().flatMap { PartitionUsage.of(cgroup: $0, withDetails: withDetails) }
  }
}
