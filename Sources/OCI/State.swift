/// The state of a container (runtime-spec, runtime.md, "State"): what `state` prints and hooks read.
public struct State: Equatable, Sendable, JSONRepresentable {
  /// The version of the specification that the document follows.
  public var ociVersion: String
  /// The container's name, unique on this host.
  public var id: String
  /// What the container does.
  public var status: Status
  /// The process id of its first process, as the host sees it; 0 or `nil` when there is none.
  public var pid: Int32?
  /// The absolute path of its bundle.
  public var bundle: String
  /// The annotations of its config.
  public var annotations: NamedValues<String>

  /// The state of that container.
  public init(
    ociVersion: String = RuntimeConfig.latestVersion, id: String, status: Status, pid: Int32? = nil,
    bundle: String, annotations: NamedValues<String> = [:]
  ) {
    self.ociVersion = ociVersion
    self.id = id
    self.status = status
    self.pid = pid
    self.bundle = bundle
    self.annotations = annotations
  }

  /// Reads an object.
  public init(json: JSON) throws(ConfigError) {
    let object = try JSON.Object(json: json)
    ociVersion = try object.required("ociVersion")
    id = try object.required("id")
    status = try object.required("status")
    pid = try object.optional("pid")
    bundle = try object.required("bundle")
    annotations = try object.optional("annotations", or: [:])
  }

  /// The value as JSON.
  public var json: JSON {
    var object = JSON.Object()
    object.add("ociVersion", ociVersion)
    object.add("id", id)
    object.add("status", status)
    object.add("pid", ifPresent: pid)
    object.add("bundle", bundle)
    object.add("annotations", annotations, unless: [:])
    return .object(object)
  }

  /// What a container does (runtime.md, "State").
  public enum Status: String, CaseIterable, Sendable, JSONRepresentable {
    /// It is being created.
    case creating
    /// It is there and its program does not run yet.
    case created
    /// Its program runs.
    case running
    /// Its program ended.
    case stopped
    /// Its processes are frozen; no status of the specification, but runc's.
    case paused
  }
}
