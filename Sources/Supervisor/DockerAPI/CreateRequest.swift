import Definitions
import Layers
import Linux
import OCI

/// What `POST /containers/create` asks for.
public struct CreateRequest: Equatable, Sendable {
  /// The name, when one was asked for.
  public private(set) var name: String?
  /// What the partition is to be.
  public private(set) var settings = PartitionSettings(base: .host)
  /// When it is started again.
  public private(set) var restart = PartitionDefinition.RestartPolicy.no
  /// How it is found out whether it works.
  public private(set) var healthCheck: PartitionDefinition.HealthCheck?
  /// What asks it to end.
  public private(set) var stopSignal = Signal.terminate
  /// How long it has for that, in milliseconds; `nil` for as long as others.
  public private(set) var stopTimeout: Int64?
  /// What its owner notes about it.
  public private(set) var labels: NamedValues<String> = [:]
  /// How much is kept of what it writes.
  public private(set) var log = PartitionDefinition.LogLimits()
  /// Whether something can be written to its standard input.
  public private(set) var opensInput = false
  /// Whether that ends with the first client.
  public private(set) var closesInput = false
  /// Whether it is removed when it has ended.
  public private(set) var isRemovedAtEnd = false

  /// What is told again as it was said.
  public private(set) var notes = RequestNotes()

  /// Reads the body of the request.
  ///
  /// - Parameters:
  ///   - name: the query's `name`; empty or `nil` when there is none.
  ///   - initProgram: a program of the host that is the first process where `Init` is asked for.
  ///   - hasSELinux: whether the machine gives files labels of SELinux.
  /// - Throws: `APIError` with the first field that is wrong, or that says what is not offered.
  public init(
    _ body: JSON, name: String?, initProgram: String, hasSELinux: Bool = false
  ) throws(APIError) {
    self.name = try Self.name(name)
    var fields = try Fields(body)
    var host = try fields.fields("HostConfig")
    try readImage(&fields)
    try readProcess(&fields)
    try readStreams(&fields)
    try readNames(&fields)
    try readEnd(&fields)
    let mounts = try RequestedMounts(&host, hasLabels: hasSELinux)
    settings.volumes = mounts.volumes
    settings.temporaryDirectories = mounts.temporaryDirectories
    notes.mountTargets = mounts.targets
    try Self.checkVolumes(&fields, mounts)
    try Self.refusePorts(&host)
    notes.exposedPorts = try Self.exposedPorts(&fields)
    try readNetwork(&fields, &host)
    try readHost(&host, initProgram: initProgram)
    try readSecurity(&host)
    try fields.refuseRest()
    try host.refuseRest()
  }

  /// The definition, under the name asked for or else under `generated`.
  public func definition(named generated: String) -> PartitionDefinition {
    var definition = PartitionDefinition(name: name ?? generated, content: .partition(settings))
    definition.restart = restart
    definition.healthCheck = healthCheck
    definition.stopSignal = stopSignal
    if let stopTimeout { definition.stopTimeout = stopTimeout }
    definition.labels = labels
    definition.log = log
    definition.opensInput = opensInput
    definition.closesInput = closesInput
    definition.isRemovedAtEnd = isRemovedAtEnd
    return definition
  }

  /// The name that `text` asks for, which may begin with a slash.
  ///
  /// - Returns: `nil` when it asks for none.
  /// - Throws: `APIError` when it cannot be a container's.
  static func name(_ text: String?) throws(APIError) -> String? {
    guard let text, !text.isEmpty else { return nil }
    let name = text.hasPrefix("/") ? String(text.dropFirst()) : text
    let isRight = name.utf8.allSatisfy { byte in
      switch byte {
      case UInt8(ascii: "a")...UInt8(ascii: "z"), UInt8(ascii: "A")...UInt8(ascii: "Z"),
        UInt8(ascii: "0")...UInt8(ascii: "9"), UInt8(ascii: "_"), UInt8(ascii: "."), UInt8(ascii: "-"):
        true
      default: false
      }
    }
    guard isRight, name.utf8.count > 1, let first = name.first, first != "_", first != ".", first != "-"
    else {
      throw .badRequest(
        "Invalid container name (\(text)), only [a-zA-Z0-9][a-zA-Z0-9_.-] are allowed")
    }
    if let reason = PartitionDefinition.fault(ofName: name) {
      throw .badRequest("Invalid container name (\(text)): it \(reason)")
    }
    return name
  }

  private mutating func readImage(_ fields: inout Fields) throws(APIError) {
    guard let image = try fields.text("Image") else {
      throw .badRequest("Image: is required; host is the only image")
    }
    guard HostImage.isNamed(by: image) else { throw .noSuchImage(image) }
  }

  private mutating func readProcess(_ fields: inout Fields) throws(APIError) {
    let entrypoint = try fields.texts("Entrypoint").drop { $0.isEmpty }
    settings.command = Array(entrypoint) + (try fields.texts("Cmd"))
    notes.entrypointLength = entrypoint.count
    if let program = settings.command.first, program.isEmpty {
      throw fields.wrong("Cmd", "the name of the program is empty")
    }
    settings.environment = try fields.environment("Env")
    if let directory = try fields.text("WorkingDir") {
      guard directory.hasPrefix("/") else {
        throw .badRequest(
          "the working directory '\(directory)' is invalid, it needs to be an absolute path")
      }
      settings.workingDirectory = directory
    }
    settings.user = try Self.user(&fields)
  }

  /// As Docker has it, what is left out on either side of the colon is as if nobody had asked: root, and the user's group.
  private static func user(_ fields: inout Fields) throws(APIError) -> String? {
    guard var text = try fields.text("User") else { return nil }
    if text.hasSuffix(":") { text.removeLast() }
    if text.isEmpty { return nil }
    if text.hasPrefix(":") { text = "0\(text)" }
    guard PartitionSettings.isUser(text) else {
      throw fields.wrong("User", "\"\(text)\" is neither USER nor USER:GROUP")
    }
    return text
  }

  private mutating func readStreams(_ fields: inout Fields) throws(APIError) {
    settings.hasTerminal = try fields.flag("Tty")
    opensInput = try fields.flag("OpenStdin")
    closesInput = try fields.flag("StdinOnce") && opensInput
    // What a client wants of the streams, it says when it attaches to them.
    for stream in RequestNotes.streams where try fields.flag(stream) { notes.attachedStreams.append(stream) }
  }

  private mutating func readNames(_ fields: inout Fields) throws(APIError) {
    settings.hostname = try fields.text("Hostname")
    settings.domainname = try fields.text("Domainname")
    for (key, name) in [("Hostname", settings.hostname), ("Domainname", settings.domainname)] {
      if let name, name.utf8.count > 64 {
        throw fields.wrong(key, "\"\(name)\" has \(name.utf8.count) bytes; 64 are the most")
      }
    }
    labels = try fields.optional("Labels") ?? [:]
  }

  private mutating func readEnd(_ fields: inout Fields) throws(APIError) {
    if let text = try fields.text("StopSignal") {
      guard let signal = Signal(text) else { throw .badRequest("Invalid signal: \(text)") }
      stopSignal = signal
    }
    if let seconds = try fields.optional("StopTimeout", as: Int64.self) {
      guard (0...Int64(Int32.max)).contains(seconds) else {
        throw fields.wrong("StopTimeout", "\(seconds) is not a number of seconds from 0 to \(Int32.max)")
      }
      stopTimeout = seconds * 1000
    }
    healthCheck = try PartitionDefinition.HealthCheck(try fields.fields("Healthcheck"))
  }

  /// Python's client names what it binds here as well.
  private static func checkVolumes(_ fields: inout Fields, _ mounts: RequestedMounts) throws(APIError) {
    let members = (try fields.optional("Volumes", as: JSON.Object.self) ?? JSON.Object()).members
    try fields.check(members.count, "Volumes", most: 1024)
    for member in members
    where !mounts.destinations.contains(member.key) {
      throw fields.unsupported(
        "Volumes", "\(member.key) would be a volume without a name, and there are none; bind a directory")
    }
  }

  private static func refusePorts(_ host: inout Fields) throws(APIError) {
    if let ports = host.value("PortBindings"), !ports.isVoid {
      throw host.unsupported(
        "PortBindings",
        "there is no network in which ports could be opened; use the host's, with the NetworkMode host")
    }
  }

  /// The ports that a client notes of a container, which opens none of them.
  private static func exposedPorts(_ fields: inout Fields) throws(APIError) -> [String] {
    let members = (try fields.optional("ExposedPorts", as: JSON.Object.self) ?? JSON.Object()).members
    try fields.check(members.count, "ExposedPorts", most: 1024)
    for member in members where !isPort(member.key) {
      throw fields.wrong("ExposedPorts", "invalid port specification: \"\(member.key)\"")
    }
    return members.map(\.key)
  }

  /// Whether `text` is a port or a range of them, and perhaps a protocol, such as `80/tcp`.
  private static func isPort(_ text: String) -> Bool {
    let parts = text.split(separator: "/", omittingEmptySubsequences: false)
    guard parts.count == 1 || (parts.count == 2 && ["tcp", "udp", "sctp"].contains(parts[1])) else {
      return false
    }
    let ends = parts[0].split(separator: "-", omittingEmptySubsequences: false)
    let numbers = ends.compactMap { $0.utf8.allSatisfy(isDigit) ? UInt16($0) : nil }
    return numbers.count == ends.count && (1...2).contains(numbers.count) && numbers.sorted() == numbers
  }

  private static func isDigit(_ byte: UInt8) -> Bool {
    (UInt8(ascii: "0")...UInt8(ascii: "9")).contains(byte)
  }

  private mutating func readNetwork(_ fields: inout Fields, _ host: inout Fields) throws(APIError) {
    let isDisabled = try fields.flag("NetworkDisabled")
    let mode = try host.text("NetworkMode") ?? "default"
    switch mode {
    case "default", "bridge": settings.network = .standard
    case "none": settings.network = .none
    case "host":
      if isDisabled {
        throw fields.wrong("NetworkDisabled", "does not go together with the NetworkMode host")
      }
      settings.network = .host
    default:
      throw host.unsupported(
        "NetworkMode", "\"\(mode)\" is not supported; there are default, none and host")
    }
    var networking = try fields.fields("NetworkingConfig")
    var endpoints = try networking.fields("EndpointsConfig")
    if mode == "default" || mode == "bridge" {
      for name in ["default", "bridge"] { try endpoints.fields(name).refuseRest() }
    } else {
      try endpoints.fields(mode).refuseRest()
    }
    try endpoints.refuseRest()
    try networking.refuseRest()
  }

  private mutating func readHost(_ host: inout Fields, initProgram: String) throws(APIError) {
    try ResourceLimits(&host).apply(to: &settings)
    // Nothing has to be written for a limit that is none.
    if settings.pidsLimit == -1 { settings.pidsLimit = nil }
    restart = try PartitionDefinition.RestartPolicy(try host.fields("RestartPolicy")) ?? .no
    isRemovedAtEnd = try host.flag("AutoRemove")
    if isRemovedAtEnd, restart != .no {
      throw .badRequest("can't create 'AutoRemove' container with restart policy")
    }
    settings.isTransient = isRemovedAtEnd
    var logConfig = try host.fields("LogConfig")
    log = try PartitionDefinition.LogLimits(logConfig)
    var logOptions = try logConfig.fields("Config")
    notes.logSize = try logOptions.text("max-size").map { String($0.prefix(RequestNotes.longestSize)) }
    if try host.flag("Init") { settings.initProgram = initProgram }
    if let size = try host.optional("ConsoleSize", as: [UInt16].self), size.count == 2, size[0] > 0,
      size[1] > 0
    {
      settings.terminalSize = RuntimeConfig.ConsoleSize(height: size[0], width: size[1])
    }
    try settings.readKernelSettings(&host)
    for kind in ["IpcMode", "PidMode", "CgroupnsMode"] { try host.accept(kind, "private") }
    try host.accept("UsernsMode", "host")
    try host.accept("Isolation", "default")
    // The client writes the file.
    _ = try host.text("ContainerIDFile")
    try host.accept("Runtime", HostConfigDocument.runtime)
  }

  private mutating func readSecurity(_ host: inout Fields) throws(APIError) {
    settings.groups = try host.texts("GroupAdd")
    try host.check(settings.groups.count, "GroupAdd", most: 1024)
    if settings.groups.contains(where: \.utf8.isEmpty) {
      throw host.wrong("GroupAdd", "a group must be a name or a number")
    }
    settings.isPrivileged = try host.flag("Privileged")
    settings.isReadOnly = try host.flag("ReadonlyRootfs")
    settings.capabilities.added = try Self.capabilities(&host, "CapAdd")
    settings.capabilities.dropped = try Self.capabilities(&host, "CapDrop")
    // What is hidden cannot be chosen, but a client may send what it has been told of another container.
    for (key, paths) in HostConfigDocument.hidden {
      let wanted = try host.texts(key)
      guard wanted.isEmpty || (wanted == paths && !settings.isPrivileged) else {
        throw host.unsupported(key)
      }
    }
    notes.securityOptions = try host.texts("SecurityOpt")
    try host.check(notes.securityOptions.count, "SecurityOpt", most: 64)
    // Who is privileged does so anyway.
    settings.seesKeyrings =
      !settings.isPrivileged && notes.securityOptions.contains(where: HostConfigDocument.unfiltered.contains)
    for option in notes.securityOptions {
      // What is so in any case.
      let isDefault =
        switch option {
        case "no-new-privileges", "no-new-privileges:true", "no-new-privileges=true": !settings.isPrivileged
        case _ where HostConfigDocument.unfiltered.contains(option): true
        case "apparmor=unconfined", "apparmor:unconfined", "label=disable", "label:disable": true
        default: false
        }
      guard isDefault else {
        throw host.unsupported("SecurityOpt", "\"\(option)\" is not supported; leave it out")
      }
    }
  }

  private static func capabilities(_ host: inout Fields, _ key: String) throws(APIError) -> [String] {
    let names = try host.texts(key)
    for name in names {
      let upper = name.uppercased()
      guard upper != "ALL" else { continue }
      guard Capabilities.number(of: upper.hasPrefix("CAP_") ? upper : "CAP_\(upper)") != nil else {
        throw .badRequest("invalid \(key): unknown capability: \"\(name)\"")
      }
    }
    return names
  }
}
