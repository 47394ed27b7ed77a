import Definitions
import Linux
import OCI

extension HTTPExchange {
  /// What the standard streams of a program are called, raw or not: another name for those that are not is of a later
  /// version of the API than this one.
  static let streamType = "application/vnd.docker.raw-stream"
}

extension APIService {
  // MARK: Logs

  /// Answers with what a partition has written, and goes on until it ends if that is asked for.
  func streamLogs(
    of status: PartitionStatus, _ query: Endpoint.LogQuery, _ exchange: HTTPExchange
  ) throws(APIError) {
    guard query.output || query.error else {
      throw .badRequest("Bad parameters: you must choose at least one stream")
    }
    let name = status.definition.name
    var selection = LogSelection()
    selection.streams = []
    if query.output { selection.streams.insert(.stdout) }
    if query.error { selection.streams.insert(.stderr) }
    selection.since = query.since
    selection.until = query.until
    selection.tail = query.tail
    selection.isTerminal = status.definition.hasTerminal
    count(.ok)
    let isRaw = status.definition.hasTerminal
    var headers = Self.headers
    headers.add("Content-Type", HTTPExchange.streamType)
    let stream = exchange.startStream(.ok, headers: headers)
    let pace = LogFollower.Pace(isReady: { stream.isWritable }, whenReady: { stream.whenWritable($0) })
    // The streams that are inside a line.
    var inside: LogStreams = []
    let follower = LogFollower(supervisor.logPath(of: name), selection, loop, pace) { entries in
      var all: [UInt8] = []
      for entry in entries {
        var bytes = entry.bytes
        let source = LogStreams(entry.stream)
        if query.hasTimes, !inside.contains(source) {
          bytes = Array("\(Clock.text(entry.time)) ".utf8) + bytes
        }
        if selection.continues(entry) { inside.insert(source) } else { inside.remove(source) }
        all += isRaw ? bytes : Self.frame(entry.stream, bytes)
      }
      stream.write(all)
    }
    var forget = {}
    // This is what holds the follower.
    stream.whenClosed {
      follower.stop()
      forget()
    }
    let now = Clock.now()
    guard query.follows, supervisor.partitions[name]?.isToRun == true, query.until ?? .max > now else {
      return follower.finish { stream.end() }
    }
    var forgetWait = {}
    var timer: EventLoop.Timer?
    forget = { [loop] in
      forgetWait()
      if let timer { loop.cancel(timer) }
    }
    let end = {
      forget()
      follower.finish { stream.end() }
    }
    if let until = query.until {
      timer = loop.after(milliseconds: (until - now) / 1_000_000 + 1, end)
    }
    follower.follow(news)
    follower.read()
    do throws(SupervisorError) {
      forgetWait = try supervisor.wait(name, for: .nextExit) { _ in end() }
    } catch { end() }
  }

  static func frame(_ stream: LogStream, _ bytes: [UInt8]) -> [UInt8] {
    MultiplexedStream.frame(stream == .stderr ? .error : .output, bytes)
  }

  // MARK: Waiting

  /// Answers at once that the request is taken, and with the status when it is known.
  func wait(
    for status: PartitionStatus, _ condition: Endpoint.WaitCondition, _ exchange: HTTPExchange
  ) throws(APIError) {
    var headers = Self.headers
    headers.add("Content-Type", "application/json")
    count(.ok)
    let stream = exchange.startStream(.ok, headers: headers)
    let forget = try attempt { () throws(SupervisorError) in
      try supervisor.wait(status.definition.name, for: condition) { status in
        // Why a start failed is the answer to that; who waits for the removal would say it a second time.
        let error = condition == .removed ? nil : status.error
        stream.write(ContainerResponse.waited(status.shellStatus, error: error).bytes())
        stream.end()
      }
    }
    stream.whenClosed(forget)
  }

  // MARK: Events

  /// Answers with what has happened, and what happens from now on.
  func streamEvents(_ query: EventQuery, _ exchange: HTTPExchange) {
    var headers = Self.headers
    headers.add("Content-Type", "application/json")
    count(.ok)
    let stream = exchange.startStream(.ok, headers: headers)
    let pace = LogFollower.Pace(isReady: { stream.isWritable }, whenReady: { stream.whenWritable($0) })
    let follower = EventFollower(
      supervisor.events, query, loop, pace, take: { stream.write($0) }, onEnd: { stream.end() })
    // This is what holds the follower.
    stream.whenClosed { follower.stop() }
    follower.start()
  }

  // MARK: Statistics

  /// Answers with what a container uses, once or each second.
  func streamStatistics(
    of found: Found, isStream: Bool, isOneShot: Bool, _ exchange: HTTPExchange
  ) {
    guard isStream else {
      let first = sample(found)
      if isOneShot || first == nil {
        return respond(exchange, .ok, Self.document(of: found, now: first, previous: nil))
      }
      // Two looks make a share.
      loop.after(milliseconds: 1000) { [unowned self] in
        respond(exchange, .ok, Self.document(of: found, now: sample(found), previous: first))
      }
      return
    }
    var headers = Self.headers
    headers.add("Content-Type", "application/json")
    count(.ok)
    let stream = exchange.startStream(.ok, headers: headers)
    followedStatistics[found.id] = found
    let forget = statistics.follow(
      found.id,
      StatisticsFeed.Client(
        isOpen: { stream.isWritable }, take: { stream.write($0) }, end: { stream.end() }))
    stream.whenClosed { [unowned self] in
      forget()
      if !statistics.follows(found.id) { followedStatistics[found.id] = nil }
    }
  }

  /// What samples containers that clients follow.
  func makeStatistics() -> StatisticsFeed<UsageSample> {
    StatisticsFeed(
      loop,
      StatisticsFeed.Source(
        sample: { [unowned self] id in
          guard let found = followedStatistics[id] else { return .none }
          guard isThere(found) else {
            followedStatistics[id] = nil
            return .none
          }
          return .some(sample(found))
        },
        document: { [unowned self] id, now, previous in
          guard let found = followedStatistics[id] else { return [] }
          return Self.document(of: found, now: now, previous: previous).bytes() + [0x0a]
        }))
  }

  private static func document(of found: Found, now: UsageSample?, previous: UsageSample?) -> JSON {
    ContainerStats.document(name: found.name, id: found.id, now: now, previous: previous)
  }

  private func isThere(_ found: Found) -> Bool {
    switch found {
    case .partition(let status): supervisor.partitions[status.definition.name] != nil
    case .plain(let plain): supervisor.plain(plain.name)?.id == plain.id
    }
  }

  private func sample(_ found: Found) -> UsageSample? {
    let status: PartitionStatus?
    switch found {
    case .partition(let first): status = supervisor.partitions[first.definition.name]?.status
    case .plain(let plain): status = isThere(found) ? plain.status : nil
    }
    guard let status, let usage = usage(status), let host = try? HostUsage.now() else { return nil }
    return UsageSample(time: Clock.now(), usage: usage, host: host)
  }
}

extension PartitionDefinition {
  /// Whether its program is at a terminal.
  var hasTerminal: Bool {
    switch content {
    case .partition(let settings): settings.hasTerminal
    case .bundle: false
    }
  }
}
