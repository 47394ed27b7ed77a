import Container
import Definitions
import Linux
import OCI

extension APIService {
  /// Carries out what a request is for.
  func serve(
    _ endpoint: Endpoint, _ request: HTTPRequest, _ exchange: HTTPExchange
  ) throws(APIError) {
    switch endpoint {
    case .ping, .version, .info, .diskUsage, .events, .metrics, .listImages, .inspectImage, .imageHistory,
      .listNetworks, .inspectNetwork, .listVolumes:
      try serveEngine(endpoint, exchange)
    case .createExecution, .startExecution, .resizeExecution, .inspectExecution:
      try serveExecution(endpoint, request, exchange)
    case .changes(let reference): try listChanges(of: try find(reference), exchange)
    case .archiveStatus, .readArchive, .writeArchive: throw .notOffered("copying files")
    case .logs(let reference, let query): try streamLogs(of: try find(reference), query, exchange)
    case .attach(let reference, let query): try attach(to: try find(reference), query, exchange)
    case .statistics(let reference, let isStream, let isOneShot):
      streamStatistics(of: try find(reference), isStream: isStream, isOneShot: isOneShot, exchange)
    case .wait(let reference, let condition): try wait(for: try find(reference), condition, exchange)
    default: try serveContainer(endpoint, request, exchange)
    }
  }

  /// The partition that `reference` means.
  func find(_ reference: ContainerReference) throws(APIError) -> PartitionStatus {
    if let partition = supervisor.partition(withID: reference.text) ?? supervisor.partitions[reference.text] {
      return partition.status
    }
    return try reference.find(in: supervisor.statuses)
  }

  private var engine: Engine {
    Engine(rootDirectory: supervisor.directory, listeners: supervisor.events.watcherCount)
  }

  private func serveEngine(_ endpoint: Endpoint, _ exchange: HTTPExchange) throws(APIError) {
    let count = supervisor.partitions.count
    switch endpoint {
    case .ping:
      var response = HTTPResponse(.ok, text: "OK")
      for field in EngineFacts.headers + EngineFacts.pingHeaders {
        response.headers.add(field.name, field.value)
      }
      exchange.respond(response)
    case .metrics:
      exchange.respond(
        HTTPResponse(.ok, headers: ["Content-Type": "text/plain; version=0.0.4"], body: metrics()))
    case .version: respond(exchange, .ok, engine.facts.versionDocument)
    case .info:
      let counts = EngineFacts.Counts(supervisor.statuses)
      respond(exchange, .ok, engine.facts.infoDocument(counts, now: Clock.now()))
    case .diskUsage: respond(exchange, .ok, EngineFacts.diskUsage(summaries(), image: engine.image))
    case .events(let query): streamEvents(query, exchange)
    case .listImages(let filters):
      respond(exchange, .ok, try engine.image.list(filters: filters, containers: count))
    case .inspectImage(let name):
      guard HostImage.isNamed(by: name) else { throw .noSuchImage(name) }
      respond(exchange, .ok, engine.image.inspection)
    case .imageHistory(let name):
      guard HostImage.isNamed(by: name) else { throw .noSuchImage(name) }
      respond(exchange, .ok, engine.image.history)
    case .listNetworks(let filters): respond(exchange, .ok, try NetworkDocument.list(filters: filters))
    case .inspectNetwork(let name): respond(exchange, .ok, try NetworkDocument.inspection(name))
    default: respond(exchange, .ok, EngineFacts.volumes)
    }
  }

  private func summaries() -> [JSON] {
    let now = Clock.now()
    return supervisor.statuses.map { document($0).summary(now: now) }
  }

  func document(_ status: PartitionStatus) -> ContainerDocument {
    var facts = ContainerFacts()
    facts.logPath = supervisor.logPath(of: status.definition.name)
    return ContainerDocument(status, facts)
  }

  /// All that is known of a partition, with the commands that run inside.
  private func inspection(_ status: PartitionStatus) -> JSON {
    var facts = ContainerFacts()
    facts.logPath = supervisor.logPath(of: status.definition.name)
    facts.executions = supervisor.executions.running(in: status.definition.name)
    if let monitor = supervisor.partitions[status.definition.name]?.monitor {
      facts.checks = monitor.results
      facts.failedChecks = monitor.state.failuresInARow
    }
    return ContainerDocument(status, facts).inspection
  }

  // MARK: Containers

  private func serveContainer(
    _ endpoint: Endpoint, _ request: HTTPRequest, _ exchange: HTTPExchange
  ) throws(APIError) {
    switch endpoint {
    case .listContainers(let list):
      let now = Clock.now()
      let chosen = try list.select(supervisor.statuses)
      respond(exchange, .ok, .array(chosen.map { document($0).summary(now: now) }))
    case .createContainer(let name):
      let asked = try CreateRequest(
        try Self.document(request), name: name, initProgram: Supervisor.initProgram)
      var random = SystemRandomNumberGenerator()
      let generated = GeneratedName.free(using: &random) { supervisor.partitions[$0] != nil }
      let definition = asked.definition(named: generated)
      let status = try attempt { () throws(SupervisorError) in try supervisor.create(definition) }
      respond(exchange, .created, ContainerResponse.created(status.id))
    case .inspectContainer(let reference, _):
      respond(exchange, .ok, inspection(try find(reference)))
    case .processes(let reference, _): respond(exchange, .ok, try processes(of: try find(reference)))
    case .resizeContainer(let reference, let size): try resize(try find(reference), size, exchange)
    case .update(let reference):
      let status = try find(reference)
      let definition = try UpdateRequest(try Self.document(request)).applied(to: status.definition)
      try attempt { () throws(SupervisorError) in try supervisor.update(definition) }
      respond(exchange, .ok, UpdateRequest.response)
    case .pruneContainers(let prune): try self.prune(prune, exchange)
    default: change(endpoint, exchange)
    }
  }

  /// What changes a container, and is answered when that has happened.
  private func change(_ endpoint: Endpoint, _ exchange: HTTPExchange) {
    do {
      switch endpoint {
      case .start(let reference):
        try supervisor.start(try name(reference)) { [unowned self] error in
          if let error { respond(exchange, Self.startError(error)) } else { respond(exchange, .noContent) }
        }
      case .stop(let reference, let timeout):
        try supervisor.stop(try name(reference), timeout: timeout.map { $0 * 1000 }) { [unowned self] in
          respond(exchange, .noContent)
        }
      case .restart(let reference, let timeout):
        let name = try name(reference)
        restart(name, timeout: timeout.map { $0 * 1000 }, exchange)
      case .kill(let reference, let signal):
        try supervisor.kill(try name(reference), signal)
        respond(exchange, .noContent)
      case .rename(let reference, let new):
        try supervisor.rename(try name(reference), to: new)
        respond(exchange, .noContent)
      case .pause(let reference):
        try supervisor.pause(try name(reference))
        respond(exchange, .noContent)
      case .unpause(let reference):
        try supervisor.resume(try name(reference))
        respond(exchange, .noContent)
      case .removeContainer(let reference, let isForced):
        try supervisor.remove(try name(reference), force: isForced) { [unowned self] error in
          if let error { respond(exchange, error) } else { respond(exchange, .noContent) }
        }
      default: respond(exchange, APIError.notOffered("this"))
      }
    } catch let error as SupervisorError {
      respond(exchange, error)
    } catch let error as APIError {
      respond(exchange, error)
    } catch {
      respond(exchange, APIError(status: 500, "\(error)"))
    }
  }

  /// Clients tell by the status what kind of failure it was.
  private static func startError(_ error: SupervisorError) -> APIError {
    let text = error.description
    guard text.hasPrefix("exec: "), let colon = text.utf8.lastIndex(of: UInt8(ascii: ":")) else {
      return apiError(error)
    }
    // Docker's client looks for the reason in small letters, for its own exit status.
    return .badRequest(text[..<colon] + text[colon...].lowercased())
  }

  private func name(_ reference: ContainerReference) throws(APIError) -> String {
    try find(reference).definition.name
  }

  private func restart(_ name: String, timeout: Int64?, _ exchange: HTTPExchange) {
    let startAgain = { [unowned self] in
      do throws(SupervisorError) {
        try supervisor.start(name) { [unowned self] error in
          if let error { respond(exchange, Self.startError(error)) } else { respond(exchange, .noContent) }
        }
      } catch { respond(exchange, error) }
    }
    do throws(SupervisorError) { try supervisor.stop(name, timeout: timeout, done: startAgain) } catch {
      if error.kind == .unchanged { startAgain() } else { respond(exchange, error) }
    }
  }

  /// The processes of a partition, as `ps -ef` lists them.
  private func processes(of status: PartitionStatus) throws(APIError) -> JSON {
    let pids = try attempt { () throws(SupervisorError) in
      do throws(ContainerError) {
        return try supervisor.store.container(try ContainerID(status.definition.name)).processes()
      } catch {
        throw SupervisorError(.conflict, "\(status.definition.name) does not run")
      }
    }
    var rows: [JSON] = []
    for pid in pids {
      guard let process = try? ProcessStatus.of(pid), let owner = try? FileStatus.of("/proc/\(pid)").user,
        let command = try? ProcessStatus.commandLine(of: pid)
      else { continue }
      let seconds = process.processorTime / ProcessStatus.ticksPerSecond
      let time =
        "\(Self.padded(seconds / 3600)):\(Self.padded(seconds / 60 % 60)):\(Self.padded(seconds % 60))"
      let state = String(decoding: [process.state], as: UTF8.self)
      rows.append(.texts([String(owner), String(pid), String(process.parent), state, time, command]))
    }
    return .members([
      "Titles": .texts(["UID", "PID", "PPID", "STAT", "TIME", "CMD"]), "Processes": .array(rows),
    ])
  }

  private static func padded(_ number: UInt64) -> String { number < 10 ? "0\(number)" : String(number) }

  private func resize(
    _ status: PartitionStatus, _ size: Endpoint.TerminalSize, _ exchange: HTTPExchange
  ) throws(APIError) {
    guard let terminal = supervisor.input(status.definition.name) else {
      throw .conflict("\(status.definition.name) does not run, or has no terminal")
    }
    try? terminal.setTerminalSize(TerminalSize(rows: size.height, columns: size.width))
    respond(exchange, .ok)
  }

  private func prune(_ prune: ContainerPrune, _ exchange: HTTPExchange) throws(APIError) {
    var removed: [String] = []
    for status in prune.select(supervisor.statuses, now: Clock.now()) {
      do throws(SupervisorError) {
        try supervisor.remove(status.definition.name, force: false) { _ in }
        removed.append(status.id)
      } catch {
        // It runs by now.
      }
    }
    respond(exchange, .ok, ContainerPrune.response(removed: removed, bytes: 0))
  }
}
