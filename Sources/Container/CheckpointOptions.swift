/// What a checkpoint and a restore have in common.
public struct CheckpointSettings: Sendable {
  /// The directory with criu's images.
  public var imagePath: String
  /// The directory with criu's log; `nil` is that of the images.
  public var workPath: String?
  /// The file of the program `criu`; `nil` has it looked for.
  public var program: String?
  /// Where it is looked for first: directories separated by colons.
  public var searchPath: String?
  /// Whether TCP connections may be open.
  public var allowsEstablishedTCP = false
  /// Whether Unix sockets may be connected to the outside.
  public var allowsExternalUnixSockets = false
  /// Whether the session may be one from outside.
  public var allowsShellJobs = false
  /// Whether file locks are saved and taken again.
  public var keepsFileLocks = false
  /// Whether images lose what a later one has.
  public var deduplicates = false
  /// Whether pages of memory are fetched when they are needed (`criu lazy-pages`).
  public var isLazy = false
  /// How criu treats cgroups.
  public var cgroupsMode = CheckpointCgroupsMode.soft
  /// A file with options of criu; `nil` is none.
  var configFile: String?

  /// Images in the directory `imagePath`.
  public init(imagePath: String) { self.imagePath = imagePath }

  /// The directory with criu's log.
  var logDirectory: String { workPath ?? imagePath }
}

/// How a checkpoint is made.
public struct CheckpointOptions: Sendable {
  /// What a restore has as well.
  public var settings: CheckpointSettings
  /// Whether the container goes on.
  public var leavesRunning = false
  /// Whether only the memory is saved, for a checkpoint that follows; the container goes on.
  public var isPreDump = false
  /// The images of an earlier checkpoint, relative to this one's: only what has changed is saved.
  public var parentPath: String?
  /// Where memory is sent instead of to the images.
  public var pageServer: PageServer?
  /// A descriptor of the caller's, to which a zero byte is written when lazy pages can be fetched.
  public var statusDescriptor: Int32?
  /// Whether files without a name get one for the time being.
  public var remapsLinks = false
  /// Whether TCP connections are passed over that are not established yet.
  public var skipsInFlight = false

  /// Where a page server listens.
  public struct PageServer: Sendable, Equatable {
    /// Its address.
    public var address: String
    /// Its port.
    public var port: UInt16

    /// Reads `ADDRESS:PORT`, an IPv6 address in brackets; `nil` when `text` is not that.
    public init?(_ text: String) {
      let colon = UInt8(ascii: ":")
      guard let end = text.utf8.lastIndex(of: colon) else { return nil }
      guard let port = UInt16(text[text.utf8.index(after: end)...]), port > 0 else { return nil }
      var address = text[..<end]
      if address.hasPrefix("["), address.hasSuffix("]") {
        address = address.dropFirst().dropLast()
      } else if address.utf8.contains(colon) {
        return nil
      }
      guard !address.isEmpty else { return nil }
      self.address = String(address)
      self.port = port
    }
  }

  /// A checkpoint with `settings`.
  public init(_ settings: CheckpointSettings) { self.settings = settings }
}

/// How a container is restored.
public struct RestoreOptions: Sendable {
  /// What a checkpoint has as well.
  public var settings: CheckpointSettings
  /// What a container has that is created.
  public var creation: CreateOptions
  /// The profile of the security module that the processes get, as `TYPE:LABEL`; `nil` is the one that they had.
  public var securityProfile: String?
  /// The context that mounts get which had one; `nil` is the one that they had.
  public var mountContext: String?

  /// A restore with `settings` of the bundle that `creation` names.
  public init(_ settings: CheckpointSettings, _ creation: CreateOptions) {
    self.settings = settings
    self.creation = creation
  }
}
