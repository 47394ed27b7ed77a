import Linux

/// Makes a tree of the base `host`, and the list of what it was made of.
struct HostTreeBuilder {
  let root: String

  func build(stampAt stampPath: String) throws(Errno) {
    var stamp = HostStamp()
    try make(root, 0o755)
    for directory in HostContents.directories {
      try make("\(root)/\(directory.path)", directory.permissions)
    }
    for (path, target) in HostContents.links {
      try File.makeSymbolicLink("\(root)/\(path)", to: target)
    }
    for (path, text) in HostContents.files { try write(Array(text.utf8), to: "\(root)/\(path)", 0o644) }
    for name in HostContents.systemDirectories { try makeSystemDirectory(name, &stamp) }
    var copied = HostContents.copied
    for entry in try Directory.entries(of: "/etc")
    where HostContents.copiedPrefixes.contains(where: { entry.name.hasPrefix($0) }) {
      copied.append(entry.name)
    }
    for name in copied { try copy("etc/\(name)", &stamp) }
    try File.replace(stampPath, with: stamp.bytes)
  }

  private func makeSystemDirectory(_ name: String, _ stamp: inout HostStamp) throws(Errno) {
    guard let status = stamp.note("/\(name)") else { return }
    switch status.kind {
    case .directory: try make("\(root)/\(name)", 0o755)
    case .symbolicLink: try File.makeSymbolicLink("\(root)/\(name)", to: try File.symbolicLink("/\(name)"))
    default: return
    }
  }

  /// Copies the file or directory of the host at `path`, if it is there and everybody may read it. Links are copied as
  /// links: what they lead to is in the tree, or stays out of it.
  private func copy(_ path: String, _ stamp: inout HostStamp) throws(Errno) {
    guard let status = stamp.note("/\(path)") else { return }
    try makeParents(of: path)
    try copy(path, status, &stamp)
  }

  private func copy(_ path: String, _ status: FileStatus, _ stamp: inout HostStamp) throws(Errno) {
    let target = "\(root)/\(path)"
    switch status.kind {
    case .symbolicLink:
      try File.makeSymbolicLink(target, to: try File.symbolicLink("/\(path)"))
    case .regular:
      // A private key in the wrong place is not given away because its owner was careless twice.
      guard status.permissions & 0o004 != 0, !path.hasSuffix(".key") else { return }
      try write(try File.read("/\(path)"), to: target, status.permissions & 0o755)
    case .directory:
      guard status.permissions & 0o005 == 0o005 else { return }
      try make(target, 0o755)
      for entry in try Directory.entries(of: "/\(path)") {
        let inside = "\(path)/\(entry.name)"
        guard let status = try? FileStatus.of("/\(inside)", following: false) else { continue }
        // A link cannot be changed, only replaced, and that changes its directory. Most of what is here are links.
        if status.kind != .symbolicLink { stamp.add("/\(inside)", status) }
        try copy(inside, status, &stamp)
      }
    default: return
    }
  }

  private func makeParents(of path: String) throws(Errno) {
    var above = root
    for part in path.split(separator: "/").dropLast() {
      above += "/\(part)"
      do throws(Errno) { try make(above, 0o755) } catch .fileExists {}
    }
  }

  /// Makes a directory with these permissions, whatever the caller's umask is.
  private func make(_ path: String, _ permissions: UInt32) throws(Errno) {
    try Directory.make(path, mode: permissions)
    try File.changeMode(path, permissions)
  }

  private func write(_ bytes: [UInt8], to path: String, _ permissions: UInt32) throws(Errno) {
    let file = try FileDescriptor.open(path, [.writeOnly, .create, .exclusive], mode: permissions)
    try file.writeAll(bytes)
    try File.changeMode(path, permissions)
  }
}
