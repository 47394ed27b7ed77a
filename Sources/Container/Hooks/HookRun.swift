import Linux
import OCI

/// The hooks of one point of a container's life, to be run one after the other (config.md, "POSIX-platform Hooks").
///
/// Each has a helper process, which starts the hook, waits for it, and kills everything that it has started when it takes too
/// long, or when this process is gone.
struct HookRun {
  /// The name of the list in `hooks`.
  let kind: Kind
  let hooks: [RuntimeConfig.Hook]
  /// What the hooks read from standard input.
  let state: State
  /// Their working directory, as far as it can be entered; `nil` is this process's.
  var directory: String?
  /// How many files they may have open, when this process may have more than its caller.
  var openFiles: ResourceLimit?
  /// A descriptor: when it becomes readable, there is no container any more, and the hooks are stopped.
  var watched: Int32 = -1
  /// What the helper process does when nobody waits for the hook any more, before it kills what that has started.
  var abandon: () -> Void = {}
  /// Whether signals that end a program stop the hooks, when this process has blocked them.
  var heedsSignals = true

  /// Where messages go that only help to find a fault.
  var debug: DebugMessages?

  /// The points of a container's life, by their names in `hooks`.
  enum Kind: String, CaseIterable {
    case prestart, createRuntime, createContainer, startContainer, poststart, poststop
  }

  /// Runs the hooks in the namespaces of this process.
  ///
  /// - Throws: `ContainerError` for the first one that fails; those after it are not run.
  func run() throws(ContainerError) {
    try run { (hook, name, report) throws(ContainerError) in
      try HookProcess.start(hook, name, in: directory, openFiles, report)
    }
  }

  /// Runs the hooks, each started by `start` in its helper process. The standard streams are in place there.
  func run(
    _ start: (RuntimeConfig.Hook, _ name: String, borrowing Socket) throws(ContainerError) -> Pidfd
  ) throws(ContainerError) {
    for index in hooks.indices { try run(hooks[index], name(index), start) }
  }

  /// Runs all hooks, also after one has failed.
  ///
  /// - Parameter warn: told of each failure.
  func runAll(_ warn: (String) -> Void) {
    for index in hooks.indices {
      do throws(ContainerError) {
        try run(hooks[index], name(index)) { (hook, name, report) throws(ContainerError) in
          try HookProcess.start(hook, name, in: directory, openFiles, report)
        }
      } catch { warn(error.description) }
    }
  }

  /// What errors call a hook.
  private func name(_ index: Int) -> String { "hooks.\(kind.rawValue)[\(index)]: \(hooks[index].path)" }

  private func run(
    _ hook: RuntimeConfig.Hook, _ name: String,
    _ start: (RuntimeConfig.Hook, _ name: String, borrowing Socket) throws(ContainerError) -> Pidfd
  ) throws(ContainerError) {
    let pair = try attempt("\(name): make a connection to a helper process") { () throws(Errno) in
      try Socket.pair()
    }
    switch try attempt("\(name): clone a helper process", { () throws(Errno) in try clone(into: []) }) {
    case .child:
      HookProcess(hook: hook, name: name, state: state, report: pair.there, abandon: abandon).run(start)
    case .parent(_, let helper):
      pair.there.close()
      let connection = pair.here
      do throws(ContainerError) { try wait(for: connection, name) } catch {
        // At its end, the helper process kills what the hook has started.
        connection.close()
        _ = try? helper.wait()
        throw error
      }
      _ = try? helper.wait()
      debug?.say("\(name) is done")
    }
  }

  /// Waits for what the helper process says.
  private func wait(for connection: borrowing Socket, _ name: String) throws(ContainerError) {
    let signals = heedsSignals ? try? SignalQueue() : nil
    let signalNumber: Int32 =
      switch signals {
      case .some(let queue): queue.descriptor.rawValue
      case .none: -1
      }
    while true {
      var entries = [
        PollEntry(connection.descriptor.rawValue, .readable), PollEntry(watched, .readable),
        PollEntry(signalNumber, .readable),
      ]
      try attempt("\(name): wait") { () throws(Errno) in _ = try poll(&entries) }
      if !entries[0].events.isEmpty {
        let message = try attempt("\(name): hear from its helper process") { () throws(Errno) in
          try connection.receive().bytes
        }
        switch message.first {
        case HookProcess.succeeded: return
        case HookProcess.failed:
          throw ContainerError(.failed, String(decoding: message.dropFirst(), as: UTF8.self))
        default: throw ContainerError(.failed, "\(name): its helper process was killed, or lacked memory")
        }
      }
      if !entries[1].events.isEmpty {
        throw ContainerError(.failed, "\(name): stopped: the container's first process has ended")
      }
      switch signals {
      case .some(let queue):
        while let signal = try? queue.next() {
          guard signal.endsProgram else { continue }
          throw ContainerError(.failed, "\(name): stopped by signal \(signal.rawValue)")
        }
      case .none: break
      }
    }
  }
}

extension Signal {
  /// Whether it is one by which people and service managers end a program.
  fileprivate var endsProgram: Bool {
    self == .terminate || self == .interrupt || self == .hangUp || self == .quit
  }
}

extension RuntimeConfig.Hooks {
  /// Whether some are run while the container is created.
  var runsAtCreation: Bool { !prestart.isEmpty || !createRuntime.isEmpty || !createContainer.isEmpty }

  /// The hooks of `kind`.
  subscript(kind: HookRun.Kind) -> [RuntimeConfig.Hook] {
    switch kind {
    case .prestart: prestart
    case .createRuntime: createRuntime
    case .createContainer: createContainer
    case .startContainer: startContainer
    case .poststart: poststart
    case .poststop: poststop
    }
  }

  /// The names of the kinds that are run after the creation.
  var laterKinds: [String] {
    let kinds: [HookRun.Kind] = [.startContainer, .poststart, .poststop]
    return kinds.filter { !self[$0].isEmpty }.map { $0.rawValue }
  }
}
