import Container
import Definitions
import Linux
import OCI

extension APIService {
  /// How much may be kept of each command until it is started, in bytes. No argument may be longer than half of that.
  private static let longestExecution = 256 << 10

  /// Commands that are executed in partitions.
  func serveExecution(
    _ endpoint: Endpoint, _ request: HTTPRequest, _ exchange: HTTPExchange
  ) throws(APIError) {
    switch endpoint {
    case .createExecution(let reference):
      guard request.body.count <= Self.longestExecution else {
        throw .badRequest("the command is too long: its document may have \(Self.longestExecution) bytes")
      }
      let asked = try ExecRequest(try Self.document(request))
      let name = try find(reference).definition.name
      let execution = try attempt { () throws(SupervisorError) in
        try supervisor.prepare(asked.settings, in: name)
      }
      note(asked, execution)
      tell(of: execution, .execCreate(id: execution.id, command: asked.command))
      respond(exchange, .created, .members(["Id": .string(execution.id)]))
    case .startExecution(let id):
      let execution = try execution(id)
      guard execution.state == .new else { throw .conflict("exec instance \(id) was started already") }
      if let plain = execution.plainID, supervisor.plain(execution.partition)?.id != plain {
        throw .conflict("\(execution.partition) has ended, and another container has its name")
      }
      start(execution, try ExecStartRequest(try Self.document(request)), exchange)
    case .resizeExecution(let id, let size):
      try execution(id).resize(rows: size.height, columns: size.width)
      respond(exchange, .ok)
    case .inspectExecution(let id): respond(exchange, .ok, try inspection(of: try execution(id)))
    default: throw .notFound("page not found")
    }
  }

  /// Prepares a command in a container that was made without the supervisor.
  func createExecution(
    in plain: PlainContainer, _ request: HTTPRequest, _ exchange: HTTPExchange
  ) throws(APIError) {
    let asked = try ExecRequest(try Self.document(request))
    let status = plain.container.status()
    guard status == .running else { throw .conflict("\(plain.name) is \(status.rawValue), and not running") }
    let execution = try attempt { () throws(SupervisorError) in
      try supervisor.executions.prepare(asked.settings, inContainer: plain.name)
    }
    execution.plainID = plain.id
    note(asked, execution)
    respond(exchange, .created, .members(["Id": .string(execution.id)]))
  }

  private func note(_ asked: ExecRequest, _ execution: Execution) {
    requests[execution.id] = asked
    if requests.count > 2 * supervisor.executions.executions.count {
      requests = requests.filter { supervisor.executions[$0.key] != nil }
    }
  }

  /// Notes what becomes of a command in a partition.
  private func tell(of execution: Execution, _ action: ContainerEvent.Action) {
    if execution.plainID == nil { supervisor.tell(action, of: execution.partition) }
  }

  private func tellStart(of execution: Execution) {
    guard case .running = execution.state else { return }
    tell(of: execution, .execStart(id: execution.id, command: execution.settings.command))
  }

  private func tellEnd(of execution: Execution) {
    guard case .ended(let status) = execution.state else { return }
    tell(of: execution, .execDie(id: execution.id, exitStatus: status))
  }

  private func execution(_ id: String) throws(APIError) -> Execution {
    guard let execution = supervisor.executions[id] else {
      throw .notFound("No such exec instance: \(id)")
    }
    return execution
  }

  private func inspection(of execution: Execution) throws(APIError) -> JSON {
    guard let request = requests[execution.id] else {
      throw .notFound("No such exec instance: \(execution.id)")
    }
    let state: ExecInspection.State =
      switch execution.state {
      case .new, .starting: .created
      case .running(let pid): .running(pid: pid)
      case .failed(let reason): .exited(ProgramStatus.of(reason) ?? ProgramStatus.notExecuted)
      case .ended(let status): .exited(status)
      }
    let container = execution.plainID ?? supervisor.partitions[execution.partition]?.record.id ?? ""
    return ExecInspection(id: execution.id, containerID: container, request: request, state: state).json
  }

  private func start(_ execution: Execution, _ asked: ExecStartRequest, _ exchange: HTTPExchange) {
    let request = requests[execution.id]
    // As in Docker, a client that attaches no stream does not wait for the end.
    let hasStreams = request.map { $0.input || $0.output || $0.error } ?? true
    if asked.isDetached || !hasStreams {
      execution.discardOutput()
      execution.onEnd = { [unowned self] in tellEnd(of: execution) }
      execution.onStart = { [unowned self] in
        tellStart(of: execution)
        if case .failed(let reason) = execution.state {
          respond(exchange, APIError.badRequest(reason))
        } else if asked.isDetached {
          respond(exchange, .ok)
        } else {
          // The client may insist on the streams, and gets none.
          count(.switchingProtocols)
          exchange.hijack(contentType: HTTPExchange.streamType).close()
        }
      }
      return execution.start(in: supervisor.store)
    }
    let isRaw = execution.settings.hasTerminal
    let keys = isRaw ? request?.detachKeys : nil
    count(.switchingProtocols)
    let connection = exchange.hijack(contentType: HTTPExchange.streamType)
    let input = InputPipe(
      loop, open: { execution.inputDescriptor() }, end: { execution.endInput() })
    execution.onOutput = { stream, bytes in
      guard request?.attaches(stream) ?? true else { return }
      connection.write(isRaw ? bytes : Self.frame(stream, bytes))
      // The program waits as long as the client does not read.
      guard !connection.isWritable else { return }
      execution.pauseOutput()
      connection.whenWritable { execution.resumeOutput() }
    }
    execution.onStart = { [unowned self] in
      tellStart(of: execution)
      input.retry()
    }
    execution.onEnd = { [unowned self] in
      tellEnd(of: execution)
      if case .failed(let reason) = execution.state {
        connection.write(isRaw ? Array("\(reason)\r\n".utf8) : Self.frame(.stderr, Array("\(reason)\n".utf8)))
      }
      connection.close()
    }
    input.take(from: connection, until: keys) { [unowned self] in
      tell(of: execution, .execDetach(id: execution.id))
      execution.discardOutput()
    }
    connection.onReadEnd { input.end() }
    connection.whenClosed {
      execution.discardOutput()
      input.end()
    }
    execution.start(in: supervisor.store)
  }
}

extension ExecRequest {
  /// Whether the client reads `stream`.
  fileprivate func attaches(_ stream: LogStream) -> Bool { stream == .stdout ? output : error }

  /// What is executed, and how.
  fileprivate var settings: Execution.Settings {
    var settings = Execution.Settings(command: command)
    settings.environment = environment.variables
    settings.user = user
    settings.workingDirectory = workingDirectory
    settings.hasTerminal = hasTerminal
    settings.opensInput = input
    settings.isPrivileged = isPrivileged
    return settings
  }
}
