/// How to run a container: the `config.json` of a bundle (OCI runtime-spec 1.3, config.md).
///
/// Properties that the specification does not know are ignored, as it demands ("Extensibility"); those it
/// knows must have the right type and range. `validate()` checks what they mean together.
public struct RuntimeConfig: Equatable, Sendable, JSONRepresentable {
  /// The version of the specification that the document follows.
  public var ociVersion: String
  /// The program to run; without one the container can be created but not started.
  public var process: Process?
  /// The root file system.
  public var root: Root
  /// The host name inside.
  public var hostname: String?
  /// The NIS domain name inside.
  public var domainname: String?
  /// Mounts on top of the root file system, in order.
  public var mounts: [Mount]
  /// Programs that run at points of the container's life.
  public var hooks: Hooks
  /// Whatever else someone wants to know about the container.
  public var annotations: NamedValues<String>
  /// What is particular to Linux.
  public var linux: Linux
  /// The sections for other platforms that the document has, each once. Their content is not kept.
  public var otherPlatforms: [OtherPlatform]

  /// A container of the specification's version that this library writes.
  public init(
    ociVersion: String = RuntimeConfig.latestVersion, process: Process? = nil, root: Root,
    hostname: String? = nil, domainname: String? = nil, mounts: [Mount] = [], hooks: Hooks = Hooks(),
    annotations: NamedValues<String> = [:], linux: Linux = Linux(), otherPlatforms: [OtherPlatform] = []
  ) {
    self.ociVersion = ociVersion
    self.process = process
    self.root = root
    self.hostname = hostname
    self.domainname = domainname
    self.mounts = mounts
    self.hooks = hooks
    self.annotations = annotations
    self.linux = linux
    self.otherPlatforms = otherPlatforms
  }

  /// Reads a config.
  public init(json: JSON) throws(ConfigError) {
    let object = try JSON.Object(json: json)
    ociVersion = try object.required("ociVersion")
    process = try object.optional("process")
    root = try object.required("root")
    hostname = try object.text("hostname")
    domainname = try object.text("domainname")
    mounts = try object.optional("mounts", or: [])
    hooks = try object.optional("hooks", or: Hooks())
    annotations = try object.optional("annotations", or: [:])
    linux = try object.optional("linux", or: Linux())
    otherPlatforms = []
    for platform in OtherPlatform.allCases {
      if try object.optional(platform.rawValue, as: JSON.Object.self) != nil {
        otherPlatforms.append(platform)
      }
    }
  }

  /// The value as JSON; sections for other platforms are there and empty.
  public var json: JSON {
    var object = JSON.Object()
    object.add("ociVersion", ociVersion)
    object.add("process", ifPresent: process)
    object.add("root", root)
    object.add("hostname", ifPresent: hostname)
    object.add("domainname", ifPresent: domainname)
    object.add("mounts", mounts, unless: [])
    object.add("hooks", hooks, unless: Hooks())
    object.add("annotations", annotations, unless: [:])
    object.add("linux", linux, unless: Linux())
    for platform in otherPlatforms {
      object.add(platform.rawValue, JSON.Object())
    }
    return .object(object)
  }

  /// The newest version of the specification that this library knows.
  public static let latestVersion = "1.3.0"

  /// A platform other than Linux that has its own section, of the name of the case.
  public enum OtherPlatform: String, CaseIterable, Sendable {
    /// Windows.
    case windows
    /// Solaris.
    case solaris
    /// A virtual machine.
    case vm
    /// z/OS.
    case zos
    /// FreeBSD.
    case freebsd
  }
}
