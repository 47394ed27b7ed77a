/// What a runtime sends with the listener of a system call filter (runtime-spec, config-linux.md, "The Container Process
/// State").
public struct ContainerProcessState: Equatable, Sendable, JSONRepresentable {
  /// The version of the specification that the document follows.
  public var ociVersion: String
  /// The names of the descriptors that come with it, in their order.
  public var fds: [String]
  /// The process that the filter is for, as the runtime numbers it.
  public var pid: Int32
  /// `linux.seccomp.listenerMetadata` of the configuration.
  public var metadata: String?
  /// The container.
  public var state: State

  /// The document with these properties.
  public init(ociVersion: String, fds: [String], pid: Int32, metadata: String? = nil, state: State) {
    self.ociVersion = ociVersion
    self.fds = fds
    self.pid = pid
    self.metadata = metadata
    self.state = state
  }

  /// Reads an object.
  public init(json: JSON) throws(ConfigError) {
    let object = try JSON.Object(json: json)
    ociVersion = try object.required("ociVersion")
    fds = try object.optional("fds", or: [])
    pid = try object.required("pid")
    metadata = try object.text("metadata")
    state = try object.required("state")
  }

  /// The value as JSON.
  public var json: JSON {
    var object = JSON.Object()
    object.add("ociVersion", ociVersion)
    object.add("fds", fds, unless: [])
    object.add("pid", pid)
    object.add("metadata", ifPresent: metadata)
    object.add("state", state)
    return .object(object)
  }
}
