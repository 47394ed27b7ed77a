import Linux

/// All containers whose state is kept in one directory: a directory each, named after the container.
public struct ContainerStore: Sendable {
  /// The directory.
  public let path: String

  /// Where the state is kept when nobody says otherwise. It does not outlive a boot, as containers do not.
  public static let defaultPath = "/run/swiftjail"

  /// The containers whose state is kept in `path`.
  public init(path: String = ContainerStore.defaultPath) { self.path = path }

  /// The containers, by name.
  ///
  /// - Throws: `ContainerError` when the directory cannot be read; one that is not there holds no container.
  public func list() throws(ContainerError) -> [Container] {
    containers(named: try names().sorted())
  }

  /// Those of the containers called `names` that there are.
  public func containers(named names: [String]) -> [Container] {
    all(named: names).containers
  }

  /// The names that containers may have, of the directories that there are: one that is just being made or removed has
  /// one as well.
  ///
  /// - Throws: `ContainerError` when the directory cannot be read; one that is not there has none in it.
  public func names() throws(ContainerError) -> [String] {
    do throws(Errno) {
      return try Directory.entries(of: path).filter { $0.isDirectory && !$0.name.hasPrefix(".") }.map(\.name)
    } catch .noSuchFileOrDirectory {
      return []
    } catch {
      throw ContainerError("read the state directory \(path)", error)
    }
  }

  /// What tells two states of the store's directory apart, between which a name came or went.
  public struct Stamp: Equatable, Sendable {
    private let fileSystem: UInt64
    private let inode: UInt64
    private let modified: Int64

    fileprivate init(_ status: FileStatus) {
      fileSystem = status.fileSystem
      inode = status.inode
      modified = status.modified
    }
  }

  /// The stamp of the directory as it is now; `nil` when there is none, or it has just changed and a further change could
  /// have the same time.
  public func stamp() -> Stamp? {
    let now = Clock.now()
    guard let status = try? FileStatus.of(path), status.modified < now - Self.clockTick else { return nil }
    return Stamp(status)
  }

  /// Longer than the clock stands still by which the kernel notes the time of a change, in nanoseconds: that is 10 ms where a
  /// second has the fewest ticks.
  private static let clockTick: Int64 = 50_000_000

  /// The container `id`.
  ///
  /// - Throws: `ContainerError` of the kind `.noSuchContainer` when there is none.
  public func container(_ id: ContainerID) throws(ContainerError) -> Container {
    try Container(id, in: self)
  }

  /// The directory of the container `id`.
  func directory(of id: ContainerID) -> String { "\(path)/\(id)" }

  /// Makes the directory of a new container, and holds its lock.
  ///
  /// - Throws: `ContainerError` of the kind `.alreadyExists` when the name is taken.
  func reserve(_ id: ContainerID) throws(ContainerError) -> Lock {
    let directory = directory(of: id)
    do throws(Errno) {
      while true {
        do throws(Errno) {
          try Directory.make(directory, mode: 0o711)
        } catch  where error == .fileExists && clearRemains(directory) {
          continue
        } catch .noSuchFileOrDirectory {
          try Directory.makeAll(path, mode: 0o711)
          try Directory.make(directory, mode: 0o711)
        }
        let lock: Lock
        // Whoever removes what others have left may take the new directory for that, until it is locked.
        do throws(Errno) { lock = try Lock.wait(for: directory) } catch .noSuchFileOrDirectory { continue }
        // Then somebody else may have made it again, and a container in it.
        if (try? FileStatus.of("\(directory)/state.json")) != nil { throw .fileExists }
        return lock
      }
    } catch .fileExists {
      do throws(ContainerError) { _ = try Container(id, in: self) } catch {
        if error.kind == .damaged { throw error }
      }
      throw ContainerError(
        .alreadyExists, "a container called \(id) exists already (in \(path)); delete it or take another name"
      )
    } catch {
      let advice: String? =
        switch error {
        case .readOnlyFileSystem: "give --root a directory that can be written to"
        case .permissionDenied: "run it as root"
        default: nil
        }
      throw ContainerError("make the state directory \(directory)", error, advice: advice)
    }
  }

  /// Removes what somebody has left who was cut short while making or removing a container: a directory with no record in
  /// it, at which nobody is at work.
  ///
  /// - Returns: whether there was such a directory, and is no more.
  private func clearRemains(_ directory: String) -> Bool {
    do throws(Errno) {
      let lock: Lock
      switch try Lock.take(directory) {
      case .some(let taken): lock = taken
      case .none: return false
      }
      let isGone = try removeRemains(directory)
      lock.release()
      return isGone
    } catch {
      return false
    }
  }

  /// The same, for a caller that holds the lock.
  func removeRemains(_ directory: String) throws(Errno) -> Bool {
    let names = try Directory.entries(of: directory).map { $0.name }
    // Whatever else there is is not known here, and stays.
    guard names.allSatisfy(Self.isRemains) else { return false }
    for name in names {
      if name == Readiness.directory {
        try Directory.removeTree("\(directory)/\(name)")
      } else {
        try File.remove("\(directory)/\(name)")
      }
    }
    try Directory.remove(directory)
    return true
  }

  /// Whether a file of that name may be left in a container's directory without a record: a draft, or the fifo, which may
  /// go after the record.
  private static func isRemains(_ name: String) -> Bool {
    name.hasPrefix("state.json.") || name.hasPrefix("config.json.") || name == "start"
      || name == Readiness.directory
  }

  /// The name of a file in `directory` that no container's directory has; `nil` when there is none.
  func foreignFile(in directory: String) throws(Errno) -> String? {
    try Directory.entries(of: directory).map { $0.name }.first { name in
      !Self.isRemains(name) && name != "state.json" && name != "config.json"
    }
  }

  /// Removes the directory of a container of which nothing else is left: its record last, so that it is there as long as
  /// anything is of which it tells.
  func removeDirectory(_ directory: String) throws(Errno) {
    do throws(Errno) {
      for entry in try Directory.entries(of: directory) where entry.name != "state.json" {
        let path = "\(directory)/\(entry.name)"
        if entry.isDirectory { try Directory.removeTree(path) } else { try File.remove(path) }
      }
      let record = "\(directory)/state.json"
      do throws(Errno) { try File.remove(record) } catch .noSuchFileOrDirectory {} catch .isDirectory {
        try Directory.removeTree(record)
      }
      try Directory.remove(directory)
    } catch .noSuchFileOrDirectory {
      // Somebody was faster.
    }
  }
}
