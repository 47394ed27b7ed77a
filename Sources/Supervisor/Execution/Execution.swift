import Container
import Linux
import OCI

/// A command that is executed in a partition, as a child of the supervisor.
final class Execution {
  /// What is executed, and how.
  struct Settings: Equatable {
    var command: [String]
    var environment: [String] = []
    var user: String?
    var workingDirectory: String?
    var hasTerminal = false
    var opensInput = false
    var isPrivileged = false
  }

  /// How it goes.
  enum State: Equatable {
    case new
    case starting
    case running(pid: Int32)
    case failed(String)
    case ended(status: Int32)
  }

  /// 64 hexadecimal digits that no other has.
  let id = GeneratedName.id()
  /// The partition's name.
  let partition: String
  let settings: Settings
  /// The id of the container when that was made without the supervisor; `nil` for a partition's.
  var plainID: String?
  private(set) var state = State.new
  private let loop: EventLoop
  private var report: Socket?
  private var output: OutputReader?
  private var errors: OutputReader?
  private var input: FileDescriptor?
  /// The size that its terminal is to have once that is there.
  private var terminalSize: TerminalSize?
  /// Children that ended before it was known which of them this is.
  private var early: [Int32: ExitStatus] = [:]
  /// The file in which it is noted that it runs.
  var recordPath: String?
  /// Called with what it writes.
  var onOutput: ((LogStream, [UInt8]) -> Void)?
  /// Whether nobody wants what it writes.
  private var isDiscarding = false
  /// Called once it runs or has failed.
  var onStart: (() -> Void)?
  /// Called once it has ended, and all that it wrote was handed out.
  var onEnd: (() -> Void)?

  init(_ partition: String, _ settings: Settings, _ loop: EventLoop) {
    self.partition = partition
    self.settings = settings
    self.loop = loop
  }

  /// Starts it in its container in `store`.
  func start(in store: ContainerStore) {
    state = .starting
    do throws(Errno) { try clone(store) } catch { fail("start a process for it: \(error)") }
  }

  private func clone(_ store: ContainerStore) throws(Errno) {
    let out = try FileDescriptor.pipe()
    let err = try FileDescriptor.pipe()
    let ends = try Socket.pair()
    let source: FileDescriptor
    if settings.opensInput, !settings.hasTerminal {
      let pipe = try FileDescriptor.pipe()
      source = pipe.read
      input = consume pipe.write
    } else {
      source = try FileDescriptor.open("/dev/null", .readOnly)
    }
    let streams = StandardStreams(input: source, output: out.write, error: err.write)
    let number = ends.there.descriptor.rawValue
    // All that can fail comes first, so that nothing is executed of which nobody would hear.
    output = try OutputReader(out.read, loop) { [unowned self] in onOutput?(.stdout, $0) }
    errors = try OutputReader(err.read, loop) { [unowned self] in onOutput?(.stderr, $0) }
    if isDiscarding { discardOutput() }
    let report = ends.here
    let reportNumber = report.descriptor.rawValue
    try loop.watch(reportNumber, .readable) { [unowned self] _ in takeReport() }
    do throws(Errno) {
      switch try Linux.clone(into: []) {
      case .child:
        streams.become(keeping: number)
        ExecutionWorker(
          partition: partition, settings: settings, store: store, report: number, recordPath: recordPath
        ).run()
      case .parent: break
      }
    } catch {
      loop.forget(reportNumber)
      throw error
    }
    self.report = consume report
  }

  private func takeReport() {
    var message: [UInt8] = []
    var number: Int32 = -1
    switch report {
    case .none: return
    case .some(let socket):
      number = socket.descriptor.rawValue
      do throws(Errno) {
        let received = try socket.receive(limit: WorkerReport.longest)
        message = received.bytes
        switch consume received.file {
        case .none: break
        case .some(let terminal):
          // Clients give the size at once, and once only.
          if let terminalSize { try? terminal.setTerminalSize(terminalSize) }
          input = try terminal.duplicate()
          output = try OutputReader(terminal, loop) { [unowned self] in onOutput?(.stdout, $0) }
          errors = nil
          if isDiscarding { discardOutput() }
          return
        }
      } catch {
        // It has ended without a word.
      }
    }
    loop.forget(number)
    report = nil
    switch try? WorkerReport(parsing: message) {
    case .started(let pid):
      state = .running(pid: pid)
      onStart?()
      onStart = nil
      let ended = early[pid]
      early = [:]
      if let ended { end(ended) }
    case .failed(let reason): fail(reason)
    case nil: fail("the process on its way in ended: it was killed, or lacked memory")
    }
  }

  private func fail(_ reason: String) {
    state = .failed(reason)
    onStart?()
    onStart = nil
    finish()
  }

  /// What the kernel says of the child `pid`.
  ///
  /// - Returns: whether it is this one.
  func childEnded(_ pid: Int32, _ status: ExitStatus) -> Bool {
    guard state == .running(pid: pid) else { return false }
    end(status)
    return true
  }

  /// That a child has ended which may turn out to be this one.
  func mayHaveEnded(_ pid: Int32, _ status: ExitStatus) { early[pid] = status }

  /// Whether nothing more will come of it.
  var isOver: Bool {
    switch state {
    case .failed, .ended: true
    case .new, .starting, .running: false
    }
  }

  private func end(_ status: ExitStatus) {
    // All that it wrote comes before the word of its end.
    output?.drain()
    errors?.drain()
    state = .ended(status: status.shellStatus)
    finish()
  }

  private func finish() {
    output = nil
    errors = nil
    input = nil
    let ended = onEnd
    onEnd = nil
    onOutput = nil
    ended?()
  }

  /// A descriptor of its standard input; `nil` when it has none, or none yet.
  func inputDescriptor() -> FileDescriptor? {
    switch input {
    case .none: return nil
    case .some(let input): return try? input.duplicate()
    }
  }

  /// Takes no more of what it writes until `resumeOutput`: it has to wait.
  func pauseOutput() {
    output?.pause()
    errors?.pause()
  }

  /// Takes what it writes again.
  func resumeOutput() {
    output?.resume()
    errors?.resume()
  }

  /// Takes what it writes, and does nothing with it: nobody wants it any more, and it goes on.
  func discardOutput() {
    isDiscarding = true
    onOutput = nil
    output?.discard()
    errors?.discard()
    resumeOutput()
  }

  /// Ends its standard input.
  func endInput() { if !settings.hasTerminal { input = nil } }

  /// Gives its terminal a size, also one that is still to come.
  func resize(rows: UInt16, columns: UInt16) {
    let size = TerminalSize(rows: rows, columns: columns)
    terminalSize = size
    guard settings.hasTerminal else { return }
    switch input {
    case .none: return
    case .some(let terminal): try? terminal.setTerminalSize(size)
    }
  }

  /// Ends it, and what it has started and not sent away: it leads a session of its own.
  func kill() {
    guard case .running(let pid) = state else { return }
    // A child that nobody has waited for; one that was just made leads no group yet.
    try? ProcessGroup.send(.kill, toGroupOf: pid)
    try? Pidfd(of: pid).send(.kill)
  }
}
