import Linux

/// Copies what is in a directory into another, empty one that nobody else uses, with owners, permissions, modification
/// times, hard links and extended attributes. Sockets are left out.
///
/// Somebody may change the source meanwhile: each file is held before its status is read, only regular files and
/// directories are opened, and no link is followed.
final class TreeCopy {
  private let held: HeldFiles
  private let top: FileDescriptor
  /// The directory of the copy that is being filled.
  private var destination: FileDescriptor
  /// The way to it from `top`.
  private var path: [FileName] = []
  /// The status of the source of each directory on that way.
  private var statuses: [FileStatus] = []
  /// Where the first copy is of each file that has more than one name.
  private var firstCopies: [Original: [FileName]] = [:]
  private let buffer = UnsafeMutableRawBufferPointer.allocate(byteCount: 64 << 10, alignment: 16)

  private struct Original: Hashable {
    let fileSystem: UInt64
    let inode: UInt64
  }

  private init(_ destination: borrowing FileDescriptor, _ held: consuming HeldFiles) throws(Errno) {
    self.held = held
    top = try FileDescriptor.open(".", [.readOnly, .directory], at: destination.rawValue)
    self.destination = try top.duplicate()
  }

  deinit { buffer.deallocate() }

  /// Copies what is in `source` to `destination`, with all that is mounted there; files are opened by way of `held`.
  static func copy(
    _ source: consuming FileDescriptor, to destination: borrowing FileDescriptor, _ held: consuming HeldFiles
  ) throws(Errno) {
    let copy = try TreeCopy(destination, held)
    try Directory.walk(source, entersMounts: true) { (name, directory) throws(Errno) in
      try copy.enter(name, directory)
    } leave: { (_, _) throws(Errno) in
      try copy.leave()
    }
  }

  private func enter(
    _ name: FileName?, _ source: borrowing FileDescriptor
  ) throws(Errno) -> [FileName] {
    if let name { try makeDirectory(name, source) }
    var directories: [FileName] = []
    for name in try Directory.names(of: source) {
      let file: FileDescriptor
      // It may have been removed meanwhile.
      do throws(Errno) { file = try name.open(.path, at: source.rawValue) } catch .noSuchFileOrDirectory {
        continue
      }
      let status = try file.status()
      if status.kind == .directory { directories.append(name) } else { try copy(file, status, name) }
    }
    return directories
  }

  private func makeDirectory(_ name: FileName, _ source: borrowing FileDescriptor) throws(Errno) {
    let status = try source.status()
    try name.makeDirectory(mode: 0o700, at: destination.rawValue)
    destination = try name.open([.readOnly, .directory], at: destination.rawValue)
    path.append(name)
    statuses.append(status)
    try Self.setAttributes(of: destination, status, from: source)
  }

  private func leave() throws(Errno) {
    path.removeLast()
    // Each file that was created in it has changed its time.
    try destination.changeTime(modified: statuses.removeLast().modified)
    destination = try FileDescriptor.open("..", [.readOnly, .directory], at: destination.rawValue)
  }

  private func copy(
    _ file: borrowing FileDescriptor, _ status: FileStatus, _ name: FileName
  ) throws(Errno) {
    // Nothing is created for a socket, so there is nothing to link to.
    if status.links > 1, status.kind != .socket, status.kind != .unknown {
      let original = Original(fileSystem: status.fileSystem, inode: status.inode)
      if let first = firstCopies[original] {
        if try link(name, to: first) { return }
      } else {
        firstCopies[original] = path + [name]
      }
    }
    switch status.kind {
    case .regular: try copyContent(of: file, status, name)
    case .symbolicLink:
      try name.makeSymbolicLink(to: try file.linkTarget(), at: destination.rawValue)
      let made = try name.open(.path, at: destination.rawValue)
      try made.changeOwner(user: status.user, group: status.group)
      try made.changeTime(modified: status.modified)
    case .characterDevice, .blockDevice, .fifo:
      try name.makeNode(status.kind, permissions: 0o600, device: status.device, at: destination.rawValue)
      let made = try name.open(.path, at: destination.rawValue)
      try made.changeOwner(user: status.user, group: status.group)
      try held.changeMode(of: made, status.permissions)
      try made.changeTime(modified: status.modified)
    case .directory, .socket, .unknown: return
    }
  }

  /// Makes `name` another name of the file `first` in the copy.
  ///
  /// - Returns: whether that was possible; it is not when the way to `first` is longer than a path can be.
  private func link(_ name: FileName, to first: [FileName]) throws(Errno) -> Bool {
    guard let last = first.last else { return false }
    do throws(Errno) {
      let directory = try FileDescriptor.open(
        first.dropLast(), [.path, .directory], resolve: .noSymlinks, at: top.rawValue)
      try name.makeLink(to: last, in: directory.rawValue, at: destination.rawValue)
      return true
    } catch .nameTooLong { return false }
  }

  private func copyContent(
    of file: borrowing FileDescriptor, _ status: FileStatus, _ name: FileName
  ) throws(Errno) {
    let source = try held.open(file, [.readOnly, .nonBlocking, .noControllingTerminal])
    let copy = try name.open([.writeOnly, .create, .exclusive], mode: 0o600, at: destination.rawValue)
    // No further than it was long at first: a file that grows all the time would never be copied.
    var left = status.size
    while left > 0 {
      let count = try source.read(into: UnsafeMutableRawBufferPointer(rebasing: buffer.prefix(left)))
      if count == 0 { break }
      try copy.writeAll(UnsafeRawBufferPointer(rebasing: buffer[..<count]))
      left -= count
    }
    try Self.setAttributes(of: copy, status, from: source)
  }

  /// Gives an open file or directory of the copy all that its source has but the content.
  private static func setAttributes(
    of copy: borrowing FileDescriptor, _ status: FileStatus, from source: borrowing FileDescriptor
  ) throws(Errno) {
    try copy.changeOwner(user: status.user, group: status.group)
    // A change of owner clears set-id bits and file capabilities.
    try copy.changeMode(status.permissions)
    for name in try source.attributeNames() where isCopied(name) {
      guard let value = try source.attribute(name, limit: 64 << 10) else { continue }
      // Not every tmpfs has them, and a user namespace may not set them all.
      do throws(Errno) { try copy.setAttribute(name, to: value) } catch .notSupported {} catch .notPermitted {
      }
    }
    try copy.changeTime(modified: status.modified)
  }

  /// Whether an attribute means the same in the copy. Those of overlayfs and the labels of a policy do not.
  private static func isCopied(_ name: String) -> Bool {
    name == "security.capability" || name.utf8.starts(with: "user.".utf8)
      || name.utf8.starts(with: "system.posix_acl_".utf8)
  }
}
