extension RuntimeConfig.Linux {
  /// Limits (config-linux.md, "Control groups"). The file of `update --resources` holds one of these.
  public struct Resources: Equatable, Sendable, JSONRepresentable {
    /// What devices may be used; later rules win.
    public var devices: [DeviceRule]
    /// Memory.
    public var memory: Memory
    /// CPU time.
    public var cpu: CPU
    /// The number of tasks.
    public var pids: Pids?
    /// Block I/O.
    public var blockIO: BlockIO
    /// Huge pages.
    public var hugepageLimits: [HugepageLimit]
    /// Network class and priorities, cgroup v1 only.
    public var network: Network
    /// RDMA, by device.
    public var rdma: NamedValues<Rdma>
    /// Files of the cgroup v2 directory and what to write there.
    public var unified: NamedValues<String>

    /// The limits given, and no other.
    public init(
      devices: [DeviceRule] = [], memory: Memory = Memory(), cpu: CPU = CPU(), pids: Pids? = nil,
      blockIO: BlockIO = BlockIO(), hugepageLimits: [HugepageLimit] = [], network: Network = Network(),
      rdma: NamedValues<Rdma> = [:], unified: NamedValues<String> = [:]
    ) {
      self.devices = devices
      self.memory = memory
      self.cpu = cpu
      self.pids = pids
      self.blockIO = blockIO
      self.hugepageLimits = hugepageLimits
      self.network = network
      self.rdma = rdma
      self.unified = unified
    }

    /// Reads an object.
    public init(json: JSON) throws(ConfigError) {
      let object = try JSON.Object(json: json)
      devices = try object.optional("devices", or: [])
      memory = try object.optional("memory", or: Memory())
      cpu = try object.optional("cpu", or: CPU())
      pids = try object.optional("pids")
      blockIO = try object.optional("blockIO", or: BlockIO())
      hugepageLimits = try object.optional("hugepageLimits", or: [])
      network = try object.optional("network", or: Network())
      rdma = try object.optional("rdma", or: [:])
      unified = try object.optional("unified", or: [:])
    }

    /// The value as JSON.
    public var json: JSON {
      var object = JSON.Object()
      object.add("devices", devices, unless: [])
      object.add("memory", memory, unless: Memory())
      object.add("cpu", cpu, unless: CPU())
      object.add("pids", ifPresent: pids)
      object.add("blockIO", blockIO, unless: BlockIO())
      object.add("hugepageLimits", hugepageLimits, unless: [])
      object.add("network", network, unless: Network())
      object.add("rdma", rdma, unless: [:])
      object.add("unified", unified, unless: [:])
      return .object(object)
    }
  }

  /// Whether devices may be used.
  public struct DeviceRule: Equatable, Sendable, JSONRepresentable {
    /// Whether the rule allows or denies.
    public var allow: Bool
    /// The kind of device; `nil` is any.
    public var type: Kind?
    /// The major number; `nil` and -1 are any.
    public var major: Int64?
    /// The minor number; `nil` and -1 are any.
    public var minor: Int64?
    /// Of `r` (read), `w` (write) and `m` (mknod).
    public var access: String?

    /// A rule for those devices.
    public init(
      allow: Bool, type: Kind? = nil, major: Int64? = nil, minor: Int64? = nil, access: String? = nil
    ) {
      self.allow = allow
      self.type = type
      self.major = major
      self.minor = minor
      self.access = access
    }

    /// Reads an object.
    public init(json: JSON) throws(ConfigError) {
      let object = try JSON.Object(json: json)
      allow = try object.required("allow")
      type = try object.optional("type")
      major = try object.optional("major")
      minor = try object.optional("minor")
      access = try object.text("access")
    }

    /// The value as JSON.
    public var json: JSON {
      var object = JSON.Object()
      object.add("allow", allow)
      object.add("type", ifPresent: type)
      object.add("major", ifPresent: major)
      object.add("minor", ifPresent: minor)
      object.add("access", ifPresent: access)
      return .object(object)
    }

    /// A kind of device.
    public enum Kind: String, CaseIterable, Sendable, JSONRepresentable {
      /// Any.
      case all = "a"
      /// Block devices.
      case block = "b"
      /// Character devices.
      case character = "c"
    }
  }

  /// Memory limits, in bytes; -1 is no limit.
  public struct Memory: Equatable, Sendable, JSONRepresentable {
    /// Memory.
    public var limit: Int64?
    /// Memory that the container should be left with when memory is short.
    public var reservation: Int64?
    /// Memory and swap together.
    public var swap: Int64?
    /// Kernel memory, cgroup v1 only.
    public var kernel: Int64?
    /// TCP buffers, cgroup v1 only.
    public var kernelTCP: Int64?
    /// How eagerly pages are swapped, 0 to 100, cgroup v1 only.
    public var swappiness: UInt64?
    /// Whether tasks wait for memory instead of being killed, cgroup v1 only.
    public var disableOOMKiller: Bool?
    /// Whether children count, cgroup v1 only.
    public var useHierarchy: Bool?
    /// Whether a limit below the present use is refused instead of killing.
    public var checkBeforeUpdate: Bool?

    /// The limits given, and no other.
    public init(
      limit: Int64? = nil, reservation: Int64? = nil, swap: Int64? = nil, kernel: Int64? = nil,
      kernelTCP: Int64? = nil, swappiness: UInt64? = nil, disableOOMKiller: Bool? = nil,
      useHierarchy: Bool? = nil, checkBeforeUpdate: Bool? = nil
    ) {
      self.limit = limit
      self.reservation = reservation
      self.swap = swap
      self.kernel = kernel
      self.kernelTCP = kernelTCP
      self.swappiness = swappiness
      self.disableOOMKiller = disableOOMKiller
      self.useHierarchy = useHierarchy
      self.checkBeforeUpdate = checkBeforeUpdate
    }

    /// Reads an object.
    public init(json: JSON) throws(ConfigError) {
      let object = try JSON.Object(json: json)
      limit = try object.optional("limit")
      reservation = try object.optional("reservation")
      swap = try object.optional("swap")
      kernel = try object.optional("kernel")
      kernelTCP = try object.optional("kernelTCP")
      swappiness = try object.optional("swappiness")
      disableOOMKiller = try object.optional("disableOOMKiller")
      useHierarchy = try object.optional("useHierarchy")
      checkBeforeUpdate = try object.optional("checkBeforeUpdate")
    }

    /// The value as JSON.
    public var json: JSON {
      var object = JSON.Object()
      object.add("limit", ifPresent: limit)
      object.add("reservation", ifPresent: reservation)
      object.add("swap", ifPresent: swap)
      object.add("kernel", ifPresent: kernel)
      object.add("kernelTCP", ifPresent: kernelTCP)
      object.add("swappiness", ifPresent: swappiness)
      object.add("disableOOMKiller", ifPresent: disableOOMKiller)
      object.add("useHierarchy", ifPresent: useHierarchy)
      object.add("checkBeforeUpdate", ifPresent: checkBeforeUpdate)
      return .object(object)
    }
  }

  /// Limits of CPU time.
  public struct CPU: Equatable, Sendable, JSONRepresentable {
    /// The relative share, in cgroup v1's 2 to 262144 with 1024 as the default.
    public var shares: UInt64?
    /// Microseconds in each `period`; not above 0 is no limit.
    public var quota: Int64?
    /// Microseconds that unused quota may add up to.
    public var burst: UInt64?
    /// Microseconds, 1000 to 1000000.
    public var period: UInt64?
    /// Microseconds of real-time scheduling in each `realtimePeriod`, cgroup v1 only.
    public var realtimeRuntime: Int64?
    /// Microseconds, cgroup v1 only.
    public var realtimePeriod: UInt64?
    /// The CPUs, as a list such as `0-3,7`.
    public var cpus: String?
    /// The memory nodes, as such a list.
    public var mems: String?
    /// 1 runs the cgroup only when nobody else wants the CPU.
    public var idle: Int64?

    /// The limits given, and no other.
    public init(
      shares: UInt64? = nil, quota: Int64? = nil, burst: UInt64? = nil, period: UInt64? = nil,
      realtimeRuntime: Int64? = nil, realtimePeriod: UInt64? = nil, cpus: String? = nil, mems: String? = nil,
      idle: Int64? = nil
    ) {
      self.shares = shares
      self.quota = quota
      self.burst = burst
      self.period = period
      self.realtimeRuntime = realtimeRuntime
      self.realtimePeriod = realtimePeriod
      self.cpus = cpus
      self.mems = mems
      self.idle = idle
    }

    /// Reads an object.
    public init(json: JSON) throws(ConfigError) {
      let object = try JSON.Object(json: json)
      shares = try object.optional("shares")
      quota = try object.optional("quota")
      burst = try object.optional("burst")
      period = try object.optional("period")
      realtimeRuntime = try object.optional("realtimeRuntime")
      realtimePeriod = try object.optional("realtimePeriod")
      cpus = try object.text("cpus")
      mems = try object.text("mems")
      idle = try object.optional("idle")
    }

    /// The value as JSON.
    public var json: JSON {
      var object = JSON.Object()
      object.add("shares", ifPresent: shares)
      object.add("quota", ifPresent: quota)
      object.add("burst", ifPresent: burst)
      object.add("period", ifPresent: period)
      object.add("realtimeRuntime", ifPresent: realtimeRuntime)
      object.add("realtimePeriod", ifPresent: realtimePeriod)
      object.add("cpus", ifPresent: cpus)
      object.add("mems", ifPresent: mems)
      object.add("idle", ifPresent: idle)
      return .object(object)
    }
  }

  /// The number of tasks.
  public struct Pids: Equatable, Sendable, JSONRepresentable {
    /// The most tasks; -1 is no limit, and `nil` leaves it as it is.
    public var limit: Int64?

    /// At most that many tasks.
    public init(limit: Int64? = nil) {
      self.limit = limit
    }

    /// Reads an object.
    public init(json: JSON) throws(ConfigError) {
      let object = try JSON.Object(json: json)
      limit = try object.optional("limit")
    }

    /// The value as JSON.
    public var json: JSON {
      var object = JSON.Object()
      object.add("limit", ifPresent: limit)
      return .object(object)
    }
  }

  /// A limit of huge pages of one size.
  public struct HugepageLimit: Equatable, Sendable, JSONRepresentable {
    /// The size, such as `2MB` or `1GB`.
    public var pageSize: String
    /// Bytes.
    public var limit: UInt64

    /// A limit of such pages.
    public init(pageSize: String, limit: UInt64) {
      self.pageSize = pageSize
      self.limit = limit
    }

    /// Reads an object.
    public init(json: JSON) throws(ConfigError) {
      let object = try JSON.Object(json: json)
      pageSize = try object.required("pageSize")
      limit = try object.required("limit")
    }

    /// The value as JSON.
    public var json: JSON {
      var object = JSON.Object()
      object.add("pageSize", pageSize)
      object.add("limit", limit)
      return .object(object)
    }
  }

  /// RDMA limits of one device.
  public struct Rdma: Equatable, Sendable, JSONRepresentable {
    /// Handles.
    public var hcaHandles: UInt32?
    /// Objects.
    public var hcaObjects: UInt32?

    /// The limits given, and no other.
    public init(hcaHandles: UInt32? = nil, hcaObjects: UInt32? = nil) {
      self.hcaHandles = hcaHandles
      self.hcaObjects = hcaObjects
    }

    /// Reads an object.
    public init(json: JSON) throws(ConfigError) {
      let object = try JSON.Object(json: json)
      hcaHandles = try object.optional("hcaHandles")
      hcaObjects = try object.optional("hcaObjects")
    }

    /// The value as JSON.
    public var json: JSON {
      var object = JSON.Object()
      object.add("hcaHandles", ifPresent: hcaHandles)
      object.add("hcaObjects", ifPresent: hcaObjects)
      return .object(object)
    }
  }
}
