extension RuntimeConfig {
  /// Programs that run at points of the container's life, in list order (config.md, "POSIX-platform Hooks").
  public struct Hooks: Equatable, Sendable, JSONRepresentable {
    /// After the namespaces exist, before pivot_root; in the runtime's namespaces. Deprecated.
    public var prestart: [Hook]
    /// With `create`, after `prestart`; in the runtime's namespaces.
    public var createRuntime: [Hook]
    /// With `create`, before pivot_root; in the container's namespaces.
    public var createContainer: [Hook]
    /// With `start`, before the program is executed; inside the container.
    public var startContainer: [Hook]
    /// After the program was started; in the runtime's namespaces.
    public var poststart: [Hook]
    /// After the container was deleted; in the runtime's namespaces.
    public var poststop: [Hook]

    /// The hooks given, and no other.
    public init(
      prestart: [Hook] = [], createRuntime: [Hook] = [], createContainer: [Hook] = [],
      startContainer: [Hook] = [], poststart: [Hook] = [], poststop: [Hook] = []
    ) {
      self.prestart = prestart
      self.createRuntime = createRuntime
      self.createContainer = createContainer
      self.startContainer = startContainer
      self.poststart = poststart
      self.poststop = poststop
    }

    /// Reads an object.
    public init(json: JSON) throws(ConfigError) {
      let object = try JSON.Object(json: json)
      prestart = try object.optional("prestart", or: [])
      createRuntime = try object.optional("createRuntime", or: [])
      createContainer = try object.optional("createContainer", or: [])
      startContainer = try object.optional("startContainer", or: [])
      poststart = try object.optional("poststart", or: [])
      poststop = try object.optional("poststop", or: [])
    }

    /// The value as JSON.
    public var json: JSON {
      var object = JSON.Object()
      object.add("prestart", prestart, unless: [])
      object.add("createRuntime", createRuntime, unless: [])
      object.add("createContainer", createContainer, unless: [])
      object.add("startContainer", startContainer, unless: [])
      object.add("poststart", poststart, unless: [])
      object.add("poststop", poststop, unless: [])
      return .object(object)
    }
  }

  /// One program to run at such a point. It gets the container's state on its standard input.
  public struct Hook: Equatable, Sendable, JSONRepresentable {
    /// The program, an absolute path.
    public var path: String
    /// Its arguments, with the name of the program first.
    public var args: [String]
    /// Its environment, `NAME=value`.
    public var env: [String]
    /// Seconds, from 1, after which it is killed.
    public var timeout: Int?

    /// A hook that runs that program.
    public init(path: String, args: [String] = [], env: [String] = [], timeout: Int? = nil) {
      self.path = path
      self.args = args
      self.env = env
      self.timeout = timeout
    }

    /// Reads an object.
    public init(json: JSON) throws(ConfigError) {
      let object = try JSON.Object(json: json)
      path = try object.required("path")
      args = try object.optional("args", or: [])
      env = try object.optional("env", or: [])
      timeout = try object.optional("timeout")
    }

    /// The value as JSON.
    public var json: JSON {
      var object = JSON.Object()
      object.add("path", path)
      object.add("args", args, unless: [])
      object.add("env", env, unless: [])
      object.add("timeout", ifPresent: timeout)
      return .object(object)
    }
  }
}
