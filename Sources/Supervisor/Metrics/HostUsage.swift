import Linux

/// What of the host the use of a partition is compared with.
public struct HostUsage: Equatable, Sendable {
  /// The time of all processors since the host has started, idle or not, in nanoseconds.
  public var processorTime: UInt64
  /// How many processors are online.
  public var processors: Int
  /// Its memory, in bytes.
  public var memory: UInt64

  /// What the host says now.
  public static func now() throws(Errno) -> HostUsage {
    let processors = try File.text("/proc/stat")
    let memory = try File.text("/proc/meminfo")
    let ticks = ProcessStatus.ticksPerSecond
    guard let usage = HostUsage(stat: processors, meminfo: memory, ticksPerSecond: ticks) else {
      throw .ioError
    }
    return usage
  }

  /// A host that has this much.
  public init(processorTime: UInt64, processors: Int, memory: UInt64) {
    self.processorTime = processorTime
    self.processors = processors
    self.memory = memory
  }

  /// What the texts of `/proc/stat` and `/proc/meminfo` say (`proc(5)`); `nil` when they do not say it.
  init?(stat: String, meminfo: String, ticksPerSecond: UInt64) {
    var ticks: UInt64?
    var processors = 0
    for line in stat.split(separator: "\n") {
      guard line.hasPrefix("cpu") else { continue }
      guard line.hasPrefix("cpu ") else {
        processors += 1
        continue
      }
      // user, nice, system, idle, iowait, irq, softirq, steal; the time of guests is in the first two.
      ticks = line.split(separator: " ").dropFirst().prefix(8).reduce(0) { $0 + (UInt64($1) ?? 0) }
    }
    let total = meminfo.split(separator: "\n").first { $0.hasPrefix("MemTotal:") }
    guard let ticks, processors > 0, let words = total?.split(separator: " "), words.count > 1,
      let kilobytes = UInt64(words[1])
    else { return nil }
    self.init(
      processorTime: ticks * (1_000_000_000 / ticksPerSecond), processors: processors,
      memory: kilobytes * 1024)
  }
}
