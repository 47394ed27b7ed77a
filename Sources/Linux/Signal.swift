import CLinux
import Glibc

/// A signal (`signal(7)`).
public struct Signal: RawRepresentable, Hashable, Sendable {
  /// The kernel's number, 1 to 64.
  public let rawValue: Int32
  /// The signal with the number `rawValue`.
  public init(rawValue: Int32) { self.rawValue = rawValue }

  /// `SIGKILL`
  public static let kill = Signal(rawValue: SIGKILL)
  /// `SIGTERM`
  public static let terminate = Signal(rawValue: SIGTERM)
  /// `SIGINT`
  public static let interrupt = Signal(rawValue: SIGINT)
  /// `SIGHUP`
  public static let hangUp = Signal(rawValue: SIGHUP)
  /// `SIGQUIT`
  public static let quit = Signal(rawValue: SIGQUIT)
  /// `SIGCHLD`
  public static let child = Signal(rawValue: SIGCHLD)
  /// `SIGCONT`
  public static let resume = Signal(rawValue: SIGCONT)
  /// No signal: sending it only checks whether the process exists.
  public static let probe = Signal(rawValue: 0)
  /// `SIGWINCH`
  public static let windowChange = Signal(rawValue: SIGWINCH)
  /// `SIGPIPE`
  public static let pipe = Signal(rawValue: SIGPIPE)

  /// The signal that people write as `text`: a number, or a name with or without `SIG`, in either case;
  /// `nil` when there is no such signal.
  public init?(_ text: String) {
    if let number = Int32(text) {
      guard (1...64).contains(number) else { return nil }
      rawValue = number
      return
    }
    let upper = text.uppercased()
    let name = upper.hasPrefix("SIG") ? String(upper.dropFirst(3)) : upper
    if let number = Self.names[name] {
      rawValue = number
    } else if name.hasPrefix("RTMIN"), let number = Self.realTime(name.dropFirst(5), from: 34) {
      rawValue = number
    } else if name.hasPrefix("RTMAX"), let number = Self.realTime(name.dropFirst(5), from: 64) {
      rawValue = number
    } else {
      return nil
    }
  }

  private static func realTime(_ offset: Substring, from base: Int32) -> Int32? {
    if offset.isEmpty { return base }
    guard offset.first == "+" || offset.first == "-", let distance = Int32(offset) else { return nil }
    let (number, overflow) = base.addingReportingOverflow(distance)
    return !overflow && (34...64).contains(number) ? number : nil
  }

  static let names: [String: Int32] = [
    "HUP": SIGHUP, "INT": SIGINT, "QUIT": SIGQUIT, "ILL": SIGILL, "TRAP": SIGTRAP, "ABRT": SIGABRT,
    "IOT": SIGABRT, "BUS": SIGBUS, "FPE": SIGFPE, "KILL": SIGKILL, "USR1": SIGUSR1, "SEGV": SIGSEGV,
    "USR2": SIGUSR2, "PIPE": SIGPIPE, "ALRM": SIGALRM, "TERM": SIGTERM, "STKFLT": 16, "CHLD": SIGCHLD,
    "CLD": SIGCHLD, "CONT": SIGCONT, "STOP": SIGSTOP, "TSTP": SIGTSTP, "TTIN": SIGTTIN, "TTOU": SIGTTOU,
    "URG": SIGURG, "XCPU": SIGXCPU, "XFSZ": SIGXFSZ, "VTALRM": SIGVTALRM, "PROF": SIGPROF,
    "WINCH": SIGWINCH, "IO": SIGIO, "POLL": SIGIO, "PWR": SIGPWR, "SYS": SIGSYS,
  ]
}

/// Which signals wait instead of being delivered (`sigprocmask(2)`).
public struct SignalMask: Sendable {
  private var set = sigset_t()

  /// Blocks every signal and returns the mask that was in force before.
  public static func blockAll() throws(Errno) -> SignalMask {
    var all = sigset_t()
    sigfillset(&all)
    var old = SignalMask()
    try once { sigprocmask(SIG_SETMASK, &all, &old.set) }
    return old
  }

  /// Puts this mask in force.
  public func restore() throws(Errno) {
    var set = set
    try once { sigprocmask(SIG_SETMASK, &set, nil) }
  }

  /// The mask that blocks nothing.
  public static var none: SignalMask {
    var mask = SignalMask()
    sigemptyset(&mask.set)
    return mask
  }
}

/// Gives every signal its default effect again, as a new program expects (`sigaction(2)`): `execve` keeps
/// ignored signals ignored.
public func resetSignalActions() {
  for signal in Int32(1)...64 where signal != SIGKILL && signal != SIGSTOP {
    _ = linux_reset_signal(signal)
  }
}

/// Signals read from a descriptor instead of delivered (`signalfd(2)`).
public struct SignalQueue: ~Copyable {
  /// The descriptor, readable when a signal waits.
  public let descriptor: FileDescriptor

  /// A queue of every signal. They must be blocked (`SignalMask.blockAll`).
  public init() throws(Errno) {
    var all = sigset_t()
    sigfillset(&all)
    let raw = try once { signalfd(-1, &all, O_CLOEXEC | O_NONBLOCK) }
    descriptor = FileDescriptor(owning: raw)
  }

  /// The next signal, or `nil` when none waits.
  public func next() throws(Errno) -> Signal? { try nextWithSender()?.signal }

  /// The next signal and the pid of the process that it is from, which for `.child` is one that has ended; `nil` when none
  /// waits. Of several signals of a kind that wait there is one.
  public func nextWithSender() throws(Errno) -> (signal: Signal, sender: Int32)? {
    var info = signalfd_siginfo()
    do throws(Errno) {
      _ = try withUnsafeMutableBytes(of: &info) { (raw) throws(Errno) in try descriptor.read(into: raw) }
    } catch .resourceTemporarilyUnavailable {
      return nil
    }
    return (Signal(rawValue: Int32(info.ssi_signo)), Int32(truncatingIfNeeded: info.ssi_pid))
  }
}
