import Container
import Layers
import Linux
import OCI

/// `swiftjail update`
enum Update: Command {
  static let name = "update"
  static let summary = "change the limits of a container"
  static let operands = "ID"
  static let operandCount = 1...1
  static let options =
    [
      Option(
        "resources", letter: "r", value: "FILE",
        "take the limits from FILE (- is standard input), an object like linux.resources of config.json")
    ] + limits + ignored

  /// The options that are limits themselves.
  private static let limits = [
    Option("memory", value: "SIZE", "the most memory, such as 512m; -1 is no limit"),
    Option("memory-reservation", value: "SIZE", "memory that stays when memory is short"),
    Option("memory-swap", value: "SIZE", "the most memory and swap together; -1 is no limit on swap"),
    Option("cpu-quota", value: "TIME", "microseconds of processor time in each period; -1 is no limit"),
    Option("cpu-period", value: "TIME", "the period, in microseconds"),
    Option("cpu-burst", value: "TIME", "microseconds of quota that may be saved up"),
    Option("cpu-share", value: "N", "the share of processor time beside others, 2 to 262144"),
    Option("cpu-idle", value: "N", "1 to run only when nobody else wants the processor, 0 to end that"),
    Option("cpu-rt-period", value: "TIME", "for cgroup v1; refused"),
    Option("cpu-rt-runtime", value: "TIME", "for cgroup v1; refused"),
    Option("cpuset-cpus", value: "LIST", "the CPUs to run on, such as 0-3,7"),
    Option("cpuset-mems", value: "LIST", "the memory nodes to use, such as 0"),
    Option("blkio-weight", value: "N", "the share of disk time beside others, 10 to 1000"),
    Option("pids-limit", value: "N", "the most processes and threads; -1 is no limit"),
    Option("l3-cache-schema", value: "LINE", "the caches of its resctrl group, such as L3:0=7f0"),
    Option("mem-bw-schema", value: "LINE", "the memory bandwidth of its resctrl group, such as MB:0=20"),
  ]

  private static let ignored = [
    Option("kernel-memory", value: "SIZE", "obsolete; ignored"),
    Option("kernel-memory-tcp", value: "SIZE", "obsolete; ignored"),
  ]

  static func run(_ arguments: Arguments, _ settings: Settings) throws(Failure) -> Int32 {
    let id = try arguments.containerID()
    let change = try resources(arguments)
    var schemata = SchemataChange()
    schemata.l3Cache = arguments["l3-cache-schema"].flatMap { $0.isEmpty ? nil : $0 }
    schemata.memoryBandwidth = arguments["mem-bw-schema"].flatMap { $0.isEmpty ? nil : $0 }
    guard
      change != RuntimeConfig.Linux.Resources() || schemata != SchemataChange()
        || ignored.contains(where: { arguments[$0.name] != nil })
    else {
      throw Failure(.usage, "update: no limit given")
    }
    for option in ignored where arguments[option.name] != nil {
      settings.log.write(.warning, "update: --\(option.name) is obsolete, and ignored")
    }
    let container = try settings.container(id)
    guard !container.record.isSupervised else {
      throw Failure(
        .failed,
        "\(id) is a partition of the supervisor, whose definition has its limits: change that with swiftjail up, or with docker update"
      )
    }
    try carryOut { () throws(ContainerError) in try container.update(change, schemata) }
    return 0
  }

  private static func resources(_ arguments: Arguments) throws(Failure) -> RuntimeConfig.Linux.Resources {
    guard let file = arguments["resources"] else { return try limits(arguments) }
    for option in limits where arguments[option.name] != nil {
      throw Failure(
        .usage, "update: --\(option.name) cannot be combined with --resources, which has all limits")
    }
    let bytes: [UInt8]
    do throws(Errno) {
      bytes =
        file == "-"
        ? try FileDescriptor.duplicate(of: 0).readToEnd(limit: 16 << 20)
        : try File.read(file, limit: 16 << 20)
    } catch {
      throw Failure(.failed, "--resources \(file): \(error)")
    }
    do throws(ConfigError) { return try RuntimeConfig.Linux.Resources(parsing: bytes) } catch {
      throw Failure(.failed, "--resources \(file): \(error)")
    }
  }

  private static func limits(_ arguments: Arguments) throws(Failure) -> RuntimeConfig.Linux.Resources {
    var resources = RuntimeConfig.Linux.Resources()
    resources.memory.limit = try size("memory", arguments)
    resources.memory.reservation = try size("memory-reservation", arguments)
    resources.memory.swap = try size("memory-swap", arguments)
    resources.cpu.quota = try number("cpu-quota", arguments)
    resources.cpu.period = try number("cpu-period", arguments)
    resources.cpu.burst = try number("cpu-burst", arguments)
    resources.cpu.shares = try number("cpu-share", arguments)
    resources.cpu.idle = try number("cpu-idle", arguments)
    resources.cpu.realtimePeriod = try number("cpu-rt-period", arguments)
    resources.cpu.realtimeRuntime = try number("cpu-rt-runtime", arguments)
    resources.cpu.cpus = arguments["cpuset-cpus"].flatMap { $0.isEmpty ? nil : $0 }
    resources.cpu.mems = arguments["cpuset-mems"].flatMap { $0.isEmpty ? nil : $0 }
    resources.blockIO.weight = try number("blkio-weight", arguments)
    if let limit: Int64 = try number("pids-limit", arguments) { resources.pids = .init(limit: limit) }
    return resources
  }

  /// An amount of memory. Nothing stands for an option that is not given, as engines write it.
  private static func size(_ name: String, _ arguments: Arguments) throws(Failure) -> Int64? {
    guard let text = arguments[name], !text.isEmpty else { return nil }
    if text == "-1" { return -1 }
    guard let size = ByteSize(text) else {
      throw Failure(.usage, "--\(name) \(text): must be an amount of memory such as 512m or 2g, or -1")
    }
    return size.bytes
  }

  private static func number<Number: FixedWidthInteger>(
    _ name: String, _ arguments: Arguments
  ) throws(Failure) -> Number? {
    guard let text = arguments[name], !text.isEmpty else { return nil }
    guard let number = Number(text) else {
      throw Failure(.usage, "--\(name) \(text): must be a whole number from \(Number.min) to \(Number.max)")
    }
    return number
  }
}
