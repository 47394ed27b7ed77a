import Linux

/// A property of a transient unit, as `busctl call` takes it (`busctl(1)`, "Parameter formatting").
struct SystemdProperty: Equatable, Sendable {
  /// Its name on the bus.
  let name: String
  /// The signature of its type.
  let type: String
  /// Its value, word for word.
  let values: [String]

  /// The words on a command line.
  var arguments: [String] { [name, type] + values }

  init(_ name: String, _ type: String, _ values: [String]) {
    self.name = name
    self.type = type
    self.values = values
  }

  /// What the unit `scope` is to be: a cgroup that is left to us, begun with the process `pid`, limited by `settings`, and
  /// what `others` say.
  static func all(
    of scope: SystemdScope, pid: Int32, _ settings: [CgroupSetting], _ others: [SystemdProperty] = [],
    description: String
  ) -> [SystemdProperty] {
    let own = [
      SystemdProperty("Description", "s", [description]),
      SystemdProperty("Slice", "s", [scope.slice]),
      SystemdProperty("Delegate", "b", ["true"]),
      SystemdProperty("DefaultDependencies", "b", ["false"]),
      SystemdProperty("CollectMode", "s", ["inactive-or-failed"]),
      SystemdProperty("PIDs", "au", ["1", String(pid)]),
    ]
    // A limit of the configuration counts more than an annotation; what this program adds by itself, less.
    var properties = own + limits([])
    for property in others + changes(settings) {
      properties.removeAll { $0.name == property.name }
      properties.append(property)
    }
    return properties
  }

  /// The limits that systemd has a property for, and so may write again at any time (when it is reloaded, say): what it
  /// writes is then what we wrote. The later of two settings counts.
  static func limits(_ settings: [CgroupSetting]) -> [SystemdProperty] {
    // Without a word systemd has a limit of its own here.
    merge(settings, into: [SystemdProperty("TasksMax", "t", [unlimited])])
  }

  /// Those that change with `settings`, of a unit that has the others already.
  static func changes(_ settings: [CgroupSetting]) -> [SystemdProperty] { merge(settings, into: []) }

  private static func merge(
    _ settings: [CgroupSetting], into properties: [SystemdProperty]
  ) -> [SystemdProperty] {
    var properties = properties
    for setting in settings {
      for property in limit(setting) {
        properties.removeAll { $0.name == property.name }
        properties.append(property)
      }
    }
    return properties
  }

  private static let unlimited = String(UInt64.max)

  private static func limit(_ setting: CgroupSetting) -> [SystemdProperty] {
    func number(_ name: String, in range: ClosedRange<UInt64> = 0...UInt64.max) -> [SystemdProperty] {
      guard let value = amount(setting.value), range.contains(value) else { return [] }
      return [SystemdProperty(name, "t", [String(value)])]
    }
    func set(_ name: String) -> [SystemdProperty] {
      guard let bytes = mask(setting.value) else { return [] }
      return [SystemdProperty(name, "ay", [String(bytes.count)] + bytes.map { String($0) })]
    }
    return switch setting.file {
    case "memory.max": number("MemoryMax", in: 1...UInt64.max)
    case "memory.high": number("MemoryHigh", in: 1...UInt64.max)
    case "memory.low": number("MemoryLow")
    case "memory.min": number("MemoryMin")
    case "memory.swap.max": number("MemorySwapMax")
    case "pids.max": number("TasksMax", in: 1...UInt64.max)
    case "cpu.weight": number("CPUWeight", in: 1...10_000)
    case "cpu.max": bandwidth(setting.value)
    case "cpuset.cpus": set("AllowedCPUs")
    case "cpuset.mems": set("AllowedMemoryNodes")
    case "io.weight" where setting.value.hasPrefix("default "): weight(setting.value)
    default: []
    }
  }

  /// A number as the kernel takes it: `max`, or one with a binary unit.
  static func amount(_ text: String) -> UInt64? {
    if text == "max" { return .max }
    let units: [(String, UInt64)] = [("K", 1 << 10), ("M", 1 << 20), ("G", 1 << 30), ("T", 1 << 40)]
    let upper = text.uppercased()
    guard let (unit, factor) = units.first(where: { upper.hasSuffix($0.0) }) else { return UInt64(text) }
    guard let number = UInt64(upper.dropLast(unit.utf8.count)) else { return nil }
    let (product, overflow) = number.multipliedReportingOverflow(by: factor)
    return overflow ? nil : product
  }

  private static func weight(_ value: String) -> [SystemdProperty] {
    guard let weight = UInt64(value.dropFirst("default ".utf8.count)), (1...10_000).contains(weight) else {
      return []
    }
    return [SystemdProperty("IOWeight", "t", [String(weight)])]
  }

  /// systemd's limit is processor time a second, of which it keeps whole percents: not less than was asked for.
  private static func bandwidth(_ value: String) -> [SystemdProperty] {
    let words = value.split(separator: " ")
    guard let first = words.first, let period = words.count > 1 ? UInt64(words[1]) : 100_000, period > 0
    else {
      return []
    }
    let periods = SystemdProperty("CPUQuotaPeriodUSec", "t", [String(period)])
    if first == "max" { return [SystemdProperty("CPUQuotaPerSecUSec", "t", [unlimited]), periods] }
    guard let quota = UInt64(first) else { return [] }
    let (product, overflow) = quota.multipliedReportingOverflow(by: 1_000_000)
    guard !overflow, product > 0 else { return [] }
    let percent: UInt64 = 10_000
    let time = (product / period + percent - 1) / percent * percent
    return [SystemdProperty("CPUQuotaPerSecUSec", "t", [String(max(time, percent))]), periods]
  }

  /// The bits for a list such as `0-3,7`, the lowest first; `nil` for what is none.
  static func mask(_ list: String) -> [UInt8]? {
    var bytes: [UInt8] = []
    for part in list.split(separator: ",") {
      // Spaces may be around a range, and nowhere else.
      let words = part.split(separator: " ")
      guard let range = words.first else { continue }
      let ends = range.split(separator: "-", omittingEmptySubsequences: false).map { Int($0) }
      guard words.count == 1, ends.count <= 2, let first = ends[0], let last = ends[ends.count - 1],
        first >= 0, first <= last, last < 8192
      else { return nil }
      if bytes.count <= last / 8 {
        bytes.append(contentsOf: repeatElement(0, count: last / 8 + 1 - bytes.count))
      }
      for number in first...last { bytes[number / 8] |= 1 << (number % 8) }
    }
    return bytes.isEmpty ? nil : bytes
  }
}
