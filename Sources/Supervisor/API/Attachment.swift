import Definitions
import Linux
import OCI

extension APIService {
  /// Makes a connection one to the standard streams of a partition, also of one that is to be started.
  func attach(
    to status: PartitionStatus, _ query: Endpoint.AttachQuery, _ exchange: HTTPExchange
  ) throws(APIError) {
    let name = status.definition.name
    guard !status.definition.isFunction else {
      throw .conflict("\(name) is a function: start it, and attach to the instance of it")
    }
    guard status.state != .paused else {
      throw .conflict("container \(name) is paused, unpause the container before attach")
    }
    let attachment = Attachment(self, status, query)
    if query.logs || !query.stream { return attachment.replay(to: hijack(exchange, status)) }
    let output = try attempt { () throws(SupervisorError) in try attachment.attach() }
    guard status.pid != nil || supervisor.partitions[name]?.waitingPid != nil else {
      return attachment.pass(output, to: hijack(exchange, status))
    }
    // The answer says that from now on nothing is missed.
    exchange.whenClosed { output.close() }
    output.onBegin = { [unowned self] _ in
      attachment.pass(output, to: hijack(exchange, status))
    }
    output.onEnd = { [unowned self] _ in
      let reason = "it has just ended, or its keeper has no room for more clients, or is of an older version"
      respond(exchange, APIError.conflict("cannot attach to \(name): \(reason)"))
    }
  }

  private func hijack(_ exchange: HTTPExchange, _ status: PartitionStatus) -> HijackedConnection {
    count(.switchingProtocols)
    supervisor.tell(.attach, of: status.definition.name)
    return exchange.hijack(contentType: HTTPExchange.streamType)
  }
}

/// One client's connection to the standard streams of a partition.
private final class Attachment {
  private let service: APIService
  private let name: String
  private let definition: PartitionDefinition
  private let query: Endpoint.AttachQuery
  private let streams: LogStreams
  /// When its program had ended last.
  private let finished: Int64?

  private var supervisor: Supervisor { service.supervisor }
  private var loop: EventLoop { service.loop }
  private var isRaw: Bool { definition.hasTerminal }

  init(_ service: APIService, _ status: PartitionStatus, _ query: Endpoint.AttachQuery) {
    self.service = service
    self.query = query
    name = status.definition.name
    definition = status.definition
    finished = status.finished
    var streams: LogStreams = []
    if query.output { streams.insert(.stdout) }
    if query.error { streams.insert(.stderr) }
    self.streams = streams
  }

  /// What the partition writes.
  func attach() throws(SupervisorError) -> AttachedOutput {
    var wanted = KeeperAttachment(name: name, streams: streams, isRaw: isRaw)
    wanted.followsLog = query.logs
    return try supervisor.attach(wanted)
  }

  // MARK: The log

  /// Passes on what the log has, and what comes after it if that is asked for.
  func replay(to connection: HijackedConnection) {
    guard query.logs else { return connection.close() }
    var selection = LogSelection()
    selection.streams = streams
    let pace = LogFollower.Pace(
      isReady: { connection.isWritable }, whenReady: { connection.whenWritable($0) })
    let isRaw = isRaw
    let follower = LogFollower(supervisor.logPath(of: name), selection, loop, pace) { entries in
      connection.write(entries.flatMap { isRaw ? $0.bytes : APIService.frame($0.stream, $0.bytes) })
    }
    // This is what holds the follower.
    connection.whenClosed { follower.stop() }
    follower.finish { [self, unowned follower] in
      if query.stream { goOn(after: follower, to: connection) } else { connection.close() }
    }
  }

  /// Passes on what comes after what `follower` has read.
  private func goOn(after follower: LogFollower, to connection: HijackedConnection) {
    let partition = supervisor.partitions[name]
    let hasEnded = !(partition?.isKept ?? false) && partition?.record.finished != finished
    guard !hasEnded, let output = try? attach() else {
      return follower.finish { connection.close() }
    }
    connection.whenClosed {
      follower.stop()
      output.close()
    }
    if !(partition?.isKept ?? false) { return pass(output, to: connection) }
    output.onBegin = { [self, unowned output] time in
      follower.selection.until = time
      follower.finish { [self, unowned output] in pass(output, to: connection) }
    }
    output.onEnd = { _ in follower.finish { connection.close() } }
  }

  // MARK: What is written

  /// Passes on what comes in `output`, and what the client sends.
  func pass(_ output: AttachedOutput, to connection: HijackedConnection) {
    let (isRaw, name, log) = (isRaw, name, service.log)
    var frames = WholeFrames()
    output.onBytes = { [unowned output] bytes in
      connection.write(isRaw ? bytes : frames.take(bytes))
      guard !connection.isWritable else { return }
      output.pause()
      connection.whenWritable { [weak output] in output?.resume() }
    }
    output.onEnd = { end in
      if end == .cutOff {
        let seconds = OutputTap.patience / 1000
        log("\(name): a client that was attached took nothing for \(seconds) s, and was cut off")
        let text = "swiftjaild: nothing was taken for \(seconds) s; what follows is in the log alone\n"
        connection.write(isRaw ? Array(text.utf8) : APIService.frame(.stderr, Array(text.utf8)))
      }
      connection.close()
    }
    // This is what holds the output.
    connection.whenClosed { output.close() }
    if query.input { connect(connection) }
    if output.hasBegun {
      output.resume()
    } else {
      output.onBegin = { [unowned output] _ in output.resume() }
    }
  }

  private func connect(_ connection: HijackedConnection) {
    let input = input()
    let (supervisor, name) = (supervisor, name)
    input.take(from: connection, until: definition.hasTerminal ? query.detachKeys : nil) {
      supervisor.tell(.detach, of: name)
    }
    connection.onReadEnd { [definition] in
      // A terminal stays: whoever comes next goes on at it.
      if definition.closesInput, !definition.hasTerminal { input.end() }
    }
  }

  /// What leads to the standard input of the partition, also of one that is to be started.
  private func input() -> InputPipe {
    let (supervisor, name) = (supervisor, name)
    let pipe = InputPipe(
      loop, open: { [unowned supervisor] in supervisor.input(name) },
      end: { [unowned supervisor] in supervisor.endInput(name) })
    if !pipe.isOpen {
      pipe.forget = supervisor.events.watch { [weak pipe] event in
        if event.name == name, event.action == .start { pipe?.retry() }
      }
    }
    return pipe
  }
}
