import CLinux
import Glibc

/// What a mount forbids or records (`mount_setattr(2)`).
public struct MountAttributes: OptionSet, Hashable, Sendable {
  /// The kernel's `MOUNT_ATTR_*` bits.
  public let rawValue: UInt64
  /// The attributes with the kernel's bits `rawValue`.
  public init(rawValue: UInt64) { self.rawValue = rawValue }

  /// `MOUNT_ATTR_RDONLY`
  public static let readOnly = MountAttributes(rawValue: 0x1)
  /// `MOUNT_ATTR_NOSUID`
  public static let noSuid = MountAttributes(rawValue: 0x2)
  /// `MOUNT_ATTR_NODEV`
  public static let noDev = MountAttributes(rawValue: 0x4)
  /// `MOUNT_ATTR_NOEXEC`
  public static let noExec = MountAttributes(rawValue: 0x8)
  /// `MOUNT_ATTR__ATIME`: the field of which the next two are values; 0 there is `relatime`.
  public static let accessTime = MountAttributes(rawValue: 0x70)
  /// `MOUNT_ATTR_NOATIME`
  public static let noAccessTime = MountAttributes(rawValue: 0x10)
  /// `MOUNT_ATTR_STRICTATIME`
  public static let strictAccessTime = MountAttributes(rawValue: 0x20)
  /// `MOUNT_ATTR_NODIRATIME`
  public static let noDirectoryAccessTime = MountAttributes(rawValue: 0x80)
  /// `MOUNT_ATTR_IDMAP`
  public static let idMap = MountAttributes(rawValue: 0x10_0000)
  /// `MOUNT_ATTR_NOSYMFOLLOW`
  public static let noSymlinkFollow = MountAttributes(rawValue: 0x20_0000)
  /// All that can be cleared.
  public static let all: MountAttributes = [
    .readOnly, .noSuid, .noDev, .noExec, .accessTime, .noDirectoryAccessTime, .noSymlinkFollow,
  ]
}

/// How mounts and unmounts spread between copies of a mount (`mount_namespaces(7)`).
public enum Propagation: UInt64, Hashable, Sendable {
  /// `MS_UNBINDABLE`
  case unbindable = 0x2_0000
  /// `MS_PRIVATE`
  case `private` = 0x4_0000
  /// `MS_SLAVE`
  case slave = 0x8_0000
  /// `MS_SHARED`
  case shared = 0x10_0000
}

/// A mount held by descriptor: detached from every tree, or attached (`open_tree(2)`, `fsmount(2)`).
///
/// A detached mount goes away with this value.
public struct Mount: ~Copyable, Sendable {
  /// The descriptor of the mount's root; it can start path walks.
  public let root: FileDescriptor

  init(_ root: consuming FileDescriptor) { self.root = root }

  /// A detached mount that another process has made and handed over.
  public init(detached root: consuming FileDescriptor) { self.root = root }

  /// A detached copy of what is mounted at `path`: a bind mount not yet attached (`open_tree(2)`).
  ///
  /// - Parameter recursive: with all mounts below it.
  public static func copy(
    of path: String, at directory: Int32 = workingDirectory, recursive: Bool
  ) throws(Errno) -> Mount {
    let openTreeClone: UInt32 = 1
    let recursiveFlag: UInt32 = recursive ? 0x8000 : 0
    let emptyPath: UInt32 = path.isEmpty ? 0x1000 : 0
    let cloexec = UInt32(O_CLOEXEC)
    let raw = try making(.openTree) {
      linux_open_tree(directory, path, openTreeClone | cloexec | recursiveFlag | emptyPath)
    }
    return Mount(FileDescriptor(owning: Int32(raw)))
  }

  /// Attaches the mount on top of the file or directory `target` (`move_mount(2)`).
  public func attach(to target: borrowing FileDescriptor) throws(Errno) {
    let fromEmptyPath: UInt32 = 0x04
    let toEmptyPath: UInt32 = 0x40
    try making(.moveMount) {
      linux_move_mount(root.rawValue, "", target.rawValue, "", fromEmptyPath | toEmptyPath)
    }
  }

  /// Changes attributes of the mount, and of all below it when `recursive` (`mount_setattr(2)`).
  ///
  /// - Parameter userNamespace: where ids are mapped to, with `.idMap` in `set`.
  public func change(
    set: MountAttributes = [], clear: MountAttributes = [], propagation: Propagation? = nil,
    userNamespace: Int32 = 0, recursive: Bool = false
  ) throws(Errno) {
    try changeMount(
      at: "", in: root.rawValue, set: set, clear: clear, propagation: propagation,
      userNamespace: userNamespace,
      recursive: recursive)
  }
}

/// Changes attributes of the mount at `path`, and of all below it when `recursive` (`mount_setattr(2)`).
public func changeMount(
  at path: String, in directory: Int32 = workingDirectory, set: MountAttributes = [],
  clear: MountAttributes = [], propagation: Propagation? = nil, userNamespace: Int32 = 0,
  recursive: Bool = false
) throws(Errno) {
  var attributes = linux_mount_attr()
  attributes.attr_set = set.rawValue
  attributes.attr_clr = clear.rawValue
  attributes.propagation = propagation?.rawValue ?? 0
  attributes.userns_fd = set.contains(.idMap) ? UInt64(userNamespace) : 0
  let flags: UInt32 = (recursive ? 0x8000 : 0) | (path.isEmpty ? 0x1000 : 0)
  try making(.mountSetattr) { linux_mount_setattr(directory, path, flags, &attributes) }
}

/// A file system being made, option by option (`fsopen(2)`).
public struct FileSystemContext: ~Copyable {
  private let context: FileDescriptor

  /// The longest option value that can be set one at a time, in bytes.
  public static let longestValue = 255

  /// Begins a file system of the type `type`.
  ///
  /// - Throws: `.noSuchDevice` when the kernel has no such type.
  public init(_ type: String) throws(Errno) {
    context = FileDescriptor(owning: Int32(try making(.fsopen) { linux_fsopen(type, 1) }))
  }

  /// Begins to change the file system that is mounted at `place`, the root of the mount (`fspick(2)`).
  public init(changing place: borrowing FileDescriptor) throws(Errno) {
    let closeOnExec: UInt32 = 1
    let emptyPath: UInt32 = 8
    context = FileDescriptor(
      owning: Int32(try making(.fspick) { linux_fspick(place.rawValue, "", closeOnExec | emptyPath) }))
  }

  /// Changes the file system (`fsconfig(2)`, `FSCONFIG_CMD_RECONFIGURE`).
  public func reconfigure() throws(Errno) {
    let reconfigure: UInt32 = 7
    try making(.fsconfig) { linux_fsconfig(context.rawValue, reconfigure, nil, nil, 0) }
  }

  /// Sets the option `key` (`fsconfig(2)`); without a value, as a flag.
  public func set(_ key: String, _ value: String?) throws(Errno) {
    let setFlag: UInt32 = 0
    let setString: UInt32 = 1
    if let value {
      try making(.fsconfig) { linux_fsconfig(context.rawValue, setString, key, value, 0) }
    } else {
      try making(.fsconfig) { linux_fsconfig(context.rawValue, setFlag, key, nil, 0) }
    }
  }

  /// Makes the file system and a detached mount of it (`fsmount(2)`).
  public func mount(_ attributes: MountAttributes) throws(Errno) -> Mount {
    let create: UInt32 = 6
    try making(.fsconfig) { linux_fsconfig(context.rawValue, create, nil, nil, 0) }
    let raw = try making(.fsmount) { linux_fsmount(context.rawValue, 1, UInt32(attributes.rawValue)) }
    return Mount(FileDescriptor(owning: Int32(raw)))
  }

  /// What the kernel has to say of a failure, such as "overlay: Unknown parameter 'x'"; empty when it says nothing.
  public func messages() -> String {
    var lines: [String] = []
    var buffer = [UInt8](repeating: 0, count: 512)
    while true {
      let count = buffer.withUnsafeMutableBytes { Glibc.read(context.rawValue, $0.baseAddress, $0.count) }
      if count <= 0 { break }
      // Each message is "e ", "w " or "i ", and text.
      lines.append(String(decoding: buffer[..<count].dropFirst(2).prefix { $0 >= 0x20 }, as: UTF8.self))
    }
    return lines.joined(separator: "; ")
  }
}

/// Mounts a file system on the working directory, with all options in one string (`mount(2)`): for values longer
/// than `FileSystemContext.longestValue`.
public func mountOnWorkingDirectory(
  _ type: String, source: String, attributes: MountAttributes, flags superblock: SuperblockFlags = [],
  data: String
) throws(Errno) {
  var flags = superblock.rawValue
  if attributes.contains(.readOnly) { flags |= 1 }
  if attributes.contains(.noSuid) { flags |= 2 }
  if attributes.contains(.noDev) { flags |= 4 }
  if attributes.contains(.noExec) { flags |= 8 }
  if attributes.contains(.noSymlinkFollow) { flags |= 256 }
  if attributes.contains(.noAccessTime) { flags |= 1024 }
  if attributes.contains(.noDirectoryAccessTime) { flags |= 2048 }
  if attributes.contains(.strictAccessTime) { flags |= 1 << 24 }
  try making(.mount) { linux_mount(source, ".", type, flags, data) }
}

/// Takes away what is mounted on `path`, now from view and for good when nobody uses it any more
/// (`umount2(2)`, `MNT_DETACH`).
public func detachMount(at path: String) throws(Errno) {
  let detach: Int32 = 2
  let noFollow: Int32 = 8
  try making(.umount2) { linux_umount2(path, detach | noFollow) }
}

/// Changes options of the tmpfs mounted on `path` (`mount(2)`, `MS_REMOUNT`; `tmpfs(5)`).
public func remountTmpfs(_ path: String, options: String) throws(Errno) {
  let remount: UInt = 32
  try retrying { linux_mount("tmpfs", path, "tmpfs", remount, options) }
}

/// Removes the mount on `path`, a link not followed (`umount2(2)`).
///
/// - Throws: `.resourceBusy` while somebody uses it.
public func unmount(_ path: String) throws(Errno) {
  let noFollow: Int32 = 8
  try retrying { linux_umount2(path, noFollow) }
}

/// Makes the mount in the working directory the root of this mount namespace, and lets go of the old one
/// (`pivot_root(2)`).
public func pivotRootToWorkingDirectory() throws(Errno) {
  // With both arguments "." the old root is stacked on the new one, where it can be detached without a
  // directory made for it.
  try making(.pivotRoot) { linux_pivot_root(".", ".") }
  try detachMount(at: ".")
  try Directory.change(to: "/")
}
