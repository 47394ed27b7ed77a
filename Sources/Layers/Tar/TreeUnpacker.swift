import Linux

/// Makes files and directories of what is in a tar archive.
///
/// Nothing of what is there is written to: a file that is in the way is removed, and another one made. Somebody may be at
/// work in the directory who means harm, so what was made is held, and only what is held is changed.
public final class TreeUnpacker {
  /// How it is done.
  public struct Settings: Sendable {
    /// How the names of directories are walked that are there already: the symbolic links among them are followed, and
    /// lead to what they would lead to were the directory that takes the archive the root. Who has made another directory
    /// this process's root says so.
    public var resolve: ResolveFlags = [.inRoot, .noMagicLinks]
    /// Whether a directory is never put in the place of anything else, nor the other way round.
    public var keepsKinds = false
    /// Who owns all of it; `nil` for those whom the archive names.
    public var owner: (user: UInt32, group: UInt32)?

    /// As the archive says, and in the place of whatever is in the way.
    public init() {}
  }

  private let top: FileDescriptor
  private let held: HeldFiles
  private let settings: Settings
  /// The directory that took the last member.
  private var last: (names: ArraySlice<FileName>, directory: HeldDirectory)?
  /// The times of directories, which change with what is put into them.
  private var times: [(path: TarPath, modified: Int64)] = []

  private final class HeldDirectory {
    let file: FileDescriptor
    init(_ file: consuming FileDescriptor) { self.file = file }
    var number: Int32 { file.rawValue }
  }

  /// Puts into the directory `top` what is in archives; permissions are as an archive has them when this process's umask is
  /// 0.
  public init(
    into top: consuming FileDescriptor, _ held: consuming HeldFiles, _ settings: Settings = Settings()
  ) {
    self.top = top
    self.held = held
    self.settings = settings
  }

  /// Takes all of an archive. What was made before an error stays.
  ///
  /// - Throws: `LayerError`: of the kind `.invalid` for what is wrong with the archive, or cannot be put there as the
  ///   settings are; `.readOnly` where nothing can be written.
  public func unpack(_ archive: inout TarReader) throws(LayerError) {
    while let entry = try archive.next() {
      let path = try TarPath(entry.name)
      guard let name = path.names.last else {
        // The directory itself, which stays as it is.
        if case .directory = entry.kind { continue }
        throw LayerError(.invalid, "the archive's member \"\(entry.shown)\" has no name that a file can have")
      }
      let parent = try parent(of: path, entry)
      let isThere = try makeRoom(for: entry, name, in: parent)
      try make(entry, path, name, parent, isThere: isThere, from: &archive)
    }
    try archive.drain()
    try setTimes()
  }

  // MARK: Places

  private static func making(_ entry: TarEntry) -> String { "make \(entry.shown)" }

  /// The directory that `path` is in, made when it is not there.
  private func parent(of path: TarPath, _ entry: TarEntry) throws(LayerError) -> HeldDirectory {
    let names = path.names.dropLast()
    if let last, last.names == names { return last.directory }
    let directory: FileDescriptor
    do throws(Errno) { directory = try open(names) } catch .notDirectory {
      throw LayerError(.invalid, "\(Self.making(entry)): a part of its path is no directory")
    } catch {
      throw LayerError(
        error == .readOnlyFileSystem ? .readOnly : .failed, "\(Self.making(entry)): \(error)")
    }
    let held = HeldDirectory(directory)
    last = (names, held)
    return held
  }

  private func open(_ names: ArraySlice<FileName>) throws(Errno) -> FileDescriptor {
    do throws(Errno) {
      return try FileDescriptor.open(
        names, [.path, .directory], resolve: settings.resolve, at: top.rawValue)
    } catch .noSuchFileOrDirectory {
      guard let name = names.last else { throw .noSuchFileOrDirectory }
      let above = try open(names.dropLast())
      // What is there by now is a directory of somebody else's making, or a link that leads nowhere.
      try name.makeDirectory(mode: 0o755, at: above.rawValue)
      let made = try name.open([.path, .directory], at: above.rawValue)
      if let owner = settings.owner { try made.changeOwner(user: owner.user, group: owner.group) }
      return made
    }
  }

  /// Removes what is in the way.
  ///
  /// - Returns: whether the directory is there that is to be made.
  private func makeRoom(
    for entry: TarEntry, _ name: FileName, in directory: HeldDirectory
  ) throws(LayerError) -> Bool {
    let found: FileStatus
    do throws(Errno) { found = try name.status(at: directory.number) } catch .noSuchFileOrDirectory {
      return false
    } catch {
      throw LayerError(.failed, "\(Self.making(entry)): \(error)")
    }
    switch (found.kind, entry.kind) {
    case (.directory, .directory): return true
    case (.directory, _) where settings.keepsKinds:
      throw LayerError(.invalid, "cannot overwrite directory \"\(entry.shown)\" with non-directory")
    case (_, .directory) where settings.keepsKinds:
      throw LayerError(.invalid, "cannot overwrite non-directory \"\(entry.shown)\" with directory")
    default: break
    }
    // What was found on the way through it is found there no more.
    last = nil
    try attempt("remove what is at \(entry.shown)") { () throws(Errno) in
      do throws(Errno) {
        if found.kind == .directory {
          try Directory.removeTree(name, at: directory.number)
        } else {
          try name.remove(at: directory.number)
        }
      } catch .noSuchFileOrDirectory {}
    }
    return false
  }

  // MARK: Files

  private func make(
    _ entry: TarEntry, _ path: TarPath, _ name: FileName, _ directory: HeldDirectory, isThere: Bool,
    from archive: inout TarReader
  ) throws(LayerError) {
    switch entry.kind {
    case .file:
      let file = try attempt(Self.making(entry)) { () throws(Errno) in
        try name.open(
          [.writeOnly, .create, .exclusive, .noControllingTerminal], mode: 0o600, at: directory.number)
      }
      while try archive.content({ (bytes) throws(LayerError) in
        try attempt("write \(entry.shown)") { () throws(Errno) in try file.writeAll(bytes) }
      }) {}
      try dress(file, entry)
    case .directory:
      let made = try attempt(Self.making(entry)) { () throws(Errno) in
        if !isThere { try name.makeDirectory(mode: 0o700, at: directory.number) }
        return try name.open([.readOnly, .directory], at: directory.number)
      }
      try dress(made, entry)
      times.append((path, entry.modified))
    case .symbolicLink(let target):
      try attempt(Self.making(entry)) { () throws(Errno) in
        try name.makeSymbolicLink(to: target, at: directory.number)
        let made = try name.open(.path, at: directory.number)
        guard try made.status().kind == .symbolicLink else { throw .resourceBusy }
        try changeOwner(of: made, entry)
        try made.changeTime(modified: entry.modified)
      }
    case .hardLink(let target): try link(entry, target, name, directory)
    case .characterDevice(let device): try makeNode(entry, .characterDevice, device, name, directory)
    case .blockDevice(let device): try makeNode(entry, .blockDevice, device, name, directory)
    case .fifo: try makeNode(entry, .fifo, DeviceNumber(major: 0, minor: 0), name, directory)
    }
  }

  private func link(
    _ entry: TarEntry, _ target: [UInt8], _ name: FileName, _ directory: HeldDirectory
  ) throws(LayerError) {
    let other = try TarPath(target)
    try attempt("\(Self.making(entry)), another name of \(TarEntry.shown(target))") {
      () throws(Errno) in
      guard let last = other.names.last else { throw .isDirectory }
      let above = try FileDescriptor.open(
        other.names.dropLast(), [.path, .directory], resolve: settings.resolve, at: top.rawValue)
      try name.makeLink(to: last, in: above.rawValue, at: directory.number)
    }
  }

  private func makeNode(
    _ entry: TarEntry, _ kind: FileKind, _ device: DeviceNumber, _ name: FileName, _ directory: HeldDirectory
  ) throws(LayerError) {
    try attempt(Self.making(entry)) { () throws(Errno) in
      try name.makeNode(kind, permissions: 0o600, device: device, at: directory.number)
      let made = try name.open(.path, at: directory.number)
      let status = try made.status()
      guard status.kind == kind, kind == .fifo || status.device == device else { throw .resourceBusy }
      try changeOwner(of: made, entry)
      try held.changeMode(of: made, entry.permissions)
      try made.changeTime(modified: entry.modified)
    }
  }

  private func changeOwner(of file: borrowing FileDescriptor, _ entry: TarEntry) throws(Errno) {
    let owner = settings.owner ?? (entry.user, entry.group)
    try file.changeOwner(user: owner.user, group: owner.group)
  }

  /// Gives a file that is open what its entry says of it.
  private func dress(_ file: borrowing FileDescriptor, _ entry: TarEntry) throws(LayerError) {
    try attempt("give \(entry.shown) its owner, permissions and time") { () throws(Errno) in
      try changeOwner(of: file, entry)
      // A change of owner takes set-id bits away.
      try file.changeMode(entry.permissions)
      for attribute in entry.attributes where Self.isKept(attribute) {
        // Not every file system has them, and not everybody may set them.
        do throws(Errno) { try file.setAttribute(attribute.name, to: attribute.value) } catch .notSupported {
        } catch .notPermitted {}
      }
      try file.changeTime(modified: entry.modified)
    }
  }

  /// Whether an attribute means the same here as where the archive was made. Those of the kernel's own for an overlay, and
  /// the labels of another system's policy, do not.
  private static func isKept(_ attribute: TarEntry.Attribute) -> Bool {
    attribute.name == "security.capability" || attribute.name.hasPrefix("user.")
      || attribute.name.hasPrefix("system.posix_acl_")
  }

  private func setTimes() throws(LayerError) {
    for (path, modified) in times {
      do throws(Errno) {
        let above = try FileDescriptor.open(
          path.names.dropLast(), [.path, .directory], resolve: settings.resolve, at: top.rawValue)
        guard let name = path.names.last else { continue }
        try name.open([.path, .directory], at: above.rawValue).changeTime(modified: modified)
      } catch .noSuchFileOrDirectory {
        // Something else has taken its place.
      } catch .notDirectory {
      } catch {
        throw LayerError(
          .failed, "set the time of \(path.shown): \(error)"
        )
      }
    }
  }
}
