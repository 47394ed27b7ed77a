import Container
import Linux
import OCI

/// The directories of partitions: for each an ordinary bundle, with the layers that take its changes.
public struct PartitionStore: Sendable {
  /// The directory, with one for each partition.
  public var path: String { storage.path }
  let storage: LayerStorage
  let host: HostBase
  private let containers: ContainerStore

  /// Where the partitions are of containers that are kept in `ContainerStore.defaultPath`.
  public static let defaultPath = "/var/lib/swiftjail/partitions"

  /// The partitions that belong to `containers`.
  ///
  /// Without a directory, they are where the supervisor of `containers` has them (`setStorage`). Without that, those of the
  /// default store are in `defaultPath`, which outlives a boot, and those of another store are in that store.
  ///
  /// - Parameters:
  ///   - storage: the directory that holds the layers, in a subdirectory for each store.
  ///   - memoryLimit: the size in bytes of the tmpfs that holds them where the directory's file system cannot; `nil` is
  ///     half of the memory.
  public init(
    of containers: ContainerStore, storage: String? = nil, memoryLimit: UInt64? = nil,
    host: HostBase = HostBase()
  ) {
    self.containers = containers
    self.host = host
    let path: String
    if let directory = storage ?? (try? File.symbolicLink(Self.storageLink(of: containers))) {
      path = "\(directory)/\(containers.groupName ?? "partitions")"
    } else {
      path =
        containers.path == ContainerStore.defaultPath ? Self.defaultPath : "\(containers.path)/.partitions"
    }
    self.storage = LayerStorage(path: path, memoryLimit: memoryLimit)
  }

  /// A link in the directory of `containers` to the directory that the supervisor was given for layers.
  private static func storageLink(of containers: ContainerStore) -> String { "\(containers.path)/.storage" }

  /// Has all programs keep the layers of `containers` in the absolute path `directory`, or in the usual place when that is
  /// `nil`. Layers that are elsewhere stay there.
  public static func setStorage(of containers: ContainerStore, _ directory: String?) throws(LayerError) {
    let link = storageLink(of: containers)
    try attempt("write \(link)") { () throws(Errno) in
      if let directory {
        let draft = "\(link).\(ProcessControl.pid)"
        // A process of the same pid may have been killed here.
        do throws(Errno) { try File.remove(draft) } catch .noSuchFileOrDirectory {}
        try File.makeSymbolicLink(draft, to: directory)
        try File.rename(draft, to: link)
      } else {
        do throws(Errno) { try File.remove(link) } catch .noSuchFileOrDirectory {}
      }
    }
  }

  /// Whether the layers are in memory, because the file system cannot hold them.
  public var isInMemory: Bool { storage.isInMemory }

  /// The layer of the partition called `name`, as Docker describes one in `GraphDriver`.
  public func layer(of name: String) -> NamedValues<String> {
    var layer: NamedValues<String> = ["UpperDir": "\(path)/\(name)/upper", "WorkDir": "\(path)/\(name)/work"]
    if isInMemory { layer["InMemory"] = "true" }
    return layer
  }

  /// Prepares the directory for layers.
  ///
  /// - Returns: the directory, opened: while it is open, the tmpfs stays mounted.
  public func prepare() throws(LayerError) -> FileDescriptor {
    let lock = try storage.prepare()
    let directory = try attempt("open \(path)") { () throws(Errno) in
      try FileDescriptor.open(path, [.path, .directory])
    }
    lock?.release()
    return directory
  }

  /// Unmounts the tmpfs when there is one and no partition is left in it.
  public func releaseMemory() { storage.release() }

  /// A partition's directory, filled, before there is a container that owns it. It is locked while this value lives.
  public struct Draft: ~Copyable {
    /// The directory: the container's bundle, and what is removed with it.
    public let directory: String
    /// The configuration in it.
    public let config: BundleConfig
    /// Whether the partition's layer is in memory.
    public let isInMemory: Bool
    private let lock: Lock
    private let tree: HostBase.Tree?

    fileprivate init(
      _ directory: String, _ lock: consuming Lock, _ filled: consuming PartitionDirectory.Filled
    ) {
      self.directory = directory
      self.lock = lock
      isInMemory = filled.isInMemory
      config = filled.config
      tree = filled.tree.take()
    }

    /// Leaves the directory to the container, which has mounted all it needs.
    public consuming func keep() {
      tree?.release()
      lock.release()
    }

    /// Removes the directory again.
    public consuming func discard() {
      try? Directory.removeTree(directory)
      keep()
    }
  }

  /// Makes the directory of the partition `id`.
  ///
  /// Nothing of it stays when this throws, and nothing is done to what is there already.
  ///
  /// - Throws: `LayerError`, of the kind `.alreadyExists` when the name is taken.
  public func make(_ id: ContainerID, _ settings: PartitionSettings) throws(LayerError) -> Draft {
    if (try? containers.container(id)) != nil {
      throw LayerError(
        .alreadyExists,
        "a container called \(id) exists already (in \(containers.path)); delete it or take another name")
    }
    let directory = try reserve(id)
    do throws(LayerError) {
      let lock = try attempt("lock \(directory)") { () throws(Errno) in try Lock.wait(for: directory) }
      let filled = try fill(directory, id, settings)
      return Draft(directory, lock, filled)
    } catch {
      try? Directory.removeTree(directory)
      throw error
    }
  }

  /// Makes the configuration of the partition `id` anew, whose directory and what was written to its layer stay; where
  /// there is no such directory it is made.
  ///
  /// - Throws: `LayerError`, of the kind `.alreadyExists` when there is a container of that name.
  public func renew(_ id: ContainerID, _ settings: PartitionSettings) throws(LayerError) -> Draft {
    let directory = "\(path)/\(id)"
    guard (try? FileStatus.of(directory)) != nil else { return try make(id, settings) }
    if (try? containers.container(id)) != nil {
      throw LayerError(.alreadyExists, "a container called \(id) exists already (in \(containers.path))")
    }
    let real = try attempt("the partition's directory \(directory)") { () throws(Errno) in
      try File.realPath(directory)
    }
    let lock = try attempt("lock \(real)") { () throws(Errno) in try Lock.wait(for: real) }
    return Draft(real, lock, try fill(real, id, settings))
  }

  /// Makes what there is to be of the partition `id`, which does not run, as its start would, for somebody who works on its
  /// files: until the draft is kept it is not started.
  ///
  /// - Throws: `LayerError`, of the kind `.alreadyExists` when it runs, or does not stop being worked on.
  public func open(_ id: ContainerID, _ settings: PartitionSettings) throws(LayerError) -> Draft {
    let directory = "\(path)/\(id)"
    // What is written now is wanted at its start.
    var settings = settings
    settings.isTransient = false
    guard (try? FileStatus.of(directory)) != nil else { return try make(id, settings) }
    let lock: Lock
    let real: String
    do throws(Errno) {
      real = try File.realPath(directory)
      lock = try Lock.wait(for: real, milliseconds: Self.patience)
    } catch .resourceBusy {
      throw LayerError(.alreadyExists, "somebody else has been at work on the files of \(id) for long")
    } catch {
      throw LayerError(.failed, "lock \(directory): \(error)")
    }
    if let container = try? containers.container(id) {
      guard container.record.ownedDirectory == nil else {
        throw LayerError(.alreadyExists, "a container called \(id) has the files there: remove it first")
      }
      let status = container.status()
      guard status == .stopped else {
        throw LayerError(.alreadyExists, "the partition \(id) is \(status.rawValue)")
      }
    }
    return Draft(real, lock, try fill(real, id, settings))
  }

  /// The longest wait for others at work on a partition's files, in milliseconds.
  private static let patience: Int32 = 30_000

  /// Sees to it that the partition `id`, which runs, is not started again while the result lives, so that no other one has
  /// the same layers.
  public func hold(_ id: ContainerID) throws(LayerError) -> Lock {
    let directory = "\(path)/\(id)"
    return try attempt("lock \(directory)") { () throws(Errno) in
      try Lock.wait(for: directory, milliseconds: Self.patience, shared: true)
    }
  }

  /// Writes the configuration of the partition `id`, which may run, anew.
  public func rewrite(_ id: ContainerID, _ settings: PartitionSettings) throws(LayerError) {
    let directory = "\(path)/\(id)"
    let real = try attempt("the partition's directory \(directory)") { () throws(Errno) in
      try File.realPath(directory)
    }
    var filled = try fill(real, id, settings)
    filled.tree.take()?.release()
  }

  private func fill(
    _ directory: String, _ id: ContainerID, _ settings: PartitionSettings
  ) throws(LayerError) -> PartitionDirectory.Filled {
    try PartitionDirectory(path: directory, id: id, settings: settings, isInMemory: isInMemory).fill(host)
  }

  /// Makes an empty directory.
  ///
  /// - Returns: its absolute path.
  private func reserve(_ id: ContainerID) throws(LayerError) -> String {
    let directory = "\(path)/\(id)"
    // Until the directory is in it, the tmpfs could be unmounted.
    let storageLock = try storage.prepare()
    // Nobody but root passes through: what a partition makes in its layer may be set-user-id.
    do throws(Errno) {
      try Directory.make(directory, mode: 0o700)
      storageLock?.release()
      return try File.realPath(directory)
    } catch .fileExists {
      if isLocked(directory) {
        throw LayerError(.alreadyExists, "a partition called \(id) exists already: it is just being made")
      }
      throw LayerError(
        .alreadyExists,
        "\(directory) is left of an earlier partition \(id) that a restart or a crash ended; "
          + "remove it with delete --force \(id), or take another name")
    } catch {
      throw LayerError(.failed, "make the partition's directory \(directory): \(error)")
    }
  }

  private func isLocked(_ directory: String) -> Bool {
    do throws(Errno) {
      switch try Lock.take(directory) {
      case .none: return true
      case .some(let lock):
        lock.release()
        return false
      }
    } catch { return false }
  }

  /// Removes the directory of the partition `id` when there is no container that owns it: what a restart of the machine or
  /// a crash has left.
  public func removeLeftover(_ id: ContainerID) throws(LayerError) {
    let directory = "\(path)/\(id)"
    let lock: Lock
    do throws(Errno) { lock = try Lock.wait(for: directory) } catch .noSuchFileOrDirectory { return } catch {
      throw LayerError(.failed, "lock \(directory): \(error)")
    }
    // Somebody may just have been making it.
    if let container = try? containers.container(id), container.record.ownedDirectory != nil {
      return lock.release()
    }
    try attempt("remove \(directory)") { () throws(Errno) in
      do throws(Errno) { try Directory.removeTree(directory) } catch .noSuchFileOrDirectory {}
    }
    lock.release()
  }
}
