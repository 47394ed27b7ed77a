import Container
import Definitions
import Layers
import Linux
import OCI

extension APIService {
  /// Carries out what a request is for.
  func serve(
    _ endpoint: Endpoint, _ request: HTTPRequest, _ exchange: HTTPExchange
  ) throws(APIError) {
    guard let reference = endpoint.container, partition(named: reference) == nil else {
      return try carryOut(endpoint, request, exchange)
    }
    find(reference) { [unowned self] result in
      do throws(APIError) {
        switch try result.get() {
        case .partition: try carryOut(endpoint, request, exchange)
        case .plain(let plain): try serve(endpoint, for: plain, request, exchange)
        }
      } catch { respond(exchange, error) }
    }
  }

  private func carryOut(
    _ endpoint: Endpoint, _ request: HTTPRequest, _ exchange: HTTPExchange
  ) throws(APIError) {
    switch endpoint {
    case .ping, .version, .info, .diskUsage, .events, .metrics, .listImages, .inspectImage, .imageHistory,
      .listNetworks, .inspectNetwork, .listVolumes, .pruneNothing:
      try serveEngine(endpoint, exchange)
    case .createExecution, .startExecution, .resizeExecution, .inspectExecution:
      try serveExecution(endpoint, request, exchange)
    case .changes(let reference): try listChanges(of: try find(reference), exchange)
    case .archiveStatus, .readArchive, .writeArchive: try serveArchive(endpoint, exchange)
    case .logs(let reference, let query): try streamLogs(of: try find(reference), query, exchange)
    case .attach(let reference, let query): try attach(to: try find(reference), query, exchange)
    case .statistics(let reference, let isStream, let isOneShot):
      let status = try find(reference)
      streamStatistics(of: .partition(status), isStream: isStream, isOneShot: isOneShot, exchange)
    case .wait(let reference, let condition): try wait(for: try find(reference), condition, exchange)
    default: try serveContainer(endpoint, request, exchange)
    }
  }

  /// The partition that `reference` means.
  func find(_ reference: ContainerReference) throws(APIError) -> PartitionStatus {
    if let partition = partition(named: reference) { return partition.status }
    let partitions = Array(supervisor.partitions.values)
    switch reference.match(partitions.count, id: { partitions[$0].record.id }, name: { partitions[$0].name })
    {
    case .one(let index): return partitions[index].status
    case .none: throw .noSuchContainer(reference.text)
    case .ambiguous: throw reference.ambiguous
    }
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
    case .metrics: serveMetrics(exchange)
    case .version: respond(exchange, .ok, engine.facts.versionDocument)
    case .info: serveInformation(exchange)
    case .diskUsage:
      let image = engine.image
      let now = Clock.now()
      answer(exchange, type: "application/json") { [self] in
        let containers = summaries(supervisor.allStatuses(before: now), withSizes: true)
        return EngineFacts.diskUsage(containers, image: image).bytes() + [0x0a]
      }
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
    case .pruneNothing(let absent): respond(exchange, .ok, EngineFacts.pruned(absent))
    default: respond(exchange, .ok, EngineFacts.volumes)
    }
  }

  private func summaries(_ statuses: [PartitionStatus], withSizes: Bool) -> [JSON] {
    let now = Clock.now()
    var sizes = withSizes ? ContainerSizes(supervisor.store) : nil
    return statuses.map { document($0, sizes?.sizes(of: $0)).summary(now: now) }
  }

  /// Of so many at the most a list is made at once.
  static let mostAtOnce = 500

  private func serveInformation(_ exchange: HTTPExchange) {
    let facts = engine.facts
    let now = Clock.now()
    let names = supervisor.plainNames()
    // What partitions do is known, what others do is in files.
    if names.count <= Self.mostRead {
      return respond(exchange, .ok, facts.infoDocument(supervisor.stateCounts(with: names), now: now))
    }
    answer(exchange, type: "application/json") { [self] in
      let counts = supervisor.stateCounts(with: supervisor.plainNames(), before: now)
      return facts.infoDocument(counts, now: now).bytes() + [0x0a]
    }
  }

  private func list(_ list: ContainerList, _ exchange: HTTPExchange) {
    let references = list.references
    find(references[...]) { [unowned self] result in
      do throws(APIError) {
        let found = try result.get()
        let bounds = try list.bounds { (reference) throws(APIError) in
          guard let index = references.firstIndex(of: reference) else {
            throw .noSuchContainer(reference.text)
          }
          return found[index].created
        }
        let document = { [self] (before: Int64) in
          let all = supervisor.allStatuses(before: before) { list.mayInclude($0) }
          return JSON.array(summaries(list.select(all, bounds), withSizes: list.includesSizes))
        }
        if !list.includesSizes, isShort(list) { return respond(exchange, .ok, document(.max)) }
        let now = Clock.now()
        answer(exchange, type: "application/json") { document(now).bytes() + [0x0a] }
      } catch { respond(exchange, error) }
    }
  }

  /// Whether a list can be made while others wait.
  private func isShort(_ list: ContainerList) -> Bool {
    supervisor.partitions.values.count { list.mayInclude($0.state) } <= Self.mostAtOnce
      && supervisor.plainNames().count <= Self.mostRead
  }

  func document(
    _ status: PartitionStatus, _ sizes: ContainerFacts.Sizes? = nil
  ) -> ContainerDocument {
    var facts = ContainerFacts()
    facts.sizes = sizes
    if status.plain == nil { facts.logPath = supervisor.logPath(of: status.definition.name) }
    return ContainerDocument(status, facts)
  }

  /// All that is known of a partition, with the commands that run inside.
  func inspection(_ status: PartitionStatus, _ sizes: ContainerFacts.Sizes? = nil) -> JSON {
    var facts = ContainerFacts()
    facts.sizes = sizes
    if status.plain == nil { facts.logPath = supervisor.logPath(of: status.definition.name) }
    facts.executions = supervisor.executions.running(in: status.definition.name)
    if let partition = supervisor.partitions[status.definition.name] {
      let results = partition.monitor?.results ?? partition.lastChecks
      facts.checks = results.checks
      facts.failedChecks = results.failuresInARow
    }
    if case .partition = status.definition.content, status.plain == nil {
      facts.overlay = PartitionStore(of: supervisor.store).layer(of: status.definition.name)
    }
    return ContainerDocument(status, facts).inspection
  }

  // MARK: Containers

  private func serveContainer(
    _ endpoint: Endpoint, _ request: HTTPRequest, _ exchange: HTTPExchange
  ) throws(APIError) {
    switch endpoint {
    case .listContainers(let list):
      self.list(list, exchange)
    case .createContainer(let name, let platform):
      if let platform { try engine.image.check(platform: platform) }
      let asked = try CreateRequest(
        try Self.document(request), name: name, initProgram: Supervisor.initProgram,
        hasSELinux: Engine.hasSELinux)
      var random = SystemRandomNumberGenerator()
      let generated = GeneratedName.free(using: &random) {
        supervisor.partitions[$0] != nil || supervisor.plain($0) != nil
      }
      let definition = asked.definition(named: generated)
      try requireFree(definition.name)
      let status = try attempt { () throws(SupervisorError) in
        try supervisor.create(definition, asked.notes)
      }
      respond(exchange, .created, ContainerResponse.created(status.id))
    case .inspectContainer(let reference, includesSizes: false):
      respond(exchange, .ok, inspection(try find(reference)))
    case .inspectContainer(let reference, includesSizes: true):
      let status = try find(reference)
      answer(exchange, type: "application/json") { [self] in
        var sizes = ContainerSizes(supervisor.store)
        return inspection(status, sizes.sizes(of: status)).bytes() + [0x0a]
      }
    case .processes(let reference, let arguments):
      try listProcesses(of: try find(reference), arguments, exchange)
    case .resizeContainer(let reference, let size): try resize(try find(reference), size, exchange)
    case .update(let reference):
      let status = try find(reference)
      let definition = try UpdateRequest(try Self.document(request)).applied(to: status.definition)
      try attempt { () throws(SupervisorError) in
        try supervisor.update(definition) { [unowned self] error in
          if let error { return respond(exchange, error) }
          let source = supervisor.partitions[definition.name]?.record.source
          respond(exchange, .ok, UpdateRequest.response(isDefinedByFile: source == .file))
        }
      }
    case .pruneContainers(let prune): self.prune(prune, exchange)
    default: change(endpoint, exchange)
    }
  }

  /// What changes a container, and is answered when that has happened.
  private func change(_ endpoint: Endpoint, _ exchange: HTTPExchange) {
    do {
      switch endpoint {
      case .start(let reference):
        let status = try find(reference)
        guard status.state != .paused else { throw Self.pausedStart }
        try supervisor.start(status.definition.name) { [unowned self] error in
          if let error { respond(exchange, Self.startError(error)) } else { respond(exchange, .noContent) }
        }
      case .stop(let reference, let timeout):
        let name = try name(reference)
        try supervisor.stop(name, timeout: timeout.map { $0 * 1000 }) { [unowned self] in
          // Who is told that it has stopped may rely on that, whatever becomes of this supervisor.
          supervisor.whenSaved(name) { [unowned self] in respond(exchange, .noContent) }
        }
      case .restart(let reference, let timeout):
        let name = try name(reference)
        restart(name, timeout: timeout.map { $0 * 1000 }, exchange)
      case .kill(let reference, let signal):
        try kill(try name(reference), signal, exchange)
      case .rename(let reference, let new):
        let name = try name(reference)
        try requireFree(new)
        try supervisor.rename(name, to: new)
        respond(exchange, .noContent)
      case .pause(let reference):
        try supervisor.pause(try name(reference)) { [unowned self] in answer(exchange, $0) }
      case .unpause(let reference):
        try supervisor.resume(try name(reference)) { [unowned self] in answer(exchange, $0) }
      case .removeContainer(let reference, let isForced):
        try supervisor.remove(try name(reference), force: isForced) { [unowned self] in answer(exchange, $0) }
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

  func answer(_ exchange: HTTPExchange, _ error: SupervisorError?) {
    if let error { respond(exchange, error) } else { respond(exchange, .noContent) }
  }

  /// What runs already is no failure; what stands still does not run as whoever starts it wants.
  static let pausedStart = APIError.conflict("cannot start a paused container, try unpause instead")

  /// Clients tell by the status what kind of failure it was.
  static func startError(_ error: SupervisorError) -> APIError {
    let text = error.description
    guard text.hasPrefix("exec: "), let colon = text.utf8.lastIndex(of: UInt8(ascii: ":")) else {
      return apiError(error)
    }
    // Docker's client looks for the reason as Go words it, for its own exit status: without a capital letter.
    let reason = text[text.utf8.index(after: colon)...].drop { $0 == " " }
    let words = "\(text[..<colon]): \(reason.prefix(1).lowercased())\(reason.dropFirst())"
    // The kernel's reason for that; the client knows it and no other by which a program is there and cannot be executed.
    return .badRequest(reason == Errno.isDirectory.description ? "\(words): permission denied" : words)
  }

  private func name(_ reference: ContainerReference) throws(APIError) -> String {
    try find(reference).definition.name
  }

  /// Throws when there is something of that name, in the words that scripts look for.
  private func requireFree(_ name: String) throws(APIError) {
    guard let id = supervisor.partitions[name]?.record.id ?? supervisor.plain(name)?.id else { return }
    throw .conflict(
      "Conflict. The container name \"/\(name)\" is already in use by container \"\(id)\". "
        + "You have to remove (or rename) that container to be able to reuse that name.")
  }

  /// For so long an answer waits for the end of what was killed, in milliseconds, as Docker's does.
  static let killTime: Int64 = 10_000

  static func unended(_ name: String) -> APIError {
    APIError(status: 500, "\(name) was killed, and has not ended in \(killTime / 1000) seconds")
  }

  /// Sends a signal, and answers; after one that nothing survives when it has ended: whoever killed it may start it again,
  /// or remove it.
  private func kill(_ name: String, _ signal: Signal, _ exchange: HTTPExchange) throws(SupervisorError) {
    try supervisor.kill(name, signal)
    guard signal == .kill else { return respond(exchange, .noContent) }
    var forget = {}
    let timer = loop.after(milliseconds: Self.killTime) { [unowned self] in
      forget()
      respond(exchange, Self.unended(name))
    }
    forget = try supervisor.wait(name, for: .notRunning) { [unowned self] _ in
      loop.cancel(timer)
      // Who is told that it has ended may rely on that, whatever becomes of this supervisor.
      supervisor.whenSaved(name) { [unowned self] in respond(exchange, .noContent) }
    }
  }

  private func restart(_ name: String, timeout: Int64?, _ exchange: HTTPExchange) {
    if let partition = supervisor.partitions[name], partition.isFunction {
      return respond(exchange, APIError.conflict("\(name) is a function, which does not run itself"))
    }
    let startAgain = { [unowned self] in
      do throws(SupervisorError) {
        try supervisor.start(name) { [unowned self] error in
          if let error { return respond(exchange, Self.startError(error)) }
          supervisor.tell(.restart, of: name)
          respond(exchange, .noContent)
        }
      } catch { respond(exchange, error) }
    }
    do throws(SupervisorError) {
      // The next supervisor starts it again if this one does not come to it.
      try supervisor.stop(name, timeout: timeout, isRenewing: true) { [unowned self] in
        guard let record = supervisor.partitions[name]?.record, record.isRenewing || record.isWanted else {
          return respond(exchange, APIError.conflict("\(name) was stopped while it was being restarted"))
        }
        startAgain()
      }
    } catch {
      if error.kind == .unchanged { startAgain() } else { respond(exchange, error) }
    }
  }

  private func resize(
    _ status: PartitionStatus, _ size: Endpoint.TerminalSize, _ exchange: HTTPExchange
  ) throws(APIError) {
    guard let terminal = supervisor.input(status.definition.name) else {
      throw .conflict("\(status.definition.name) does not run, or has no terminal")
    }
    try? terminal.setTerminalSize(TerminalSize(rows: size.height, columns: size.width))
    supervisor.tell(.resize(height: size.height, width: size.width), of: status.definition.name)
    respond(exchange, .ok)
  }
}
