import Linux
import OCI

/// What a container's cgroup counts, in the words of runc's `events`.
struct ContainerStatistics {
  /// The cgroup's directory.
  let directory: String

  /// The object `data` of an event of the type `stats`. Times are in nanoseconds, sizes in bytes.
  var json: JSON {
    var data = JSON.Object()
    data.add("cpu", cpu)
    data.add("cpuset", cpuset)
    data.add("memory", memory)
    var pids = JSON.Object()
    pids.add("current", number("pids.current"))
    // Without a limit it is 0, as runc has it.
    pids.add("limit", limit("pids.max") ?? 0, unless: 0)
    data.add("pids", JSON.object(pids))
    data.add("blkio", blockIO)
    data.add("hugetlb", hugePages)
    data.add("intel_rdt", JSON.object(JSON.Object()))
    data.add("network_interfaces", JSON.null)
    return .object(data)
  }

  private var cpu: JSON {
    let counts = Counts(file("cpu.stat"))
    var usage = JSON.Object()
    usage.add("total", counts.nanoseconds("usage_usec"))
    usage.add("kernel", counts.nanoseconds("system_usec"))
    usage.add("user", counts.nanoseconds("user_usec"))
    var throttling = JSON.Object()
    throttling.add("periods", counts["nr_periods"])
    throttling.add("throttledPeriods", counts["nr_throttled"])
    throttling.add("throttledTime", counts.nanoseconds("throttled_usec"))
    var cpu = JSON.Object()
    cpu.add("usage", JSON.object(usage))
    cpu.add("throttling", JSON.object(throttling))
    cpu.add("psi", ifPresent: pressure("cpu.pressure"))
    return .object(cpu)
  }

  private var cpuset: JSON {
    var cpuset = JSON.Object()
    cpuset.add("cpus", Self.numbers(file("cpuset.cpus.effective") ?? ""), unless: [])
    cpuset.add("mems", Self.numbers(file("cpuset.mems.effective") ?? ""), unless: [])
    return .object(cpuset)
  }

  /// The numbers in a list such as `0-3,7`.
  static func numbers(_ list: String) -> [UInt64] {
    var numbers: [UInt64] = []
    for range in list.split(separator: ",") {
      let ends = range.split(separator: "-").map { UInt64($0) }
      guard let first = ends.first ?? nil, let last = ends.last ?? nil, first <= last, last < 1 << 16 else {
        continue
      }
      numbers += first...last
    }
    return numbers
  }

  private var memory: JSON {
    let counts = Counts(file("memory.stat"))
    let used = number("memory.current")
    let limit = limit("memory.max") ?? .max
    var usage = JSON.Object()
    usage.add("limit", limit)
    usage.add("usage", used)
    usage.add("max", number("memory.peak"), unless: 0)
    usage.add("failcnt", Counts(file("memory.events"))["max"])
    // As in cgroup v1, memory and swap together.
    var swap = JSON.Object()
    let swapLimit = self.limit("memory.swap.max").map { $0.addingReportingOverflow(limit) }
    swap.add("limit", swapLimit.map { $0.overflow ? .max : $0.partialValue } ?? .max)
    swap.add("usage", used + number("memory.swap.current"))
    swap.add("failcnt", Counts(file("memory.swap.events"))["max"])
    var raw = JSON.Object()
    for count in counts.all { raw.add(count.key, count.value) }
    var memory = JSON.Object()
    memory.add("cache", counts["file"])
    memory.add("usage", JSON.object(usage))
    memory.add("swap", JSON.object(swap))
    memory.add("raw", JSON.object(raw))
    memory.add("psi", ifPresent: pressure("memory.pressure"))
    return .object(memory)
  }

  private var blockIO: JSON {
    var bytes: [JSON] = []
    var operations: [JSON] = []
    for line in (file("io.stat") ?? "").split(separator: "\n") {
      let words = line.split(separator: " ")
      let numbers = (words.first ?? "").split(separator: ":").map { UInt64($0) }
      guard numbers.count == 2, let major = numbers[0], let minor = numbers[1] else { continue }
      for word in words.dropFirst() {
        let parts = word.split(separator: "=")
        guard parts.count == 2, let value = UInt64(parts[1]) else { continue }
        func entry(_ operation: String) -> JSON {
          var entry = JSON.Object()
          entry.add("major", major)
          entry.add("minor", minor)
          entry.add("op", operation)
          entry.add("value", value)
          return .object(entry)
        }
        switch parts[0] {
        case "rbytes": bytes.append(entry("Read"))
        case "wbytes": bytes.append(entry("Write"))
        case "rios": operations.append(entry("Read"))
        case "wios": operations.append(entry("Write"))
        default: continue
        }
      }
    }
    var io = JSON.Object()
    io.add("ioServiceBytesRecursive", bytes, unless: [])
    io.add("ioServicedRecursive", operations, unless: [])
    io.add("psi", ifPresent: pressure("io.pressure"))
    return .object(io)
  }

  /// By size of page; what is reserved counts, as it does for runc.
  private var hugePages: JSON {
    var pages = JSON.Object()
    let suffix = ".rsvd.current"
    for name in ((try? Directory.entries(of: directory)) ?? []).map({ $0.name }).sorted()
    where name.hasPrefix("hugetlb.") && name.hasSuffix(suffix) {
      let size = String(name.dropFirst("hugetlb.".count).dropLast(suffix.count))
      var page = JSON.Object()
      page.add("usage", number(name))
      page.add("failcnt", Counts(file("hugetlb.\(size).events"))["max"])
      pages.add(size, JSON.object(page))
    }
    return .object(pages)
  }

  /// How long tasks have waited for a resource (Linux, Documentation/accounting/psi.rst); `nil` where nobody counts that.
  private func pressure(_ name: String) -> JSON? {
    guard let text = file(name), !text.isEmpty else { return nil }
    var pressure = JSON.Object()
    for line in text.split(separator: "\n") {
      let words = line.split(separator: " ")
      guard let kind = words.first else { continue }
      var data = JSON.Object()
      for word in words.dropFirst() {
        let parts = word.split(separator: "=")
        guard parts.count == 2 else { continue }
        let key = String(parts[0])
        if key == "total" {
          data.add(key, UInt64(parts[1]) ?? 0)
        } else {
          data[key] = .double(Double(parts[1]) ?? 0)
        }
      }
      pressure.add(String(kind), JSON.object(data))
    }
    return .object(pressure)
  }

  /// A number in a file of the cgroup; 0 where it is not counted.
  private func number(_ name: String) -> UInt64 { limit(name) ?? 0 }

  /// The limit in a file of the cgroup; `nil` for none.
  private func limit(_ name: String) -> UInt64? { file(name).flatMap { UInt64($0) } }

  private func file(_ name: String) -> String? { try? File.text("\(directory)/\(name)") }

  /// The lines of a file that each have a name and a number.
  private struct Counts {
    var all: [(key: String, value: UInt64)] = []

    init(_ text: String?) {
      for line in (text ?? "").split(separator: "\n") {
        let words = line.split(separator: " ")
        if words.count == 2, let value = UInt64(words[1]) { all.append((String(words[0]), value)) }
      }
    }

    /// The number called `key`; 0 where it is not counted.
    subscript(key: String) -> UInt64 { all.first { $0.key == key }?.value ?? 0 }

    /// A number of microseconds, in nanoseconds.
    func nanoseconds(_ key: String) -> UInt64 { self[key].multipliedReportingOverflow(by: 1000).partialValue }
  }
}
