extension RuntimeConfig.Linux {
  /// An execution domain (personality(2)).
  public struct Personality: Equatable, Sendable, JSONRepresentable {
    /// The domain.
    public var domain: Domain
    /// Flags; the specification defines none.
    public var flags: [String]

    /// That domain.
    public init(domain: Domain, flags: [String] = []) {
      self.domain = domain
      self.flags = flags
    }

    /// Reads an object.
    public init(json: JSON) throws(ConfigError) {
      let object = try JSON.Object(json: json)
      domain = try object.required("domain")
      flags = try object.optional("flags", or: [])
    }

    /// The value as JSON.
    public var json: JSON {
      var object = JSON.Object()
      object.add("domain", domain)
      object.add("flags", flags, unless: [])
      return .object(object)
    }

    /// What uname(2) claims.
    public enum Domain: String, CaseIterable, Sendable, JSONRepresentable {
      /// The machine as it is.
      case linux = "LINUX"
      /// Its 32-bit sibling.
      case linux32 = "LINUX32"
    }
  }

  /// A NUMA memory policy (set_mempolicy(2)).
  public struct MemoryPolicy: Equatable, Sendable, JSONRepresentable {
    /// The mode.
    public var mode: Mode
    /// The nodes, as a list such as `0-3,7`.
    public var nodes: String?
    /// How the nodes are meant.
    public var flags: [Flag]

    /// That mode over those nodes.
    public init(mode: Mode, nodes: String? = nil, flags: [Flag] = []) {
      self.mode = mode
      self.nodes = nodes
      self.flags = flags
    }

    /// Reads an object.
    public init(json: JSON) throws(ConfigError) {
      let object = try JSON.Object(json: json)
      mode = try object.required("mode")
      nodes = try object.text("nodes")
      flags = try object.optional("flags", or: [])
    }

    /// The value as JSON.
    public var json: JSON {
      var object = JSON.Object()
      object.add("mode", mode)
      object.add("nodes", ifPresent: nodes)
      object.add("flags", flags, unless: [])
      return .object(object)
    }

    /// Where memory comes from (set_mempolicy(2)).
    public enum Mode: String, CaseIterable, Sendable, JSONRepresentable {
      /// The system's default.
      case standard = "MPOL_DEFAULT"
      /// Only the nodes.
      case bind = "MPOL_BIND"
      /// The nodes in turn.
      case interleave = "MPOL_INTERLEAVE"
      /// The nodes in turn, by weight.
      case weightedInterleave = "MPOL_WEIGHTED_INTERLEAVE"
      /// One node first.
      case preferred = "MPOL_PREFERRED"
      /// The nodes first.
      case preferredMany = "MPOL_PREFERRED_MANY"
      /// The node of the CPU.
      case local = "MPOL_LOCAL"
    }

    /// How the nodes are meant (set_mempolicy(2)).
    public enum Flag: String, CaseIterable, Sendable, JSONRepresentable {
      /// Let the kernel move pages among the nodes.
      case numaBalancing = "MPOL_F_NUMA_BALANCING"
      /// Count among the nodes that the process may use.
      case relativeNodes = "MPOL_F_RELATIVE_NODES"
      /// Keep them when the allowed nodes change.
      case staticNodes = "MPOL_F_STATIC_NODES"
    }
  }

  /// Intel Resource Director Technology (config-linux.md, "IntelRdt").
  public struct IntelRdt: Equatable, Sendable, JSONRepresentable {
    /// The class of service.
    public var closID: String?
    /// Lines for the `schemata` file.
    public var schemata: [String]
    /// The L3 cache line of `schemata`.
    public var l3CacheSchema: String?
    /// The memory bandwidth line of `schemata`.
    public var memBwSchema: String?
    /// Whether a monitoring group is made.
    public var enableMonitoring: Bool
    /// Cache monitoring, before runtime-spec 1.3.
    public var enableCMT: Bool
    /// Memory bandwidth monitoring, before runtime-spec 1.3.
    public var enableMBM: Bool

    /// The properties given.
    public init(
      closID: String? = nil, schemata: [String] = [], l3CacheSchema: String? = nil,
      memBwSchema: String? = nil, enableMonitoring: Bool = false, enableCMT: Bool = false,
      enableMBM: Bool = false
    ) {
      self.closID = closID
      self.schemata = schemata
      self.l3CacheSchema = l3CacheSchema
      self.memBwSchema = memBwSchema
      self.enableMonitoring = enableMonitoring
      self.enableCMT = enableCMT
      self.enableMBM = enableMBM
    }

    /// Reads an object.
    public init(json: JSON) throws(ConfigError) {
      let object = try JSON.Object(json: json)
      closID = try object.text("closID")
      schemata = try object.optional("schemata", or: [])
      l3CacheSchema = try object.text("l3CacheSchema")
      memBwSchema = try object.text("memBwSchema")
      enableMonitoring = try object.optional("enableMonitoring", or: false)
      enableCMT = try object.optional("enableCMT", or: false)
      enableMBM = try object.optional("enableMBM", or: false)
    }

    /// The value as JSON.
    public var json: JSON {
      var object = JSON.Object()
      object.add("closID", ifPresent: closID)
      object.add("schemata", schemata, unless: [])
      object.add("l3CacheSchema", ifPresent: l3CacheSchema)
      object.add("memBwSchema", ifPresent: memBwSchema)
      object.add("enableMonitoring", enableMonitoring, unless: false)
      object.add("enableCMT", enableCMT, unless: false)
      object.add("enableMBM", enableMBM, unless: false)
      return .object(object)
    }
  }
}
