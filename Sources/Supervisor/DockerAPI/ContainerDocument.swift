import Definitions
import Layers
import OCI

/// What the API tells of a container beside what its status says.
public struct ContainerFacts: Sendable {
  /// A health check that has ended.
  public struct Check: Sendable {
    /// When it began, in nanoseconds since 1970.
    public var start: Int64
    /// When it ended.
    public var end: Int64
    /// How it ended, as a shell would say it.
    public var exitStatus: Int32
    /// What it wrote.
    public var output: String

    /// A check that has ended.
    public init(start: Int64, end: Int64, exitStatus: Int32, output: String) {
      self.start = start
      self.end = end
      self.exitStatus = exitStatus
      self.output = output
    }
  }

  /// What is on the disk.
  public struct Sizes: Sendable {
    /// What it has written, in bytes.
    public var written: Int64
    /// That and what is below it.
    public var total: Int64

    /// The sizes given.
    public init(written: Int64, total: Int64) {
      self.written = written
      self.total = total
    }
  }

  /// What runs when its definition does not say so: a bundle's command, or the shell.
  public var command: [String] = ["/bin/sh"]
  /// The file with what it writes.
  public var logPath = ""
  /// The ids of the programs that are executed in it now.
  public var executions: [String] = []
  /// How many health checks have failed in a row.
  public var failedChecks = 0
  /// The last health checks, the oldest first.
  public var checks: [Check] = []
  /// What is on the disk, when that was asked for.
  public var sizes: Sizes?
  /// The directories of its layer, and whether it is in memory; empty without one.
  public var overlay: NamedValues<String> = [:]

  /// Nothing out of the ordinary.
  public init() {}
}

/// A container as the API describes it.
public struct ContainerDocument: Sendable {
  let status: PartitionStatus
  let facts: ContainerFacts

  /// The documents of a container.
  public init(_ status: PartitionStatus, _ facts: ContainerFacts = ContainerFacts()) {
    self.status = status
    self.facts = facts
  }

  /// The settings; of a bundle, nothing out of the ordinary.
  var settings: PartitionSettings {
    switch status.definition.content {
    case .partition(let settings): settings
    case .bundle(let directory): PartitionSettings(base: .directory(directory))
    }
  }

  /// The program and its arguments.
  var command: [String] {
    settings.command.isEmpty && status.plain == nil ? facts.command : settings.command
  }

  /// What it is made of.
  var image: String { Self.image(of: status.definition) }

  static func image(of definition: PartitionDefinition) -> String {
    switch definition.content {
    case .partition(let settings):
      switch settings.base {
      case .host: "host"
      case .directory(let path): path
      }
    case .bundle(let directory): directory
    }
  }

  private var imageID: String { image == "host" ? HostImage.id : "" }

  var networkMode: String { status.plain?.network ?? settings.network.rawValue }

  /// The network that it is in.
  var network: String { settings.network == .host ? "host" : "none" }

  /// A line of the list (`ContainerSummary`).
  ///
  /// - Parameter now: nanoseconds since 1970.
  public func summary(now: Int64) -> JSON {
    var object = JSON.Object()
    object["Id"] = .string(status.id)
    object["Names"] = .texts(["/\(status.definition.name)"])
    object["Image"] = .string(image)
    object["ImageID"] = .string(imageID)
    object["Command"] = .string(command.joined(separator: " "))
    object["Created"] = .integer(status.created / 1_000_000_000)
    object["Ports"] = .array([])
    object["Labels"] = status.definition.labels.json
    object["State"] = .string(status.apiState)
    object["Status"] = .string(status.text(now: now))
    object["HostConfig"] = .members(["NetworkMode": .string(networkMode)])
    object["NetworkSettings"] = .members(["Networks": networks])
    object["Mounts"] = mounts
    addSizes(to: &object)
    return .object(object)
  }

  /// All that there is to know of it (`ContainerInspectResponse`).
  public var inspection: JSON {
    var object = JSON.Object()
    object["Id"] = .string(status.id)
    object["Created"] = .string(APIText.time(status.created))
    object["Path"] = .string(command.first ?? "")
    object["Args"] = .texts(Array(command.dropFirst()))
    object["State"] = state
    object["Image"] = .string(imageID)
    for key in ["ResolvConfPath", "HostnamePath", "HostsPath"] { object[key] = .string("") }
    object["LogPath"] = .string(facts.logPath)
    object["Name"] = .string("/\(status.definition.name)")
    object["RestartCount"] = JSON(status.restarts)
    object["Driver"] = .string("overlay")
    object["Platform"] = .string("linux")
    for key in ["MountLabel", "ProcessLabel", "AppArmorProfile"] { object[key] = .string("") }
    object["ExecIDs"] = facts.executions.isEmpty ? .null : .texts(facts.executions)
    object["HostConfig"] = HostConfigDocument(self).document
    object["GraphDriver"] = .members(["Name": .string("overlay"), "Data": facts.overlay.json])
    addSizes(to: &object)
    object["Mounts"] = mounts
    object["Config"] = ContainerConfigDocument.of(self)
    object["NetworkSettings"] = networkSettings
    return .object(object)
  }

  private func addSizes(to object: inout JSON.Object) {
    guard let sizes = facts.sizes else { return }
    object["SizeRw"] = .integer(sizes.written)
    object["SizeRootFs"] = .integer(sizes.total)
  }

  /// What it does (`ContainerState`).
  private var state: JSON {
    var object = JSON.Object()
    object["Status"] = .string(status.apiState)
    object["Running"] = .bool(status.isUp)
    object["Paused"] = .bool(status.state == .paused)
    object["Restarting"] = .bool(status.state == .restarting)
    object["OOMKilled"] = .bool(status.wasOutOfMemory)
    object["Dead"] = .bool(status.state == .dead)
    object["Pid"] = JSON(status.pid ?? 0)
    object["ExitCode"] = JSON(status.shellStatus)
    object["Error"] = .string(status.error ?? "")
    object["StartedAt"] = .string(APIText.time(status.started))
    object["FinishedAt"] = .string(APIText.time(status.finished))
    if let health = status.health {
      let log = facts.checks.map { check in
        JSON.members([
          "Start": .string(APIText.time(check.start)), "End": .string(APIText.time(check.end)),
          "ExitCode": JSON(check.exitStatus), "Output": .string(check.output),
        ])
      }
      object["Health"] = .members([
        "Status": .string(health.rawValue), "FailingStreak": JSON(facts.failedChecks), "Log": .array(log),
      ])
    }
    return .object(object)
  }

  /// What is mounted in it (`MountPoint`).
  private var mounts: JSON {
    let volumes = settings.volumes.map { volume in
      JSON.members([
        "Type": .string("bind"), "Source": .string(volume.source), "Destination": .string(volume.destination),
        "Mode": .string(volume.isReadOnly ? "ro" : ""), "RW": .bool(!volume.isReadOnly),
        "Propagation": .string(volume.propagation ?? "rprivate"),
      ])
    }
    let documents = MountDocuments(settings, status.notes)
    let temporary = documents.ownTemporaryDirectories.map { directory in
      JSON.members([
        "Type": .string("tmpfs"), "Source": .string(""), "Destination": .string(directory.destination),
        "Mode": .string(""), "RW": .bool(!directory.options.contains("ro")), "Propagation": .string(""),
      ])
    }
    return .array(volumes + temporary)
  }

  /// The networks that it is in, by name (`EndpointSettings`).
  private var networks: JSON {
    .members([network: NetworkDocument.endpoint(of: network)])
  }

  private var networkSettings: JSON {
    .members([
      "Bridge": .string(""), "SandboxID": .string(""), "HairpinMode": .bool(false),
      "LinkLocalIPv6Address": .string(""), "LinkLocalIPv6PrefixLen": .integer(0), "Ports": .nothing,
      "SandboxKey": .string(status.pid.map { "/proc/\($0)/ns/net" } ?? ""), "SecondaryIPAddresses": .null,
      "SecondaryIPv6Addresses": .null, "EndpointID": .string(""), "Gateway": .string(""),
      "GlobalIPv6Address": .string(""), "GlobalIPv6PrefixLen": .integer(0), "IPAddress": .string(""),
      "IPPrefixLen": .integer(0), "IPv6Gateway": .string(""), "MacAddress": .string(""), "Networks": networks,
    ])
  }
}
