import Linux
import OCI

/// One entry of `mounts`, checked (config.md, "Mounts").
struct MountPlan: Sendable {
  /// The entry's path in the configuration.
  var field: String
  /// Where it goes, from the container's root, without `.` and `..`.
  var destination: String
  /// What is mounted there.
  var kind: Kind
  var options: MountOptions
  var uidMappings: [RuntimeConfig.IDMapping]
  var gidMappings: [RuntimeConfig.IDMapping]

  enum Kind: Equatable, Sendable {
    /// A copy of this absolute path of the host.
    case bind(source: String)
    /// A file system of this type.
    case fileSystem(type: String, source: String)
    /// The container's cgroup.
    case cgroup
    /// Nothing new: options of what an earlier entry has mounted there, or of the root, change.
    case remount

    /// The type of a new file system.
    var type: String? {
      if case .fileSystem(let type, _) = self { type } else { nil }
    }
  }

  /// Whether it is a new directory in memory.
  var isInMemory: Bool { kind.type == "tmpfs" || kind.type == "ramfs" }

  /// Whether it is a copy of a tree of the host's that tells the host of its mounts.
  var isSharedTree: Bool {
    guard case .bind = kind else { return false }
    return options.bind == .recursive && options.propagation.contains { $0.propagation == .shared }
  }

  /// Whether it is to be read-only once everything is in it: later mounts, and devices, may need mount points there, which
  /// nobody else could have made.
  var isReadOnlyAtEnd: Bool {
    isInMemory && !options.hasLongValue && options.set.union(options.recursiveSet).contains(.readOnly)
  }

  /// - Parameter earlier: the entries before it.
  init(
    _ mount: RuntimeConfig.Mount, field: String, bundle: String, after earlier: [MountPlan] = []
  ) throws(ContainerError) {
    self.field = field
    destination = Self.clean(mount.destination)
    // An overlay's directories may have commas in their names.
    var options = MountOptions(
      mount.type == "overlay" ? mount.options : mount.options.flatMap(MountOptions.split))
    uidMappings = mount.uidMappings
    gidMappings = mount.gidMappings
    if options.isRemount,
      destination == "/" || earlier.contains(where: { [destination] in $0.destination == destination })
    {
      kind = .remount
      if options.copyUp { throw .config("\(field).options", "tmpcopyup is for a new tmpfs") }
    } else if options.bind != .none || mount.type == "bind" {
      if options.bind == .none { options.bind = .bind }
      guard let source = mount.source, !source.isEmpty else {
        throw .config("\(field).source", "a bind mount needs one")
      }
      kind = .bind(source: source.hasPrefix("/") ? source : "\(bundle)/\(source)")
      if let data = options.data.first {
        throw .config("\(field).options", "\"\(data.key)\" is no option of a bind mount")
      }
      if options.copyUp { throw .config("\(field).options", "tmpcopyup is for a tmpfs") }
    } else {
      guard let type = mount.type, !type.isEmpty, type != "none" else {
        throw .config("\(field).type", "missing; give a file system's type, or the option bind")
      }
      if options.copyUp {
        if type != "tmpfs" { throw .config("\(field).options", "tmpcopyup is for a tmpfs") }
        // Those are mounted in a way that leaves no time to copy before the tmpfs is in its place.
        if options.hasLongValue {
          throw .config(
            "\(field).options",
            "tmpcopyup cannot be had with a value of more than \(FileSystemContext.longestValue) bytes")
        }
      }
      kind =
        type == "cgroup" || type == "cgroup2"
        ? .cgroup : .fileSystem(type: type, source: mount.source.flatMap { $0.isEmpty ? nil : $0 } ?? type)
    }
    self.options = options
    let mapped = !uidMappings.isEmpty || !gidMappings.isEmpty
    if mapped, options.idMap == nil { self.options.idMap = .mount }
    if self.options.idMap != nil {
      guard case .bind = kind else { throw .config("\(field).options", "only a bind mount can map ids") }
    }
  }

  /// Takes what `later`, a remount of the same destination, says of being read-only: that has to wait for the end here.
  mutating func takeReadOnly(from later: inout MountPlan) {
    if later.options.set.contains(.readOnly) {
      options.set.insert(.readOnly)
    } else if later.options.clear.contains(.readOnly) {
      options.set.remove(.readOnly)
      options.recursiveSet.remove(.readOnly)
    }
    later.options.set.remove(.readOnly)
    later.options.clear.remove(.readOnly)
  }

  /// `path` without `.`, `..`, and doubled slashes, from the root.
  static func clean(_ path: String) -> String {
    // Byte by byte: what the standard library does with characters costs as much here as reading the configuration.
    let slash = UInt8(ascii: "/")
    var cleaned: [UInt8] = []
    for part in path.utf8.split(separator: slash) where !part.elementsEqual(".".utf8) {
      if part.elementsEqual("..".utf8) {
        cleaned.removeSubrange((cleaned.lastIndex(of: slash) ?? cleaned.endIndex)...)
      } else {
        cleaned.append(slash)
        cleaned.append(contentsOf: part)
      }
    }
    return cleaned.isEmpty ? "/" : String(decoding: cleaned, as: UTF8.self)
  }
}
