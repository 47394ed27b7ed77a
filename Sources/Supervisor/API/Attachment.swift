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
    var selection = LogSelection()
    selection.streams = []
    if query.output { selection.streams.insert(.stdout) }
    if query.error { selection.streams.insert(.stderr) }
    if !query.logs { selection.tail = 0 }
    let isRaw = status.definition.hasTerminal
    count(.switchingProtocols)
    let connection = exchange.hijack(
      contentType: isRaw
        ? "application/vnd.docker.raw-stream" : "application/vnd.docker.multiplexed-stream")
    let pace = LogFollower.Pace(
      isReady: { connection.isWritable }, whenReady: { connection.whenWritable($0) })
    let follower = LogFollower(supervisor.logPath(of: name), selection, loop, pace) { entries in
      connection.write(entries.flatMap { isRaw ? $0.bytes : Self.frame($0.stream, $0.bytes) })
    }
    var forget = {}
    // This is what holds the follower.
    connection.whenClosed {
      follower.stop()
      forget()
    }
    guard query.stream else { return follower.finish { connection.close() } }
    if query.input { connect(connection, to: input(of: name), status.definition) }
    follower.follow(news)
    follower.read()
    do throws(SupervisorError) {
      forget = try supervisor.wait(name, for: .nextExit) { _ in follower.finish { connection.close() } }
    } catch { connection.close() }
  }

  /// What leads to the standard input of a partition, also of one that is to be started.
  private func input(of name: String) -> InputPipe {
    let pipe = InputPipe(
      loop, open: { [unowned self] in supervisor.input(name) },
      end: { [unowned self] in supervisor.endInput(name) })
    if !pipe.isOpen {
      pipe.forget = supervisor.events.watch { [weak pipe] event in
        if event.name == name, event.action == .start { pipe?.retry() }
      }
    }
    return pipe
  }

  private func connect(
    _ connection: HijackedConnection, to input: InputPipe, _ definition: PartitionDefinition
  ) {
    input.take(from: connection)
    connection.onReadEnd {
      // A terminal stays: whoever comes next goes on at it.
      if definition.closesInput, !definition.hasTerminal { input.end() }
    }
  }
}
