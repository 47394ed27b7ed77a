extension RuntimeConfig {
  /// The program to run and what it may do (config.md, "Process"). The file of `exec --process` holds one of
  /// these.
  public struct Process: Equatable, Sendable, JSONRepresentable {
    /// Whether it gets a terminal.
    public var terminal: Bool
    /// The size of the terminal.
    public var consoleSize: ConsoleSize?
    /// Who runs it.
    public var user: User
    /// Its arguments, with the program first.
    public var args: [String]
    /// Windows only.
    public var commandLine: String?
    /// Its environment, `NAME=value`.
    public var env: [String]
    /// Its working directory, absolute.
    public var cwd: String
    /// Its capabilities; `nil` when the document says nothing about them.
    public var capabilities: Capabilities?
    /// Its resource limits.
    public var rlimits: [Rlimit]
    /// Whether exec can never give it more privileges (prctl(2), `PR_SET_NO_NEW_PRIVS`).
    public var noNewPrivileges: Bool
    /// The AppArmor profile.
    public var apparmorProfile: String?
    /// What goes into `/proc/self/oom_score_adj`, -1000 to 1000; `nil` leaves it as it is.
    public var oomScoreAdj: Int32?
    /// Its scheduling policy and parameters.
    public var scheduler: Scheduler?
    /// The SELinux label.
    public var selinuxLabel: String?
    /// Its I/O priority.
    public var ioPriority: IOPriority?
    /// The CPUs of a process that `exec` adds.
    public var execCPUAffinity: ExecCPUAffinity?

    /// A program with those arguments.
    public init(
      terminal: Bool = false, consoleSize: ConsoleSize? = nil, user: User = User(), args: [String] = [],
      commandLine: String? = nil, env: [String] = [], cwd: String, capabilities: Capabilities? = nil,
      rlimits: [Rlimit] = [], noNewPrivileges: Bool = false, apparmorProfile: String? = nil,
      oomScoreAdj: Int32? = nil, scheduler: Scheduler? = nil, selinuxLabel: String? = nil,
      ioPriority: IOPriority? = nil, execCPUAffinity: ExecCPUAffinity? = nil
    ) {
      self.terminal = terminal
      self.consoleSize = consoleSize
      self.user = user
      self.args = args
      self.commandLine = commandLine
      self.env = env
      self.cwd = cwd
      self.capabilities = capabilities
      self.rlimits = rlimits
      self.noNewPrivileges = noNewPrivileges
      self.apparmorProfile = apparmorProfile
      self.oomScoreAdj = oomScoreAdj
      self.scheduler = scheduler
      self.selinuxLabel = selinuxLabel
      self.ioPriority = ioPriority
      self.execCPUAffinity = execCPUAffinity
    }

    /// Reads an object.
    public init(json: JSON) throws(ConfigError) {
      let object = try JSON.Object(json: json)
      terminal = try object.optional("terminal", or: false)
      consoleSize = try object.optional("consoleSize")
      user = try object.optional("user", or: User())
      args = try object.optional("args", or: [])
      commandLine = try object.text("commandLine")
      env = try object.optional("env", or: [])
      cwd = try object.required("cwd")
      capabilities = try object.optional("capabilities")
      rlimits = try object.optional("rlimits", or: [])
      noNewPrivileges = try object.optional("noNewPrivileges", or: false)
      apparmorProfile = try object.text("apparmorProfile")
      oomScoreAdj = try object.optional("oomScoreAdj")
      scheduler = try object.optional("scheduler")
      selinuxLabel = try object.text("selinuxLabel")
      ioPriority = try object.optional("ioPriority")
      execCPUAffinity = try object.optional("execCPUAffinity")
    }

    /// The value as JSON.
    public var json: JSON {
      var object = JSON.Object()
      object.add("terminal", terminal, unless: false)
      object.add("consoleSize", ifPresent: consoleSize)
      object.add("user", user)
      object.add("args", args, unless: [])
      object.add("commandLine", ifPresent: commandLine)
      object.add("env", env, unless: [])
      object.add("cwd", cwd)
      object.add("capabilities", ifPresent: capabilities)
      object.add("rlimits", rlimits, unless: [])
      object.add("noNewPrivileges", noNewPrivileges, unless: false)
      object.add("apparmorProfile", ifPresent: apparmorProfile)
      object.add("oomScoreAdj", ifPresent: oomScoreAdj)
      object.add("scheduler", ifPresent: scheduler)
      object.add("selinuxLabel", ifPresent: selinuxLabel)
      object.add("ioPriority", ifPresent: ioPriority)
      object.add("execCPUAffinity", ifPresent: execCPUAffinity)
      return .object(object)
    }
  }

  /// The size of a terminal, in characters.
  public struct ConsoleSize: Equatable, Sendable, JSONRepresentable {
    /// Lines.
    public var height: UInt16
    /// Columns.
    public var width: UInt16

    /// A terminal of that size.
    public init(height: UInt16, width: UInt16) {
      self.height = height
      self.width = width
    }

    /// Reads an object.
    public init(json: JSON) throws(ConfigError) {
      let object = try JSON.Object(json: json)
      height = try object.required("height")
      width = try object.required("width")
    }

    /// The value as JSON.
    public var json: JSON {
      var object = JSON.Object()
      object.add("height", height)
      object.add("width", width)
      return .object(object)
    }
  }

  /// Who runs a program.
  public struct User: Equatable, Sendable, JSONRepresentable {
    /// The user id inside the container.
    public var uid: UInt32
    /// The group id inside the container.
    public var gid: UInt32
    /// The file mode creation mask, 0 to 0o777; `nil` leaves it as it is.
    public var umask: UInt32?
    /// More group ids.
    public var additionalGids: [UInt32]
    /// Windows only.
    public var username: String?

    /// That user and group.
    public init(
      uid: UInt32 = 0, gid: UInt32 = 0, umask: UInt32? = nil, additionalGids: [UInt32] = [],
      username: String? = nil
    ) {
      self.uid = uid
      self.gid = gid
      self.umask = umask
      self.additionalGids = additionalGids
      self.username = username
    }

    /// Reads an object.
    public init(json: JSON) throws(ConfigError) {
      let object = try JSON.Object(json: json)
      uid = try object.optional("uid", or: 0)
      gid = try object.optional("gid", or: 0)
      umask = try object.optional("umask")
      additionalGids = try object.optional("additionalGids", or: [])
      username = try object.text("username")
    }

    /// The value as JSON.
    public var json: JSON {
      var object = JSON.Object()
      object.add("uid", uid)
      object.add("gid", gid)
      object.add("umask", ifPresent: umask)
      object.add("additionalGids", additionalGids, unless: [])
      object.add("username", ifPresent: username)
      return .object(object)
    }
  }

  /// The five capability sets (capabilities(7)), by name, such as `CAP_KILL`.
  public struct Capabilities: Equatable, Sendable, JSONRepresentable {
    /// The most that any program can gain by exec.
    public var bounding: [String]
    /// What the kernel checks.
    public var effective: [String]
    /// The most that the process can make effective.
    public var permitted: [String]
    /// What exec of a file with inheritable capabilities keeps.
    public var inheritable: [String]
    /// What exec of a file with no capabilities keeps.
    public var ambient: [String]

    /// The sets given; the others are empty.
    public init(
      bounding: [String] = [], effective: [String] = [], permitted: [String] = [], inheritable: [String] = [],
      ambient: [String] = []
    ) {
      self.bounding = bounding
      self.effective = effective
      self.permitted = permitted
      self.inheritable = inheritable
      self.ambient = ambient
    }

    /// Reads an object.
    public init(json: JSON) throws(ConfigError) {
      let object = try JSON.Object(json: json)
      bounding = try object.optional("bounding", or: [])
      effective = try object.optional("effective", or: [])
      permitted = try object.optional("permitted", or: [])
      inheritable = try object.optional("inheritable", or: [])
      ambient = try object.optional("ambient", or: [])
    }

    /// The value as JSON.
    public var json: JSON {
      var object = JSON.Object()
      object.add("bounding", bounding, unless: [])
      object.add("effective", effective, unless: [])
      object.add("permitted", permitted, unless: [])
      object.add("inheritable", inheritable, unless: [])
      object.add("ambient", ambient, unless: [])
      return .object(object)
    }
  }

  /// A resource limit (setrlimit(2)).
  public struct Rlimit: Equatable, Sendable, JSONRepresentable {
    /// The name, such as `RLIMIT_NOFILE`.
    public var type: String
    /// The most that `soft` can be raised to. `UInt64.max` is no limit.
    public var hard: UInt64
    /// What the kernel enforces. `UInt64.max` is no limit.
    public var soft: UInt64

    /// A limit of that type.
    public init(type: String, hard: UInt64, soft: UInt64) {
      self.type = type
      self.hard = hard
      self.soft = soft
    }

    /// Reads an object.
    public init(json: JSON) throws(ConfigError) {
      let object = try JSON.Object(json: json)
      type = try object.required("type")
      hard = try object.required("hard")
      soft = try object.required("soft")
    }

    /// The value as JSON.
    public var json: JSON {
      var object = JSON.Object()
      object.add("type", type)
      object.add("hard", hard)
      object.add("soft", soft)
      return .object(object)
    }
  }
}
