import CLinux
import Glibc

/// A file's name in its directory: bytes, which need be no text. Nothing is ever followed that it may be a link to.
public struct FileName: Hashable, Sendable {
  /// The name and the NUL after it.
  let characters: [CChar]

  /// The name `bytes`; `nil` when no file can have it: an empty one, `.`, `..`, one with a slash or a NUL.
  public init?(_ bytes: some Collection<UInt8>) {
    let dot = UInt8(ascii: ".")
    guard !bytes.isEmpty, !bytes.contains(0), !bytes.contains(UInt8(ascii: "/")),
      !(bytes.count <= 2 && bytes.allSatisfy { $0 == dot })
    else { return nil }
    characters = bytes.map { CChar(bitPattern: $0) } + [0]
  }

  /// What the kernel has as a name.
  init(_ name: UnsafeRawBufferPointer.SubSequence) {
    characters = name.map { CChar(bitPattern: $0) } + [0]
  }

  /// The name's bytes.
  public var bytes: [UInt8] { characters.dropLast().map { UInt8(bitPattern: $0) } }

  /// Opens the file of this name in `directory` (`openat(2)`, `O_NOFOLLOW`).
  public func open(
    _ flags: OpenFlags, mode: UInt32 = 0, at directory: Int32
  ) throws(Errno) -> FileDescriptor {
    let raw = try retrying {
      openat(directory, characters, flags.rawValue | O_NOFOLLOW | O_CLOEXEC, mode_t(mode))
    }
    return FileDescriptor(owning: raw)
  }

  /// The status of the file of this name in `directory` (`fstatat(2)`).
  public func status(at directory: Int32) throws(Errno) -> FileStatus {
    var status = stat()
    try retrying { fstatat(directory, characters, &status, AT_SYMLINK_NOFOLLOW) }
    return FileStatus(status)
  }

  /// Makes a directory (`mkdirat(2)`).
  public func makeDirectory(mode: UInt32, at directory: Int32) throws(Errno) {
    try once { mkdirat(directory, characters, mode_t(mode)) }
  }

  /// Makes a symbolic link that says `target` (`symlinkat(2)`).
  ///
  /// - Throws: `.invalidArgument` for a target with a NUL in it.
  public func makeSymbolicLink(to target: [UInt8], at directory: Int32) throws(Errno) {
    guard !target.contains(0) else { throw .invalidArgument }
    let text = target.map { CChar(bitPattern: $0) } + [0]
    try once { symlinkat(text, directory, characters) }
  }

  /// Makes this another name of the file `name` in the directory `other` (`linkat(2)`).
  public func makeLink(to name: FileName, in other: Int32, at directory: Int32) throws(Errno) {
    try once { linkat(other, name.characters, directory, characters, 0) }
  }

  /// Makes a device file or a fifo (`mknodat(2)`).
  public func makeNode(
    _ kind: FileKind, permissions: UInt32, device: DeviceNumber, at directory: Int32
  ) throws(Errno) {
    let type: mode_t
    switch kind {
    case .characterDevice: type = S_IFCHR
    case .blockDevice: type = S_IFBLK
    case .fifo: type = S_IFIFO
    case .regular, .directory, .symbolicLink, .socket, .unknown: throw .invalidArgument
    }
    try once {
      mknodat(directory, characters, type | mode_t(permissions), linux_makedev(device.major, device.minor))
    }
  }

  /// Removes the file of this name, which is no directory (`unlinkat(2)`).
  public func remove(at directory: Int32) throws(Errno) { try once { unlinkat(directory, characters, 0) } }

  /// Removes the empty directory of this name (`unlinkat(2)`, `AT_REMOVEDIR`).
  public func removeDirectory(at directory: Int32) throws(Errno) {
    try once { unlinkat(directory, characters, AT_REMOVEDIR) }
  }
}

extension Directory {
  /// The names in an open directory, without `.` and `..`, in the kernel's order (`getdents64(2)`).
  public static func names(of directory: borrowing FileDescriptor) throws(Errno) -> [FileName] {
    var names: [FileName] = []
    try forEachName(of: directory) { name, _ in names.append(FileName(name)) }
    return names
  }
}

extension FileDescriptor {
  /// Opens the file to which `names` lead, one after the other, from the directory `root`, walking them as `resolve` says
  /// (`openat2(2)`); of no names, that directory.
  public static func open(
    _ names: ArraySlice<FileName>, _ flags: OpenFlags, resolve: ResolveFlags, at root: Int32
  ) throws(Errno) -> FileDescriptor {
    let path: [CChar] =
      names.isEmpty
      ? [CChar(bitPattern: UInt8(ascii: ".")), 0]
      : Array(
        names.map { $0.characters.dropLast() }.joined(separator: [CChar(bitPattern: UInt8(ascii: "/"))]))
        + [0]
    return try PathWalk.open(path, flags.rawValue, mode: 0, resolve, at: root)
  }
}
