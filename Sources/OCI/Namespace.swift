extension RuntimeConfig.Linux {
  /// A kind of namespace (namespaces(7)).
  public enum NamespaceKind: String, CaseIterable, Sendable, JSONRepresentable {
    /// Mount points.
    case mount
    /// Process ids.
    case pid
    /// Network devices, addresses, ports.
    case network
    /// Host and domain name.
    case uts
    /// System V IPC and POSIX message queues.
    case ipc
    /// User and group ids, capabilities.
    case user
    /// The root of the cgroup hierarchy.
    case cgroup
    /// Boot and monotonic clocks.
    case time
  }

  /// A namespace to make, or to join if there is a path.
  public struct Namespace: Equatable, Sendable, JSONRepresentable {
    /// Its kind.
    public var type: NamespaceKind
    /// The file of the namespace to join, absolute.
    public var path: String?

    /// A new namespace of that kind, or the one at `path`.
    public init(type: NamespaceKind, path: String? = nil) {
      self.type = type
      self.path = path
    }

    /// Reads an object.
    public init(json: JSON) throws(ConfigError) {
      let object = try JSON.Object(json: json)
      type = try object.required("type")
      path = try object.text("path")
    }

    /// The value as JSON.
    public var json: JSON {
      var object = JSON.Object()
      object.add("type", type)
      object.add("path", ifPresent: path)
      return .object(object)
    }
  }

  /// How far clocks of a time namespace are from those of the host (time_namespaces(7)).
  public struct TimeOffsets: Equatable, Sendable, JSONRepresentable {
    /// `CLOCK_MONOTONIC`
    public var monotonic: TimeOffset?
    /// `CLOCK_BOOTTIME`
    public var boottime: TimeOffset?

    /// Those offsets.
    public init(monotonic: TimeOffset? = nil, boottime: TimeOffset? = nil) {
      self.monotonic = monotonic
      self.boottime = boottime
    }

    /// Reads an object.
    public init(json: JSON) throws(ConfigError) {
      let object = try JSON.Object(json: json)
      monotonic = try object.optional("monotonic")
      boottime = try object.optional("boottime")
    }

    /// The value as JSON.
    public var json: JSON {
      var object = JSON.Object()
      object.add("monotonic", ifPresent: monotonic)
      object.add("boottime", ifPresent: boottime)
      return .object(object)
    }
  }

  /// The distance of a clock from the host's.
  public struct TimeOffset: Equatable, Sendable, JSONRepresentable {
    /// Seconds, which may be negative.
    public var secs: Int64
    /// Nanoseconds to add, below 1,000,000,000.
    public var nanosecs: UInt32

    /// That distance.
    public init(secs: Int64 = 0, nanosecs: UInt32 = 0) {
      self.secs = secs
      self.nanosecs = nanosecs
    }

    /// Reads an object.
    public init(json: JSON) throws(ConfigError) {
      let object = try JSON.Object(json: json)
      secs = try object.optional("secs", or: 0)
      nanosecs = try object.optional("nanosecs", or: 0)
    }

    /// The value as JSON.
    public var json: JSON {
      var object = JSON.Object()
      object.add("secs", secs)
      object.add("nanosecs", nanosecs)
      return .object(object)
    }
  }

  /// How mounts propagate (mount_namespaces(7)).
  public enum Propagation: String, CaseIterable, Sendable, JSONRepresentable {
    /// Not at all.
    case `private`
    /// Not at all, with all mounts below.
    case rprivate
    /// Both ways.
    case shared
    /// Both ways, with all mounts below.
    case rshared
    /// Into the container only.
    case slave
    /// Into the container only, with all mounts below.
    case rslave
    /// Not at all, nor can it be bind-mounted.
    case unbindable
    /// Not at all, nor can it be bind-mounted, with all mounts below.
    case runbindable
  }
}
