import Linux

/// The program `criu`, which saves processes and restores them (`criu(8)`).
///
/// It is run as a service for one request, `criu swrk FD`, as runc and crun do, and not by its command line: only the service
/// hands over the master side of a restored terminal, tells of each step before it goes on, and restores the processes as
/// children of its caller.
struct CheckpointProgram: Sendable {
  /// The program's file.
  let path: String

  /// Finds the program.
  ///
  /// - Throws: `ContainerError` that says what to install.
  init(_ settings: CheckpointSettings) throws(ContainerError) {
    if let program = settings.program {
      if let reason = File.reasonNotToExecute(program) {
        throw ContainerError("--criu \(program)", reason, advice: "give the path of the program criu")
      }
      path = program
      return
    }
    let directories = (settings.searchPath ?? "").split(separator: ":").map { String($0) }
    let found = directories.lazy.map { "\($0)/criu" }.first { File.reasonNotToExecute($0) == nil }
    guard let found = found ?? Subprocess(named: "criu")?.path else {
      throw ContainerError(
        .failed, "the program criu is not installed: install the package criu, or name its file with --criu")
    }
    path = found
  }

  /// The number of the service's end of its connection.
  private static let connectionNumber: Int32 = 3
  /// The number of the service's descriptor of the directory with the images.
  static let imagesNumber: Int32 = 4
  /// The number of the service's descriptor of the directory with the log.
  static let workNumber: Int32 = 5
  /// The number of the first descriptor that the service inherits.
  static let firstInherited: Int32 = 6

  /// Starts the service. The caller must be single-threaded.
  ///
  /// - Parameters:
  ///   - directories: those of the images and the log; `nil` for a question that needs none.
  ///   - inherited: descriptors of this process that the service gets as number `firstInherited` and up.
  ///   - keepsStreams: whether it has this process's standard streams, and not `/dev/null`.
  ///   - namespaces: the kinds of which it gets new ones.
  ///   - cgroup: the number of a descriptor of the cgroup in which it is created; -1 is this process's.
  ///   - prepare: done in the new process before it becomes the service.
  func start(
    in directories: CheckpointDirectories? = nil, inheriting inherited: [Int32] = [],
    keepsStreams: Bool = false, into namespaces: Namespaces = [], cgroup: Int32 = -1,
    after prepare: () throws(ContainerError) -> Void = {}
  ) throws(ContainerError) -> CheckpointService {
    let operation = "make a connection to \(path)"
    let report = try attempt(operation) { () throws(Errno) in try Socket.pair() }
    let cloned = try attempt("clone a process for \(path)") { () throws(Errno) in
      try clone(into: namespaces, cgroup: cgroup)
    }
    switch consume cloned {
    case .child:
      report.here.close()
      let failure = Handshake(report.there)
      do throws(ContainerError) {
        // What is typed at a terminal to interrupt is for the caller, who is missed at the next step.
        try attempt("start a session for \(path)") { () throws(Errno) in
          resetSignalActions()
          try ProcessControl.startSession()
        }
        try prepare()
        // The service looks up the numbers of descriptors in the process that has made the connection. With its own, the
        // directories are those of its own mount namespace, in which it can mount something.
        let connection = try attempt(operation) { () throws(Errno) in try Socket.pair() }
        try attempt(operation) { () throws(Errno) in
          try failure.socket.send([Self.connected], with: connection.here.descriptor)
        }
        connection.here.close()
        throw ContainerError(
          "execute \(path)",
          try become(connection.there.descriptor.rawValue, directories, inherited, keepsStreams))
      } catch {
        failure.sendFailure(error)
        exitNow(1)
      }
    case .parent(_, let process):
      report.there.close()
      do throws(ContainerError) {
        let connection = try Self.receive(report.here, operation)
        return CheckpointService(connection, process, path: path)
      } catch {
        _ = try? process.wait()
        throw error
      }
    }
  }

  /// What a new process says with the caller's end of its connection.
  private static let connected = UInt8(ascii: "C")

  /// Waits until the new process has become the service.
  ///
  /// - Returns: the caller's end of the connection.
  private static func receive(
    _ report: consuming Socket, _ operation: String
  ) throws(ContainerError) -> Socket {
    var message = try attempt(operation) { () throws(Errno) in try report.receive() }
    guard message.bytes.first == connected, let descriptor = message.file.take() else {
      throw ContainerError(
        .failed,
        message.bytes.isEmpty
          ? "\(operation): the new process was killed, or lacked memory"
          : String(decoding: message.bytes.dropFirst(), as: UTF8.self))
    }
    let socket = Socket(descriptor)
    // Closed when the program is executed.
    if case .failed(let error) = try Handshake(report).receive() { throw error }
    return socket
  }

  /// Executes the program with the connection `connection`; returns only when that cannot be.
  private func become(
    _ connection: Int32, _ directories: CheckpointDirectories?, _ inherited: [Int32], _ keepsStreams: Bool
  ) throws(ContainerError) -> Errno {
    try attempt("hand descriptors to \(path)") { () throws(Errno) in
      let end = Self.firstInherited + Int32(inherited.count)
      // First out of the way of each other.
      var copies = [HeldDescriptor(try FileDescriptor.duplicate(of: connection, lowest: end))]
      for path in [directories?.images ?? "/", directories?.work ?? "/"] {
        let directory = try FileDescriptor.open(path, [.readOnly, .directory])
        copies.append(HeldDescriptor(try directory.duplicate(lowest: end)))
      }
      for number in inherited {
        copies.append(HeldDescriptor(try FileDescriptor.duplicate(of: number, lowest: end)))
      }
      for (index, copy) in copies.enumerated() {
        try copy.descriptor.replace(Self.connectionNumber + Int32(index))
      }
      if !keepsStreams {
        let null = try FileDescriptor.open("/dev/null", .readWrite)
        for number in Int32(0)...2 { try null.replace(number) }
      }
      try closeOnExec(from: end)
      try SignalMask.none.restore()
      return execute(path, [path, "swrk", String(Self.connectionNumber)])
    }
  }
}

/// criu at work on one request.
struct CheckpointService: ~Copyable {
  private let socket: Socket
  private let process: Pidfd
  private let path: String

  fileprivate init(_ socket: consuming Socket, _ process: consuming Pidfd, path: String) {
    self.socket = socket
    self.process = process
    self.path = path
  }

  /// Something that the service tells of before it goes on.
  struct Notification: ~Copyable {
    /// What it has come to.
    let script: String
    /// The process that it is about.
    let pid: Int32
    /// A descriptor that comes with it.
    var file: FileDescriptor?
  }

  /// Asks `request`, and waits for the answer.
  ///
  /// - Parameter notified: called at each point of which the service tells; what it throws ends the request.
  func ask(
    _ request: CheckpointMessage,
    notified: (consuming Notification) throws(ContainerError) -> Void = { _ in }
  ) throws(ContainerError) -> CheckpointRequest.Answer {
    let operation = "ask \(path)"
    try attempt(operation) { () throws(Errno) in
      try socket.makeRoom(forMessagesOf: request.bytes.count)
      try socket.send(request.bytes)
    }
    var refusal: ContainerError?
    while true {
      var message = try attempt(operation) { () throws(Errno) in
        do throws(Errno) { return try socket.receive(limit: 64 << 10) } catch .connectionReset {
          return try socket.receive(limit: 64 << 10)
        }
      }
      guard !message.bytes.isEmpty else { throw refusal ?? silence }
      guard let answer = CheckpointRequest.Answer(message.bytes) else {
        throw refusal ?? ContainerError(.failed, "the answer of \(path) cannot be read")
      }
      guard case .notification(let script, let pid) = answer else {
        if let refusal { throw refusal }
        return answer
      }
      do throws(ContainerError) {
        try notified(Notification(script: script, pid: pid, file: message.file.take()))
      } catch { refusal = refusal ?? error }
      let goesOn = refusal == nil
      try attempt(operation) { () throws(Errno) in
        do throws(Errno) {
          try socket.send(CheckpointRequest.acknowledgement(goesOn).bytes)
        } catch .brokenPipe {}
      }
    }
  }

  private var silence: ContainerError {
    ContainerError(.failed, "\(path) ended without an answer: it was killed, or lacked memory")
  }

  /// Waits for the service to end.
  consuming func end() {
    let process = process
    socket.close()
    _ = try? process.wait()
  }
}

/// A descriptor in a collection.
private final class HeldDescriptor {
  let descriptor: FileDescriptor
  init(_ descriptor: consuming FileDescriptor) { self.descriptor = descriptor }
}
