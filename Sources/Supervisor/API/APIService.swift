import Container
import Definitions
import Layers
import Linux
import OCI

/// Answers requests of the Docker Engine API, and a few of its own, from what the supervisor knows and does.
public final class APIService {
  let supervisor: Supervisor
  let loop: EventLoop
  let log: (String) -> Void
  let definitions: DesiredState
  private let started = Clock.now()
  private var server: HTTPServer?
  private var answers: [Int: UInt64] = [:]
  private let longAnswers: AnswerQueue
  /// What tells followers of logs that there is more.
  let news: DirectoryNews
  /// What was asked for of commands inside, by id.
  var requests: [String: ExecRequest] = [:]

  /// The containers whose statistics somebody has followed, by their ids.
  var followedStatistics: [String: Found] = [:]
  lazy var statistics = makeStatistics()

  /// The version of the program.
  public static let version = "0.1.0"

  /// Listens on the socket at `path`, for root and the group `swiftjail`.
  public init(
    _ supervisor: Supervisor, _ definitions: DesiredState, _ loop: EventLoop, path: String,
    log: @escaping (String) -> Void
  ) throws(SupervisorError) {
    self.supervisor = supervisor
    self.definitions = definitions
    self.loop = loop
    self.log = log
    news = DirectoryNews(loop)
    longAnswers = AnswerQueue(loop, log: log)
    var settings = HTTPServer.Settings()
    settings.streamsBody = Self.hasStreamedBody
    // Each may need a file, or the pipes of a command, beside its connection.
    settings.streams = max(64, (Int(clamping: ResourceLimit.openFiles) - 320) / 4)
    do throws(HTTPServerError) {
      server = try HTTPServer(loop: loop, path: path, group: "swiftjail", settings: settings) {
        [unowned self] request, exchange in
        // Before it is known what runs, and what files define, an answer would be a guess.
        definitions.whenRead { [unowned self] in serve(request, exchange) }
      }
    } catch {
      throw SupervisorError(.failed, error.description)
    }
  }

  private func serve(_ request: HTTPRequest, _ exchange: HTTPExchange) {
    do throws(APIError) {
      if try serveOwn(request, exchange) { return }
      let target = request.target.text
      let endpoint = try Endpoint(method: request.method.rawValue, target: target)
      note(request, exchange)
      guard !endpoint.isStream || exchange.canStream else {
        throw APIError(
          status: 503,
          "as many streams are open as there may be for the limit on open files (\(ResourceLimit.openFiles)): "
            + "give swiftjaild more (LimitNOFILE= in its unit, or ulimit -n)")
      }
      try serve(endpoint, request, exchange)
    } catch {
      respond(exchange, error)
    }
  }

  /// Says who has asked for what, unless that was only to know something.
  func note(_ request: HTTPRequest, _ exchange: HTTPExchange) {
    guard request.method != .get, request.method != .head else { return }
    let target = request.target.text.prefix { $0 != "?" }
    log("pid \(exchange.peer.pid) of user \(exchange.peer.user): \(request.method.rawValue) \(target)")
  }

  // MARK: Answers

  static var headers: HTTPHeaders {
    var headers: HTTPHeaders = [:]
    for field in EngineFacts.headers { headers.add(field.name, field.value) }
    return headers
  }

  func respond(_ exchange: HTTPExchange, _ status: HTTPStatus, _ document: JSON? = nil) {
    var response = document.map { HTTPResponse(status, json: $0) } ?? HTTPResponse(status)
    for field in EngineFacts.headers { response.headers.add(field.name, field.value) }
    count(status)
    exchange.respond(response)
  }

  /// Answers with a JSON document that was made elsewhere.
  func respond(_ exchange: HTTPExchange, document: [UInt8]) {
    respond(exchange, document, type: "application/json")
  }

  private func respond(_ exchange: HTTPExchange, _ body: [UInt8], type: String) {
    var headers = Self.headers
    headers.add("Content-Type", type)
    count(.ok)
    exchange.respond(HTTPResponse(.ok, headers: headers, body: body))
  }

  func respond(_ exchange: HTTPExchange, _ error: APIError) {
    respond(exchange, HTTPStatus(rawValue: error.status) ?? .internalServerError, error.json)
  }

  func respond(_ exchange: HTTPExchange, _ error: SupervisorError) {
    if error.kind == .unchanged { return respond(exchange, .notModified) }
    respond(exchange, Self.apiError(error))
  }

  static func apiError(_ error: SupervisorError) -> APIError {
    let status =
      switch error.kind {
      case .failed: 500
      case .invalid: 400
      case .forbidden: 403
      case .notFound: 404
      case .conflict, .unchanged: 409
      case .busy: 503
      }
    return APIError(status: status, error.description)
  }

  func count(_ status: HTTPStatus) { answers[status.rawValue, default: 0] += 1 }

  /// Does `body`, whose errors are the answer.
  func attempt<Result>(_ body: () throws(SupervisorError) -> Result) throws(APIError) -> Result {
    do throws(SupervisorError) { return try body() } catch { throw Self.apiError(error) }
  }

  static func document(_ request: HTTPRequest) throws(APIError) -> JSON {
    if request.body.isEmpty { return .object(JSON.Object()) }
    do throws(JSONError) { return try JSON(parsing: request.body) } catch {
      throw .badRequest("the request's body: \(error)")
    }
  }

  // MARK: What is not Docker's

  /// - Returns: whether it is.
  private func serveOwn(_ request: HTTPRequest, _ exchange: HTTPExchange) throws(APIError) -> Bool {
    if request.target.segments.first == "functions" {
      try serveFunction(request, exchange)
      return true
    }
    guard request.target.segments.first == "swiftjail" else { return false }
    switch (request.method, request.target.segments.dropFirst().first) {
    case (.post, "up"?):
      definitions.startAll { [unowned self] in
        if definitions.errors.isEmpty { return respond(exchange, .noContent) }
        respond(exchange, .ok, .members(["Errors": .array(definitions.errors.map { .string($0) })]))
      }
    case (.post, "down"?): definitions.stopAll { [unowned self] in respond(exchange, .noContent) }
    case (.get, "partitions"?):
      listPartitions(exchange)
      return true
    default: throw .notFound("page not found")
    }
    return true
  }

  /// Answers with a short list of all partitions.
  private func listPartitions(_ exchange: HTTPExchange) {
    let list = { [self] in
      let store = supervisor.store
      return PartitionList(
        of: supervisor.partitions.values, in: store.path, inMemory: PartitionStore(of: store).isInMemory
      ).bytes
    }
    let type = "text/tab-separated-values"
    guard supervisor.partitions.count <= Self.mostAtOnce else { return answer(exchange, type: type, list) }
    respond(exchange, list(), type: type)
  }

  /// Answers with the metrics.
  func serveMetrics(_ exchange: HTTPExchange) {
    let counters = counters
    let now = Clock.now()
    // They are in a dozen files for each partition.
    answer(exchange, type: "text/plain; version=0.0.4") { [self] in
      supervisor.store.sumUpUsage()
      let all = supervisor.allStatuses(before: now)
      return Metrics.text(all.map { ($0, usage($0, withDetails: false)) }, counters)
    }
  }

  /// Answers with what `text` makes in a process of its own, as it takes long; what it makes it from is as things are when
  /// its turn has come.
  func answer(_ exchange: HTTPExchange, type: String, _ text: @escaping () -> [UInt8]) {
    longAnswers.add(exchange, text) { [unowned self] in
      var headers = Self.headers
      headers.add("Content-Type", type)
      count(.ok)
      return exchange.startStream(.ok, headers: headers)
    }
  }

  private var counters: SupervisorCounters {
    var counters = SupervisorCounters(version: Self.version, started: started)
    counters.process = try? .current(maximumDescriptors: ResourceLimit.openFiles)
    counters.requests = answers.sorted { $0.key < $1.key }.map {
      SupervisorCounters.Requests(status: $0.key, count: $0.value)
    }
    counters.starts = supervisor.starts
    counters.failedStarts = supervisor.failedStarts
    for logs in supervisor.logged.values {
      counters.logs.writtenBytes += logs.writtenBytes
      counters.logs.droppedBytes += logs.droppedBytes
      counters.logs.droppedEntries += logs.droppedEntries
    }
    counters.functions = supervisor.functionCounts
    return counters
  }

  /// What a partition uses now.
  func usage(_ status: PartitionStatus, withDetails: Bool = true) -> PartitionUsage? {
    guard status.pid != nil, let id = try? ContainerID(status.definition.name) else { return nil }
    return (try? supervisor.store.container(id))?.partitionUsage(withDetails: withDetails)
  }
}
