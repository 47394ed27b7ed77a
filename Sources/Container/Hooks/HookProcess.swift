import Linux
import OCI

/// The helper process of one hook: it starts the hook and ends what that has started when the hook takes too long or nobody
/// waits for it any more.
///
/// It adopts what the hook leaves behind (`PR_SET_CHILD_SUBREAPER`), so a process that has left the hook's session and whose
/// parent has ended is found as well. What a hook has started that ended in time lives on.
struct HookProcess: ~Copyable {
  let hook: RuntimeConfig.Hook
  /// What errors call the hook.
  let name: String
  let state: State
  /// Where the caller hears how the hook ended. At its end the caller is gone.
  let report: Socket
  /// What is done when the caller is gone.
  let abandon: () -> Void

  /// The message about a hook that exited with 0.
  static let succeeded = UInt8(ascii: "D")
  /// The first byte of a message about one that failed; the reason follows.
  static let failed = UInt8(ascii: "F")

  /// So much of what a hook writes last is part of the error, in bytes.
  private static let mostOutput = 2000

  /// The longest wait for the end of what a hook has started, in milliseconds. More than that is lost in the kernel.
  private static let longestEnd: Int64 = 10_000

  /// Runs the hook; does not return.
  consuming func run(
    _ start: (RuntimeConfig.Hook, _ name: String, borrowing Socket) throws(ContainerError) -> Pidfd
  ) -> Never {
    do throws(ContainerError) {
      try supervise(start)
      try? report.send([Self.succeeded])
      exitNow(0)
    } catch {
      Self.send(error, over: report)
      exitNow(1)
    }
  }

  private static func send(_ error: ContainerError, over report: borrowing Socket) {
    try? report.send([failed] + error.description.utf8.prefix(4000))
  }

  private func supervise(
    _ start: (RuntimeConfig.Hook, _ name: String, borrowing Socket) throws(ContainerError) -> Pidfd
  ) throws(ContainerError) {
    // The caller's locks and connections are not to be held any longer than it lives.
    try attempt("\(name): close the caller's files") { () throws(Errno) in
      try closeAll(from: 3, except: [report.descriptor.rawValue])
    }
    let output = try attempt("\(name): prepare a helper process") { () throws(Errno) in
      // What ends the caller's process group is not to end this process before the hook's.
      _ = try SignalMask.blockAll()
      try ProcessControl.startSession()
      try ProcessControl.adoptOrphans()
      let pipe = try FileDescriptor.pipe()
      try pipe.read.setNonBlocking()
      try FileDescriptor.memory(named: "state", holding: state.json.bytes()).replace(0)
      try pipe.write.replace(1)
      try pipe.write.replace(2)
      return pipe.read
    }
    let process = try start(hook, name, report)
    var written: [UInt8] = []
    switch try attempt("\(name): wait", { () throws(Errno) in try wait(for: process, output, &written) }) {
    case .exited(.exited(0)): return
    case .exited(.exited(let status)):
      throw ContainerError(.failed, Self.explain("\(name): exit status \(status)", written))
    case .exited(.signaled(let signal)):
      throw ContainerError(.failed, Self.explain("\(name): killed by signal \(signal)", written))
    case .timedOut:
      let isGone = Descendants.end(milliseconds: Self.longestEnd)
      let what =
        isGone ? "was killed" : "was killed, but something that it has started could not be within 10 s"
      throw ContainerError(
        .failed,
        Self.explain("\(name): still ran after its timeout of \(hook.timeout ?? 0) s and \(what)", written))
    case .abandoned:
      abandon()
      _ = Descendants.end(milliseconds: Self.longestEnd)
      throw ContainerError(.failed, "\(name): stopped")
    }
  }

  private enum End {
    case exited(ExitStatus)
    case timedOut
    /// The caller is gone, or wants it stopped.
    case abandoned
  }

  private func wait(
    for process: borrowing Pidfd, _ output: borrowing FileDescriptor, _ written: inout [UInt8]
  ) throws(Errno) -> End {
    let begin = Clock.monotonic()
    while true {
      var entries = [
        PollEntry(process.descriptor.rawValue, .readable), PollEntry(output.rawValue, .readable),
        PollEntry(report.descriptor.rawValue, .readable),
      ]
      var left: Int32?
      if let timeout = hook.timeout {
        let passed = (Clock.monotonic() - begin) / 1_000_000
        left = Int32(clamping: max(0, min(Int64(timeout), 1 << 40) * 1000 - passed))
      }
      let isInTime = try poll(&entries, milliseconds: left)
      if !entries[1].events.isEmpty { try Self.read(output, &written) }
      if !entries[0].events.isEmpty {
        let status = try process.wait()
        try Self.read(output, &written)
        return .exited(status)
      }
      if !entries[2].events.isEmpty { return .abandoned }
      // A long timeout is waited for in parts.
      if !isInTime, left == 0 { return .timedOut }
    }
  }

  /// Reads what is there, and keeps the last of it.
  private static func read(_ output: borrowing FileDescriptor, _ written: inout [UInt8]) throws(Errno) {
    var buffer = [UInt8](repeating: 0, count: 4096)
    // A hook that writes without end is not to keep this process from looking at the time.
    for _ in 0..<64 {
      let count: Int
      do throws(Errno) {
        count = try buffer.withUnsafeMutableBufferPointer { (buffer) throws(Errno) in
          try output.read(into: UnsafeMutableRawBufferPointer(buffer))
        }
      } catch .resourceTemporarilyUnavailable { return }
      if count == 0 { return }
      written += buffer[..<count]
      if written.count > mostOutput { written.removeFirst(written.count - mostOutput) }
    }
  }

  /// The reason with what the hook has written, on one line.
  private static func explain(_ reason: String, _ written: [UInt8]) -> String {
    let lines = written.split { $0 == UInt8(ascii: "\n") || $0 == UInt8(ascii: "\r") }
    if lines.isEmpty { return reason }
    return "\(reason): " + lines.map { String(decoding: $0, as: UTF8.self) }.joined(separator: "; ")
  }
}

extension HookProcess {
  /// Starts `hook` in the namespaces of this process, its helper.
  ///
  /// - Parameters:
  ///   - directory: its working directory, as far as it can be entered; `nil` is this process's.
  ///   - openFiles: how many files it may have open, when this process may have more.
  ///   - report: where it is said that the hook cannot be executed.
  static func start(
    _ hook: RuntimeConfig.Hook, _ name: String, in directory: String?, _ openFiles: ResourceLimit?,
    _ report: borrowing Socket
  ) throws(ContainerError) -> Pidfd {
    let helper = ProcessControl.pid
    switch try attempt("\(name): clone its process", { () throws(Errno) in try clone(into: []) }) {
    case .child:
      try? ProcessControl.dieWithParent()
      if ProcessControl.parentPid != helper { exitNow(127) }
      resetSignalActions()
      try? SignalMask.none.restore()
      Credentials.setUmask(0o022)
      try? openFiles?.apply(to: 0)
      if let directory { try? Directory.change(to: directory) }
      let errno = execute(hook.path, hook.args.isEmpty ? [hook.path] : hook.args, environment: hook.env)
      send(ContainerError("\(name): execute it", errno), over: report)
      exitNow(127)
    case .parent(_, let process): return process
    }
  }
}
