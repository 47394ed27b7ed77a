import CLinux
import Glibc

/// Who this process acts as (`credentials(7)`). Each call changes this thread alone, so that it is sound
/// in the child of a `clone`.
public enum Credentials {
  /// Sets the supplementary groups (`setgroups(2)`).
  public static func setGroups(_ groups: [UInt32]) throws(Errno) {
    try once { linux_setgroups(groups.count, groups) }
  }

  /// Sets real, effective and saved group id (`setresgid(2)`).
  public static func setGroup(_ group: UInt32) throws(Errno) { try once { linux_setresgid(group) } }

  /// Sets real, effective and saved user id (`setresuid(2)`).
  public static func setUser(_ user: UInt32) throws(Errno) { try once { linux_setresuid(user) } }

  /// Sets the bits that new files do not get, and returns the former (`umask(2)`).
  @discardableResult
  public static func setUmask(_ mask: UInt32) -> UInt32 { umask(mode_t(mask)) }
}

/// Settings of this process that are made with `prctl(2)`.
public enum ProcessControl {
  /// Forbids this process and its children to gain privileges by `execve`, for good (`PR_SET_NO_NEW_PRIVS`).
  public static func setNoNewPrivileges() throws(Errno) { try set(38, 1) }

  /// Keeps the permitted capabilities over a change of user id away from 0 (`PR_SET_KEEPCAPS`).
  public static func setKeepCapabilities(_ keep: Bool) throws(Errno) { try set(8, keep ? 1 : 0) }

  /// Says whether others of the same user may trace this process and see its files (`PR_SET_DUMPABLE`).
  public static func setDumpable(_ dumpable: Bool) throws(Errno) { try set(4, dumpable ? 1 : 0) }

  /// This process's pid (`getpid(2)`).
  public static var pid: Int32 { linux_getpid() }

  /// The pid of this process's parent (`getppid(2)`): another one than before once that has died.
  public static var parentPid: Int32 { getppid() }

  /// Has this process killed when its parent dies (`PR_SET_PDEATHSIG`).
  public static func dieWithParent() throws(Errno) { try set(1, UInt(SIGKILL)) }

  /// Makes this process the parent of those below it whose own parent dies (`PR_SET_CHILD_SUBREAPER`).
  public static func adoptOrphans() throws(Errno) { try set(36, 1) }

  /// Gives this process the name that tools show, of at most 15 bytes (`PR_SET_NAME`).
  public static func setName(_ name: String) throws(Errno) {
    let result = name.withCString { linux_prctl(15, UInt(bitPattern: $0), 0, 0, 0) }
    if result == -1 { throw Errno.current }
  }

  private static func set(_ option: Int32, _ value: UInt) throws(Errno) {
    try once { linux_prctl(option, value, 0, 0, 0) }
  }

  /// Sets the execution domain (`personality(2)`).
  public static func setPersonality(_ persona: UInt64) throws(Errno) {
    try once { linux_personality(UInt(persona)) }
  }

  /// Gives this process a new, empty session keyring (`keyctl_join_session_keyring(3)`).
  ///
  /// It has no name: by one, a process of another container could have made it beforehand.
  ///
  /// Nothing is done where the kernel has no keyrings, or where a filter lets neither this process nor any that comes from it
  /// use them.
  public static func joinNewSessionKeyring() throws(Errno) {
    do throws(Errno) {
      try making(.keyctl) { linux_keyctl_join_session(nil) }
    } catch  where error.refused != nil && SystemCall.addKey.isRefused && SystemCall.requestKey.isRefused {}
  }

  /// Waits for ever, for signals alone (`pause(2)`).
  public static func pauseForever() -> Never {
    while true { pause() }
  }

  /// Starts a session of which this process is the leader (`setsid(2)`).
  public static func startSession() throws(Errno) { try once { setsid() } }
}

/// The name of this machine, in this UTS namespace.
public enum HostName {
  /// Sets the host name (`sethostname(2)`).
  public static func set(_ name: String) throws(Errno) {
    try once { sethostname(name, name.utf8.count) }
  }

  /// Sets the NIS domain name (`setdomainname(2)`).
  public static func setDomain(_ name: String) throws(Errno) {
    try once { setdomainname(name, name.utf8.count) }
  }
}
