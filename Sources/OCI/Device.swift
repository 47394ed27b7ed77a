extension RuntimeConfig.Linux {
  /// A device node to make (config-linux.md, "Devices").
  public struct Device: Equatable, Sendable, JSONRepresentable {
    /// Its kind.
    public var type: Kind
    /// Where, inside the container.
    public var path: String
    /// The major number; needed unless it is a FIFO.
    public var major: UInt32?
    /// The minor number; needed unless it is a FIFO.
    public var minor: UInt32?
    /// The permissions, 0 to 0o777; file type bits in it are allowed and mean nothing.
    public var fileMode: UInt32?
    /// The owner inside the container.
    public var uid: UInt32?
    /// The group inside the container.
    public var gid: UInt32?

    /// A device node at that path.
    public init(
      type: Kind, path: String, major: UInt32? = nil, minor: UInt32? = nil, fileMode: UInt32? = nil,
      uid: UInt32? = nil, gid: UInt32? = nil
    ) {
      self.type = type
      self.path = path
      self.major = major
      self.minor = minor
      self.fileMode = fileMode
      self.uid = uid
      self.gid = gid
    }

    /// Reads an object.
    public init(json: JSON) throws(ConfigError) {
      let object = try JSON.Object(json: json)
      type = try object.required("type")
      path = try object.required("path")
      major = try object.optional("major")
      minor = try object.optional("minor")
      fileMode = try object.optional("fileMode")
      uid = try object.optional("uid")
      gid = try object.optional("gid")
    }

    /// The value as JSON.
    public var json: JSON {
      var object = JSON.Object()
      object.add("type", type)
      object.add("path", path)
      object.add("major", ifPresent: major)
      object.add("minor", ifPresent: minor)
      object.add("fileMode", ifPresent: fileMode)
      object.add("uid", ifPresent: uid)
      object.add("gid", ifPresent: gid)
      return .object(object)
    }

    /// The kind of a device node (mknod(1)).
    public enum Kind: String, CaseIterable, Sendable, JSONRepresentable {
      /// A block device.
      case block = "b"
      /// A character device.
      case character = "c"
      /// A character device, by another name.
      case unbuffered = "u"
      /// A FIFO.
      case fifo = "p"
    }
  }

  /// A network interface to move into the container.
  public struct NetDevice: Equatable, Sendable, JSONRepresentable {
    /// Its name inside; `nil` keeps the name it has.
    public var name: String?

    /// An interface of that name inside.
    public init(name: String? = nil) {
      self.name = name
    }

    /// Reads an object.
    public init(json: JSON) throws(ConfigError) {
      let object = try JSON.Object(json: json)
      name = try object.text("name")
    }

    /// The value as JSON.
    public var json: JSON {
      var object = JSON.Object()
      object.add("name", ifPresent: name)
      return .object(object)
    }
  }
}
