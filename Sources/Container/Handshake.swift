import Linux

/// What the process that creates a container and the container's first process say to each other until the latter executes
/// its program: one message each, over a connection that a successful `execve` closes.
struct Handshake: ~Copyable {
  let socket: Socket

  /// What the new process says.
  enum FromChild: ~Copyable {
    /// The container's process has this pid: said by a process that made it on the way into other namespaces.
    case pid(Int32)
    /// The container's terminal.
    case terminal(FileDescriptor)
    /// It asks for its resource limits, which it may not set itself in its user namespace.
    case limits
    /// It waits to be started.
    case ready
    /// It went wrong, for this reason.
    case failed(String)
    /// The program could not be executed.
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
    /// Everything outside is done: go on to the program.
    case proceed = 0x67
  }

  private enum Tag {
    static let pid = UInt8(ascii: "P")
    static let terminal = UInt8(ascii: "T")
    static let limits = UInt8(ascii: "L")
    static let ready = UInt8(ascii: "R")
    static let failed = UInt8(ascii: "E")
  }

  init(_ socket: consuming Socket) { self.socket = socket }

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

  func sendPid(_ pid: Int32) throws(Errno) { try socket.send([Tag.pid] + Array(String(pid).utf8)) }
  func sendTerminal(_ master: borrowing FileDescriptor) throws(Errno) {
    try socket.send([Tag.terminal], with: master)
  }
  func sendReady() throws(Errno) { try socket.send([Tag.ready]) }
  func askForLimits() throws(Errno) { try socket.send([Tag.limits]) }
  func sendFailure(_ reason: String) {
    // The longest that the other end takes; when it is gone there is nobody to tell.
    try? socket.send([Tag.failed] + reason.utf8.prefix(4000))
  }

  /// Waits for what the new process says next.
  func receive() throws(ContainerError) -> FromChild {
    let message: Socket.Message
    do throws(Errno) { message = try socket.receive() } catch .connectionReset {
      // The process is gone without having read all of ours. The kernel says so before it hands out what the process
      // said last, once.
      return try receive()
    } catch {
      throw ContainerError("hear from the new process", error)
    }
    let bytes = message.bytes
    if let errno = Trampoline.error(in: bytes) { return .notExecuted(errno) }
    let text = String(decoding: bytes.dropFirst(), as: UTF8.self)
    switch bytes.first {
    case Tag.pid: return .pid(Int32(text) ?? 0)
    case Tag.limits: return .limits
    case Tag.ready: return .ready
    case Tag.failed: return .failed(text)
    case Tag.terminal:
      switch consume message.file {
      case .some(let master): return .terminal(master)
      case .none: throw ContainerError(.failed, "the container's terminal did not come with its message")
      }
    default: return .closed
    }
  }
}
