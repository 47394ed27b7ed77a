import Linux

/// What the process outside does for a process on its way into a container, the first one or a later one.
enum Supervision {
  /// Sets what only the host may set, and what can be set at any time.
  static func prepare(_ pid: Int32, _ plan: ProcessPlan) throws(ContainerError) {
    if let adjustment = plan.oomScoreAdjustment {
      do throws(Errno) {
        try File.write(String(adjustment), to: "/proc/\(pid)/oom_score_adj")
      } catch .permissionDenied {
        throw ContainerError(
          "process.oomScoreAdj: set \(adjustment)", .permissionDenied,
          advice: "a value below the caller's own takes CAP_SYS_RESOURCE")
      } catch {
        throw ContainerError("process.oomScoreAdj: set \(adjustment)", error)
      }
    }
    if let scheduler = plan.scheduler {
      do throws(Errno) { try scheduler.apply(to: pid) } catch {
        throw ContainerError("process.scheduler", error, advice: error == .notPermitted ? permission : nil)
      }
    }
    if let priority = plan.ioPriority {
      try attempt("process.ioPriority", taking: "CAP_SYS_NICE") { () throws(Errno) in
        try Scheduling.setIOPriority(class: priority.class, level: priority.level, of: pid)
      }
    }
  }

  /// Why the kernel may refuse a scheduling policy (`sched(7)`).
  private static let permission =
    "SCHED_DEADLINE takes a process that may use every CPU (no linux.resources.cpu.cpus, no CPU affinity, no cpuset above), real-time policies take CAP_SYS_NICE"

  /// Stays with the process, which was told to go on, until it needs nothing more.
  ///
  /// - Parameters:
  ///   - waitsForStart: whether it stops before its program, and is not there when it does not say so.
  ///   - runHooks: runs the hooks of the creation that this process runs.
  /// - Returns: the master side of its terminal, when it has one and `consoleSocket` did not get it.
  static func bringUp(
    _ handshake: borrowing Handshake, pid: Int32, process: ProcessPlan, of record: Record,
    consoleSocket: String?, waitsForStart: Bool = false, runHooks: () throws(ContainerError) -> Void = {}
  ) throws(ContainerError) -> FileDescriptor? {
    var terminal: FileDescriptor?
    while true {
      let message = try handshake.receive()
      switch consume message {
      case .terminal(let master):
        terminal = try deliver(master, to: consoleSocket)
        continue
      case .limits:
        try grant(process.resourceLimits, to: pid, handshake)
        continue
      case .hooks:
        try runHooks()
        try attempt("tell the new process to go on") { () throws(Errno) in try handshake.send(.hooksDone) }
        continue
      case .listener(let number):
        try process.seccomp?.listener?.handOver(number, of: pid, in: record, status: .creating, handshake)
        continue
      case .ready: return terminal
      case .closed where waitsForStart:
        throw ContainerError(
          .failed,
          "the container's first process ended before it could be started: it was killed, or lacked memory")
      case .closed:
        // Closed by execve, or by the end of the process: the exit status tells who asks for it.
        return terminal
      case .failed(let error): throw error
      case .unfiltered(let error): throw error
      case .notExecuted(let errno): throw .program(process.arguments[0], errno)
      default:
        throw ContainerError(.failed, "unexpected message from the container's process")
      }
    }
  }

  /// Sends the master side of a terminal to the socket at `consoleSocket`.
  ///
  /// - Returns: `master`, when nobody else asked for it.
  static func deliver(
    _ master: consuming FileDescriptor, to consoleSocket: String?
  ) throws(ContainerError) -> FileDescriptor? {
    guard let consoleSocket else { return master }
    try send(master, to: consoleSocket)
    return nil
  }

  /// Sends a pidfd of the process to the socket at `socket`, if there is one, with the word `kind`.
  static func deliver(
    _ process: borrowing Pidfd, to socket: String?, as kind: String
  ) throws(ContainerError) {
    guard let socket else { return }
    try attempt("--pidfd-socket \(socket)") { () throws(Errno) in
      try Socket.connect(to: socket).send(Array(kind.utf8), with: process.descriptor)
    }
  }

  /// Whether this process may set the limits of any process.
  static var setsLimits: Bool {
    guard let number = Capabilities.number(of: "CAP_SYS_RESOURCE"), let own = try? Capabilities.effective()
    else {
      return false
    }
    return own.contains(number)
  }

  /// Puts `limits` on the process `pid`, which waits for them.
  static func grant(
    _ limits: [ResourceLimit], to pid: Int32, _ handshake: borrowing Handshake
  ) throws(ContainerError) {
    try apply(limits, to: pid)
    try attempt("tell the new process of its limits") { () throws(Errno) in try handshake.send(.limited) }
  }

  /// Puts `limits` on the process `pid`; 0 is the caller.
  static func apply(_ limits: [ResourceLimit], to pid: Int32) throws(ContainerError) {
    for limit in limits {
      let name = ResourceLimit.names[Int(limit.resource)]
      try attempt(
        "process.rlimits: set \(name) to \(limit.soft):\(limit.hard)", taking: "CAP_SYS_RESOURCE"
      ) { () throws(Errno) in try limit.apply(to: pid) }
    }
  }

  private static func send(_ master: borrowing FileDescriptor, to path: String) throws(ContainerError) {
    try attempt("--console-socket \(path)") { () throws(Errno) in
      let socket = try Socket.connect(to: path)
      try socket.send(Array("/dev/ptmx".utf8), with: master)
    }
  }
}

/// Files in which a caller finds the pid of what it started.
enum PidFile {
  static func write(_ pid: Int32, to path: String) throws(ContainerError) {
    try attempt("--pid-file \(path)") { () throws(Errno) in
      try File.replace(path, with: Array(String(pid).utf8), mode: 0o644)
    }
  }

  /// Removes the file at `path` if it is the one about the process `pid`.
  static func remove(_ pid: Int32, from path: String) {
    if (try? File.text(path)) == String(pid) { try? File.remove(path) }
  }
}
