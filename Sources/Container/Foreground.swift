import Linux

/// A program in the foreground of its caller: signals go to the container's process, its terminal is the caller's, and its end
/// is waited for.
public struct Foreground: ~Copyable {
  private let signals: SignalQueue

  /// Catches signals from now on. To be made before the process is, so that none is lost.
  public init() throws(ContainerError) {
    signals = try attempt("catch signals") { () throws(Errno) in
      _ = try SignalMask.blockAll()
      return try SignalQueue()
    }
  }

  /// Stays with `process` until it ends.
  public func wait(for process: consuming StartedProcess) throws(ContainerError) -> ExitStatus {
    let process = process
    switch process.terminal {
    case .none:
      return try attempt("wait for the container's process") { () throws(Errno) in
        try forwardSignals(to: process.pidfd)
      }
    case .some(let master):
      let relay = try TerminalRelay(master)
      return try attempt("pass the terminal on") { () throws(Errno) in
        try relay.run(process.pidfd, signals)
      }
    }
  }

  private func forwardSignals(to process: borrowing Pidfd) throws(Errno) -> ExitStatus {
    var entries = [
      PollEntry(signals.descriptor.rawValue, .readable),
      PollEntry(process.descriptor.rawValue, .readable),
    ]
    while true {
      _ = try poll(&entries)
      if !entries[1].events.isEmpty { return try process.wait() }
      while let signal = try signals.next() {
        try signal.forward(to: process)
      }
    }
  }
}

extension Signal {
  /// Passes the signal on, unless it is about this process alone.
  func forward(to process: borrowing Pidfd) throws(Errno) {
    if self == .child || self == .pipe || self == .windowChange { return }
    do throws(Errno) { try process.send(self) } catch .noSuchProcess {}
  }
}
