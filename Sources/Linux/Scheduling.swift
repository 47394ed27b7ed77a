import CLinux
import Glibc

/// A limit on what one process may use (`getrlimit(2)`).
public struct ResourceLimit: Hashable, Sendable {
  /// The kernel's number of the resource.
  public let resource: Int32
  /// The limit in force, in the resource's unit; `UInt64.max` is none.
  public let soft: UInt64
  /// The most to which the process may raise the soft limit.
  public let hard: UInt64

  /// How many descriptors this process may have open (`RLIMIT_NOFILE`, `getrlimit(2)`).
  public static var openFiles: UInt64 { openFilesLimit?.soft ?? 0 }

  /// Lets this process have as many descriptors open as it may let itself.
  ///
  /// - Returns: the limit before, for those that it starts: programs that use `select(2)` fail with more than they expect.
  public static func raiseOpenFiles() -> ResourceLimit? {
    guard let limit = openFilesLimit else { return nil }
    guard limit.soft != limit.hard else { return limit }
    try? ResourceLimit(resource: limit.resource, soft: limit.hard, hard: limit.hard).apply(to: 0)
    return limit
  }

  private static var openFilesLimit: ResourceLimit? {
    var limit = rlimit()
    guard getrlimit(__rlimit_resource_t(RLIMIT_NOFILE.rawValue), &limit) == 0 else { return nil }
    return ResourceLimit(
      resource: Int32(RLIMIT_NOFILE.rawValue), soft: UInt64(limit.rlim_cur), hard: UInt64(limit.rlim_max))
  }

  private init(resource: Int32, soft: UInt64, hard: UInt64) {
    self.resource = resource
    self.soft = soft
    self.hard = hard
  }

  /// The limit on the resource called `name`, such as `RLIMIT_NOFILE`; `nil` when there is no such resource.
  public init?(named name: String, soft: UInt64, hard: UInt64) {
    guard let resource = Self.names.firstIndex(of: name) else { return nil }
    self.resource = Int32(resource)
    self.soft = soft
    self.hard = hard
  }

  /// The names of the resources, by the kernel's number.
  public static let names = [
    "RLIMIT_CPU", "RLIMIT_FSIZE", "RLIMIT_DATA", "RLIMIT_STACK", "RLIMIT_CORE", "RLIMIT_RSS",
    "RLIMIT_NPROC", "RLIMIT_NOFILE", "RLIMIT_MEMLOCK", "RLIMIT_AS", "RLIMIT_LOCKS", "RLIMIT_SIGPENDING",
    "RLIMIT_MSGQUEUE", "RLIMIT_NICE", "RLIMIT_RTPRIO", "RLIMIT_RTTIME",
  ]

  /// Puts the limit on the process `pid`; 0 is this one (`prlimit(2)`).
  public func apply(to pid: Int32) throws(Errno) {
    try once { linux_prlimit(pid, resource, soft, hard) }
  }
}

/// How the scheduler treats a process (`sched_setattr(2)`).
public struct SchedulerAttributes: Hashable, Sendable {
  /// The kernel's `SCHED_*` number.
  public var policy: UInt32
  /// The kernel's `SCHED_FLAG_*` bits.
  public var flags: UInt64
  /// -20 to 19, for the policies that share.
  public var nice: Int32
  /// 1 to 99, for the real-time policies.
  public var priority: UInt32
  /// Nanoseconds, for `SCHED_DEADLINE`.
  public var runtime: UInt64
  /// Nanoseconds, for `SCHED_DEADLINE`.
  public var deadline: UInt64
  /// Nanoseconds, for `SCHED_DEADLINE`.
  public var period: UInt64

  /// The attributes as given.
  public init(
    policy: UInt32, flags: UInt64 = 0, nice: Int32 = 0, priority: UInt32 = 0, runtime: UInt64 = 0,
    deadline: UInt64 = 0, period: UInt64 = 0
  ) {
    self.policy = policy
    self.flags = flags
    self.nice = nice
    self.priority = priority
    self.runtime = runtime
    self.deadline = deadline
    self.period = period
  }

  /// Puts the attributes on the process `pid`.
  public func apply(to pid: Int32) throws(Errno) {
    var attributes = linux_sched_attr()
    attributes.size = UInt32(MemoryLayout<linux_sched_attr>.size)
    attributes.sched_policy = policy
    attributes.sched_flags = flags
    attributes.sched_nice = nice
    attributes.sched_priority = priority
    attributes.sched_runtime = runtime
    attributes.sched_deadline = deadline
    attributes.sched_period = period
    try once { linux_sched_setattr(pid, &attributes) }
  }
}

/// Scheduling settings that are a single number.
public enum Scheduling {
  /// Sets the input/output priority of the process `pid`: `class` 1 to 3, `level` 0 to 7 (`ioprio_set(2)`).
  public static func setIOPriority(class: Int32, level: Int32, of pid: Int32) throws(Errno) {
    try once { linux_ioprio_set(1, pid, `class` << 13 | level) }
  }

  /// How little the process `pid` gets beside others, -20 to 19; 0 is this one (`getpriority(2)`).
  public static func nice(of pid: Int32) throws(Errno) -> Int32 {
    // -1 is a value as well as an answer.
    errno = 0
    let value = getpriority(__priority_which_t(PRIO_PROCESS.rawValue), id_t(pid))
    if value == -1, errno != 0 { throw Errno.current }
    return value
  }

  /// Sets how little the process `pid` gets beside others (`setpriority(2)`).
  public static func setNice(_ nice: Int32, of pid: Int32) throws(Errno) {
    try once { setpriority(__priority_which_t(PRIO_PROCESS.rawValue), id_t(pid), nice) }
  }

  /// Lets this process run on every CPU that its cgroup gives it, whatever its caller's affinity was.
  public static func resetAffinity() throws(Errno) {
    // As many as the kernel may be built for; what there is not is passed over.
    let mask = [UInt64](repeating: .max, count: 8192 / 64)
    try once { linux_sched_setaffinity(0, mask.count * 8, mask) }
  }

  /// The CPUs that this process may run on, for `setAffinityMask` (`sched_getaffinity(2)`).
  public static func affinityMask() throws(Errno) -> [UInt64] {
    var mask = [UInt64](repeating: 0, count: 8192 / 64)
    let count = try once { linux_sched_getaffinity(0, mask.count * 8, &mask) }
    return Array(mask[..<(Int(count) / 8)])
  }

  /// Lets this process run on the CPUs of `mask`.
  public static func setAffinityMask(_ mask: [UInt64]) throws(Errno) {
    try once { linux_sched_setaffinity(0, mask.count * 8, mask) }
  }

  /// Lets the process `pid` run on `cpus` alone (`sched_setaffinity(2)`).
  public static func setAffinity(_ cpus: [Int], of pid: Int32) throws(Errno) {
    var mask = [UInt64](repeating: 0, count: (cpus.max() ?? 0) / 64 + 1)
    for cpu in cpus where cpu >= 0 { mask[cpu / 64] |= 1 << UInt64(cpu % 64) }
    try once { linux_sched_setaffinity(pid, mask.count * 8, mask) }
  }
}

/// The processors that this process may use.
public enum Processors {
  /// How many there are (`sched_getaffinity(2)`, as `sysconf(3)` counts them).
  public static var count: Int { max(1, sysconf(Int32(_SC_NPROCESSORS_ONLN))) }
}
