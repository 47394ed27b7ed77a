import CLinux
import Glibc

/// What kind of file a path or descriptor names (`inode(7)`).
public enum FileKind: Sendable {
  case regular, directory, symbolicLink, characterDevice, blockDevice, fifo, socket, unknown

  init(mode: mode_t) {
    switch mode & S_IFMT {
    case S_IFREG: self = .regular
    case S_IFDIR: self = .directory
    case S_IFLNK: self = .symbolicLink
    case S_IFCHR: self = .characterDevice
    case S_IFBLK: self = .blockDevice
    case S_IFIFO: self = .fifo
    case S_IFSOCK: self = .socket
    default: self = .unknown
    }
  }
}

/// What `stat(2)` tells of a file.
public struct FileStatus: Sendable {
  /// The kind of file.
  public let kind: FileKind
  /// Permission bits, set-id bits and sticky bit: the mode's low twelve bits.
  public let permissions: UInt32
  /// The device that a device file stands for.
  public let device: DeviceNumber
  /// The file system's device.
  public let fileSystem: UInt64
  /// The file's number on its file system.
  public let inode: UInt64
  /// The owner.
  public let user: UInt32
  /// The owning group.
  public let group: UInt32
  /// Length in bytes.
  public let size: Int
  /// How many names it has.
  public let links: UInt64
  /// When its content or any of this last changed, in nanoseconds since 1970.
  public let changed: Int64
  /// When its content last changed, in nanoseconds since 1970.
  public let modified: Int64

  init(_ status: stat) {
    kind = FileKind(mode: status.st_mode)
    permissions = UInt32(status.st_mode & 0o7777)
    device = DeviceNumber(major: linux_major(status.st_rdev), minor: linux_minor(status.st_rdev))
    fileSystem = UInt64(status.st_dev)
    inode = UInt64(status.st_ino)
    user = status.st_uid
    group = status.st_gid
    size = Int(status.st_size)
    links = UInt64(status.st_nlink)
    changed = Self.nanoseconds(status.st_ctim)
    modified = Self.nanoseconds(status.st_mtim)
  }

  /// Whoever owns a file may say of it that it was changed in a time that has no number here.
  private static func nanoseconds(_ time: timespec) -> Int64 {
    let second: Int64 = 1_000_000_000
    let longest = Int64.max / second - 1
    return min(max(Int64(time.tv_sec), -longest), longest) * second + Int64(time.tv_nsec)
  }
}

/// A device's two numbers (`makedev(3)`).
public struct DeviceNumber: Hashable, Sendable {
  /// Which driver.
  public let major: UInt32
  /// Which device of that driver.
  public let minor: UInt32
  /// The device `major`:`minor`.
  public init(major: UInt32, minor: UInt32) {
    self.major = major
    self.minor = minor
  }
}

extension FileStatus {
  /// Kind and permissions as `stat(2)` has them.
  public var mode: UInt32 {
    let type: mode_t =
      switch kind {
      case .regular: S_IFREG
      case .directory: S_IFDIR
      case .symbolicLink: S_IFLNK
      case .characterDevice: S_IFCHR
      case .blockDevice: S_IFBLK
      case .fifo: S_IFIFO
      case .socket: S_IFSOCK
      case .unknown: 0
      }
    return UInt32(type) | permissions
  }

  /// The status of the file at `path`, of a symbolic link itself unless `following` (`fstatat(2)`).
  public static func of(
    _ path: String, at directory: Int32 = workingDirectory, following: Bool = true
  ) throws(Errno) -> FileStatus {
    var status = stat()
    try retrying { fstatat(directory, path, &status, following ? 0 : AT_SYMLINK_NOFOLLOW) }
    return FileStatus(status)
  }
}

extension FileDescriptor {
  /// What `fstat(2)` tells of this file.
  public func status() throws(Errno) -> FileStatus {
    var status = stat()
    try retrying { fstat(rawValue, &status) }
    return FileStatus(status)
  }
}
