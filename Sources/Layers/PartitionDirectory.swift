import Container
import Linux
import OCI

/// What is in a partition's directory:
///
/// - `config.json`, an ordinary bundle's;
/// - `rootfs`, empty, on which the container mounts its tree;
/// - `upper` and `work`, the layer that takes its changes and the kernel's own part of that;
/// - `usr-upper` and `usr-work`, the same for `/usr` of the base `host`;
/// - `base`, a tree of the base `host` of its own where it cannot use the one that others use.
struct PartitionDirectory {
  let path: String
  let id: ContainerID
  let settings: PartitionSettings
  /// Whether the directory is on a tmpfs because its own file system cannot hold layers.
  let isInMemory: Bool

  /// What is in it now.
  struct Filled: ~Copyable {
    let config: BundleConfig
    let isInMemory: Bool
    var tree: HostBase.Tree?
  }

  /// Makes all of it that is not there yet, and the configuration in any case.
  ///
  /// - Returns: what was written, and the tree of the base `host` that it uses, if it does.
  func fill(_ host: HostBase) throws(LayerError) -> Filled {
    for volume in settings.volumes {
      try attempt("volume \(volume.source)") { () throws(Errno) in
        do throws(Errno) { _ = try FileStatus.of(volume.source) } catch .noSuchFileOrDirectory {
          guard volume.makesSource else { throw .noSuchFileOrDirectory }
          try Directory.makeAll(volume.source)
        }
      }
    }
    try make("rootfs", like: nil)
    switch settings.base {
    case .host:
      let tree = try host.current()
      let lower =
        Overlay.canLie(on: tree.root, "\(path)/rootfs") ? tree.root : try HostBase.ownTree(in: path)
      var mounts = [try overlay(lower: lower, prefix: "").mount(at: "/", options: overlayOptions)]
      mounts += try hostMounts()
      try makeNames()
      let accounts = Accounts(
        passwd: HostContents.files["etc/passwd"] ?? "", group: HostContents.files["etc/group"] ?? "")
      let shell = (try? FileStatus.of("/bin/bash")) == nil ? "/bin/sh" : "/bin/bash"
      return Filled(config: try write(mounts, accounts, shell: shell), isInMemory: isInMemory, tree: tree)
    case .directory(let given):
      let lower = try realDirectory(given)
      guard Overlay.canLie(on: lower, "\(path)/rootfs") else {
        throw LayerError(
          .failed,
          "rootfs \(given): it is on an overlay on an overlay, and the kernel mounts no third one on them; "
            + "copy it to another file system, such as a tmpfs")
      }
      let root = try attempt("rootfs \(given)") { () throws(Errno) in
        try FileDescriptor.open(lower, [.path, .directory])
      }
      let shell = (try? open("/bin/bash", .path, in: root)) == nil ? "/bin/sh" : "/bin/bash"
      let accounts = Accounts(passwd: text("/etc/passwd", in: root), group: text("/etc/group", in: root))
      let mount = try overlay(lower: lower, prefix: "").mount(at: "/", options: overlayOptions)
      return Filled(config: try write([mount], accounts, shell: shell), isInMemory: isInMemory, tree: nil)
    }
  }

  private var overlayOptions: [String] { settings.isTransient ? ["volatile"] : [] }

  /// An overlay on `lower` whose root has the owner and the permissions of the directory `lower`.
  private func overlay(lower: String, prefix: String) throws(LayerError) -> Overlay {
    let overlay = try Overlay(
      lower: lower, upper: "\(path)/\(prefix)upper", work: "\(path)/\(prefix)work")
    try make("\(prefix)upper", like: lower)
    try make("\(prefix)work", like: nil)
    return overlay
  }

  private func make(_ name: String, like model: String?) throws(LayerError) {
    try attempt("make \(path)/\(name)") { () throws(Errno) in
      do throws(Errno) { try Directory.make("\(path)/\(name)", mode: 0o755) } catch .fileExists { return }
      guard let model else { return }
      let status = try FileStatus.of(model)
      try File.changeOwner("\(path)/\(name)", user: status.user, group: status.group)
      try File.changeMode("\(path)/\(name)", status.permissions)
    }
  }

  /// The running system's programs.
  private func hostMounts() throws(LayerError) -> [RuntimeConfig.Mount] {
    var mounts: [RuntimeConfig.Mount] = []
    if Overlay.canLie(on: "/usr", "\(path)/rootfs") {
      let usr = try overlay(lower: "/usr", prefix: "usr-")
      mounts.append(usr.mount(at: "/usr", options: overlayOptions + (settings.isReadOnly ? ["ro"] : [])))
    } else {
      // Too large for a copy.
      mounts.append(
        RuntimeConfig.Mount(destination: "/usr", type: "bind", source: "/usr", options: ["rbind", "rro"]))
    }
    for place in try HostBase.systemMounts() {
      mounts.append(
        RuntimeConfig.Mount(destination: place, type: "bind", source: place, options: ["rbind", "rro"]))
    }
    return mounts
  }

  /// The files that say who the partition is and where others are.
  private func makeNames() throws(LayerError) {
    let name = settings.hostname ?? id.description
    var hosts = Array("127.0.0.1 localhost \(name)\n::1 localhost ip6-localhost ip6-loopback\n".utf8)
    var files: [(String, [UInt8])] = [("hostname", Array("\(name)\n".utf8))]
    if settings.network == .host {
      if let resolver = try? File.read("/etc/resolv.conf", limit: 1 << 20) {
        files.append(("resolv.conf", resolver))
      }
      if let known = try? File.read("/etc/hosts", limit: 16 << 20) { hosts += known }
    }
    files.append(("hosts", hosts))
    let etc = "\(path)/upper/etc"
    try attempt("write to \(etc)") { () throws(Errno) in
      // What the partition has made of it meanwhile is its own affair.
      do throws(Errno) { try Directory.make(etc) } catch .fileExists { return }
      try File.changeMode(etc, 0o755)
      for (name, content) in files {
        let file = try FileDescriptor.open("\(etc)/\(name)", [.writeOnly, .create, .exclusive], mode: 0o644)
        try file.writeAll(content)
        try File.changeMode("\(etc)/\(name)", 0o644)
      }
    }
  }

  private func write(
    _ fileTree: [RuntimeConfig.Mount], _ accounts: Accounts, shell: String
  ) throws(LayerError) -> BundleConfig {
    let bounding = Capabilities.atFirst
    let known = Capabilities.names
    let user = try settings.user.map { (user) throws(LayerError) in try accounts.user(user) }
    let surroundings = PartitionSurroundings(
      name: id.description, fileTree: fileTree,
      user: try accounts.user(user ?? RuntimeConfig.User(), in: settings.groups),
      shell: shell, capabilities: known.indices.filter { bounding.contains($0) }.map { known[$0] },
      knownCapabilities: known, accountsForSwap: (try? FileStatus.of("/proc/swaps")) != nil,
      devices: settings.isPrivileged ? try HostDevices.all() : [],
      maskedPaths: HostProcessors.thermalCounters, isInMemory: isInMemory)
    let config = BundleConfig(try settings.config(surroundings))
    try attempt("write \(path)/config.json") { () throws(Errno) in
      try File.replace("\(path)/config.json", with: config.bytes)
    }
    return config
  }

  private func realDirectory(_ given: String) throws(LayerError) -> String {
    let lower = try attempt("rootfs \(given)") { () throws(Errno) in try File.realPath(given) }
    let status = try attempt("rootfs \(given)") { () throws(Errno) in try FileStatus.of(lower) }
    guard status.kind == .directory else { throw LayerError(.invalid, "rootfs \(given): not a directory") }
    let own = try attempt("look at \(path)") { () throws(Errno) in try File.realPath(path) }
    guard lower != "/", !own.hasPrefix("\(lower)/") else {
      throw LayerError(
        .invalid,
        "rootfs \(given): the partition's own files (\(path)) are in it; "
          + "--image host makes a partition of the running system")
    }
    return lower
  }

  private func open(
    _ path: String, _ flags: OpenFlags, in root: borrowing FileDescriptor
  ) throws(Errno) -> FileDescriptor {
    try FileDescriptor.open(path, flags, resolve: [.inRoot, .noMagicLinks], at: root.rawValue)
  }

  /// The text of a file of the tree. Whoever made the tree may have put anything there: a file of another kind, or too
  /// long, is as good as none.
  private func text(_ path: String, in root: borrowing FileDescriptor) -> String {
    guard
      let file = try? HeldFiles().openRegular(path, resolve: [.inRoot, .noMagicLinks], at: root.rawValue),
      let bytes = try? file.readToEnd(limit: 1 << 20)
    else { return "" }
    return String(decoding: bytes, as: UTF8.self)
  }
}
