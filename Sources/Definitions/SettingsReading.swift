import Layers
import OCI

extension PartitionSettings {
  /// Reads what a definition says of a partition on `base`.
  init(
    _ base: Base, _ object: JSON.Object, in surroundings: PartitionDefinition.Surroundings
  ) throws(ConfigError) {
    self.init(base: base)
    command = try object.optional("command", or: [])
    if command.first == "" {
      throw ConfigError(path: "command", reason: "must begin with a program")
    }
    environment = try object.optional("environment", or: Environment())
    try readLimits(object)
    volumes = try object.texts("volumes") { (text) throws(LayerError) in
      try Volume(text, relativeTo: surroundings.directory)
    }
    temporaryDirectories = try object.texts("tmpfs") { (text) throws(LayerError) in
      try TemporaryDirectory(text)
    }
    workingDirectory =
      try object.value("workdir", "an absolute path") { $0.hasPrefix("/") ? $0 : nil } ?? "/"
    user = try object.value("user", "USER or USER:GROUP") { text in
      Self.isUser(text) ? text : nil
    }
    groups = try object.texts("groups") { (text) throws(LayerError) in
      if text.utf8.isEmpty { throw LayerError(.invalid, "a group must be a name or a number") }
      return text
    }
    hostname = try object.value("hostname", "a name of 1 to 64 bytes") { text in
      (1...64).contains(text.utf8.count) ? text : nil
    }
    domainname = try object.value("domainname", "a name of 1 to 64 bytes") { text in
      (1...64).contains(text.utf8.count) ? text : nil
    }
    sharedMemory = try object.size("shmSize")
    resourceLimits = try object.optional("rlimits", or: [])
    kernelParameters = try object.optional("sysctls", or: [:])
    outOfMemoryAdjustment = try object.number("oomScoreAdj", in: -1000...1000).map { Int32($0) }
    network =
      try object.value("network", "none, host or default") { Network(rawValue: $0) } ?? .standard
    try checkKernelSettings()
    isReadOnly = try object.optional("readOnly", or: false)
    capabilities.added = try object.texts("capAdd", capability)
    capabilities.dropped = try object.texts("capDrop", capability)
    isPrivileged = try object.optional("privileged", or: false)
    seesKeyrings = try object.optional("keyrings", or: false)
    if try object.optional("init", or: false) { initProgram = surroundings.initProgram }
    hasTerminal = try object.optional("tty", or: false)
    terminalSize = try object.optional("terminalSize")
  }

  /// Whether `text` can say as whom the program runs: `USER` or `USER:GROUP`.
  public static func isUser(_ text: String) -> Bool {
    !text.utf8.isEmpty && !text.hasPrefix(":") && !text.hasSuffix(":")
  }

  /// Throws when no kernel has such limits or parameters, or the latter are the host's.
  private func checkKernelSettings() throws(ConfigError) {
    var process = RuntimeConfig.Process(args: ["program"], cwd: "/")
    process.rlimits = resourceLimits
    try process.validate()
    var kinds: [RuntimeConfig.Linux.NamespaceKind] = [.pid, .ipc, .uts, .mount, .cgroup]
    if network != .host { kinds.append(.network) }
    for element in kernelParameters.elements {
      var config = RuntimeConfig(root: RuntimeConfig.Root(path: "/"))
      config.linux = RuntimeConfig.Linux(namespaces: kinds.map { RuntimeConfig.Linux.Namespace(type: $0) })
      config.linux.sysctl = [element.name: element.value]
      do throws(ConfigError) { try config.validate() } catch {
        throw ConfigError(path: "", reason: error.reason).inside(element.name).inside("sysctls")
      }
    }
  }

  private mutating func readLimits(_ object: JSON.Object) throws(ConfigError) {
    memory = try object.size("memory")
    memoryReservation = try object.size("memoryReservation")
    if let memory, let memoryReservation, memoryReservation.bytes > memory.bytes {
      throw ConfigError(path: "memoryReservation", reason: "is more than memory")
    }
    memoryAndSwap = try object.value("memorySwap", "an amount such as 128m, or -1") { text in
      if text == "-1" { return .unlimited }
      return ByteSize(text).flatMap { $0.bytes > 0 ? .total($0) : nil }
    }
    switch swapFault {
    case nil: break
    case .withoutMemory?:
      throw ConfigError(
        path: "memorySwap", reason: "counts memory and swap together, so memory is needed with it")
    case .lessThanMemory?:
      throw ConfigError(
        path: "memorySwap", reason: "is less than memory, and counts memory and swap together")
    }
    if case .double(let cpus)? = object["cpus"] {
      microCPUs = CPUTime.microCPUs(String(cpus))
      if microCPUs == nil { throw ConfigError(path: "cpus", reason: "must be \(Self.cpusText)") }
    } else {
      microCPUs = try object.value("cpus", Self.cpusText) { CPUTime.microCPUs($0) }
    }
    cpuWeight = try object.number("cpuWeight", in: 1...10_000)
    cpus = try object.value("cpusetCpus", "a list of CPUs such as 0-3,7") { isNumberList($0) ? $0 : nil }
    pidsLimit = try object.number("pidsLimit", in: -1...(1 << 22)).map { $0 == 0 ? -1 : Int64($0) }
  }

  private static let cpusText = "a number from 0.01, such as 1.5"

  /// The names of what can be in the definition of a partition and not of a bundle.
  static let fields = [
    "command", "environment", "memory", "memoryReservation", "memorySwap", "domainname", "shmSize", "rlimits",
    "sysctls", "oomScoreAdj", "cpus", "cpuWeight", "cpusetCpus", "pidsLimit",
    "volumes", "tmpfs", "network", "readOnly", "workdir", "user", "groups", "hostname", "capAdd", "capDrop",
    "privileged", "keyrings", "init", "tty", "terminalSize",
  ]
}

private func capability(_ text: String) throws(LayerError) -> String {
  guard CapabilityChoice.isName(text) else {
    throw LayerError(.invalid, "\(text): there is no such capability; capabilities(7) lists them")
  }
  return text
}

extension JSON.Object {
  /// A list of texts, each read by `read`.
  fileprivate func texts<Value>(
    _ field: String, _ read: (String) throws(LayerError) -> Value
  ) throws(ConfigError) -> [Value] {
    let texts: [String] = try optional(field, or: [])
    var values: [Value] = []
    for (index, text) in texts.enumerated() {
      do throws(LayerError) { values.append(try read(text)) } catch {
        throw ConfigError(path: "", reason: error.description).inside(index).inside(field)
      }
    }
    return values
  }
}

extension Environment: JSONRepresentable {
  /// Reads an object of texts or whole numbers, or a list of `NAME=VALUE`.
  public init(json: JSON) throws(ConfigError) {
    self.init()
    if case .array = json {
      for (index, text) in try [String](json: json).enumerated() {
        guard let equals = text.firstIndex(of: "="), equals > text.startIndex else {
          throw ConfigError(path: "", reason: "must be NAME=VALUE").inside(index)
        }
        set(String(text[..<equals]), String(text[text.index(after: equals)...]))
      }
      return
    }
    guard case .object(let object) = json else {
      throw ConfigError(path: "", reason: "must be an object, or a list of NAME=VALUE")
    }
    for member in object.members {
      guard !member.key.isEmpty, !member.key.utf8.contains(where: { $0 == 0 || $0 == UInt8(ascii: "=") })
      else { throw ConfigError(path: "", reason: "is no name of a variable").inside(member.key) }
      guard let value = try object.value(member.key, "text or a whole number", { $0 }) else {
        throw ConfigError(path: "", reason: "must be text or a whole number").inside(member.key)
      }
      set(member.key, value)
    }
  }

  /// The variables as an object.
  public var json: JSON {
    var object = JSON.Object()
    for variable in variables {
      guard let equals = variable.firstIndex(of: "=") else { continue }
      object.add(String(variable[..<equals]), String(variable[variable.index(after: equals)...]))
    }
    return .object(object)
  }
}
