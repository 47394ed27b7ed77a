import Container
import Linux
import OCI

/// What `events` prints of one container, in the format of runc's command of that name: what the container uses, and that the
/// kernel killed a process of it for lack of memory.
struct ContainerEvents {
  let container: Container

  /// The options that `events` has for a container.
  static let options = [
    Option("stats", "print once what the container ID uses, as runc does, and exit"),
    Option(
      "interval", value: "TIME", "how often to print what the container ID uses, such as 5s (the default)"),
  ]

  /// Prints what the container uses, once or until it has ended.
  static func run(_ arguments: Arguments, _ settings: Settings) throws(Failure) {
    let id = try arguments.containerID()
    let interval = try milliseconds(arguments["interval"] ?? "5s")
    let events = ContainerEvents(container: try settings.container(id))
    guard events.container.status() != .stopped else {
      throw Failure(.failed, "container \(id) is not running")
    }
    if arguments.has("stats") { return try Output.print(try events.statistics()) }
    try events.follow(every: interval)
  }

  /// Prints statistics every `interval` milliseconds, and each kill for lack of memory at once.
  private func follow(every interval: Int64) throws(Failure) {
    let process = try carryOut { () throws(ContainerError) in try container.initProcess() }
    guard let directory = container.cgroupDirectory() else { throw withoutCgroup }
    // Without the memory controller, nobody counts the kills.
    let memory = try? EventFile("\(directory)/memory.events")
    var kills = Self.kills(memory)
    var next = Clock.monotonic()
    while true {
      let left = (next - Clock.monotonic() + 999_999) / 1_000_000
      if left <= 0 {
        // The cgroup of a container that has just ended may be gone.
        if let text = try? statistics() { try Output.print(text) }
        next = Clock.monotonic() + interval * 1_000_000
        continue
      }
      var entries = [PollEntry(process.descriptor.rawValue, .readable), Self.entry(memory)]
      do throws(Errno) { _ = try poll(&entries, milliseconds: Int32(left)) } catch {
        throw Failure(.failed, "events: wait: \(error)")
      }
      let now = Self.kills(memory) ?? kills
      if let now, now > kills ?? 0 { try Output.print(line("oom", nil)) }
      kills = now
      if !entries[0].events.isEmpty { return }
    }
  }

  private static func kills(_ memory: borrowing EventFile?) -> UInt64? {
    switch memory {
    case .some(let file): (try? file.number("oom_kill")) ?? nil
    case .none: nil
    }
  }

  private static func entry(_ memory: borrowing EventFile?) -> PollEntry {
    switch memory {
    case .some(let file): file.entry
    case .none: PollEntry(-1, .exceptional)
    }
  }

  /// The longest interval.
  private static let longest: Double = 24 * 60 * 60 * 1000

  /// A time such as Go writes it: numbers with units, one after the other.
  static func milliseconds(_ text: String) throws(Failure) -> Int64 {
    let units: [(String, Double)] = [
      ("h", 3_600_000), ("m", 60_000), ("s", 1000), ("ms", 1), ("us", 0.001), ("µs", 0.001),
      ("ns", 0.000001),
    ]
    var rest = Substring(text)
    var sum: Double = 0
    while !rest.isEmpty {
      let digits = rest.prefix { $0.isASCII && ($0.isNumber || $0 == ".") }
      rest = rest.dropFirst(digits.count)
      let unit = rest.prefix { !($0.isASCII && ($0.isNumber || $0 == ".")) }
      rest = rest.dropFirst(unit.count)
      guard let number = Double(digits), let (_, factor) = units.first(where: { unit == $0.0 }) else {
        sum = 0
        break
      }
      sum += number * factor
    }
    guard sum > 0, sum <= longest else {
      throw Failure(
        .usage,
        "--interval \(text): must be a time with a unit, above 0 and up to 24h, such as 500ms or 1m30s")
    }
    return Int64(max(sum, 1))
  }

  private func line(_ type: String, _ data: JSON?) -> String {
    var object = JSON.Object()
    object.add("type", type)
    object.add("id", container.id.description)
    object.add("data", ifPresent: data)
    return JSON.object(object).text() + "\n"
  }

  private func statistics() throws(Failure) -> String {
    guard let directory = container.cgroupDirectory() else { throw withoutCgroup }
    return line("stats", ContainerStatistics(directory: directory).json)
  }

  private var withoutCgroup: Failure {
    Failure(.failed, "container \(container.id) has no cgroup of its own that counts what it uses")
  }
}
