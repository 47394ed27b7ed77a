import Container
import Definitions
import Linux
import OCI

/// How the keeper starts partitions: by workers, several at once, the others in their order.
extension Keeper {
  func begin(_ start: KeeperStart) {
    if let kept = partitions[start.name] { return say(.begun(kept.partition, waits: start.waits)) }
    // A supervisor that is gone has asked for it; the report is still to come, and goes to this one.
    guard starting[start.name] == nil, failing[start.name] == nil, !queue.contains(start.name) else {
      return
    }
    if let begun = stuck[start.name] {
      handOver(start.name)
      let reason =
        "a start of it that was given up has not ended: \(StartDelay.text(of: process(of: start.name, begun)))"
      return say(.failed(name: start.name, reason: reason))
    }
    guard
      partitions.count + starting.count + failing.count + stuck.count + queue.count < room.partitions
    else {
      handOver(start.name)
      return say(.full(start.name))
    }
    queue.append(start)
    workQueueOff()
  }

  /// Starts as many of those that wait as may be started at once.
  ///
  /// - Parameter idle: a worker that has nothing else to do.
  func workQueueOff(with idle: consuming Employed? = nil) {
    var idle = idle
    while starting.count - longStarts < room.starts, canEmploy(idle), let start = queue.popFirst() {
      do throws(Errno) { try begin(start, &idle) } catch {
        handOver(start.name)
        say(.failed(name: start.name, reason: "start a process for it: \(error)"))
      }
    }
    switch consume idle {
    case .some(let worker): dismiss(worker)
    case .none: break
    }
  }

  func begin(_ start: KeeperStart, _ idle: inout Employed?) throws(Errno) {
    let output = try FileDescriptor.pipe()
    let errors = try FileDescriptor.pipe()
    let definition = try? PartitionDefinition(json: start.definition)
    var input: FileDescriptor
    var toInput: FileDescriptor?
    if definition?.opensInput ?? false {
      let pipe = try FileDescriptor.pipe()
      input = pipe.read
      toInput = consume pipe.write
    } else {
      input = try FileDescriptor.open("/dev/null", .readOnly)
    }
    let limits = definition?.log ?? PartitionDefinition.LogLimits()
    let log = LogWriter(path: start.log, limits: limits, files: logs)
    // What can fail comes before anything runs.
    let pump = try OutputPump(output: output.read, errors: errors.read, loop, log)
    let streams = StandardStreams(input: input, output: output.write, error: errors.write)
    let began = Clock.now()
    let leavesNoTraces = definition?.leavesNoTraces ?? false
    let worker = try employ(
      leavesNoTraces ? idle.take() : nil, start, streams,
      takesNetwork: definition?.hasNetworkNamespace ?? false)
    let pid = worker.pid
    let begun = Starting(worker.socket, pid: pid, pump, toInput, after: early.mark, began: began)
    begun.hasTerminal = definition?.hasTerminal ?? false
    begun.leavesNoTraces = leavesNoTraces
    begun.waits = start.waits
    do throws(Errno) {
      try loop.watch(begun.number, .readable) { [unowned self] _ in finishStart(start.name) }
    } catch {
      // What it makes without a word to anybody would run unknown.
      try? Pidfd(of: pid).send(.kill)
      throw error
    }
    starting[start.name] = begun
    handOver(start.name)
    awaitStart(start.name, begun)
  }

  func finishStart(_ name: String) {
    guard let begun = starting[name] ?? stuck[name] else { return }
    guard let message = receive(begun) else { return }
    let report = try? WorkerReport(parsing: message)
    if starting[name] == nil { return endStuck(name, begun, report) }
    leave(name, begun)
    loop.forget(begun.number)
    let idle = report != nil && begun.leavesNoTraces ? retire(begun) : nil
    // One that was killed before it could say so may have started it all the same.
    switch report ?? adoption(of: name, begun) {
    case .started(let pid):
      var partition = KeptPartition(name: name, pid: pid, started: Clock.now())
      partition.input = begun.output.terminal
      let input = begun.input.take()
      switch input {
      case .some(let descriptor): partition.input = partition.input ?? descriptor.rawValue
      case .none: break
      }
      partitions[name] = Kept(partition, begun.output, input)
      names[pid] = name
      say(.begun(partition, waits: begun.waits))
      if let status = early.take(pid, after: begun.mark) { end(pid, status) }
    case .failed(let reason): fail(name, begun, begun.isCutShort ? Self.cut : reason)
    case nil where begun.isCutShort: fail(name, begun, Self.cut)
    case nil:
      fail(name, begun, "the process that was to start it ended: it was killed, or lacked memory")
    }
    forgetEarlyEnds()
    workQueueOff(with: idle)
    endIfIdle()
  }

  /// What a worker says of what it was to do, nothing when it has ended without a word; `nil` when its word is still to come.
  func receive(_ begun: Starting) -> [UInt8]? {
    do throws(Errno) {
      switch begun.worker {
      case .none: return []
      case .some(let worker):
        let received = try worker.receive(limit: WorkerReport.longest)
        let bytes = received.bytes
        switch consume received.file {
        case .some(let terminal):
          let taps = begun.output.takeTaps()
          begun.output = try OutputPump(terminal: terminal, loop, begun.output.log)
          for tap in taps { begun.output.add(tap) }
          return nil
        case .none: return bytes
        }
      }
    } catch { return [] }
  }

  /// Counts a start no more.
  func leave(_ name: String, _ begun: Starting) {
    starting[name] = nil
    if begun.isLong { longStarts -= 1 }
    if let timer = begun.timer { loop.cancel(timer) }
    begun.timer = nil
  }

  func fail(_ name: String, _ begun: Starting, _ reason: String) {
    failing[name] = begun.output
    begun.output.finish { [unowned self] in
      failing[name] = nil
      say(.failed(name: name, reason: reason))
      endIfIdle()
    }
  }

  /// What a process would have said that has ended without a word; `nil` when it has left nothing that runs.
  func adoption(of name: String, _ begun: Starting) -> WorkerReport? {
    reap()
    guard let pid = Orphan.pid(of: name, in: store, since: begun.began, { early.has($0, after: begun.mark) })
    else { return nil }
    // Its terminal is gone with who was to hand that over.
    if begun.hasTerminal, begun.output.terminal == nil { try? Pidfd(of: pid).send(.kill) }
    return .started(pid: pid)
  }

  func forgetEarlyEnds() {
    if starting.isEmpty { return early.forgetAll() }
    // One that never comes to an end must not have them all kept.
    guard early.count > 4096, let oldest = starting.values.map(\.mark).min() else { return }
    early.forget(before: oldest)
  }
}
