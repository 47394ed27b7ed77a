import Container
import Linux
import OCI

/// A file of a partition that is not as in what the partition was made from.
public struct LayerChange: Equatable, Sendable {
  /// What happened to it.
  public enum Kind: Sendable {
    /// It, or something in it, is another than before.
    case modified
    case added
    case removed
  }

  /// Its path in the partition, absolute.
  public let path: String
  /// What happened to it.
  public let kind: Kind
}

extension PartitionStore {
  /// The names that a partition of the base `host` is given, in its layer but not by it.
  private static let given: Set<String> = ["/etc/hostname", "/etc/hosts", "/etc/resolv.conf"]

  /// What the partition `id` has changed so far, by path; while it runs, as it is met on the way.
  ///
  /// Files are told apart by what the layer holds, not by their content: one that was written again with the same is
  /// modified. A file whose name is not UTF-8, or whose path is longer than the kernel takes, is left out.
  public func changes(of id: ContainerID) throws(LayerError) -> [LayerChange] {
    let directory = "\(path)/\(id)"
    let file = "\(directory)/config.json"
    let bytes: [UInt8]
    do throws(Errno) { bytes = try File.read(file, limit: 16 << 20) } catch .noSuchFileOrDirectory {
      // It was never started.
      return []
    } catch {
      throw LayerError(.failed, "read \(file): \(error)")
    }
    let config: RuntimeConfig
    do throws(ConfigError) { config = try RuntimeConfig(parsing: bytes) } catch {
      throw LayerError(.failed, "\(file): \(error)")
    }
    let overlays = config.mounts.filter { $0.type == "overlay" }
    let ignored = config.annotations["org.swiftjail.base"] == "host" ? Self.given : []
    var changes: [LayerChange] = []
    for mount in overlays {
      guard let lower = mount.option("lowerdir="), let upper = mount.option("upperdir=") else { continue }
      let top = mount.destination == "/" ? "" : mount.destination
      changes += try attempt("compare \(upper) with \(lower)") { () throws(Errno) in
        try LayerComparison.changes(of: upper, on: lower, at: top, but: ignored)
      }
    }
    return changes.sorted { $0.path < $1.path }
  }
}

extension RuntimeConfig.Mount {
  /// What follows `prefix` in the option that begins with it.
  fileprivate func option(_ prefix: String) -> String? {
    options.first { $0.hasPrefix(prefix) }.map { String($0.dropFirst(prefix.count)) }
  }
}

/// What the layer of an overlay says about the tree that it lies on (Linux, Documentation/filesystems/overlayfs.rst).
struct LayerComparison: ~Copyable {
  private let upper: FileDescriptor
  private let lower: FileDescriptor
  private let top: String
  private let ignored: Set<String>
  private var kinds: [String: LayerChange.Kind] = [:]
  /// Directories that are still to be looked at, from the top of the layer on.
  private var pending = [""]

  private init(
    _ upper: consuming FileDescriptor, _ lower: consuming FileDescriptor, _ top: String,
    _ ignored: Set<String>
  ) {
    self.upper = upper
    self.lower = lower
    self.top = top
    self.ignored = ignored
  }

  /// What the layer in the directory `upper` changes of the tree `lower`, both mounted as an overlay at `top`: empty for
  /// the root. Files whose paths are `ignored` are as if they were not there.
  static func changes(
    of upper: String, on lower: String, at top: String, but ignored: Set<String> = []
  ) throws(Errno) -> [LayerChange] {
    var comparison = LayerComparison(
      try FileDescriptor.open(upper, [.path, .directory]),
      try FileDescriptor.open(lower, [.path, .directory]),
      top, ignored)
    while let directory = comparison.pending.popLast() { try comparison.look(into: directory) }
    return comparison.kinds.map { LayerChange(path: $0.key, kind: $0.value) }
  }

  private mutating func look(into directory: String) throws(Errno) {
    guard let layer = try Self.open(directory, in: upper) else { return }
    let base = try Self.open(directory, in: lower)
    let isOpaque = try layer.attribute("trusted.overlay.opaque") == [UInt8(ascii: "y")]
    var names: Set<String> = []
    for entry in try Directory.entries(of: layer) {
      names.insert(entry.name)
      guard let status = try Self.status(entry.name, in: layer) else { continue }
      var before: FileStatus?
      switch base {
      case .some(let base): before = try Self.status(entry.name, in: base)
      case .none: break
      }
      compare(status, before, "\(directory)/\(entry.name)")
    }
    guard isOpaque else { return }
    switch base {
    case .some(let base):
      // What was there before this directory took its place.
      for entry in try Directory.entries(of: base) where !names.contains(entry.name) {
        note("\(directory)/\(entry.name)", .removed)
      }
    case .none: break
    }
  }

  private mutating func compare(_ status: FileStatus, _ before: FileStatus?, _ path: String) {
    if status.kind == .characterDevice, status.device == DeviceNumber(major: 0, minor: 0) {
      return note(path, .removed)
    }
    guard let before else {
      note(path, .added)
      if status.kind == .directory { pending.append(path) }
      return
    }
    guard status.kind == .directory else { return note(path, .modified) }
    pending.append(path)
    // That something was looked up in a directory is no change of it.
    let isSame =
      before.kind == .directory && before.permissions == status.permissions && before.user == status.user
      && before.group == status.group
    if !isSame { note(path, .modified) }
  }

  /// Notes what happened to a file, and with it to the directories that it is in.
  private mutating func note(_ path: String, _ kind: LayerChange.Kind) {
    if ignored.contains(top + path) { return }
    kinds[top + path] = kind
    var above = (top + path).utf8[...]
    while let slash = above.lastIndex(of: UInt8(ascii: "/")), slash != above.startIndex {
      above = above[..<slash]
      let directory = String(Substring(above))
      if kinds[directory] != nil { return }
      kinds[directory] = .modified
    }
  }

  /// Opens a directory of a tree, on the way to which and at whose end no link is followed; `nil` when it is none.
  private static func open(
    _ path: String, in tree: borrowing FileDescriptor
  ) throws(Errno) -> FileDescriptor? {
    do throws(Errno) {
      return try FileDescriptor.open(
        ".\(path)", [.readOnly, .directory], resolve: [.beneath, .noSymlinks], at: tree.rawValue)
    } catch .noSuchFileOrDirectory {
      return nil
    } catch .notDirectory {
      return nil
    } catch .tooManySymbolicLinks {
      return nil
    } catch .nameTooLong {
      return nil
    }
  }

  private static func status(
    _ name: String, in directory: borrowing FileDescriptor
  ) throws(Errno) -> FileStatus? {
    do throws(Errno) {
      return try FileStatus.of(name, at: directory.rawValue, following: false)
    } catch .noSuchFileOrDirectory {
      return nil
    }
  }
}
