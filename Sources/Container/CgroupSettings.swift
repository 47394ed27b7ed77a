import Glibc
import Linux
import OCI

/// What a limit comes down to: one value for one of the cgroup's files
/// (Linux, Documentation/admin-guide/cgroup-v2.rst).
struct CgroupSetting: Equatable, Sendable {
  /// The configuration's field that asks for it.
  let field: String
  /// The file in the cgroup's directory.
  let file: String
  /// What is written to the file.
  let value: String

  /// The controller that the file belongs to, or `nil` for a file of the cgroup's core.
  var controller: String? {
    let prefix = String(file.prefix { $0 != "." })
    return prefix == "cgroup" ? nil : prefix
  }
}

/// The conversion of `linux.resources`, whose units are those of cgroup v1, to cgroup v2
/// (config-linux.md, "Control groups"; the formulas are those that engines rely on).
enum CgroupSettings {
  /// The settings for `resources`, which are valid, in the order in which they are to be written.
  ///
  /// - Throws: `ContainerError` with the path of the field that cgroup v2 cannot do.
  static func plan(_ resources: RuntimeConfig.Linux.Resources) throws(ContainerError) -> [CgroupSetting] {
    var settings: [CgroupSetting] = []
    try memory(resources.memory, into: &settings)
    try cpu(resources.cpu, into: &settings)
    if let limit = resources.pids?.limit {
      // With 0 the kernel would refuse the first process, which counts as well.
      let value = limit < 0 ? "max" : String(max(limit, 1))
      settings.append(CgroupSetting(field: "linux.resources.pids.limit", file: "pids.max", value: value))
    }
    try io(resources.blockIO, into: &settings)
    for (index, limit) in resources.hugepageLimits.enumerated() {
      let field = "linux.resources.hugepageLimits[\(index)]"
      for file in ["hugetlb.\(limit.pageSize).max", "hugetlb.\(limit.pageSize).rsvd.max"] {
        settings.append(CgroupSetting(field: field, file: file, value: String(limit.limit)))
      }
    }
    for element in resources.rdma.elements {
      let (device, limit) = (element.name, element.value)
      let handles = limit.hcaHandles.map { String($0) } ?? "max"
      let objects = limit.hcaObjects.map { String($0) } ?? "max"
      settings.append(
        CgroupSetting(
          field: "linux.resources.rdma.\(device)", file: "rdma.max",
          value: "\(device) hca_handle=\(handles) hca_object=\(objects)"))
    }
    try unified(resources.unified, into: &settings)
    return settings
  }

  /// `settings` in a line, for people.
  static func text(_ settings: [CgroupSetting]) -> String {
    settings.isEmpty ? "none" : settings.map { "\($0.file)=\($0.value)" }.joined(separator: ", ")
  }

  private static func memory(
    _ memory: RuntimeConfig.Linux.Memory, into settings: inout [CgroupSetting]
  ) throws(ContainerError) {
    let prefix = "linux.resources.memory"
    if let limit = memory.limit, limit != 0 {
      settings.append(CgroupSetting(field: "\(prefix).limit", file: "memory.max", value: amount(limit)))
    }
    if let swap = swapMaximum(memory) {
      settings.append(CgroupSetting(field: "\(prefix).swap", file: "memory.swap.max", value: swap))
    }
    if let reservation = memory.reservation, reservation != 0 {
      settings.append(
        CgroupSetting(field: "\(prefix).reservation", file: "memory.low", value: amount(reservation)))
    }
    if memory.kernel ?? 0 > 0 { throw .config("\(prefix).kernel", unavailable) }
    if memory.kernelTCP ?? 0 > 0 { throw .config("\(prefix).kernelTCP", unavailable) }
    if memory.swappiness != nil { throw .config("\(prefix).swappiness", unavailable) }
    if memory.disableOOMKiller == true { throw .config("\(prefix).disableOOMKiller", unavailable) }
    if memory.useHierarchy == false {
      throw .config("\(prefix).useHierarchy", "cgroup v2 is always hierarchical")
    }
  }

  private static let unavailable = "cgroup v2 has no such setting; remove the field"

  private static func amount(_ value: Int64) -> String { value < 0 ? "max" : String(value) }

  /// The configuration's swap limit counts memory and swap together; the kernel's counts swap alone.
  private static func swapMaximum(_ memory: RuntimeConfig.Linux.Memory) -> String? {
    guard let swap = memory.swap, swap != 0 else { return nil }
    return swap < 0 ? "max" : String(swap - (memory.limit ?? 0))
  }

  private static func cpu(
    _ cpu: RuntimeConfig.Linux.CPU, into settings: inout [CgroupSetting]
  ) throws(ContainerError) {
    let prefix = "linux.resources.cpu"
    func add(_ name: String, _ file: String, _ value: String) {
      settings.append(CgroupSetting(field: "\(prefix).\(name)", file: file, value: value))
    }
    if let idle = cpu.idle, idle != 0 { add("idle", "cpu.idle", String(idle)) }
    // A cgroup that idles has no weight; the kernel refuses one.
    if let shares = cpu.shares, shares != 0, cpu.idle != 1 {
      add("shares", "cpu.weight", String(weight(shares: shares)))
    }
    let quota = cpu.quota ?? 0
    if quota != 0 || cpu.period ?? 0 != 0 {
      let limit = quota > 0 ? String(quota) : "max"
      let period = cpu.period.map { $0 == 0 ? 100_000 : $0 } ?? 100_000
      add(quota != 0 ? "quota" : "period", "cpu.max", "\(limit) \(period)")
    }
    if let burst = cpu.burst { add("burst", "cpu.max.burst", String(burst)) }
    if let runtime = cpu.realtimeRuntime, runtime != 0 {
      throw .config("\(prefix).realtimeRuntime", unavailable)
    }
    if let period = cpu.realtimePeriod, period != 0 {
      throw .config("\(prefix).realtimePeriod", unavailable)
    }
    if let cpus = cpu.cpus, !cpus.isEmpty { add("cpus", "cpuset.cpus", cpus) }
    if let mems = cpu.mems, !mems.isEmpty { add("mems", "cpuset.mems", mems) }
  }

  /// The weight, 1 to 10,000, for v1's shares, 2 to 262,144: a curve through both ends and through both
  /// defaults, 1,024 and 100.
  static func weight(shares: UInt64) -> UInt64 {
    if shares <= 2 { return 1 }
    if shares >= 262_144 { return 10_000 }
    let magnitude = log2(Double(shares))
    let exponent = (magnitude * magnitude + 125 * magnitude) / 612 - 7.0 / 34
    return UInt64(pow(10, exponent).rounded(.up))
  }

  /// The io weight, 1 to 10,000, for v1's block input/output weight, 10 to 1,000.
  static func ioWeight(_ weight: UInt16) -> UInt64 { 1 + (UInt64(max(weight, 10)) - 10) * 9999 / 990 }

  private static func io(
    _ io: RuntimeConfig.Linux.BlockIO, into settings: inout [CgroupSetting]
  ) throws(ContainerError) {
    let prefix = "linux.resources.blockIO"
    if let weight = io.weight, weight != 0 {
      settings.append(
        CgroupSetting(field: "\(prefix).weight", file: "io.weight", value: "default \(ioWeight(weight))"))
    }
    if let leaf = io.leafWeight, leaf != 0 { throw .config("\(prefix).leafWeight", unavailable) }
    for (index, device) in io.weightDevice.enumerated() {
      let field = "\(prefix).weightDevice[\(index)]"
      if let leaf = device.leafWeight, leaf != 0 { throw .config("\(field).leafWeight", unavailable) }
      guard let weight = device.weight, weight != 0 else { continue }
      settings.append(
        CgroupSetting(
          field: field, file: "io.weight", value: "\(device.major):\(device.minor) \(ioWeight(weight))"))
    }
    throttle("\(prefix).throttleReadBpsDevice", "rbps", io.throttleReadBpsDevice, into: &settings)
    throttle("\(prefix).throttleWriteBpsDevice", "wbps", io.throttleWriteBpsDevice, into: &settings)
    throttle("\(prefix).throttleReadIOPSDevice", "riops", io.throttleReadIOPSDevice, into: &settings)
    throttle("\(prefix).throttleWriteIOPSDevice", "wiops", io.throttleWriteIOPSDevice, into: &settings)
  }

  private static func throttle(
    _ field: String, _ key: String, _ devices: [RuntimeConfig.Linux.Throttle],
    into settings: inout [CgroupSetting]
  ) {
    for (index, device) in devices.enumerated() {
      let rate = device.rate == 0 ? "max" : String(device.rate)
      settings.append(
        CgroupSetting(
          field: "\(field)[\(index)]", file: "io.max",
          value: "\(device.major):\(device.minor) \(key)=\(rate)"))
    }
  }

  private static func unified(
    _ unified: NamedValues<String>, into settings: inout [CgroupSetting]
  ) throws(ContainerError) {
    for element in unified.elements {
      let (file, value) = (element.name, element.value)
      let field = "linux.resources.unified.\(file)"
      if value.allSatisfy(\.isNewline) {
        throw .config(field, "is empty; remove it to leave the file as it is")
      }
      // A file such as io.max takes one line a write.
      for line in value.split(separator: "\n", omittingEmptySubsequences: true) {
        settings.append(CgroupSetting(field: field, file: file, value: String(line)))
      }
    }
  }
}
