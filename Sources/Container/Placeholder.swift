import Linux

/// A process that does nothing: it holds a scope open until the container's first process is in it, and ends with this
/// value or with this program.
struct Placeholder: ~Copyable {
  /// Its pid.
  let pid: Int32
  private let pidfd: Pidfd

  /// Starts it. The caller must be single-threaded.
  init() throws(ContainerError) {
    let caller = ProcessControl.pid
    let cloned = try attempt("make a process to begin the scope with") { () throws(Errno) in
      try clone(into: [])
    }
    switch consume cloned {
    case .parent(let pid, let pidfd):
      self.pid = pid
      self.pidfd = pidfd
    case .child:
      do throws(Errno) {
        try ProcessControl.dieWithParent()
        // Locks and pipes of this program end with it, not with the placeholder.
        try closeAll(from: 0, except: [])
      } catch { exitNow(1) }
      if ProcessControl.parentPid != caller { exitNow(1) }
      ProcessControl.pauseForever()
    }
  }

  deinit {
    try? pidfd.send(.kill)
    _ = try? pidfd.wait()
  }
}
