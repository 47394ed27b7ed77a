import Container
import Layers
import Linux
import OCI

extension PartitionDefinition {
  /// What a definition leaves to where it is found.
  public struct Surroundings: Sendable {
    /// The name of a definition without one.
    public var name: String?
    /// Where paths that start with `./` or `../` are looked for.
    public var directory: String
    /// The program of the host that a partition with `init` has as its first process.
    public var initProgram: String

    /// Definitions in `directory`.
    public init(name: String? = nil, directory: String, initProgram: String) {
      self.name = name
      self.directory = directory
      self.initProgram = initProgram
    }
  }

  /// Reads one definition, which has no `replicas`; swiftjail-partitions(5) says what is in it.
  ///
  /// - Throws: `ConfigError` with the path of what is wrong, which starts at the definition.
  public init(json: JSON, in surroundings: Surroundings) throws(ConfigError) {
    let object = try JSON.Object(json: json)
    for member in object.members where !Self.fields.contains(member.key) {
      throw ConfigError(path: "", reason: "there is no such field; swiftjail-partitions(5) has all of them")
        .inside(member.key)
    }
    name = try Self.name(object, in: surroundings)
    content = try Self.content(object, in: surroundings)
    restart =
      try object.value("restart", "no, on-failure, on-failure:5, always or unless-stopped") {
        RestartPolicy($0)
      } ?? .no
    restartDelay = try object.optional("restartDelay", or: restartDelay)
    healthCheck = try object.optional("healthCheck")
    load = try object.optional("load")
    do throws(ConfigError) { try load?.check(content) } catch { throw error.inside("load") }
    stopSignal =
      try object.value("stopSignal", "a signal such as SIGTERM, or a number from 1 to 64", { Signal($0) })
      ?? stopSignal
    stopTimeout = try object.duration("stopTimeout") ?? stopTimeout
    after = try object.optional("after", or: after)
    labels = try object.optional("labels", or: labels)
    log = try object.optional("log", or: log)
    opensInput = try object.optional("interactive", or: false)
    warm = try object.number("warm", in: 0...Self.mostWarm)
    maximum = try object.number("maximum", in: 1...Self.mostInUse)
    if maximum != nil, !isFunction {
      throw ConfigError(path: "maximum", reason: "is for functions: it needs warm")
    }
    closesInput = try object.optional("endInputOnce", or: isFunction)
    isRemovedAtEnd = try object.optional("removeAtEnd", or: isFunction)
    if isFunction { try checkFunction() }
    if isRemovedAtEnd, restart != .no {
      throw ConfigError(path: "removeAtEnd", reason: "cannot be together with a restart policy")
    }
    if isRemovedAtEnd, case .partition(var settings) = content {
      settings.isTransient = true
      content = .partition(settings)
    }
  }

  private static func name(
    _ object: JSON.Object, in surroundings: Surroundings
  ) throws(ConfigError) -> String {
    guard let name: String = try object.optional("name") ?? surroundings.name else {
      throw ConfigError(path: "name", reason: "is required")
    }
    if let reason = fault(ofName: name) { throw ConfigError(path: "name", reason: reason) }
    do throws(ContainerError) { return try ContainerID(name).description } catch {
      throw ConfigError(path: "name", reason: error.description)
    }
  }

  private static func content(
    _ object: JSON.Object, in surroundings: Surroundings
  ) throws(ConfigError) -> Content {
    let given = ["image", "rootfs", "bundle"].filter { object[$0] ?? .null != .null }
    guard let kind = given.first else {
      throw ConfigError(path: "", reason: "one of image, rootfs and bundle is needed")
    }
    guard given.count == 1 else {
      throw ConfigError(path: given[1], reason: "there is \(kind) already, and a partition has one of them")
    }
    func path() throws(ConfigError) -> String {
      let path = try object.value(kind, "an absolute path, or start with ./") {
        HostPath.absolute($0, relativeTo: surroundings.directory)
      }
      return path ?? "/"
    }
    switch kind {
    case "bundle":
      for field in PartitionSettings.fields where object[field] ?? .null != .null {
        throw ConfigError(path: field, reason: "is for image and rootfs; the bundle's config.json says it")
      }
      return .bundle(try path())
    case "rootfs":
      return .partition(try PartitionSettings(.directory(try path()), object, in: surroundings))
    default:
      guard object["image"] == .string("host") else {
        throw ConfigError(
          path: "image", reason: "host is the only image; give an unpacked one as rootfs")
      }
      return .partition(try PartitionSettings(.host, object, in: surroundings))
    }
  }

  /// The names of what can be in a definition.
  static let fields =
    [
      "name", "image", "rootfs", "bundle", "restart", "restartDelay", "healthCheck", "load", "stopSignal",
      "stopTimeout", "after", "labels", "log", "interactive", "endInputOnce", "removeAtEnd",
      "warm", "maximum",
    ] + PartitionSettings.fields
}

extension PartitionDefinition.RestartDelay: JSONRepresentable {
  /// Reads an object of lengths of time.
  public init(json: JSON) throws(ConfigError) {
    self.init()
    let object = try JSON.Object(json: json)
    try object.check(fields: ["initial", "longest", "forgottenAfter"])
    initial = try object.duration("initial") ?? initial
    longest = try object.duration("longest") ?? max(longest, initial)
    forgottenAfter = try object.duration("forgottenAfter") ?? forgottenAfter
    if longest < initial {
      throw ConfigError(
        path: "longest", reason: "must not be less than initial, \(DurationText.text(initial))")
    }
  }

  /// The lengths of time as an object.
  public var json: JSON {
    var object = JSON.Object()
    object.add("initial", DurationText.text(initial))
    object.add("longest", DurationText.text(longest))
    object.add("forgottenAfter", DurationText.text(forgottenAfter))
    return .object(object)
  }
}

extension PartitionDefinition.HealthCheck: JSONRepresentable {
  /// Reads an object, of which `command` is required.
  public init(json: JSON) throws(ConfigError) {
    let object = try JSON.Object(json: json)
    try object.check(fields: ["command", "interval", "timeout", "startPeriod", "retries"])
    self.init(command: try object.required("command"))
    if command.first ?? "" == "" {
      throw ConfigError(path: "command", reason: "must begin with a program")
    }
    interval = try object.duration("interval", from: 1) ?? interval
    timeout = try object.duration("timeout", from: 1) ?? timeout
    startPeriod = try object.duration("startPeriod") ?? startPeriod
    retries = try object.number("retries", in: 1...Self.mostRetries) ?? retries
  }

  /// The check as an object.
  public var json: JSON {
    var object = JSON.Object()
    object.add("command", command)
    object.add("interval", DurationText.text(interval))
    object.add("timeout", DurationText.text(timeout))
    object.add("startPeriod", DurationText.text(startPeriod))
    object.add("retries", retries)
    return .object(object)
  }
}

extension PartitionDefinition.LogLimits: JSONRepresentable {
  /// Reads an object.
  public init(json: JSON) throws(ConfigError) {
    self.init()
    let object = try JSON.Object(json: json)
    try object.check(fields: ["maxSize", "maxFiles"])
    size = try object.size("maxSize")?.bytes ?? size
    files = try object.number("maxFiles", in: 1...Self.mostFiles) ?? files
  }

  /// The limits as an object.
  public var json: JSON {
    var object = JSON.Object()
    object.add("maxSize", size)
    object.add("maxFiles", files)
    return .object(object)
  }
}
