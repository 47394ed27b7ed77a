extension RuntimeConfig {
  /// A scheduling policy and its parameters (sched_setattr(2)).
  public struct Scheduler: Equatable, Sendable, JSONRepresentable {
    /// The policy.
    public var policy: Policy
    /// The nice value of `SCHED_OTHER` and `SCHED_BATCH`, -20 to 19.
    public var nice: Int32?
    /// The priority of `SCHED_FIFO` and `SCHED_RR`, 1 to 99.
    public var priority: Int32?
    /// How the policy behaves.
    public var flags: [Flag]
    /// Nanoseconds of CPU in each `period`, for `SCHED_DEADLINE`.
    public var runtime: UInt64?
    /// Nanoseconds from the start of a period until `runtime` is had, for `SCHED_DEADLINE`.
    public var deadline: UInt64?
    /// Nanoseconds, for `SCHED_DEADLINE`.
    public var period: UInt64?

    /// That policy with those parameters.
    public init(
      policy: Policy, nice: Int32? = nil, priority: Int32? = nil, flags: [Flag] = [], runtime: UInt64? = nil,
      deadline: UInt64? = nil, period: UInt64? = nil
    ) {
      self.policy = policy
      self.nice = nice
      self.priority = priority
      self.flags = flags
      self.runtime = runtime
      self.deadline = deadline
      self.period = period
    }

    /// Reads an object.
    public init(json: JSON) throws(ConfigError) {
      let object = try JSON.Object(json: json)
      policy = try object.required("policy")
      nice = try object.optional("nice")
      priority = try object.optional("priority")
      flags = try object.optional("flags", or: [])
      runtime = try object.optional("runtime")
      deadline = try object.optional("deadline")
      period = try object.optional("period")
    }

    /// The value as JSON.
    public var json: JSON {
      var object = JSON.Object()
      object.add("policy", policy)
      object.add("nice", ifPresent: nice)
      object.add("priority", ifPresent: priority)
      object.add("flags", flags, unless: [])
      object.add("runtime", ifPresent: runtime)
      object.add("deadline", ifPresent: deadline)
      object.add("period", ifPresent: period)
      return .object(object)
    }

    /// A scheduling policy (sched(7)).
    public enum Policy: String, CaseIterable, Sendable, JSONRepresentable {
      /// Time sharing, the default.
      case other = "SCHED_OTHER"
      /// Real time, first in first out.
      case fifo = "SCHED_FIFO"
      /// Real time, round robin.
      case rr = "SCHED_RR"
      /// Time sharing for batch work.
      case batch = "SCHED_BATCH"
      /// Reserved; no kernel has it.
      case iso = "SCHED_ISO"
      /// Very low priority.
      case idle = "SCHED_IDLE"
      /// Earliest deadline first.
      case deadline = "SCHED_DEADLINE"
    }

    /// How a policy behaves (sched_setattr(2)).
    public enum Flag: String, CaseIterable, Sendable, JSONRepresentable {
      /// Children start with the default policy.
      case resetOnFork = "SCHED_FLAG_RESET_ON_FORK"
      /// Take CPU time that other deadline threads leave.
      case reclaim = "SCHED_FLAG_RECLAIM"
      /// SIGXCPU when `runtime` is exceeded.
      case deadlineOverrun = "SCHED_FLAG_DL_OVERRUN"
      /// Leave the policy as it is.
      case keepPolicy = "SCHED_FLAG_KEEP_POLICY"
      /// Leave the parameters as they are.
      case keepParameters = "SCHED_FLAG_KEEP_PARAMS"
      /// Clamp the expected utilization from below.
      case utilizationClampMinimum = "SCHED_FLAG_UTIL_CLAMP_MIN"
      /// Clamp the expected utilization from above.
      case utilizationClampMaximum = "SCHED_FLAG_UTIL_CLAMP_MAX"
    }
  }

  /// An I/O scheduling class and priority (ioprio_set(2)).
  public struct IOPriority: Equatable, Sendable, JSONRepresentable {
    /// The class.
    public var `class`: Class
    /// The priority in the class, 0 (highest) to 7.
    public var priority: Int32

    /// That class and priority.
    public init(class: Class, priority: Int32 = 0) {
      self.class = `class`
      self.priority = priority
    }

    /// Reads an object.
    public init(json: JSON) throws(ConfigError) {
      let object = try JSON.Object(json: json)
      self.class = try object.required("class")
      priority = try object.optional("priority", or: 0)
    }

    /// The value as JSON.
    public var json: JSON {
      var object = JSON.Object()
      object.add("class", `class`)
      object.add("priority", priority)
      return .object(object)
    }

    /// An I/O scheduling class (ioprio_set(2)).
    public enum Class: String, CaseIterable, Sendable, JSONRepresentable {
      /// First access to the disk.
      case realTime = "IOPRIO_CLASS_RT"
      /// The default.
      case bestEffort = "IOPRIO_CLASS_BE"
      /// Only when nobody else uses the disk.
      case idle = "IOPRIO_CLASS_IDLE"
    }
  }

  /// The CPUs of a process that `exec` adds, as lists such as `0-3,7`.
  public struct ExecCPUAffinity: Equatable, Sendable, JSONRepresentable {
    /// Until it is in the container's cgroup.
    public var initial: String?
    /// From then on.
    public var final: String?

    /// Those CPUs.
    public init(initial: String? = nil, final: String? = nil) {
      self.initial = initial
      self.final = final
    }

    /// Reads an object.
    public init(json: JSON) throws(ConfigError) {
      let object = try JSON.Object(json: json)
      initial = try object.text("initial")
      final = try object.text("final")
    }

    /// The value as JSON.
    public var json: JSON {
      var object = JSON.Object()
      object.add("initial", ifPresent: initial)
      object.add("final", ifPresent: final)
      return .object(object)
    }
  }
}
