import Linux

/// Writes files and directories with all that is below them as a tar archive.
///
/// Somebody may be at work in the tree who means harm: each file is held before it is looked at, and what is held is
/// what is read; nothing is opened but directories and regular files, and no link is followed.
public final class TreePacker {
  private let output: FileDescriptor
  private let held: HeldFiles
  private let buffer: UnsafeMutableRawBufferPointer
  private var filled = 0
  /// The names in the archive of files that have more than one.
  private var names: [File: [UInt8]] = [:]

  /// A file, whatever its names.
  private struct File: Hashable {
    let fileSystem: UInt64
    let inode: UInt64
  }

  /// The attributes that are kept: what programs may do that no owner gives them.
  private static let attributes = ["security.capability"]
  /// No path is longer, for the kernel.
  private static let longestName = 4096

  /// Writes to `output`; files are opened by way of `held`.
  public init(to output: consuming FileDescriptor, _ held: consuming HeldFiles) {
    self.output = output
    self.held = held
    buffer = .allocate(byteCount: 256 << 10, alignment: 16)
  }

  deinit { buffer.deallocate() }

  /// Adds the file that is held as `file`, with what is below it when it is a directory, as `name`.
  public func add(_ file: borrowing FileDescriptor, as name: [UInt8]) throws(LayerError) {
    let status = try attempt(Self.reading(name)) { () throws(Errno) in try file.status() }
    try add(file, status, name)
  }

  /// Writes the archive's end, and all that waits to be written.
  public func finish() throws(LayerError) {
    try write(TarEntry.end)
    try flush()
  }

  private func add(
    _ file: borrowing FileDescriptor, _ status: FileStatus, _ name: [UInt8]
  ) throws(LayerError) {
    var entry = TarEntry(name: name, kind: .directory)
    entry.permissions = status.permissions
    entry.user = status.user
    entry.group = status.group
    entry.modified = status.modified
    switch status.kind {
    // There is no way to say it.
    case .socket, .unknown: return
    case .directory: return try addDirectory(file, status, entry)
    case .regular, .symbolicLink, .characterDevice, .blockDevice, .fifo: break
    }
    if status.links > 1 {
      let key = File(fileSystem: status.fileSystem, inode: status.inode)
      if let first = names[key] {
        entry.kind = .hardLink(to: first)
        return try write(entry.header)
      }
      names[key] = name
    }
    switch status.kind {
    case .regular: return try addFile(file, status, entry)
    case .symbolicLink:
      entry.kind = .symbolicLink(
        to: try attempt(Self.reading(name)) { () throws(Errno) in try file.linkTarget() })
    case .characterDevice: entry.kind = .characterDevice(status.device)
    case .blockDevice: entry.kind = .blockDevice(status.device)
    case .fifo: entry.kind = .fifo
    case .directory, .socket, .unknown: return
    }
    try write(entry.header)
  }

  private func addFile(
    _ file: borrowing FileDescriptor, _ status: FileStatus, _ entry: TarEntry
  ) throws(LayerError) {
    var entry = entry
    entry.kind = .file(size: status.size)
    // Of the kernel's own files, many say that they are empty, and do something when they are opened.
    if status.size == 0 { return try write(entry.header) }
    let content = try attempt(Self.reading(entry.name)) { () throws(Errno) in
      try held.open(file, [.readOnly, .nonBlocking, .noControllingTerminal])
    }
    entry.attributes = try Self.attributes(of: content, entry.name)
    try write(entry.header)
    var left = status.size
    while left > 0 {
      if filled == buffer.count { try flush() }
      let room = UnsafeMutableRawBufferPointer(rebasing: buffer[filled...].prefix(left))
      let count = try attempt(Self.reading(entry.name)) { () throws(Errno) in try content.read(into: room) }
      // It is shorter by now, and the archive says already how long it was.
      if count == 0 { break }
      filled += count
      left -= count
    }
    try writeZeros(left + TarEntry.padding(status.size))
  }

  private func addDirectory(
    _ file: borrowing FileDescriptor, _ status: FileStatus, _ entry: TarEntry
  ) throws(LayerError) {
    var entry = entry
    let slash = UInt8(ascii: "/")
    if entry.name.last != slash { entry.name.append(slash) }
    guard entry.name.count <= Self.longestName else {
      throw LayerError(
        .failed, "\(Self.reading(entry.name)): its path is longer than \(Self.longestName) bytes")
    }
    let directory = try attempt(Self.reading(entry.name)) { () throws(Errno) in
      try held.open(file, [.readOnly, .directory])
    }
    entry.attributes = try Self.attributes(of: directory, entry.name)
    try write(entry.header)
    let names = try attempt(Self.reading(entry.name)) { () throws(Errno) in
      try Directory.names(of: directory)
    }
    for name in names {
      let path = entry.name + name.bytes
      // It may have been removed meanwhile.
      guard let below = try Self.hold(name, path, in: directory) else { continue }
      let found = try attempt(Self.reading(path)) { () throws(Errno) in try below.status() }
      if found.kind == .directory, found.fileSystem != status.fileSystem, try Self.isKernels(below, path) {
        try addAlone(found, path)
      } else {
        try add(below, found, path)
      }
    }
  }

  private static func hold(
    _ name: FileName, _ path: [UInt8], in directory: borrowing FileDescriptor
  ) throws(LayerError) -> FileDescriptor? {
    do throws(Errno) { return try name.open(.path, at: directory.rawValue) } catch .noSuchFileOrDirectory {
      return nil
    } catch {
      throw LayerError(.failed, "\(reading(path)): \(error)")
    }
  }

  /// Whether what is mounted there are no files of anybody's but the kernel's own view of the system.
  private static func isKernels(
    _ directory: borrowing FileDescriptor, _ name: [UInt8]
  ) throws(LayerError) -> Bool {
    let status = try attempt(reading(name)) { () throws(Errno) in try FileSystemStatus.of(directory) }
    return status.kind.isKernelInterface
  }

  /// Adds a directory without what is below it.
  private func addAlone(_ status: FileStatus, _ name: [UInt8]) throws(LayerError) {
    var entry = TarEntry(name: name + [UInt8(ascii: "/")], kind: .directory)
    entry.permissions = status.permissions
    entry.user = status.user
    entry.group = status.group
    entry.modified = status.modified
    try write(entry.header)
  }

  private static func attributes(
    of file: borrowing FileDescriptor, _ name: [UInt8]
  ) throws(LayerError) -> [TarEntry.Attribute] {
    var found: [TarEntry.Attribute] = []
    for attribute in attributes {
      let value = try attempt(reading(name)) { () throws(Errno) in try file.attribute(attribute) }
      if let value { found.append(.init(name: attribute, value: value)) }
    }
    return found
  }

  private static func reading(_ name: [UInt8]) -> String { "read \(TarEntry.shown(name))" }

  // MARK: Output

  private func write(_ bytes: [UInt8]) throws(LayerError) {
    var rest = bytes[...]
    while !rest.isEmpty {
      if filled == buffer.count { try flush() }
      let count = min(rest.count, buffer.count - filled)
      UnsafeMutableRawBufferPointer(rebasing: buffer[filled..<(filled + count)]).copyBytes(
        from: rest.prefix(count))
      filled += count
      rest = rest.dropFirst(count)
    }
  }

  private func writeZeros(_ count: Int) throws(LayerError) {
    var left = count
    while left > 0 {
      if filled == buffer.count { try flush() }
      let piece = min(left, buffer.count - filled)
      for index in filled..<(filled + piece) { buffer[index] = 0 }
      filled += piece
      left -= piece
    }
  }

  private func flush() throws(LayerError) {
    try attempt("write the archive") { () throws(Errno) in
      try output.writeAll(UnsafeRawBufferPointer(rebasing: buffer[..<filled]))
    }
    filled = 0
  }
}
