import Linux

/// Copies a directory's content into another, empty one, with owners, permissions and links.
enum TreeCopy {
  static func copy(
    _ source: borrowing FileDescriptor, to destination: borrowing FileDescriptor
  ) throws(Errno) {
    for entry in try Directory.entries(of: source) {
      let status = try FileStatus.of(entry.name, at: source.rawValue, following: false)
      switch status.kind {
      case .directory:
        try Directory.make(entry.name, mode: status.permissions, at: destination.rawValue)
        let flags: OpenFlags = [.readOnly, .directory, .noFollow]
        let from = try FileDescriptor.open(entry.name, flags, at: source.rawValue)
        try copy(from, to: try FileDescriptor.open(entry.name, flags, at: destination.rawValue))
      case .regular:
        let from = try FileDescriptor.open(entry.name, [.readOnly, .noFollow], at: source.rawValue)
        let to = try FileDescriptor.open(
          entry.name, [.writeOnly, .create, .exclusive], mode: status.permissions, at: destination.rawValue)
        try copyContent(from, to: to)
      case .symbolicLink:
        let target = try File.symbolicLink(entry.name, at: source.rawValue)
        try File.makeSymbolicLink(entry.name, to: target, at: destination.rawValue)
      case .characterDevice, .blockDevice, .fifo:
        try File.makeNode(
          entry.name, status.kind, permissions: status.permissions, device: status.device,
          at: destination.rawValue)
      case .socket, .unknown: continue
      }
      try File.changeOwner(
        entry.name, user: status.user, group: status.group, at: destination.rawValue)
      // A change of owner takes set-id bits away.
      if status.kind != .symbolicLink {
        try File.changeMode(entry.name, status.permissions, at: destination.rawValue)
      }
    }
  }

  private static func copyContent(
    _ source: borrowing FileDescriptor, to destination: borrowing FileDescriptor
  ) throws(Errno) {
    let buffer = UnsafeMutableRawBufferPointer.allocate(byteCount: 64 << 10, alignment: 1)
    defer { buffer.deallocate() }
    while true {
      let count = try source.read(into: buffer)
      if count == 0 { return }
      try destination.writeAll(UnsafeRawBufferPointer(rebasing: buffer[..<count]))
    }
  }
}
