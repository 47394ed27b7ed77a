import Linux

/// The base `host`: the running system's own programs with an empty machine around them.
///
/// What is around `/usr` is made once, in a directory that all partitions share, and again when what it was made of has
/// changed. `/usr` itself cannot be a part of the same overlay, whose layers all start at the root: it gets one of its
/// own. One overlay over the host's root with everything else hidden would need one mount less, and would show
/// whatever is new there until somebody thinks of hiding it.
public struct HostBase: Sendable {
  /// Where the trees are kept, each in a directory of its own.
  let path: String

  /// The base whose trees are kept in the directory `path`.
  public init(path: String = HostBase.defaultPath) { self.path = path }

  /// Where the trees are kept when nobody says otherwise.
  public static let defaultPath = "/var/lib/swiftjail/host"

  /// A tree that is not removed while this value lives.
  struct Tree: ~Copyable {
    /// What partitions use as their lower layer.
    let root: String
    private let lock: Lock

    fileprivate init(_ directory: String) throws(Errno) {
      let held = try Lock.share(directory)
      // It may have gone while we waited.
      _ = try FileStatus.of("\(directory)/root")
      lock = held
      root = "\(directory)/root"
    }

    /// Lets others remove it when no partition uses it.
    consuming func release() { lock.release() }
  }

  /// The tree for the host as it is now.
  func current() throws(LayerError) -> Tree {
    if let tree = upToDate() { return tree }
    return try attempt("make the base host in \(path)") { () throws(Errno) in
      try Directory.makeAll(path, mode: 0o711)
      let lock = try Lock.wait(for: path)
      // Somebody else may have made it meanwhile.
      if let tree = upToDate() {
        lock.release()
        return tree
      }
      removeUnused()
      let tree = try build()
      lock.release()
      return tree
    }
  }

  private func upToDate() -> Tree? {
    guard let name = try? File.symbolicLink("\(path)/current"),
      let tree = try? Tree("\(path)/\(name)"), let stamp = try? File.read("\(path)/\(name)/stamp"),
      HostStamp.isUpToDate(stamp)
    else { return nil }
    return tree
  }

  private func build() throws(Errno) -> Tree {
    let name = String(Clock.now(), radix: 36)
    let draft = "\(path)/\(Self.draftPrefix)\(name)"
    do throws(Errno) {
      try Directory.make(draft, mode: 0o711)
      try HostTreeBuilder(root: "\(draft)/root").build(stampAt: "\(draft)/stamp")
      try File.rename(draft, to: "\(path)/\(name)")
    } catch {
      try? Directory.removeTree(draft)
      throw error
    }
    let link = "\(path)/\(Self.draftPrefix)current"
    do throws(Errno) { try File.remove(link) } catch .noSuchFileOrDirectory {}
    try File.makeSymbolicLink(link, to: name)
    try File.rename(link, to: "\(path)/current")
    return try Tree("\(path)/\(name)")
  }

  private static let draftPrefix = "draft."

  /// Removes trees of which no mount is left, and drafts whose making was cut short. Those in doubt stay.
  private func removeUnused() {
    guard let entries = try? Directory.entries(of: path) else { return }
    let names = entries.filter(\.isDirectory).map(\.name)
    guard !names.isEmpty, let mounts = try? MountTable.ofAllProcesses() else { return }
    for name in names {
      // One that is about to be mounted is locked.
      guard let lock = try? Lock.take("\(path)/\(name)") else { continue }
      if !mounts.contains(where: { $0.mentions("/\(name)/root") }) {
        try? Directory.removeTree("\(path)/\(name)")
      }
      lock.release()
    }
  }

  /// The mounts that a partition needs beside its overlays: what of the system's programs is neither in `/usr` nor a link
  /// to there, and file systems mounted below `/usr`, which an overlay does not show.
  static func systemMounts() throws(LayerError) -> [String] {
    var paths: [String] = []
    for name in HostContents.systemDirectories {
      if let status = try? FileStatus.of("/\(name)", following: false), status.kind == .directory {
        paths.append("/\(name)")
      }
    }
    let table = try attempt("read the mounts") { () throws(Errno) in try MountTable.ofThisProcess() }
    for point in table.mountPoints(below: "/usr") { paths.append(point) }
    return paths
  }
}
