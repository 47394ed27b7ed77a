import CLinux
import Glibc

/// The size of a terminal in characters (`ioctl_tty(2)`).
public struct TerminalSize: Hashable, Sendable {
  /// Lines.
  public let rows: UInt16
  /// Characters in a line.
  public let columns: UInt16
  /// A terminal of `rows` lines of `columns` characters.
  public init(rows: UInt16, columns: UInt16) {
    self.rows = rows
    self.columns = columns
  }
}

/// A new terminal: what is written to one side is read on the other (`pty(7)`).
public struct PseudoTerminal: ~Copyable {
  /// The side of who watches.
  public var master: FileDescriptor
  /// The side of the program.
  public var slave: FileDescriptor

  /// Makes a terminal on the devpts file system whose `ptmx` is open as `master`.
  ///
  /// The slave is opened through the master (`TIOCGPTPEER`), so that no path has to be trusted.
  public init(master: consuming FileDescriptor) throws(Errno) {
    let raw = master.rawValue
    try once { linux_ioctl_unlock(raw) }
    let flags = O_RDWR | O_NOCTTY | O_CLOEXEC
    let peer = try once { linux_ioctl_int(raw, UInt(LINUX_TIOCGPTPEER), flags) }
    slave = FileDescriptor(owning: peer)
    self.master = master
  }

  /// Makes a terminal on what is mounted on the directory `devpts`, where somebody untrusted may have put something else.
  /// Nothing is opened before it is known to be the kernel's: a file can keep who opens it waiting.
  ///
  /// - Throws: `.noSuchDevice` when it is anything but a devpts file system.
  public init(devpts directory: borrowing FileDescriptor) throws(Errno) {
    guard try FileSystemStatus.of(directory).kind == .devpts else { throw .noSuchDevice }
    let master = try FileDescriptor.open(
      "ptmx", [.readWrite, .noControllingTerminal], resolve: [.noSymlinks, .noCrossDevice, .beneath],
      at: directory.rawValue)
    let status = try master.status()
    guard status.kind == .characterDevice, status.device == DeviceNumber(major: 5, minor: 2) else {
      throw .noSuchDevice
    }
    try self.init(master: master)
  }
}

/// The terminal that a process has been started at.
public enum CallersTerminal {
  /// Its size, from the first standard stream that is one.
  public static func size() -> TerminalSize? {
    for number in Int32(0)...2 {
      if let stream = try? FileDescriptor.duplicate(of: number), let size = try? stream.terminalSize() {
        return size
      }
    }
    return nil
  }

  /// Whether this process may read from it and change its settings: it is in the foreground (`tcgetpgrp(3)`).
  public static var isInForeground: Bool { tcgetpgrp(0) == getpgrp() }

  /// Whether what this process writes goes to a terminal.
  public static var showsOutput: Bool { isatty(1) == 1 }
}

extension FileDescriptor {
  /// Whether this is a terminal (`isatty(3)`).
  public var isTerminal: Bool { isatty(rawValue) == 1 }

  /// Makes this terminal the controlling one of this session, whose leader the caller is (`TIOCSCTTY`).
  public func becomeControllingTerminal() throws(Errno) {
    try once { linux_ioctl_int(rawValue, UInt(LINUX_TIOCSCTTY), 0) }
  }

  /// The terminal's size (`TIOCGWINSZ`).
  public func terminalSize() throws(Errno) -> TerminalSize {
    var size = winsize()
    try once { linux_ioctl_pointer(rawValue, UInt(LINUX_TIOCGWINSZ), &size) }
    return TerminalSize(rows: size.ws_row, columns: size.ws_col)
  }

  /// Sets the terminal's size, which tells the program with `SIGWINCH` (`TIOCSWINSZ`).
  public func setTerminalSize(_ size: TerminalSize) throws(Errno) {
    var size = winsize(ws_row: size.rows, ws_col: size.columns, ws_xpixel: 0, ws_ypixel: 0)
    try once { linux_ioctl_pointer(rawValue, UInt(LINUX_TIOCSWINSZ), &size) }
  }
}

/// A terminal's settings, to be put back when done (`termios(3)`).
public struct TerminalSettings: Sendable {
  private var settings = termios()

  /// The settings of the terminal `descriptor`.
  public init(of descriptor: Int32) throws(Errno) { try once { tcgetattr(descriptor, &settings) } }

  /// These settings, changed so that every byte passes as it is (`cfmakeraw(3)`).
  public var raw: TerminalSettings {
    var raw = self
    cfmakeraw(&raw.settings)
    return raw
  }

  /// These settings, with the ends of lines that are written passed as they are (`ONLCR` of `termios(3)`).
  public var withoutReturns: TerminalSettings {
    var settings = self
    settings.settings.c_oflag &= ~tcflag_t(ONLCR)
    return settings
  }

  /// Puts the settings on the terminal `descriptor`.
  public func apply(to descriptor: Int32) throws(Errno) {
    var settings = settings
    try once { tcsetattr(descriptor, TCSANOW, &settings) }
  }
}
