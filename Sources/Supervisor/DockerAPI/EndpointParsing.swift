import Linux

extension Endpoint {
  /// What a request with this method and target is for.
  ///
  /// - Parameter now: nanoseconds since 1970; times may be given as so long ago.
  /// - Throws: `APIError`: of the status 400 for a parameter that is wrong, 404 for what no version of the API has, 501
  ///   for what it has and is not offered.
  public init(method: String, target: String, now: Int64 = Clock.now()) throws(APIError) {
    let target = try APITarget(target)
    let (path, query) = (target.path, target.query)
    if method == "POST", path.count == 2, path[1] == "prune", let absent = Absent(rawValue: path[0]) {
      self = .pruneNothing(absent)
      return
    }
    let found: Endpoint? =
      switch path.first {
      case "containers"?: try Self.containers(method, path, query, now)
      case "exec"?: try Self.executions(method, path, query)
      case "images"?: Self.images(method, path, query)
      default: try Self.engine(method, path, query, now)
      }
    if let found {
      self = found
    } else if let error = Self.absent(method, path) {
      throw error
    } else if let what = Self.unoffered(method, path) {
      throw .notOffered(what)
    } else {
      throw .notFound("page not found")
    }
  }

  private static func engine(
    _ method: String, _ path: [String], _ query: Query, _ now: Int64
  ) throws(APIError) -> Endpoint? {
    switch (method, path.count, path.first) {
    case ("GET", 1, "_ping"), ("HEAD", 1, "_ping"): return .ping
    case ("GET", 1, "version"): return .version
    case ("GET", 1, "info"): return .info
    case ("GET", 1, "metrics"): return .metrics
    case ("GET", 1, "events"): return .events(try EventQuery(query, now: now))
    case ("GET", 2, "system") where path[1] == "df": return .diskUsage
    case ("GET", 1, "networks"): return .listNetworks(filters: query.text("filters"))
    case ("GET", 2, "networks"): return .inspectNetwork(path[1])
    case ("GET", 1, "volumes"): return .listVolumes
    default: return nil
    }
  }

  private static func images(_ method: String, _ path: [String], _ query: Query) -> Endpoint? {
    guard method == "GET" else { return nil }
    if path.count == 2, path[1] == "json" { return .listImages(filters: query.text("filters")) }
    guard path.count > 2 else { return nil }
    // The name of an image may have slashes.
    let name = path[1..<(path.count - 1)].joined(separator: "/")
    switch path.last {
    case "json"?: return .inspectImage(name)
    case "history"?: return .imageHistory(name)
    default: return nil
    }
  }

  private static func executions(
    _ method: String, _ path: [String], _ query: Query
  ) throws(APIError) -> Endpoint? {
    guard path.count == 3 else { return nil }
    switch (method, path[2]) {
    case ("GET", "json"): return .inspectExecution(path[1])
    case ("POST", "start"): return .startExecution(path[1])
    case ("POST", "resize"): return .resizeExecution(path[1], try size(query))
    default: return nil
    }
  }

  private static func containers(
    _ method: String, _ path: [String], _ query: Query, _ now: Int64
  ) throws(APIError) -> Endpoint? {
    switch (method, path.count, path.last) {
    case ("GET", 2, "json"): return .listContainers(try ContainerList(query))
    case ("POST", 2, "create"):
      return .createContainer(name: query.text("name"), platform: query.text("platform"))
    case ("POST", 2, "prune"): return .pruneContainers(try ContainerPrune(query))
    case ("DELETE", 2, let reference?):
      try query.refuse("link")
      return .removeContainer(ContainerReference(reference), isForced: query.flag("force"))
    case ("POST", 3, let action?): return try act(action, ContainerReference(path[1]), query)
    case (_, 3, let what?): return try read(method, what, ContainerReference(path[1]), query, now)
    default: return nil
    }
  }

  private static func act(
    _ action: String, _ container: ContainerReference, _ query: Query
  ) throws(APIError) -> Endpoint? {
    switch action {
    case "start":
      if let checkpoint = query.text("checkpoint") {
        throw .notOffered("starting from the checkpoint \(checkpoint)")
      }
      return .start(container)
    case "stop": return .stop(container, timeout: try timeout(query))
    case "restart": return .restart(container, timeout: try timeout(query))
    case "kill":
      let text = query.text("signal") ?? "KILL"
      guard let signal = Signal(text) else { throw .badRequest("Invalid signal: \(text)") }
      return .kill(container, signal)
    case "update": return .update(container)
    case "rename":
      guard let name = try CreateRequest.name(query.text("name")) else {
        throw .badRequest("Neither old nor new names may be empty")
      }
      return .rename(container, to: name)
    case "pause": return .pause(container)
    case "unpause": return .unpause(container)
    case "resize": return .resizeContainer(container, try size(query))
    case "attach":
      return .attach(
        container,
        AttachQuery(
          logs: query.flag("logs"), stream: query.flag("stream"), input: query.flag("stdin"),
          output: query.flag("stdout"), error: query.flag("stderr"),
          detachKeys: try DetachKeys(query.text("detachKeys") ?? "")))
    case "wait":
      let text = query.text("condition") ?? WaitCondition.notRunning.rawValue
      guard let condition = WaitCondition(rawValue: text) else {
        throw .badRequest("invalid condition: \"\(text)\"")
      }
      return .wait(container, condition)
    case "exec": return .createExecution(container)
    default: return nil
    }
  }

  private static func read(
    _ method: String, _ what: String, _ container: ContainerReference, _ query: Query, _ now: Int64
  ) throws(APIError) -> Endpoint? {
    switch (method, what) {
    case ("GET", "json"): return .inspectContainer(container, includesSizes: query.flag("size"))
    case ("GET", "top"): return .processes(container, psArguments: query.text("ps_args") ?? "-ef")
    case ("GET", "logs"): return .logs(container, try logs(query, now))
    case ("GET", "changes"): return .changes(container)
    case ("GET", "stats"):
      return .statistics(
        container, isStream: query.flag("stream", or: true), isOneShot: query.flag("one-shot"))
    case ("HEAD", "archive"): return .archiveStatus(container, path: try path(query))
    case ("GET", "archive"): return .readArchive(container, path: try path(query))
    case ("PUT", "archive"):
      return .writeArchive(
        container,
        ArchiveQuery(
          path: try path(query), keepsKinds: query.flag("noOverwriteDirNonDir"),
          givesToUser: query.flag("copyUIDGID")))
    default: return nil
    }
  }

  private static func logs(_ query: Query, _ now: Int64) throws(APIError) -> LogQuery {
    let (output, error) = (query.flag("stdout"), query.flag("stderr"))
    guard output || error else {
      throw .badRequest("Bad parameters: you must choose at least one stream")
    }
    // What is no number asks for all, as "all" does.
    let tail = query.text("tail").flatMap { Int($0) }.flatMap { $0 >= 0 ? $0 : nil }
    return LogQuery(
      output: output, error: error, follows: query.flag("follow"), hasTimes: query.flag("timestamps"),
      since: try query.time("since", now: now), until: try query.time("until", now: now), tail: tail)
  }

  private static func timeout(_ query: Query) throws(APIError) -> Int64? {
    // As Docker has it, -1 is for ever.
    try query.number("t", in: -1...Int64(Int32.max))
  }

  private static func size(_ query: Query) throws(APIError) -> TerminalSize {
    let range: ClosedRange<Int64> = 0...Int64(UInt16.max)
    guard let height = try query.number("h", in: range), let width = try query.number("w", in: range) else {
      throw .badRequest("h and w, the height and width in characters, are required")
    }
    return TerminalSize(height: UInt16(height), width: UInt16(width))
  }

  private static func path(_ query: Query) throws(APIError) -> String {
    guard let path = query.text("path") else { throw .badRequest("bad parameter: path cannot be empty") }
    return path
  }
}
