import Definitions
import Linux
import OCI

/// Something that happened to a container, as the API tells it (`EventMessage`).
public struct ContainerEvent: Equatable, Sendable {
  /// What happened.
  public enum Action: Equatable, Sendable {
    case create
    case start
    /// It ended with a status, as a shell would say it, and ran from and to these times, in nanoseconds since 1970.
    case die(exitStatus: Int32, started: Int64, finished: Int64)
    case stop
    case kill(Signal)
    case restart
    case destroy
    case pause
    case unpause
    /// It had the old name, with a leading slash in the document.
    case rename(from: String)
    case update
    /// Something of it was changed to follow the load.
    case adapt(Adaptation)
    /// Files were copied out of it.
    case archivePath
    /// Files were copied into it.
    case extractToDirectory
    case outOfMemory
    /// A client is at its standard streams.
    case attach
    /// One has left them by the keys for that.
    case detach
    case resize(height: UInt16, width: UInt16)
    /// Its processes were listed.
    case top
    case health(PartitionStatus.Health)
    case execCreate(id: String, command: [String])
    case execStart(id: String, command: [String])
    case execDie(id: String, exitStatus: Int32)
    case execDetach(id: String)

    /// The end `end`.
    static func died(_ end: KeptEnd) -> Action {
      .die(exitStatus: end.status, started: end.started, finished: end.finished)
    }

    /// What it is called.
    var name: String {
      switch self {
      case .create: "create"
      case .start: "start"
      case .die: "die"
      case .stop: "stop"
      case .kill: "kill"
      case .restart: "restart"
      case .destroy: "destroy"
      case .pause: "pause"
      case .unpause: "unpause"
      case .rename: "rename"
      case .update, .adapt: "update"
      case .archivePath: "archive-path"
      case .extractToDirectory: "extract-to-dir"
      case .outOfMemory: "oom"
      case .attach: "attach"
      case .detach: "detach"
      case .resize: "resize"
      case .top: "top"
      case .health(let health): "health_status: \(health.rawValue)"
      case .execCreate(_, let command): "exec_create: \(Self.text(of: command))"
      case .execStart(_, let command): "exec_start: \(Self.text(of: command))"
      case .execDie: "exec_die"
      case .execDetach: "exec_detach"
      }
    }

    /// A command as far as it tells what is executed: an event is a line that is read again and again.
    private static func text(of command: [String]) -> String {
      String(command.joined(separator: " ").prefix(1024))
    }

    /// What is said about it beside the container.
    var attributes: NamedValues<String> {
      switch self {
      case .die(let status, let started, let finished):
        ["exitCode": String(status), "startedAt": Clock.text(started), "finishedAt": Clock.text(finished)]
      case .kill(let signal): ["signal": String(signal.rawValue)]
      case .rename(let old): ["oldName": "/\(old)"]
      case .resize(let height, let width): ["height": String(height), "width": String(width)]
      case .execCreate(let id, _), .execStart(let id, _), .execDetach(let id): ["execID": id]
      case .execDie(let id, let status): ["execID": id, "exitCode": String(status)]
      case .adapt(let change):
        [
          "resource": change.resource.rawValue, "from": String(change.from), "to": String(change.to),
          "reason": change.reason,
        ]
      default: [:]
      }
    }
  }

  /// A change that follows the load.
  public struct Adaptation: Equatable, Sendable {
    /// What is changed, by the name of the cgroup's file.
    public enum Resource: String, Sendable {
      /// Memory in use, in bytes.
      case memory = "memory.current"
      /// The limit of that, in bytes.
      case memoryLimit = "memory.max"
      /// The share of processor time.
      case cpuWeight = "cpu.weight"
    }

    /// What is changed.
    public var resource: Resource
    /// What it was.
    public var from: UInt64
    /// What it is now.
    public var to: UInt64
    /// Why, in words.
    public var reason: String
  }

  /// What happened.
  public var action: Action
  /// The container's id.
  public var id: String
  /// Its name; after a rename, the new one.
  public var name: String
  /// What it is made of.
  public var image: String
  /// What its owner notes about it.
  public var labels: NamedValues<String>
  /// When, in nanoseconds since 1970.
  public var time: Int64

  /// Something that happened to `partition` at that time.
  public init(_ action: Action, of partition: PartitionStatus, time: Int64) {
    self.action = action
    id = partition.id
    name = partition.definition.name
    image = ContainerDocument.image(of: partition.definition)
    labels = partition.definition.labels
    self.time = time
  }

  /// It as the API has it.
  public var message: EventMessage {
    var attributes = labels
    for element in action.attributes.elements { attributes[element.name] = element.value }
    attributes["image"] = image
    attributes["name"] = name
    return EventMessage(action: action.name, id: id, attributes: attributes, time: time)
  }
}

/// What `GET /events` asks for.
public struct EventQuery: Equatable, Sendable {
  /// From when on, in nanoseconds since 1970; `nil` for from now on, and with `until` for all.
  public let since: Int64?
  /// Until when; `nil` for without an end.
  public let until: Int64?
  private let filters: Filters

  /// Reads the query.
  ///
  /// - Throws: `APIError` for a filter that there is not, or a time that is none.
  init(_ query: Query, now: Int64) throws(APIError) {
    since = try query.time("since", now: now)
    until = try query.time("until", now: now)
    filters = try Filters(
      query.text("filters"),
      known: [
        "config", "container", "daemon", "event", "image", "label", "network", "node", "plugin", "scope",
        "secret", "service", "type", "volume",
      ])
    if let since, let until, until < since {
      throw .badRequest("since=\(since / 1_000_000_000) is after until=\(until / 1_000_000_000)")
    }
  }

  /// Whether what happened at `time` may be wanted.
  func spans(_ time: Int64) -> Bool { time >= since ?? .min && time <= until ?? .max }

  /// Whether `event` is wanted.
  public func wants(_ event: EventMessage) -> Bool {
    guard spans(event.time) else { return false }
    // Events of other things than containers there are none.
    for name in ["config", "daemon", "network", "node", "plugin", "secret", "service", "volume"]
    where filters[name] != nil { return false }
    // Of a name such as "exec_start: ls", the beginning is enough.
    let action = event.action.prefix { $0 != ":" }
    return filters.any("type") { $0 == "container" } && filters.any("scope") { $0 == "local" }
      && filters.any("event") { $0 == action || $0 == event.action }
      && filters.any("container") { wanted in
        let wanted = ContainerReference(wanted).text
        return wanted == event.name || (!wanted.isEmpty && event.id.hasPrefix(wanted))
      }
      && filters.any("image") { $0 == event.image || (event.image == "host" && HostImage.isNamed(by: $0)) }
      && filters.passes(labels: event.attributes)
  }
}
