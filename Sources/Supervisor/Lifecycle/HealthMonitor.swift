import Container
import Definitions
import Linux

/// Runs the health checks of a partition for as long as that runs.
final class HealthMonitor {
  /// What is executed, and when.
  let check: PartitionDefinition.HealthCheck
  /// What came of it.
  private(set) var state: HealthState
  /// What the last checks have said.
  struct Results {
    /// They, the oldest first.
    var checks: [ContainerFacts.Check] = []
    /// How many have failed in a row.
    var failuresInARow = 0
  }

  /// The last checks, the oldest first.
  private var checks: [ContainerFacts.Check] = []
  /// What they have said.
  var results: Results { Results(checks: checks, failuresInARow: state.failuresInARow) }
  private let name: String
  private let loop: EventLoop
  private unowned let supervisor: Supervisor
  private var timer: EventLoop.Timer?
  /// The check that runs.
  private var current: Execution?
  /// One that was ended, and perhaps is not gone yet.
  private weak var last: Execution?
  private var begun: Int64 = 0
  private var output = CheckOutput()
  /// Called when the checks say something else than before.
  private let onChange: (PartitionStatus.Health) -> Void

  /// So many results are kept.
  private static let mostResults = 5
  /// The exit status of a check that has none, as Docker has it.
  private static let noStatus: Int32 = -1

  /// Checks the partition `name` from now on.
  init(
    _ name: String, _ check: PartitionDefinition.HealthCheck, _ state: HealthState, _ supervisor: Supervisor,
    onChange: @escaping (PartitionStatus.Health) -> Void
  ) {
    self.name = name
    self.check = check
    self.state = state
    self.supervisor = supervisor
    loop = supervisor.loop
    self.onChange = onChange
    wait()
  }

  deinit { stop() }

  /// The clock of the states, in milliseconds.
  static func now() -> Int64 { Clock.monotonic() / 1_000_000 }

  /// Checks no more, and ends a check that runs.
  func stop() {
    if let timer { loop.cancel(timer) }
    timer = nil
    end()
  }

  /// Begins to wait anew; a check that runs says nothing.
  func postpone() {
    end()
    state.postpone(at: Self.now())
    wait()
  }

  private func end() {
    let ended = current
    current = nil
    last = ended ?? last
    ended?.kill()
  }

  private func wait() {
    if let timer { loop.cancel(timer) }
    timer = loop.after(milliseconds: max(0, state.due - Self.now())) { [unowned self] in
      timer = nil
      switch state.phase {
      case .waiting: begin()
      case .checking where supervisor.isStandingStill(name): postpone()
      case .checking where current == nil:
        note(Self.noStatus, "the check before was killed, and has not ended")
      case .checking:
        end()
        note(Self.noStatus, "the check took longer than \(DurationText.text(check.timeout))")
      }
    }
  }

  private func begin() {
    begun = Clock.now()
    output = CheckOutput()
    // Nothing that is executed in a paused partition would get anywhere.
    guard !supervisor.isStandingStill(name) else { return postpone() }
    state.begin(at: Self.now())
    wait()
    // One that was killed takes a moment to end: this one starts then, in what is left of its time.
    if last?.isOver ?? true { start() }
  }

  private func start() {
    let execution = Execution(name, Execution.Settings(command: check.command), loop)
    execution.onOutput = { [weak self, unowned execution] _, bytes in
      guard let self, current === execution else { return }
      output.add(bytes)
      if output.isCut { execution.discardOutput() }
    }
    execution.onStart = { [weak self, unowned execution] in
      // Its time was over before it had begun.
      if self?.current !== execution { execution.kill() }
    }
    current = execution
    supervisor.executions.startCheck(execution) { [weak self, unowned execution] in
      guard let self else { return }
      if current === execution { return ended(execution.state) }
      if case .checking = state.phase, current == nil, timer != nil { start() }
    }
  }

  private func ended(_ end: Execution.State) {
    current = nil
    switch end {
    case .ended(let status): note(status, nil)
    // Nothing can be started in a partition that was paused after the check had begun.
    case .failed where supervisor.isStandingStill(name): postpone()
    case .failed(let reason): note(Self.noStatus, reason)
    case .new, .starting, .running: break
    }
  }

  /// Notes how a check ended, with a word on that beside its output.
  private func note(_ status: Int32, _ word: String?) {
    var text = output.text
    if let word {
      if text.utf8.last ?? UInt8(ascii: "\n") != UInt8(ascii: "\n") { text += "\n" }
      text += word
    }
    checks.append(ContainerFacts.Check(start: begun, end: Clock.now(), exitStatus: status, output: text))
    if checks.count > Self.mostResults { checks.removeFirst() }
    let isNews = state.end(passed: status == 0, at: Self.now())
    wait()
    if isNews { onChange(state.health) }
  }
}

extension Supervisor {
  /// Checks the health of a partition that was just started, as its definition says.
  func beginChecks(_ partition: Partition) {
    partition.lastChecks = HealthMonitor.Results()
    partition.record.health = partition.definition.healthCheck.map { _ in .starting }
    watchHealth(partition)
  }

  /// Goes on with the checks of a partition that runs, by its definition as it is now.
  func watchHealth(_ partition: Partition) {
    let check = partition.definition.healthCheck
    guard partition.isRunning, let check else {
      endChecks(partition)
      if check == nil { partition.record.health = nil }
      return
    }
    guard partition.monitor?.check != check else { return }
    // What another check has said does not count for this one.
    let isOther = partition.monitor != nil || partition.record.health == nil
    endChecks(partition)
    let health = isOther ? .starting : partition.record.health ?? .starting
    partition.record.health = health
    let now = HealthMonitor.now()
    let age = max(0, Clock.now() - (partition.record.started ?? Clock.now())) / 1_000_000
    let state = HealthState(check, started: now - age, resumedAt: now, health: health)
    partition.monitor = HealthMonitor(partition.name, check, state, self) {
      [unowned self, unowned partition] in
      partition.record.health = $0
      save(partition)
      events.add(.health($0), partition)
    }
  }

  /// Ends the checks of a partition.
  func endChecks(_ partition: Partition) {
    partition.lastChecks = partition.monitor?.results ?? partition.lastChecks
    partition.monitor?.stop()
    partition.monitor = nil
  }

  /// Whether nothing moves in the partition `name`, whoever has paused it.
  func isStandingStill(_ name: String) -> Bool {
    guard let id = try? ContainerID(name), let container = try? store.container(id) else { return false }
    return container.status() == .paused
  }
}
