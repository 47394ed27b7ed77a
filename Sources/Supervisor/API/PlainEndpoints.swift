import Container
import Definitions
import Linux
import OCI

/// What the API does with containers that were made without the supervisor.
extension APIService {
  /// Carries out what a request is for that is about such a container.
  func serve(
    _ endpoint: Endpoint, for plain: PlainContainer, _ request: HTTPRequest, _ exchange: HTTPExchange
  ) throws(APIError) {
    switch endpoint {
    case .inspectContainer: respond(exchange, .ok, inspection(of: plain))
    case .processes(_, let arguments): try listProcesses(of: plain.status, arguments, exchange)
    case .statistics(_, let isStream, let isOneShot):
      streamStatistics(of: .plain(plain), isStream: isStream, isOneShot: isOneShot, exchange)
    case .wait(_, let condition): try wait(for: plain, condition, exchange)
    case .createExecution: try createExecution(in: plain, request, exchange)
    default:
      if let reason = Self.refusal(of: endpoint) {
        throw .conflict("\(plain.name) was made without the supervisor, which \(reason)")
      }
      do throws(SupervisorError) { try change(plain, endpoint, exchange) } catch { respond(exchange, error) }
    }
  }

  /// Why the supervisor cannot do what a request is for to a container that it has not made; `nil` when it can.
  static func refusal(of endpoint: Endpoint) -> String? {
    switch endpoint {
    case .logs: "has not kept what it wrote: that is where its maker has put it"
    case .attach: "does not have its standard streams: execute a command in it (exec)"
    case .resizeContainer: "does not have its terminal: execute a command in it (exec -t)"
    case .update: "does not keep its limits: make it again with others"
    case .rename: "cannot give it another name: make it again under that"
    case .restart: "does not know how to make it again: stop it, remove it, and make it as it was made"
    case .changes: "does not know what it was made of"
    case .archiveStatus, .readArchive, .writeArchive:
      "does not copy its files: execute a program in it that does, such as tar (exec)"
    default: nil
    }
  }

  private func inspection(of plain: PlainContainer) -> JSON {
    var status = plain.status
    status.wasOutOfMemory = plain.container.wasOutOfMemory
    return inspection(status)
  }

  /// Does what changes a container, and answers when that has happened.
  private func change(
    _ plain: PlainContainer, _ endpoint: Endpoint, _ exchange: HTTPExchange
  ) throws(SupervisorError) {
    switch endpoint {
    case .start: try supervisor.start(plain) { [unowned self] in answer(exchange, $0) }
    case .stop(_, let timeout):
      try supervisor.stop(plain, timeout: timeout.map { $0 * 1000 }) { [unowned self] in
        respond(exchange, .noContent)
      }
    case .kill(_, let signal):
      try kill(plain, signal, exchange)
    case .pause: supervisor.pause(plain) { [unowned self] in answer(exchange, $0) }
    case .unpause: supervisor.resume(plain) { [unowned self] in answer(exchange, $0) }
    case .removeContainer(_, let isForced):
      try supervisor.remove(plain, force: isForced) { [unowned self] error in
        if error == nil { definitions.nameIsFree(plain.name) }
        answer(exchange, error)
      }
    default: respond(exchange, APIError.notOffered("this"))
    }
  }

  /// Sends a signal, and answers; after one that nothing survives when it has ended.
  private func kill(
    _ plain: PlainContainer, _ signal: Signal, _ exchange: HTTPExchange
  ) throws(SupervisorError) {
    guard signal == .kill, let process = try? plain.container.initProcess() else {
      try supervisor.kill(plain, signal)
      return respond(exchange, .noContent)
    }
    try supervisor.kill(plain, signal)
    var timer: EventLoop.Timer?
    do throws(Errno) {
      let end = try ProcessEnd.wait(for: process, loop) { [unowned self] _ in
        if let timer { loop.cancel(timer) }
        respond(exchange, .noContent)
      }
      timer = loop.after(milliseconds: Self.killTime) { [unowned self] in
        end.cancel()
        respond(exchange, Self.unended(plain.name))
      }
    } catch { throw SupervisorError("wait for the end of \(plain.name)", error) }
  }

  /// Answers at once that the request is taken, and with the status when it is known.
  private func wait(
    for plain: PlainContainer, _ condition: Endpoint.WaitCondition, _ exchange: HTTPExchange
  ) throws(APIError) {
    let name = plain.name
    guard condition != .removed else {
      throw .conflict("\(name) was made without the supervisor, which does not see that it is removed")
    }
    guard plain.container.status() != .stopped else {
      throw .conflict("\(name) was made without the supervisor, which has not seen how it ended")
    }
    var stream: HTTPStream?
    let end = try attempt { () throws(SupervisorError) in
      try supervisor.awaitEnd(of: plain, wantsStatus: true) { status in
        let unknown =
          "\(name) has ended, and how is not known: its parent has not asked, or Linux is before 6.15"
        stream?.write(
          ContainerResponse.waited(
            status?.shellStatus ?? PartitionStatus.unknownStatus, error: status == nil ? unknown : nil
          ).bytes())
        stream?.end()
        stream = nil
      }
    }
    var headers = Self.headers
    headers.add("Content-Type", "application/json")
    count(.ok)
    stream = exchange.startStream(.ok, headers: headers)
    stream?.whenClosed { end.cancel() }
  }
}
