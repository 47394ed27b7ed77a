import Linux

/// The container's devices.
extension RootFilesystem {
  /// Creates the device files and links that the configuration names and those that every container has.
  func makeDevices(_ hostMounts: borrowing HostMounts) throws(ContainerError) {
    let dev =
      switch dev {
      case .some(let held):
        try attempt("open /dev") { () throws(Errno) in try held.mount.root.duplicate() }
      case .none: try place("/dev", isDirectory: true)
      }
    let configured = Set(plan.devices.map { $0.path })
    for device in DevicePlan.defaults where !configured.contains(device.path) {
      try make(device, hostMounts, dev: dev)
    }
    for device in plan.devices { try make(device, hostMounts, dev: dev) }
    for (name, target) in DevicePlan.links {
      try attempt("make the link /dev/\(name)") { () throws(Errno) in
        do throws(Errno) {
          try File.makeSymbolicLink(name, to: target, at: dev.rawValue)
        } catch .fileExists {}
      }
    }
    try attempt("make the link /dev/ptmx") { () throws(Errno) in
      do throws(Errno) { try File.remove("ptmx", at: dev.rawValue) } catch .noSuchFileOrDirectory {}
      try File.makeSymbolicLink("ptmx", to: "pts/ptmx", at: dev.rawValue)
    }
  }

  private func make(
    _ device: DevicePlan, _ hostMounts: borrowing HostMounts, dev: borrowing FileDescriptor
  ) throws(ContainerError) {
    if let held = hostMounts.devices.last(where: { $0.path == device.path })?.held {
      return try bind(held, device)
    }
    do throws(ContainerError) { try makeFile(device, dev: dev) } catch {
      // For want of CAP_MKNOD, or by the device rules of a container around this.
      guard error.errno == .notPermitted, device.kind != .fifo, let host = try? HostMounts.copy(of: device)
      else { throw error }
      try bind(host, device)
    }
  }

  private func bind(_ held: HostMounts.HeldMount, _ device: DevicePlan) throws(ContainerError) {
    let target = try place(device.path, isDirectory: false)
    try attempt("bind the device \(device.path)") { () throws(Errno) in
      try held.mount.attach(to: target)
    }
  }

  private func makeFile(_ device: DevicePlan, dev: borrowing FileDescriptor) throws(ContainerError) {
    let slash = device.path.utf8.lastIndex(of: UInt8(ascii: "/")) ?? device.path.startIndex
    let name = String(device.path[device.path.utf8.index(after: slash)...])
    let directory = slash == device.path.startIndex ? "/" : String(device.path[..<slash])
    if directory == "/dev" { return try makeNode(name, device, at: dev) }
    try makeNode(name, device, at: try place(directory, isDirectory: true))
  }

  private func makeNode(
    _ name: String, _ device: DevicePlan, at directory: borrowing FileDescriptor
  ) throws(ContainerError) {
    do throws(Errno) {
      do throws(Errno) {
        try File.makeNode(
          name, device.kind, permissions: device.permissions, device: device.number, at: directory.rawValue)
      } catch .fileExists {
        // Whatever is there already must be the same device, not a link to something else.
        let found = try FileStatus.of(name, at: directory.rawValue, following: false)
        guard found.kind == device.kind, device.kind == .fifo || found.device == device.number else {
          throw .fileExists
        }
      }
      if device.user != 0 || device.group != 0 {
        try File.changeOwner(name, user: device.user, group: device.group, at: directory.rawValue)
      }
    } catch {
      let operation = "make the device \(device.path)"
      guard error == .notPermitted, plan.hasUserNamespace else {
        throw ContainerError(operation, error, taking: "CAP_MKNOD")
      }
      throw ContainerError(
        operation, error, advice: "a user namespace may not make one, and the host has none there to show")
    }
  }

  /// Makes a terminal in the container's devpts, for the user `user`, and shows it as `/dev/console`.
  func makeTerminal(for user: UInt32) throws(ContainerError) -> PseudoTerminal {
    let terminal = try attempt("make a terminal with /dev/pts/ptmx of the container") { () throws(Errno) in
      let terminal = try PseudoTerminal(
        devpts: try FileDescriptor.open(
          "/dev/pts", [.path, .directory], resolve: [.inRoot, .noSymlinks], at: root.rawValue))
      try terminal.slave.changeOwner(user: user)
      return terminal
    }
    if devIsBound { return terminal }
    let console = try place("/dev/console", isDirectory: false)
    try attempt("show the terminal as /dev/console") { () throws(Errno) in
      let copy = try Mount.copy(of: "", at: terminal.slave.rawValue, recursive: false)
      try copy.attach(to: console)
    }
    return terminal
  }
}
