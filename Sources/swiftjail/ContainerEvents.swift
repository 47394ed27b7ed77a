import Container
import Linux
import OCI

/// What `events` prints of one container, in the words of runc's command of that name: what it uses, and that a process of it
/// was ended for lack of memory.
struct ContainerEvents {
  let container: Container

  /// The options that `events` has for a container.
  static let options = [
    Option("stats", "print once what the container ID uses, as runc does, and exit"),
    Option(
      "interval", value: "TIME", "how often to print what the container ID uses, such as 5s (the default)"),
  ]

  /// The longest interval, in milliseconds.
  private static let longest = 24 * 60 * 60 * 1000

  /// Prints what the container uses, once or until it has ended.
  static func run(_ arguments: Arguments, _ settings: Settings) throws(Failure) {
    let id = try arguments.containerID()
    let interval = try milliseconds(arguments["interval"] ?? "5s")
    let events = ContainerEvents(container: try settings.container(id))
    guard events.container.status() != .stopped else {
      throw Failure(.failed, "container \(id) is not running")
    }
    try Output.print(try events.statistics())
    if arguments.has("stats") { return }
    let process = try carryOut { () throws(ContainerError) in try events.container.initProcess() }
    var kills = events.number("memory.events", "oom_kill")
    while true {
      var entries = [PollEntry(process.descriptor.rawValue, .readable)]
      do throws(Errno) { if try poll(&entries, milliseconds: Int32(interval)) { return } } catch {
        throw Failure(.failed, "events: wait: \(error)")
      }
      let now = events.number("memory.events", "oom_kill")
      if now > kills { try Output.print(events.line("oom", nil)) }
      kills = now
      // Its cgroup may just have gone with it.
      if let text = try? events.statistics() { try Output.print(text) }
    }
  }

  private static func milliseconds(_ text: String) throws(Failure) -> Int {
    let units: [(String, Int)] = [("ms", 1), ("s", 1000), ("m", 60_000), ("h", 3_600_000)]
    for (unit, factor) in units where text.hasSuffix(unit) {
      guard let number = Int(text.dropLast(unit.utf8.count)), (1...longest / factor).contains(number) else {
        break
      }
      return number * factor
    }
    throw Failure(.usage, "--interval \(text): must be a whole number with a unit, such as 500ms, 5s or 1m")
  }

  private func line(_ type: String, _ data: JSON?) -> String {
    var object = JSON.Object()
    object.add("type", type)
    object.add("id", container.id.description)
    object.add("data", ifPresent: data)
    return JSON.object(object).text() + "\n"
  }

  private func statistics() throws(Failure) -> String {
    guard container.cgroupDirectory() != nil else {
      throw Failure(.failed, "container \(container.id) has no cgroup of its own that counts what it uses")
    }
    var data = JSON.Object()
    data.add("cpu", cpu)
    data.add("cpuset", JSON.object(JSON.Object()))
    data.add("memory", memory)
    var pids = JSON.Object()
    pids.add("current", number("pids.current"))
    // Without a limit it is 0, as runc has it.
    pids.add("limit", limit("pids.max") ?? 0, unless: 0)
    data.add("pids", JSON.object(pids))
    return line("stats", JSON.object(data))
  }

  /// Times are in nanoseconds.
  private var cpu: JSON {
    var usage = JSON.Object()
    usage.add("total", nanoseconds("usage_usec"))
    usage.add("kernel", nanoseconds("system_usec"))
    usage.add("user", nanoseconds("user_usec"))
    var throttling = JSON.Object()
    throttling.add("periods", number("cpu.stat", "nr_periods"))
    throttling.add("throttledPeriods", number("cpu.stat", "nr_throttled"))
    throttling.add("throttledTime", nanoseconds("throttled_usec"))
    var cpu = JSON.Object()
    cpu.add("usage", JSON.object(usage))
    cpu.add("throttling", JSON.object(throttling))
    return .object(cpu)
  }

  private var memory: JSON {
    var memory = JSON.Object()
    memory.add("cache", number("memory.stat", "file"))
    memory.add("usage", entry("memory"))
    memory.add("swap", entry("memory.swap"))
    var raw = JSON.Object()
    for line in (file("memory.stat") ?? "").split(separator: "\n") {
      let words = line.split(separator: " ")
      if words.count == 2, let value = UInt64(words[1]) { raw.add(String(words[0]), value) }
    }
    memory.add("raw", JSON.object(raw))
    return .object(memory)
  }

  private func entry(_ name: String) -> JSON {
    var entry = JSON.Object()
    entry.add("usage", number("\(name).current"))
    entry.add("limit", limit("\(name).max") ?? .max)
    let peak = number("\(name).peak")
    entry.add("max", peak, unless: 0)
    entry.add("failcnt", number("\(name).events", "max"))
    return .object(entry)
  }

  private func nanoseconds(_ key: String) -> UInt64 {
    number("cpu.stat", key).multipliedReportingOverflow(by: 1000).partialValue
  }

  /// A number in a file of the cgroup, or in its line that begins with `key`; 0 where it is not counted.
  private func number(_ name: String, _ key: String? = nil) -> UInt64 {
    guard let text = file(name) else { return 0 }
    guard let key else { return UInt64(text) ?? 0 }
    for line in text.split(separator: "\n") where line.hasPrefix("\(key) ") {
      return UInt64(line.dropFirst(key.utf8.count + 1)) ?? 0
    }
    return 0
  }

  /// The limit in a file of the cgroup; `nil` for none.
  private func limit(_ name: String) -> UInt64? { file(name).flatMap { UInt64($0) } }

  private func file(_ name: String) -> String? {
    guard let directory = container.cgroupDirectory() else { return nil }
    return try? File.text("\(directory)/\(name)")
  }
}
