import CLinux
import Glibc

/// A set of capabilities (`capabilities(7)`).
public struct Capabilities: Hashable, Sendable {
  /// Bit N is the capability with the kernel's number N.
  public var rawValue: UInt64

  /// The set with the kernel's bits `rawValue`.
  public init(rawValue: UInt64 = 0) { self.rawValue = rawValue }

  /// The names of the kernel's capabilities, by number.
  public static let names = [
    "CAP_CHOWN", "CAP_DAC_OVERRIDE", "CAP_DAC_READ_SEARCH", "CAP_FOWNER", "CAP_FSETID", "CAP_KILL",
    "CAP_SETGID", "CAP_SETUID", "CAP_SETPCAP", "CAP_LINUX_IMMUTABLE", "CAP_NET_BIND_SERVICE",
    "CAP_NET_BROADCAST", "CAP_NET_ADMIN", "CAP_NET_RAW", "CAP_IPC_LOCK", "CAP_IPC_OWNER",
    "CAP_SYS_MODULE", "CAP_SYS_RAWIO", "CAP_SYS_CHROOT", "CAP_SYS_PTRACE", "CAP_SYS_PACCT",
    "CAP_SYS_ADMIN", "CAP_SYS_BOOT", "CAP_SYS_NICE", "CAP_SYS_RESOURCE", "CAP_SYS_TIME",
    "CAP_SYS_TTY_CONFIG", "CAP_MKNOD", "CAP_LEASE", "CAP_AUDIT_WRITE", "CAP_AUDIT_CONTROL",
    "CAP_SETFCAP", "CAP_MAC_OVERRIDE", "CAP_MAC_ADMIN", "CAP_SYSLOG", "CAP_WAKE_ALARM",
    "CAP_BLOCK_SUSPEND", "CAP_AUDIT_READ", "CAP_PERFMON", "CAP_BPF", "CAP_CHECKPOINT_RESTORE",
  ]

  /// The number of the capability called `name`, such as `CAP_CHOWN`; `nil` when there is none.
  public static func number(of name: String) -> Int? { names.firstIndex(of: name) }

  /// Whether the set holds the capability with the kernel's number `number`.
  public func contains(_ number: Int) -> Bool { rawValue & (1 << UInt64(number)) != 0 }

  /// Adds the capability with the kernel's number `number`.
  public mutating func insert(_ number: Int) { rawValue |= 1 << UInt64(number) }

  /// Takes away the capability with the kernel's number `number`.
  public mutating func remove(_ number: Int) { rawValue &= ~(1 << UInt64(number)) }

  /// What is in this set and in `other`.
  public func intersection(_ other: Capabilities) -> Capabilities {
    Capabilities(rawValue: rawValue & other.rawValue)
  }

  /// What is in this set or in `other`.
  public func union(_ other: Capabilities) -> Capabilities {
    Capabilities(rawValue: rawValue | other.rawValue)
  }

  /// What is in this set and not in `other`.
  public func subtracting(_ other: Capabilities) -> Capabilities {
    Capabilities(rawValue: rawValue & ~other.rawValue)
  }

  /// The names of those in the set.
  public var allNames: [String] {
    Self.names.indices.filter { contains($0) }.map { Self.names[$0] }
  }

  /// All that this kernel knows.
  public static func known() -> Capabilities { Capabilities(rawValue: UInt64.max >> UInt64(63 - last())) }

  /// Those of this process's bounding set (`PR_CAPBSET_READ`).
  public static func bounding() -> Capabilities {
    var set = Capabilities()
    for number in 0..<64 {
      let answer = linux_prctl(23, UInt(number), 0, 0, 0)
      if answer < 0 { break }
      if answer == 1 { set.insert(number) }
    }
    return set
  }

  /// The bounding set that this process had when it, or the one that it is a copy of, first asked for this. In a user namespace
  /// that was entered since then it is another one.
  public static let atFirst = bounding()

  /// The number of the last capability that this kernel knows.
  public static func last() -> Int {
    var number = 0
    while number < 63, linux_prctl(23, UInt(number + 1), 0, 0, 0) >= 0 { number += 1 }
    return number
  }

  /// Takes from this process's bounding set all that is not in this one (`PR_CAPBSET_DROP`).
  public func limitBounding() throws(Errno) {
    for number in 0..<64 where !contains(number) {
      if linux_prctl(24, UInt(number), 0, 0, 0) < 0 {
        let error = Errno.current
        // The kernel's last capability is behind us.
        if error == .invalidArgument { return }
        throw error
      }
    }
  }

  /// Adds this set, which must be permitted and inheritable, to the ambient set after emptying that
  /// (`PR_CAP_AMBIENT`).
  public func setAmbient() throws(Errno) {
    try once { linux_prctl(47, 4, 0, 0, 0) }
    for number in 0..<64 where contains(number) {
      try once { linux_prctl(47, 2, UInt(number), 0, 0) }
    }
  }

  /// Sets three of this process's sets (`capset(2)`).
  public static func set(
    effective: Capabilities, permitted: Capabilities, inheritable: Capabilities
  ) throws(Errno) {
    var header = __user_cap_header_struct(version: 0x2008_0522, pid: 0)
    func half(_ shift: UInt64) -> __user_cap_data_struct {
      __user_cap_data_struct(
        effective: UInt32(truncatingIfNeeded: effective.rawValue >> shift),
        permitted: UInt32(truncatingIfNeeded: permitted.rawValue >> shift),
        inheritable: UInt32(truncatingIfNeeded: inheritable.rawValue >> shift))
    }
    let data = [half(0), half(32)]
    try once { linux_capset(&header, data) }
  }

  /// This process's permitted set (`capget(2)`).
  public static func permitted() throws(Errno) -> Capabilities {
    let data = try current()
    return Capabilities(rawValue: UInt64(data[0].permitted) | UInt64(data[1].permitted) << 32)
  }

  /// What this process may do now (`capget(2)`).
  public static func effective() throws(Errno) -> Capabilities {
    let data = try current()
    return Capabilities(rawValue: UInt64(data[0].effective) | UInt64(data[1].effective) << 32)
  }

  private static func current() throws(Errno) -> [__user_cap_data_struct] {
    var header = __user_cap_header_struct(version: 0x2008_0522, pid: 0)
    var data = [__user_cap_data_struct(), __user_cap_data_struct()]
    try once { linux_capget(&header, &data) }
    return data
  }

  /// The number of `CAP_MKNOD`.
  public static let deviceFiles = 27
  /// The number of `CAP_SYS_ADMIN`.
  public static let systemAdministration = 21
}
