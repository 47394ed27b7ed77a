import Linux
import OCI

/// A partition that is started in the foreground of its caller: what goes in and out is passed on, signals go to it, and its
/// end is waited for.
struct AttachedStart {
  private let name: String
  private let settings: Settings
  private let streams: PartitionStreams

  /// The partition `name`, which does not run yet.
  init(_ name: String, _ settings: Settings) throws(Failure) {
    self.name = name
    self.settings = settings
    streams = try settings.streams(of: name)
  }

  /// Starts it, and stays until it ends.
  ///
  /// - Returns: its exit status.
  func run() throws(Failure) -> Int32 {
    let query = "/attach?stream=1&stdout=1&stderr=1" + (streams.hasInput ? "&stdin=1" : "")
    var connection = try begin(query, upgrades: true)
    var end = try begin("/wait?condition=next-exit")
    let signals: SignalQueue
    do throws(Errno) {
      _ = try SignalMask.blockAll()
      signals = try SignalQueue()
    } catch {
      throw Failure(.failed, "catch signals: \(error)")
    }
    try settings.ask("POST", partitionTarget(name, "/start"))
    var passing = Passing(streams)
    try? passing.output.add(connection.takeBytes())
    do throws(Errno) {
      while try passing.turn(connection.socket, signals.descriptor.rawValue) {
        while let signal = try signals.next() { forward(signal) }
      }
    } catch {
      throw Failure(.failed, "pass on what goes in and out of \(name): \(error)")
    }
    let answer = try end.body()
    do throws(ConfigError) {
      return try JSON.Object(parsing: answer).required("StatusCode")
    } catch {
      throw Failure(.failed, "the supervisor does not say how \(name) has ended: \(error)")
    }
  }

  private func begin(_ request: String, upgrades: Bool = false) throws(Failure) -> APIExchange {
    var exchange = try settings.supervisor.begin("POST", partitionTarget(name, request), upgrades: upgrades)
    guard exchange.status == (upgrades ? 101 : 200) else {
      throw Failure(.failed, APIClient.Response(status: exchange.status, body: try exchange.body()).message)
    }
    return exchange
  }

  private func forward(_ signal: Signal) {
    if signal == .child || signal == .pipe || signal == .windowChange { return }
    // It may just have ended.
    _ = try? settings.ask("POST", partitionTarget(name, "/kill?signal=\(signal.rawValue)"))
  }
}

/// What goes in and out of a partition, on its way between a connection and the standard streams of this process.
private struct Passing {
  var output: PartitionOutput
  /// What was read and could not be sent yet.
  private var waiting: [UInt8] = []
  private var readsInput: Bool

  init(_ streams: PartitionStreams) {
    output = PartitionOutput(isRaw: streams.hasTerminal)
    readsInput = streams.hasInput
  }

  /// Waits for something to pass on, or a signal, and passes it on.
  ///
  /// - Returns: whether more may come.
  mutating func turn(_ connection: borrowing Socket, _ signals: Int32) throws(Errno) -> Bool {
    var entries = [
      PollEntry(connection.descriptor.rawValue, waiting.isEmpty ? .readable : [.readable, .writable]),
      PollEntry(readsInput && waiting.isEmpty ? 0 : -1, .readable),
      PollEntry(signals, .readable),
    ]
    _ = try poll(&entries)
    if entries[0].events.contains(.writable) { try send(over: connection) }
    if !entries[1].events.isEmpty {
      try readInput()
      try send(over: connection)
      if !readsInput { try? connection.endSending() }
    }
    guard !entries[0].events.isDisjoint(with: [.readable, .hungUp, .failed]) else { return true }
    do throws(Errno) {
      let bytes = try connection.receiveNow(limit: 64 << 10)
      try? output.add(bytes)
      return !bytes.isEmpty
    } catch .resourceTemporarilyUnavailable {
      return true
    } catch .connectionReset {
      return false
    }
  }

  private mutating func readInput() throws(Errno) {
    var buffer = [UInt8](repeating: 0, count: 64 << 10)
    let count = try buffer.withUnsafeMutableBufferPointer { (buffer) throws(Errno) -> Int in
      try FileDescriptor.duplicate(of: 0).read(into: UnsafeMutableRawBufferPointer(buffer))
    }
    waiting = Array(buffer[..<count])
    if count == 0 { readsInput = false }
  }

  private mutating func send(over connection: borrowing Socket) throws(Errno) {
    do throws(Errno) {
      while !waiting.isEmpty {
        let sent = try waiting.withUnsafeBufferPointer { (bytes) throws(Errno) in
          try connection.sendNow(UnsafeRawBufferPointer(bytes))
        }
        waiting.removeFirst(sent)
      }
    } catch .resourceTemporarilyUnavailable {
    } catch .brokenPipe {
      // Nobody takes it any more.
      waiting = []
      readsInput = false
    }
  }
}
