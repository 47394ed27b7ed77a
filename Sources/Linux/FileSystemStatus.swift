import CLinux
import Glibc

/// File systems told apart by `statfs(2)`.
public enum FileSystemKind: Sendable {
  case procfs, sysfs, cgroup, cgroup2, devpts, pidfs, tmpfs, overlay, ext4, xfs, btrfs, selinux, resctrl,
    other

  /// Whether its files are the kernel's own view of the system, which can block or have effects when they are opened.
  public var isKernelInterface: Bool {
    switch self {
    case .procfs, .sysfs, .cgroup, .cgroup2, .devpts, .pidfs, .selinux, .resctrl: true
    case .tmpfs, .overlay, .ext4, .xfs, .btrfs, .other: false
    }
  }
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
    case 0x0102_1994: kind = .tmpfs
    case 0x794c_7630: kind = .overlay
    case 0xef53: kind = .ext4
    case 0x5846_5342: kind = .xfs
    case 0x9123_683e: kind = .btrfs
    case 0xf97c_ff8c: kind = .selinux
    case 0x0765_5821: kind = .resctrl
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
