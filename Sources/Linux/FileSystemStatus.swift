import CLinux
import Glibc

/// File systems told apart by `statfs(2)`.
public enum FileSystemKind: Sendable {
  case procfs, sysfs, cgroup, cgroup2, devpts, pidfs, other
}

/// What `statfs(2)` tells of a file system.
public struct FileSystemStatus: Sendable {
  /// The kind of file system.
  public let kind: FileSystemKind

  /// The file system on which `path` lies.
  public static func of(_ path: String) throws(Errno) -> FileSystemStatus {
    var status = statfs()
    try retrying { linux_statfs(path, &status) }
    return FileSystemStatus(status)
  }

  private init(_ status: statfs) {
    switch UInt64(UInt32(truncatingIfNeeded: status.f_type)) {
    case 0x9fa0: kind = .procfs
    case 0x6265_6572: kind = .sysfs
    case 0x27_e0eb: kind = .cgroup
    case 0x6367_7270: kind = .cgroup2
    case 0x1cd1: kind = .devpts
    case 0x5049_4446: kind = .pidfs
    default: kind = .other
    }
  }

  /// The file system of an open file.
  public static func of(_ file: borrowing FileDescriptor) throws(Errno) -> FileSystemStatus {
    var status = statfs()
    try retrying { fstatfs(file.rawValue, &status) }
    return FileSystemStatus(status)
  }
}
