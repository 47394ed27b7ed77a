import Container
import Linux

/// The commands that were executed inside partitions, and the health checks that run there.
final class ExecutionTable {
  private let loop: EventLoop
  private let store: ContainerStore
  /// Those that were asked for, by id.
  private(set) var executions: [String: Execution] = [:]
  /// Nobody's but the supervisor's own, by id.
  private var checks: [String: Execution] = [:]
  private let records: CheckRecords
  /// The ids of those that were not started when they were last looked at, the oldest first.
  private var unstarted: [String] = []

  /// How many are kept before those that have ended are forgotten.
  private static let remembered = 1024

  /// None yet, in the containers of `store`, with `records` of the checks.
  init(_ store: ContainerStore, _ loop: EventLoop, _ records: CheckRecords) {
    self.store = store
    self.loop = loop
    self.records = records
  }

  /// Ends the health checks that an earlier supervisor has left. What users have executed goes on.
  func endLeftChecks() { records.endAll() }

  /// The command with the id `id`.
  subscript(id: String) -> Execution? { executions[id] }

  /// The ids of the commands that were started in a partition and have not ended.
  func running(in partition: String) -> [String] {
    executions.values.filter { $0.partition == partition && !$0.isOver }.map(\.id)
  }

  /// Prepares a command in a partition.
  func prepare(
    _ settings: Execution.Settings, in partition: Partition
  ) throws(SupervisorError) -> Execution {
    let name = partition.name
    guard partition.isRunning else { throw SupervisorError(.conflict, "\(name) does not run") }
    guard !partition.isPaused else { throw SupervisorError(.conflict, "\(name) is paused") }
    return try prepare(settings, inContainer: name)
  }

  /// Prepares a command in the container called `name`, which runs.
  func prepare(
    _ settings: Execution.Settings, inContainer name: String
  ) throws(SupervisorError) -> Execution {
    forgetOld()
    guard executions.count < 8 * Self.remembered else {
      throw SupervisorError(
        .conflict, "\(executions.count) commands run in partitions or wait to be started, which is the most")
    }
    let execution = Execution(name, settings, loop)
    executions[execution.id] = execution
    unstarted.append(execution.id)
    return execution
  }

  /// Those that have ended can still be asked about for a while.
  private func forgetOld() {
    guard executions.count >= Self.remembered else { return }
    unstarted.removeAll { executions[$0]?.state != .new }
    // Who has not started one of the first by now is not going to.
    for id in unstarted.prefix(max(0, unstarted.count - Self.remembered / 2)) { executions[id] = nil }
    for (id, execution) in executions where execution.isOver { executions[id] = nil }
  }

  /// Another partition may get the name `partition`, and has nothing to do with the commands of this one.
  func forget(in partition: String) {
    for (id, execution) in executions
    where execution.partition == partition && (execution.isOver || execution.state == .new) {
      executions[id] = nil
    }
  }

  /// Starts a health check, and calls `done` when it is over.
  func startCheck(_ check: Execution, done: @escaping () -> Void) {
    let id = check.id
    checks[id] = check
    check.recordPath = records.path(of: id)
    check.onEnd = { [unowned self] in
      checks[id] = nil
      records.remove(id)
      done()
    }
    check.start(in: store)
  }

  /// What the kernel says of a child of this process.
  func childEnded(_ pid: Int32, _ status: ExitStatus) {
    for execution in checks.values where execution.childEnded(pid, status) { return }
    for execution in executions.values where execution.childEnded(pid, status) { return }
    for execution in checks.values where execution.state == .starting { execution.mayHaveEnded(pid, status) }
    for execution in executions.values where execution.state == .starting {
      execution.mayHaveEnded(pid, status)
    }
  }
}
