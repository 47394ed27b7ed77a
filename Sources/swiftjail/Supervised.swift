import Container
import Linux
import OCI

extension Settings {
  /// The supervisor that the command line names, or that of the containers.
  var supervisor: APIClient { APIClient(path: supervisorSocket ?? "\(store.path)/swiftjaild.sock") }

  /// Whether there is a supervisor's socket.
  var hasSupervisor: Bool { (try? FileStatus.of(supervisor.path)) != nil }

  /// Has the supervisor do what `method` and `target` say.
  ///
  /// - Returns: what it answers.
  @discardableResult
  func ask(_ method: String, _ target: String, _ document: JSON? = nil) throws(Failure) -> [UInt8] {
    let response: APIClient.Response
    response = try supervisor.send(method, target, document)
    // What is that way already, Docker answers with 304.
    guard response.isSuccess || response.status == 304 else { throw Failure(.failed, response.message) }
    return response.body
  }

  /// So long it is waited for a supervisor by whoever could do without one, in milliseconds.
  static let patience: Int32 = 3000

  /// Has the supervisor do `action` to the container `id`, when it looks after that.
  ///
  /// - Returns: whether it has; otherwise it is for the caller to do.
  func supervisorDoes(_ id: ContainerID, _ action: String) throws(Failure) -> Bool {
    guard hasSupervisor else { return false }
    // What was made without it, it keeps nothing of, and it may take its time to say so.
    if supervisorSocket == nil, let container = try? store.container(id), !container.record.isSupervised {
      return false
    }
    var answer: APIExchange
    do throws(Failure) {
      answer = try supervisor.begin(
        "POST", partitionTarget(id.description, "/\(action)"), patience: 5 * Self.patience)
    } catch {
      log.write(.warning, error.message)
      return false
    }
    let response = APIClient.Response(status: answer.status, body: try answer.body())
    if response.status == 404 { return false }
    guard response.isSuccess else { throw Failure(.failed, response.message) }
    return true
  }

  /// The container `id`, for what takes one that runs.
  func container(_ id: ContainerID) throws(Failure) -> Container {
    do throws(ContainerError) { return try store.container(id) } catch { throw failure(error, of: id) }
  }

  /// Why there is no container `id`: a partition that does not run has none.
  func failure(_ error: ContainerError, of id: ContainerID) -> Failure {
    guard error.kind == .noSuchContainer, hasSupervisor, let state = partitionState(id.description) else {
      return Failure(error)
    }
    if state == "running" || state == "paused", let root = supervisorRoot, root != store.path {
      return Failure(
        .failed,
        "\(id) is not in \(store.path), but a partition of the supervisor of \(root): name that with --root")
    }
    return Failure(
      .failed,
      "\(id) is a partition of the supervisor that does not run (\(state)): swiftjail start starts it, "
        + "swiftjail rm removes it")
  }

  /// Where the containers of the supervisor are; `nil` when it does not answer.
  private var supervisorRoot: String? {
    guard var answer = try? supervisor.begin("GET", "/swiftjail/partitions", patience: Self.patience),
      answer.status == 200, let body = try? answer.body()
    else { return nil }
    return PartitionLines(body)?.store
  }

  /// What the supervisor says that the partition `name` does; `nil` when it does not know it, or does not answer.
  private func partitionState(_ name: String) -> String? {
    guard
      var answer = try? supervisor.begin("GET", partitionTarget(name, "/json"), patience: Self.patience),
      answer.status == 200, let body = try? answer.body(), let object = try? JSON.Object(parsing: body),
      (try? object.text("Name")) == "/\(name)", let state: JSON.Object = try? object.required("State")
    else { return nil }
    return try? state.text("Status")
  }

  /// The document that the supervisor answers with.
  func document(_ target: String) throws(Failure) -> JSON {
    let bytes = try ask("GET", target)
    do throws(JSONError) { return try JSON(parsing: bytes) } catch {
      throw Failure(.failed, "the supervisor's answer cannot be read: \(error)")
    }
  }

  /// Passes on the body of an answer as it comes, when it is that and no complaint.
  func pass(_ target: String, _ take: ([UInt8]) throws(Errno) -> Void) throws(Failure) {
    var exchange = try supervisor.begin("GET", target)
    guard exchange.status == 200 else {
      throw Failure(.failed, APIClient.Response(status: exchange.status, body: try exchange.body()).message)
    }
    try exchange.read { (bytes) throws(Failure) in
      do throws(Errno) { try take(bytes) } catch {
        throw Failure(.failed, "write to standard output: \(error)")
      }
    }
  }

  /// What the standard streams of the partition `name` are.
  func streams(of name: String) throws(Failure) -> PartitionStreams {
    let document = try document(partitionTarget(name, "/json"))
    do throws(ConfigError) {
      let config: JSON.Object = try JSON.Object(json: document).required("Config")
      return PartitionStreams(
        hasTerminal: try config.optional("Tty", or: false),
        hasInput: try config.optional("OpenStdin", or: false))
    } catch {
      throw Failure(.failed, "the supervisor's answer cannot be read: \(error)")
    }
  }

  /// Does `body` for each of `names`, also when it fails for one.
  func each(_ names: [String], _ body: (String) throws(Failure) -> Void) throws(Failure) {
    var failures: [Failure] = []
    for name in names {
      do throws(Failure) { try body(name) } catch { failures.append(error) }
    }
    guard let last = failures.popLast() else { return }
    for failure in failures { log.write(.error, failure.message) }
    throw last
  }
}

/// The standard streams of a partition.
struct PartitionStreams {
  /// Whether they are a terminal, and so one stream.
  let hasTerminal: Bool
  /// Whether something can be written to its input.
  let hasInput: Bool
}

/// Where a request finds the partition `name`.
func partitionTarget(_ name: String, _ rest: String) -> String {
  "/containers/\(percentEncoded(name))\(rest)"
}
