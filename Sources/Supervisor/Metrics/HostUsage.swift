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
    // The lines of the processors are the first; those after them are long where there are many.
    var rest = stat.utf8[...]
    while rest.starts(with: "cpu".utf8) {
      let line = rest.prefix { $0 != UInt8(ascii: "\n") }
      rest = rest[line.endIndex...].dropFirst()
      guard line.starts(with: "cpu ".utf8) else {
        processors += 1
        continue
      }
      // user, nice, system, idle, iowait, irq, softirq, steal; the time of guests is in the first two.
      ticks = Self.words(line).dropFirst().prefix(8).reduce(0) { $0 + (UInt64($1) ?? 0) }
    }
    guard let ticks, processors > 0, let memory = Self.memory(meminfo: meminfo) else { return nil }
    self.init(
      processorTime: ticks * (1_000_000_000 / ticksPerSecond), processors: processors, memory: memory)
  }

  /// The host's memory, in bytes, of which the text of `/proc/meminfo` tells first.
  static func memory(meminfo: String) -> UInt64? {
    let words = words(meminfo.utf8.prefix { $0 != UInt8(ascii: "\n") })
    guard words.count > 1, words[0] == "MemTotal:", let kilobytes = UInt64(words[1]) else { return nil }
    return kilobytes * 1024
  }

  private static func words(_ line: Substring.UTF8View) -> [Substring] {
    line.split(separator: UInt8(ascii: " ")).map(Substring.init)
  }
}
