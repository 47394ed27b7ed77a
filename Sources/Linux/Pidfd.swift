import CLinux
import Glibc

/// How a process ended (`waitid(2)`).
public enum ExitStatus: Hashable, Sendable {
  /// It exited with this status, 0 to 255.
  case exited(Int32)
  /// This signal ended it.
  case signaled(Int32)

  /// The number a shell gives: the status, or 128 and the signal.
  public var shellStatus: Int32 {
    switch self {
    case .exited(let status): status
    case .signaled(let signal): 128 + signal
    }
  }

  /// What `waitpid(2)` says as `status`.
  init(waited status: Int32) {
    self =
      linux_wait_exited(status) != 0
      ? .exited(linux_wait_exit_status(status)) : .signaled(linux_wait_signal(status))
  }
}

/// A process, told apart from any later one with the same pid (`pidfd_open(2)`).
public struct Pidfd: ~Copyable, Sendable {
  /// The descriptor, which polls as readable when the process has ended.
  public let descriptor: FileDescriptor

  /// Takes over `descriptor`, which is a pidfd.
  public init(_ descriptor: consuming FileDescriptor) { self.descriptor = descriptor }

  /// The process that has the pid `pid` now.
  ///
  /// - Throws: `.noSuchProcess` when there is none.
  public init(of pid: Int32) throws(Errno) {
    descriptor = FileDescriptor(owning: Int32(try making(.pidfdOpen) { linux_pidfd_open(pid, 0) }))
  }

  /// The pid of the process as `/proc` numbers it, whichever pid namespace the descriptor was made in
  /// (`/proc/self/fdinfo`, `pidfd_open(2)`).
  ///
  /// - Throws: `.noSuchProcess` when the process has ended and was waited for, or is not in the pid namespace of `/proc`.
  public func pid() throws(Errno) -> Int32 {
    let bytes = try File.read("/proc/self/fdinfo/\(descriptor.rawValue)")
    for line in bytes.split(separator: UInt8(ascii: "\n")) where line.starts(with: "Pid:".utf8) {
      let digits = line.dropFirst(4).drop { $0 == UInt8(ascii: "\t") || $0 == UInt8(ascii: " ") }
      if let pid = Int32(String(decoding: digits, as: UTF8.self)), pid > 0 { return pid }
    }
    throw .noSuchProcess
  }

  /// A number that no other process has until the next boot: that of the pidfd's inode. `nil` before Linux 6.9, where all
  /// pidfds share one.
  public var uniqueNumber: UInt64? {
    guard (try? FileSystemStatus.of(descriptor).kind) == .pidfs else { return nil }
    return try? descriptor.status().inode
  }

  /// Sends `signal` (`pidfd_send_signal(2)`).
  ///
  /// - Throws: `.noSuchProcess` when the process has ended and was waited for.
  public func send(_ signal: Signal) throws(Errno) {
    do throws(Errno) {
      try making(.pidfdSendSignal) { linux_pidfd_send_signal(descriptor.rawValue, signal.rawValue) }
    } catch  where error.refused != nil && isOwnChild {
      // Its pid is nobody else's before this process has waited for it.
      let pid = try pid()
      try once { kill(pid, signal.rawValue) }
    }
  }

  /// Whether it is a child of this process that was not waited for.
  private var isOwnChild: Bool {
    var info = siginfo_t()
    return (try? retrying { linux_waitid_pidfd(descriptor.rawValue, &info, WEXITED | WNOHANG | WNOWAIT) })
      != nil
  }

  /// A second descriptor of what the process has open as `number` (`pidfd_getfd(2)`).
  public func descriptor(_ number: Int32) throws(Errno) -> FileDescriptor {
    FileDescriptor(owning: Int32(try making(.pidfdGetfd) { linux_pidfd_getfd(descriptor.rawValue, number) }))
  }

  /// Waits for this child to end, and forgets it (`waitid(2)`, `P_PIDFD`).
  public func wait() throws(Errno) -> ExitStatus {
    var info = siginfo_t()
    try retrying { linux_waitid_pidfd(descriptor.rawValue, &info, WEXITED) }
    return Self.status(info)
  }

  /// How the process has ended, whoever's child it was (`ioctl(2)`, `PIDFD_GET_INFO`); `nil` before its parent has waited
  /// for it.
  ///
  /// - Throws: `Errno` where the kernel does not keep that, as before Linux 6.15.
  public func endStatus() throws(Errno) -> ExitStatus? {
    var info = linux_pidfd_info()
    info.mask = UInt64(LINUX_PIDFD_INFO_EXIT)
    try once { linux_pidfd_get_info(descriptor.rawValue, &info) }
    guard info.mask & UInt64(LINUX_PIDFD_INFO_EXIT) != 0 else { return nil }
    return ExitStatus(waited: info.exit_code)
  }

  /// Moves this process into the namespaces of `kinds` that the process has (`setns(2)`).
  public func enter(_ kinds: Namespaces) throws(Errno) { try descriptor.enter(kinds) }

  private static func status(_ info: siginfo_t) -> ExitStatus {
    var info = info
    let status = linux_siginfo_status(&info)
    return linux_siginfo_code(&info) == CLD_EXITED ? .exited(status) : .signaled(status)
  }
}

/// The processes that belong together for signals (`setpgid(2)`).
public enum ProcessGroup {
  /// Sends `signal` to all processes of the group whose leader is `leader`, a child that nobody has waited for: until then
  /// no other group has its number (`kill(2)`).
  ///
  /// - Throws: `.noSuchProcess` when there is no such group.
  public static func send(_ signal: Signal, toGroupOf leader: Int32) throws(Errno) {
    // 0 and 1 would mean other processes altogether.
    guard leader > 1 else { throw .noSuchProcess }
    try once { kill(-leader, signal.rawValue) }
  }
}

/// What the kernel says of a process in `/proc/PID/stat` (`proc_pid_stat(5)`).
public struct ProcessStatus: Sendable {
  /// The state's letter, such as `R`, `S`, `Z`.
  public let state: UInt8
  /// When the process started, in clock ticks since boot: with the pid, this names one process.
  public let startTime: UInt64

  /// The pid of the parent.
  public let parent: Int32
  /// Processor time used so far, in clock ticks.
  public let processorTime: UInt64
  /// Memory in use by the process, in bytes, shared pages counted in full.
  public let residentBytes: UInt64

  /// How it ended, of one that only waits to be reaped and whose end this process may know.
  public let exitStatus: ExitStatus?

  /// Clock ticks in a second.
  public static var ticksPerSecond: UInt64 { UInt64(max(1, sysconf(Int32(_SC_CLK_TCK)))) }

  /// The arguments that the process was executed with, separated by spaces, as far as they are in their first 4096 bytes: a
  /// process may have more of them than anybody wants to read. Its name in brackets when it has none.
  public static func commandLine(of pid: Int32) throws(Errno) -> String {
    let file = try FileDescriptor.open("/proc/\(pid)/cmdline", .readOnly)
    var bytes = [UInt8](repeating: 0, count: 4096)
    let count = try bytes.withUnsafeMutableBufferPointer { (buffer) throws(Errno) in
      try file.read(into: UnsafeMutableRawBufferPointer(buffer))
    }
    let words = bytes[..<count].split(separator: 0).map { String(decoding: $0, as: UTF8.self) }
    return words.isEmpty ? "[\(try File.text("/proc/\(pid)/comm"))]" : words.joined(separator: " ")
  }

  /// The pid that the process `pid` has in its own pid namespace (`/proc/PID/status`, `NSpid`).
  public static func innermostPid(of pid: Int32) throws(Errno) -> Int32 {
    for line in try File.read("/proc/\(pid)/status").split(separator: UInt8(ascii: "\n"))
    where line.starts(with: "NSpid:".utf8) {
      let last = line.split(separator: UInt8(ascii: "\t")).last ?? line
      if let number = Int32(String(decoding: last, as: UTF8.self)) { return number }
    }
    throw .noSuchProcess
  }

  /// Whether the process has ended and only waits to be reaped.
  public var isDead: Bool { state == UInt8(ascii: "Z") || state == UInt8(ascii: "X") }

  /// The status of the process `pid`.
  ///
  /// - Throws: `.noSuchProcess` when there is none.
  public static func of(_ pid: Int32) throws(Errno) -> ProcessStatus {
    let bytes: [UInt8]
    do throws(Errno) {
      bytes = try File.read("/proc/\(pid)/stat")
    } catch .noSuchFileOrDirectory {
      throw .noSuchProcess
    }
    // The command's name is in parentheses and may hold anything; the fields follow the last one.
    guard let close = bytes.lastIndex(of: UInt8(ascii: ")")) else { throw .ioError }
    let fields = bytes[(close + 1)...].split { $0 == UInt8(ascii: " ") || $0 == UInt8(ascii: "\n") }
    func number(_ index: Int) -> UInt64? { UInt64(String(decoding: fields[index], as: UTF8.self)) }
    guard fields.count > 21, let state = fields[0].first, let startTime = number(19),
      let parent = number(1), let user = number(11), let system = number(12), let pages = number(21)
    else { throw .ioError }
    var status: ExitStatus?
    if state == UInt8(ascii: "Z"), fields.count > 49, let waited = number(49) {
      // 0 is also what is said to who may not know it, and who cannot read this.
      if waited > 0 || (try? File.read("/proc/\(pid)/io")) != nil {
        status = ExitStatus(waited: Int32(truncatingIfNeeded: waited))
      }
    }
    return ProcessStatus(
      state: state, startTime: startTime, parent: Int32(truncatingIfNeeded: parent),
      processorTime: user + system, residentBytes: pages * UInt64(getpagesize()),
      exitStatus: status)
  }
}

/// A child of this process that has ended, and how; it is forgotten (`waitpid(2)`). `nil` when none has.
///
/// The kernel looks at one child after the other.
public func waitForAnyChild() -> (pid: Int32, status: ExitStatus)? {
  var status: Int32 = 0
  let pid = waitpid(-1, &status, WNOHANG)
  return pid > 0 ? (pid, ExitStatus(waited: status)) : nil
}

/// How the child `pid` of this process has ended, which is forgotten (`waitpid(2)`); `nil` when it has not.
public func waitForChild(_ pid: Int32) -> ExitStatus? {
  var status: Int32 = 0
  return pid > 0 && waitpid(pid, &status, WNOHANG) == pid ? ExitStatus(waited: status) : nil
}

/// Reaps every child that has ended, apart from `kept`, and tells how `kept` ended if it did (`waitpid(2)`).
public func reapChildren(keeping kept: Int32) -> ExitStatus? {
  var ended: ExitStatus?
  while true {
    var status: Int32 = 0
    let pid = waitpid(-1, &status, WNOHANG)
    if pid <= 0 { return ended }
    if pid == kept {
      ended = ExitStatus(waited: status)
    }
  }
}
