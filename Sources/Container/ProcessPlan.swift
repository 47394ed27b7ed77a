import Linux
import OCI

/// What a container's process is to be, checked and in the kernel's terms: `process` of the configuration, or of an
/// `exec` (config.md, "Process").
struct ProcessPlan: Sendable {
  var arguments: [String]
  var environment: [String]
  var workingDirectory: String
  var user: UInt32
  var group: UInt32
  var additionalGroups: [UInt32]
  var umask: UInt32?
  var capabilities: CapabilitySets
  var resourceLimits: [ResourceLimit]
  /// Those that are in force only when nothing but the program's start is left.
  var lastLimits: [ResourceLimit] = []
  var noNewPrivileges: Bool
  /// Whether it may do nothing with keyrings.
  var refusesKeyrings = false
  /// What is answered to its system calls; `nil` when it may make all.
  var seccomp: SeccompPlan?
  var appArmorProfile: String?
  var selinuxLabel: String?
  var oomScoreAdjustment: Int32?
  var scheduler: SchedulerAttributes?
  var ioPriority: (class: Int32, level: Int32)?
  var initialAffinity: [Int]?
  var finalAffinity: [Int]?
  var terminal: Bool
  var terminalSize: TerminalSize?

  /// The five sets of `capabilities(7)`.
  struct CapabilitySets: Sendable {
    /// Names that are given and that this program does not know.
    var unknown: [String] = []
    var bounding = Capabilities()
    var effective = Capabilities()
    var permitted = Capabilities()
    var inheritable = Capabilities()
    var ambient = Capabilities()

    /// The kernel's number of `CAP_MKNOD`.
    static let makeNode = 27

    /// Takes the capability with the kernel's number `number` from all sets.
    mutating func remove(_ number: Int) {
      bounding.remove(number)
      effective.remove(number)
      permitted.remove(number)
      inheritable.remove(number)
      ambient.remove(number)
    }
  }

  /// The plan for `process`, which is valid and whose fields are at the path `field` in its document.
  ///
  /// - Throws: `ContainerError` with the path of a field that cannot be.
  init(_ process: RuntimeConfig.Process, field: String = "process") throws(ContainerError) {
    arguments = process.args
    for (index, variable) in process.env.enumerated()
    where Self.name(of: variable).isEmpty || !variable.utf8.contains(UInt8(ascii: "=")) {
      throw .config("\(field).env[\(index)]", "\"\(variable)\" is not NAME=VALUE")
    }
    environment = Self.withoutRepeats(process.env)
    workingDirectory = process.cwd
    user = process.user.uid
    group = process.user.gid
    additionalGroups = process.user.additionalGids
    umask = process.user.umask
    noNewPrivileges = process.noNewPrivileges
    oomScoreAdjustment = process.oomScoreAdj
    terminal = process.terminal
    terminalSize = process.consoleSize.map { TerminalSize(rows: $0.height, columns: $0.width) }
    if process.commandLine?.isEmpty == false {
      throw .config("\(field).commandLine", "is for Windows; Linux has args")
    }
    if process.user.username?.isEmpty == false {
      throw .config("\(field).user.username", "is for Windows; Linux has uid and gid")
    }
    appArmorProfile = process.apparmorProfile == "" ? nil : process.apparmorProfile
    selinuxLabel = process.selinuxLabel == "" ? nil : process.selinuxLabel

    capabilities = Self.capabilities(process.capabilities)
    resourceLimits = []
    for (index, limit) in process.rlimits.enumerated() {
      guard let known = ResourceLimit(named: limit.type, soft: limit.soft, hard: limit.hard) else {
        throw .config("\(field).rlimits[\(index)].type", "\"\(limit.type)\" is no resource limit")
      }
      resourceLimits.append(known)
    }
    scheduler = process.scheduler.map(Self.scheduler)
    if let priority = process.ioPriority {
      let number: Int32 =
        switch priority.class {
        case .realTime: 1
        case .bestEffort: 2
        case .idle: 3
        }
      ioPriority = (number, priority.priority)
    }
    initialAffinity = try Self.cpus(process.execCPUAffinity?.initial, "\(field).execCPUAffinity.initial")
    finalAffinity = try Self.cpus(process.execCPUAffinity?.final, "\(field).execCPUAffinity.final")
  }

  /// Adds `limit` unless there is one on the same resource, or it is in force already.
  mutating func setDefaultLimit(_ limit: ResourceLimit?) {
    guard let limit, limit.soft != limit.hard,
      !resourceLimits.contains(where: { $0.resource == limit.resource })
    else { return }
    resourceLimits.append(limit)
  }

  /// `variables` with each name once and its last value: of several, C programs would see the first and shells the last.
  static func withoutRepeats(_ variables: [String]) -> [String] {
    // Most have none, which numbers tell faster than texts.
    let names = variables.map(hashOfName)
    var kept: [String] = []
    for index in variables.indices {
      let isRepeated = names[(index + 1)...].indices.contains { later in
        names[later] == names[index] && name(of: variables[later]).elementsEqual(name(of: variables[index]))
      }
      if !isRepeated { kept.append(variables[index]) }
    }
    return kept
  }

  private static func name(of variable: String) -> Substring.UTF8View {
    variable.utf8.prefix { $0 != UInt8(ascii: "=") }
  }

  /// The hash FNV-1a of a variable's name.
  private static func hashOfName(_ variable: String) -> UInt64 {
    var hash: UInt64 = 0xcbf2_9ce4_8422_2325
    for byte in name(of: variable) { hash = (hash ^ UInt64(byte)) &* 0x100_0000_01b3 }
    return hash
  }

  private static func capabilities(
    _ lists: RuntimeConfig.Capabilities?
  ) -> CapabilitySets {
    var sets = CapabilitySets()
    guard let lists else { return sets }
    var unknown: [String] = []
    sets.bounding = set(lists.bounding, &unknown)
    sets.effective = set(lists.effective, &unknown)
    sets.permitted = set(lists.permitted, &unknown)
    sets.inheritable = set(lists.inheritable, &unknown)
    sets.ambient = set(lists.ambient, &unknown)
    sets.unknown = unknown
    return sets
  }

  private static func set(_ names: [String], _ unknown: inout [String]) -> Capabilities {
    var set = Capabilities()
    for name in names {
      if let number = Capabilities.number(of: name) {
        set.insert(number)
      } else if !unknown.contains(name) {
        unknown.append(name)
      }
    }
    return set
  }

  private static func scheduler(_ scheduler: RuntimeConfig.Scheduler) -> SchedulerAttributes {
    let policy: UInt32 =
      switch scheduler.policy {
      case .other: 0
      case .fifo: 1
      case .rr: 2
      case .batch: 3
      case .iso: 4
      case .idle: 5
      case .deadline: 6
      }
    var flags: UInt64 = 0
    for flag in scheduler.flags {
      switch flag {
      case .resetOnFork: flags |= 0x01
      case .reclaim: flags |= 0x02
      case .deadlineOverrun: flags |= 0x04
      case .keepPolicy: flags |= 0x08
      case .keepParameters: flags |= 0x10
      case .utilizationClampMinimum: flags |= 0x20
      case .utilizationClampMaximum: flags |= 0x40
      }
    }
    return SchedulerAttributes(
      policy: policy, flags: flags, nice: scheduler.nice ?? 0,
      priority: UInt32(clamping: scheduler.priority ?? 0), runtime: scheduler.runtime ?? 0,
      deadline: scheduler.deadline ?? 0, period: scheduler.period ?? 0)
  }

  /// The numbers of a list such as `0-3,7`, which is valid (`cpuset(7)`, "List format").
  static func cpus(_ text: String?, _ field: String) throws(ContainerError) -> [Int]? {
    guard let text, !text.isEmpty else { return nil }
    var cpus: [Int] = []
    for part in text.split(separator: ",", omittingEmptySubsequences: false) {
      let ends = part.split(separator: "-").map { end in Int(String(end.filter { $0 != " " })) }
      guard let first = ends.first ?? nil, let last = ends.last ?? nil, first <= last, last < 8192 else {
        throw .config(field, "\"\(text)\" names a CPU that Linux cannot have; 8191 is the last")
      }
      cpus += first...last
    }
    return cpus
  }
}
