import CLinux

/// Kinds of namespaces (`namespaces(7)`), as the bits of `clone3`, `setns` and `unshare`.
public struct Namespaces: OptionSet, Hashable, Sendable {
  /// The kernel's `CLONE_NEW*` bits.
  public let rawValue: UInt64
  /// The namespaces with the kernel's bits `rawValue`.
  public init(rawValue: UInt64) { self.rawValue = rawValue }

  /// `CLONE_NEWTIME`
  public static let time = Namespaces(rawValue: 0x80)
  /// `CLONE_NEWNS`
  public static let mount = Namespaces(rawValue: 0x20000)
  /// `CLONE_NEWCGROUP`
  public static let cgroup = Namespaces(rawValue: 0x200_0000)
  /// `CLONE_NEWUTS`
  public static let uts = Namespaces(rawValue: 0x400_0000)
  /// `CLONE_NEWIPC`
  public static let ipc = Namespaces(rawValue: 0x800_0000)
  /// `CLONE_NEWUSER`
  public static let user = Namespaces(rawValue: 0x1000_0000)
  /// `CLONE_NEWPID`
  public static let pid = Namespaces(rawValue: 0x2000_0000)
  /// `CLONE_NEWNET`
  public static let network = Namespaces(rawValue: 0x4000_0000)

  /// The name of the file in `/proc/PID/ns` for a single kind.
  public var fileName: String {
    switch self {
    case .time: "time"
    case .mount: "mnt"
    case .cgroup: "cgroup"
    case .uts: "uts"
    case .ipc: "ipc"
    case .user: "user"
    case .pid: "pid"
    case .network: "net"
    default: ""
    }
  }
}

extension FileDescriptor {
  /// Moves this process into the namespace behind this descriptor of a file in `/proc/PID/ns`, or into those of
  /// `kinds` that the process behind this pidfd has (`setns(2)`).
  ///
  /// A pid namespace is entered by children only.
  public func enter(_ kinds: Namespaces) throws(Errno) {
    try making(.setns) { linux_setns(rawValue, Int32(truncatingIfNeeded: kinds.rawValue)) }
  }
}

/// Gives this process new namespaces (`unshare(2)`); a new pid or time namespace is for its children.
public func unshare(_ kinds: Namespaces) throws(Errno) {
  try making(.unshare) { linux_unshare(UInt(kinds.rawValue)) }
}
