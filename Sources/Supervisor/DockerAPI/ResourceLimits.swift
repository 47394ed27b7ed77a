import Container
import Layers
import OCI

/// The limits that a request asks for (`Resources`); `nil` is what it does not speak of.
struct ResourceLimits {
  private enum Processors {
    case unlimited
    case micro(Int64)
  }

  private var memory: ByteSize?
  private var memoryAndSwap: PartitionSettings.SwapLimit?
  private var memoryReservation: ByteSize?
  private var processors: Processors?
  private var cpuWeight: Int?
  private var cpus: String?
  private var pids: Int64?

  /// Reads the limits among the members of `fields`.
  init(_ fields: inout Fields) throws(APIError) {
    memory = try Self.size(&fields, "Memory")
    memoryReservation = try Self.size(&fields, "MemoryReservation")
    switch try fields.number("MemorySwap") {
    case nil: break
    case .some(-1): memoryAndSwap = .unlimited
    case let total? where total > 0: memoryAndSwap = .total(ByteSize(bytes: total))
    case let other?: throw fields.wrong("MemorySwap", "\(other) is neither a number of bytes nor -1")
    }
    // Clients write -1 for "as it is".
    if let swappiness = try fields.number("MemorySwappiness"), swappiness != -1 {
      throw fields.unsupported("MemorySwappiness", "cgroup v2 has no such setting; leave it out")
    }
    processors = try Self.processors(&fields)
    if let shares = try fields.number("CpuShares") {
      guard (2...262_144).contains(shares) else {
        throw fields.wrong("CpuShares", "\(shares) is not between 2 and 262144")
      }
      cpuWeight = CPUShares.weight(of: Int(shares))
    }
    if let list = try fields.text("CpusetCpus") {
      guard isNumberList(list) else {
        throw fields.wrong("CpusetCpus", "\"\(list)\" is not a list of CPUs such as 0-3,7")
      }
      cpus = list
    }
    if let limit = try fields.optional("PidsLimit", as: Int64.self) {
      guard limit <= 1 << 22 else {
        throw fields.wrong("PidsLimit", "\(limit) is more tasks than a kernel can have")
      }
      pids = limit <= 0 ? -1 : limit
    }
  }

  private static func size(_ fields: inout Fields, _ key: String) throws(APIError) -> ByteSize? {
    guard let bytes = try fields.number(key) else { return nil }
    guard bytes > 0 else { throw fields.wrong(key, "\(bytes) is not a number of bytes") }
    return ByteSize(bytes: bytes)
  }

  private static func processors(_ fields: inout Fields) throws(APIError) -> Processors? {
    let nano = try fields.number("NanoCpus")
    let quota = try fields.number("CpuQuota")
    let period = try fields.number("CpuPeriod")
    if let nano {
      guard quota == nil, period == nil else {
        throw .badRequest("Conflicting options: Nano CPUs and CPU Period or Quota cannot both be set.")
      }
      guard (10_000_000...8_192_000_000_000).contains(nano) else {
        throw fields.wrong("NanoCpus", "\(nano) is not between 0.01 and 8192 CPUs")
      }
      return .micro(nano / 1000)
    }
    if let period, !(1000...1_000_000).contains(period) {
      throw fields.wrong("CpuPeriod", "\(period) is not between 1000 and 1000000 microseconds")
    }
    guard let quota else {
      if period != nil { throw fields.wrong("CpuPeriod", "says nothing without CpuQuota") }
      return nil
    }
    if quota == -1 { return .unlimited }
    guard quota >= 1000, quota <= 8192 * (period ?? 100_000) else {
      throw fields.wrong("CpuQuota", "\(quota) is neither -1 nor between 1000 and 8192 periods")
    }
    return .micro(max(10_000, quota * 1_000_000 / (period ?? 100_000)))
  }

  /// Whether there are any.
  var isEmpty: Bool {
    memory == nil && memoryAndSwap == nil && memoryReservation == nil && processors == nil && cpuWeight == nil
      && cpus == nil && pids == nil
  }

  /// Puts them in force.
  ///
  /// - Throws: `APIError` when they do not go together.
  func apply(to settings: inout PartitionSettings) throws(APIError) {
    if let memory { settings.memory = memory }
    if let memoryAndSwap { settings.memoryAndSwap = memoryAndSwap }
    if let memoryReservation { settings.memoryReservation = memoryReservation }
    switch processors {
    case .unlimited?: settings.microCPUs = nil
    case .micro(let micro)?: settings.microCPUs = micro
    case nil: break
    }
    if let cpuWeight { settings.cpuWeight = cpuWeight }
    if let cpus { settings.cpus = cpus }
    if let pids { settings.pidsLimit = pids }
    if case .total(let total)? = settings.memoryAndSwap {
      guard let memory = settings.memory else {
        throw .badRequest("You should always set the Memory limit when using Memoryswap limit")
      }
      guard total.bytes >= memory.bytes else {
        throw .badRequest(
          "Minimum memoryswap limit should be larger than memory limit, see usage: MemorySwap \(total.bytes)"
            + " counts memory and swap together, and Memory is \(memory.bytes)")
      }
    }
    if let reserved = settings.memoryReservation, let memory = settings.memory, reserved.bytes > memory.bytes
    {
      throw .badRequest(
        "Minimum memory limit can not be less than memory reservation limit: Memory is \(memory.bytes),"
          + " MemoryReservation \(reserved.bytes)")
    }
  }
}
