import Linux

/// What the container is not to see of its file tree, or not to change.
extension RootFilesystem {
  /// Hides and write-protects what the configuration says (config-linux.md, "Masked Paths", "Readonly Paths").
  func restrict() throws(ContainerError) {
    try mask()
    for path in plan.readOnlyPaths {
      guard let place = try existing(path) else { continue }
      try attempt("linux.readonlyPaths: \(path)") { () throws(Errno) in
        let copy = try Mount.copy(of: "", at: place.rawValue, recursive: true)
        try copy.change(set: .readOnly, recursive: true)
        try copy.attach(to: place)
      }
    }
    for mount in readOnlyAtEnd {
      try attempt("make a file system in memory read-only") { () throws(Errno) in
        try mount.mount.change(set: .readOnly)
      }
    }
    if plan.rootIsReadOnly {
      try attempt("root.readonly") { () throws(Errno) in
        try changeMount(at: "", in: root.rawValue, set: .readOnly)
      }
    }
  }

  private func mask() throws(ContainerError) {
    // One empty directory serves all, and the host's own device, as one in the container could be anything: the first of each
    // is that mount itself, the others are copies of what is the container's by then.
    var shared: Mount?
    var isNullAttached = false
    for path in plan.maskedPaths {
      guard let place = try existing(path) else { continue }
      try attempt("linux.maskedPaths: \(path)") { () throws(Errno) in
        guard try place.status().kind == .directory else {
          guard let null else { throw .noSuchDevice }
          guard isNullAttached else {
            isNullAttached = true
            return try null.mount.attach(to: place)
          }
          return try Mount.copy(of: "", at: null.mount.root.rawValue, recursive: false).attach(to: place)
        }
        let mount: Mount
        switch shared {
        case .some(let first): mount = try Mount.copy(of: "", at: first.root.rawValue, recursive: false)
        case .none:
          let context = try FileSystemContext("tmpfs")
          // Room for the directory itself alone. A size of 0 would be no limit.
          try context.set("nr_inodes", "1")
          if let label = plan.mountLabel { try context.set("context", label) }
          mount = try context.mount([.readOnly, .noSuid, .noDev, .noExec])
        }
        try mount.attach(to: place)
        shared = consume mount
      }
    }
  }

  /// A place in the container, or `nil` when it is not there.
  private func existing(_ path: String) throws(ContainerError) -> FileDescriptor? {
    do throws(Errno) {
      guard let anchor = anchors.last(where: { path.hasPrefix($0.prefix) }) else { return try open(path) }
      let below = String(path.dropFirst(anchor.prefix.utf8.count))
      return try FileDescriptor.open(
        below, .path, resolve: [.inRoot, .noMagicLinks], at: anchor.root.rawValue)
    } catch .noSuchFileOrDirectory {
      return nil
    } catch .notDirectory {
      return nil
    } catch {
      throw ContainerError("look at \(path) in the container", error)
    }
  }
}
