extension RuntimeConfig {
  /// The root file system (runtime-spec, config.md, "Root").
  public struct Root: Equatable, Sendable, JSONRepresentable {
    /// The directory, absolute or relative to the bundle.
    public var path: String
    /// Whether the container sees it read-only.
    public var readonly: Bool

    /// A root file system at that path.
    public init(path: String, readonly: Bool = false) {
      self.path = path
      self.readonly = readonly
    }

    /// Reads an object.
    public init(json: JSON) throws(ConfigError) {
      let object = try JSON.Object(json: json)
      path = try object.required("path")
      readonly = try object.optional("readonly", or: false)
    }

    /// The value as JSON.
    public var json: JSON {
      var object = JSON.Object()
      object.add("path", path)
      object.add("readonly", readonly, unless: false)
      return .object(object)
    }
  }

  /// A mount on top of the root file system (config.md, "Mounts").
  public struct Mount: Equatable, Sendable, JSONRepresentable {
    /// Where, inside the container.
    public var destination: String
    /// The file system type; for a bind mount it does not matter.
    public var type: String?
    /// A device name, or for a bind mount a file or directory, absolute or relative to the bundle.
    public var source: String?
    /// Mount options, as mount(8) and the specification name them, not yet parsed.
    public var options: [String]
    /// User ids of an id-mapped mount.
    public var uidMappings: [IDMapping]
    /// Group ids of an id-mapped mount.
    public var gidMappings: [IDMapping]

    /// A mount at that destination.
    public init(
      destination: String, type: String? = nil, source: String? = nil, options: [String] = [],
      uidMappings: [IDMapping] = [], gidMappings: [IDMapping] = []
    ) {
      self.destination = destination
      self.type = type
      self.source = source
      self.options = options
      self.uidMappings = uidMappings
      self.gidMappings = gidMappings
    }

    /// Reads an object.
    public init(json: JSON) throws(ConfigError) {
      let object = try JSON.Object(json: json)
      destination = try object.required("destination")
      type = try object.text("type")
      source = try object.text("source")
      options = try object.optional("options", or: [])
      uidMappings = try object.optional("uidMappings", or: [])
      gidMappings = try object.optional("gidMappings", or: [])
    }

    /// The value as JSON.
    public var json: JSON {
      var object = JSON.Object()
      object.add("destination", destination)
      object.add("type", ifPresent: type)
      object.add("source", ifPresent: source)
      object.add("options", options, unless: [])
      object.add("uidMappings", uidMappings, unless: [])
      object.add("gidMappings", gidMappings, unless: [])
      return .object(object)
    }
  }

  /// A range of user or group ids (user_namespaces(7)).
  public struct IDMapping: Equatable, Sendable, JSONRepresentable {
    /// The first id inside the container.
    public var containerID: UInt32
    /// The first id outside.
    public var hostID: UInt32
    /// How many ids follow one another.
    public var size: UInt32

    /// A range of `size` ids.
    public init(containerID: UInt32, hostID: UInt32, size: UInt32) {
      self.containerID = containerID
      self.hostID = hostID
      self.size = size
    }

    /// Reads an object.
    public init(json: JSON) throws(ConfigError) {
      let object = try JSON.Object(json: json)
      containerID = try object.required("containerID")
      hostID = try object.required("hostID")
      size = try object.required("size")
    }

    /// The value as JSON.
    public var json: JSON {
      var object = JSON.Object()
      object.add("containerID", containerID)
      object.add("hostID", hostID)
      object.add("size", size)
      return .object(object)
    }
  }
}
