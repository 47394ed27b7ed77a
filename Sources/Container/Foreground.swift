import Linux

/// A program in the foreground of its caller: signals go to the container's process, its terminal is the caller's, and its end
/// is waited for.
public struct Foreground: ~Copyable {
  private let signals: SignalQueue
  private let readsInput: Bool

  /// Catches signals from now on. To be made before the process is, so that none is lost.
  ///
  /// - Parameter readsInput: whether a terminal's program gets what comes from standard input; otherwise a read
  ///   waits forever.
  public init(readsInput: Bool = true) throws(ContainerError) {
    self.readsInput = readsInput
    signals = try attempt("catch signals") { () throws(Errno) in
      _ = try SignalMask.blockAll()
      return try SignalQueue()
    }
  }

  /// Stays with `process` until it ends.
  public func wait(for process: consuming StartedProcess) throws(ContainerError) -> ExitStatus {
    var watch = OutOfMemoryWatch(nil)
    return try wait(for: process, &watch)
  }

  /// Stays with `process`, the first of its container, until it ends.
  ///
  /// - Returns: how it ended, and whether the kernel ended a process of the container for lack of memory.
  public func waitForFirst(
    _ process: consuming StartedProcess
  ) throws(ContainerError) -> (status: ExitStatus, wasOutOfMemory: Bool) {
    let container = process.container
    // A cgroup that is the container's alone is still there afterwards.
    var watch = OutOfMemoryWatch(container.record.unit == nil ? nil : try container.cgroup())
    let status = try wait(for: process, &watch)
    return (status, watch.explains(status) || container.wasOutOfMemory)
  }

  private func wait(
    for process: consuming StartedProcess, _ watch: inout OutOfMemoryWatch
  ) throws(ContainerError) -> ExitStatus {
    let process = process
    switch process.terminal {
    case .none:
      return try attempt("wait for the container's process") { () throws(Errno) in
        try forwardSignals(to: process.pidfd, &watch)
      }
    case .some(let master):
      var relay = try TerminalRelay(master, readsInput: readsInput)
      return try attempt("pass the terminal on") { () throws(Errno) in
        try relay.run(process.pidfd, signals, &watch)
      }
    }
  }

  private func forwardSignals(
    to process: borrowing Pidfd, _ watch: inout OutOfMemoryWatch
  ) throws(Errno) -> ExitStatus {
    while true {
      var entries = [
        PollEntry(signals.descriptor.rawValue, .readable),
        PollEntry(process.descriptor.rawValue, .readable),
        watch.entry,
      ]
      _ = try poll(&entries)
      if !entries[2].events.isEmpty { watch.look() }
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
