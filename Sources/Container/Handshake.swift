import Linux

/// What the process that creates a container and the container's first process say to each other until the latter executes
/// its program: one message each, over a connection that a successful `execve` closes.
struct Handshake: ~Copyable {
  let socket: Socket
  /// Where the other side's messages go that only help to find a fault; also, whether this side is to send any.
  let debug: DebugMessages?

  /// What the new process says.
  enum FromChild: ~Copyable {
    /// The container's process. Sent by the helper process outside the container that joined namespaces and created it.
    case process(Pidfd)
    /// The container's process has this pid, as a process in the caller's pid namespace numbers it.
    case pid(Int32)
    /// The container's terminal.
    case terminal(FileDescriptor)
    /// It asks for its resource limits, which it may not set itself in its user namespace.
    case limits
    /// Its root filesystem is complete: hooks can run.
    case hooks
    /// It waits to be started.
    case ready
    /// Its system call filter is in force, and its descriptor of this number is the listener. It waits for `listened`.
    case listener(Int32)
    /// Its filter could not be put in force, for this reason.
    case unfiltered(ContainerError)
    /// It went wrong, for this reason.
    case failed(ContainerError)
    /// The program could not be executed, or the container's process not be made by the one on the way.
    case notExecuted(Errno)
    /// Nothing more will come: the program runs, or the process is gone.
    case closed
  }

  /// What the creating process says.
  enum FromParent: UInt8 {
    /// The user namespace has its mappings.
    case mapped = 0x6d
    /// The resource limits are in force.
    case limited = 0x6c
    /// The hooks of the caller's namespaces have run.
    case hooksDone = 0x68
    /// Everything outside is done: go on to the program.
    case proceed = 0x67
    /// The filter's listener is in other hands.
    case listened = 0x73
  }

  /// What a process says that waits to be started.
  static let ready = UInt8(ascii: "R")

  private enum Tag {
    static let terminal = UInt8(ascii: "T")
    static let limits = UInt8(ascii: "L")
    static let hooks = UInt8(ascii: "H")
    static let failed = UInt8(ascii: "E")
    static let notFound = UInt8(ascii: "N")
    static let notExecuted = UInt8(ascii: "X")
    static let process = UInt8(ascii: "P")
    static let note = UInt8(ascii: "D")
  }

  init(_ socket: consuming Socket, _ debug: DebugMessages? = nil) {
    self.socket = socket
    self.debug = debug
  }

  /// Messages of this side that the other side writes: this one may not reach the log, or be in a container.
  var notes: DebugMessages? {
    guard debug != nil else { return nil }
    // As long as this process makes the container, the socket is open under this number.
    let number = socket.descriptor.rawValue
    return DebugMessages { text in
      _ = try? Socket.send([Tag.note] + text.utf8.prefix(4000), to: number)
    }
  }

  /// Says `message`. A process that is gone has said why, and that is still to be received.
  func send(_ message: FromParent) throws(Errno) {
    do throws(Errno) { try socket.send([message.rawValue]) } catch .brokenPipe {} catch .connectionReset {}
  }

  /// Waits for `message`.
  ///
  /// - Returns: whether it came; otherwise the creating process is gone.
  func expect(_ message: FromParent) -> Bool {
    guard let received = try? socket.receive(limit: 1) else { return false }
    return received.bytes == [message.rawValue]
  }

  /// Sends the process itself: its pid may be another one in the receiver's pid namespace.
  func sendProcess(_ process: borrowing Pidfd) throws(Errno) {
    try socket.send([Tag.process], with: process.descriptor)
  }
  func sendTerminal(_ master: borrowing FileDescriptor) throws(Errno) {
    try socket.send([Tag.terminal], with: master)
  }
  func askForLimits() throws(Errno) { try socket.send([Tag.limits]) }
  func askForHooks() throws(Errno) { try socket.send([Tag.hooks]) }
  /// Sends `error`; of its kind, only whether it is about the program, and how.
  func sendFailure(_ error: ContainerError) {
    let tag =
      switch error.kind {
      case .programNotFound: Tag.notFound
      case .programNotExecuted: Tag.notExecuted
      case .failed, .noSuchContainer, .alreadyExists, .wrongStatus, .invalidConfig, .damaged: Tag.failed
      }
    // The longest that the other end takes; when it is gone there is nobody to tell.
    try? socket.send([tag] + error.description.utf8.prefix(4000))
  }

  /// Waits for what the new process says next, or a process that it makes, which may stay when it ends.
  ///
  /// - Parameter milliseconds: after which there is nothing more to come; -1 is never.
  func receive(
    orEndOf process: borrowing Pidfd, milliseconds: Int32 = -1
  ) throws(ContainerError) -> FromChild {
    while true {
      var entries = [
        PollEntry(socket.descriptor.rawValue, .readable), PollEntry(process.descriptor.rawValue, .readable),
      ]
      try attempt("hear from the new process") { () throws(Errno) in
        _ = try poll(&entries, milliseconds: milliseconds)
        // It may have spoken between the two looks.
        if entries[0].events.isEmpty { _ = try poll(&entries, milliseconds: 0) }
      }
      if entries[0].events.isEmpty { return .closed }
      if let message = try receiveOne() { return message }
      // Whoever sends one after the other would keep this side for ever.
      guard milliseconds < 0 else {
        throw ContainerError(.failed, "unexpected message from the container's process")
      }
    }
  }

  /// Waits for what the new process says next.
  func receive() throws(ContainerError) -> FromChild {
    while true { if let message = try receiveOne() { return message } }
  }

  /// Waits for one message; `nil` stands for a note, which has been written.
  private func receiveOne() throws(ContainerError) -> FromChild? {
    let message: Socket.Message
    do throws(Errno) { message = try socket.receive() } catch .connectionReset {
      // The process is gone without having read all of ours. The kernel says so before it hands out what the process
      // said last, once.
      return try receiveOne()
    } catch {
      throw ContainerError("hear from the new process", error)
    }
    let bytes = message.bytes
    switch Trampoline.Answer(bytes) {
    case .pid(let pid): return .pid(pid)
    case .failure(let errno): return .notExecuted(errno)
    case .listener(let number): return .listener(number)
    case .unfiltered(let errno):
      return .unfiltered(ContainerError("linux.seccomp: put the filter in force", errno))
    case .privileged(let errno):
      return .unfiltered(
        ContainerError(
          "linux.seccomp: call capset behind the filter", errno,
          advice: "allow it, or set process.noNewPrivileges"))
    case nil: break
    }
    switch bytes.first {
    case Tag.note:
      debug?.say("the container's process: \(String(decoding: bytes.dropFirst(), as: UTF8.self))")
      return nil
    case Tag.limits: return .limits
    case Tag.hooks: return .hooks
    case Self.ready: return .ready
    case Tag.failed: return .failed(Self.error(.failed, bytes))
    case Tag.notFound: return .failed(Self.error(.programNotFound, bytes))
    case Tag.notExecuted: return .failed(Self.error(.programNotExecuted, bytes))
    case Tag.process:
      switch consume message.file {
      case .some(let descriptor): return .process(Pidfd(descriptor))
      case .none: throw ContainerError(.failed, "the container's process did not come with its message")
      }
    case Tag.terminal:
      switch consume message.file {
      case .some(let master): return .terminal(master)
      case .none: throw ContainerError(.failed, "the container's terminal did not come with its message")
      }
    default: return .closed
    }
  }

  private static func error(_ kind: ContainerError.Kind, _ message: [UInt8]) -> ContainerError {
    ContainerError(kind, String(decoding: message.dropFirst(), as: UTF8.self))
  }
}
