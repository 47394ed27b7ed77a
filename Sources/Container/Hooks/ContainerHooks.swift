import Linux
import OCI

/// The hooks of a container that exists.
extension Container {
  /// The state that hooks read.
  func hookState(_ status: Status, pid: Int32?) -> State {
    State(
      id: id.description, status: status, pid: pid, bundle: record.bundle,
      annotations: record.annotations)
  }

  /// Whether the container has hooks of that kind; those of its creation are not on record.
  func has(_ kind: HookRun.Kind) -> Bool { record.hooks.contains(kind.rawValue) }

  /// Runs the hooks `prestart` and `createRuntime`, while the first process waits for that.
  ///
  /// - Parameter watched: a descriptor of the first process.
  func runCreationHooks(
    _ hooks: RuntimeConfig.Hooks, pid: Int32, watched: borrowing Pidfd, _ openFiles: ResourceLimit?
  ) throws(ContainerError) {
    for kind in [HookRun.Kind.prestart, .createRuntime] where !hooks[kind].isEmpty {
      try HookRun(
        kind: kind, hooks: hooks[kind], state: hookState(.creating, pid: pid), directory: record.bundle,
        openFiles: openFiles, watched: watched.descriptor.rawValue, debug: debug
      ).run()
    }
  }

  /// Runs the hooks `startContainer`: in the container, with the privileges of its program, which the first process waits to
  /// execute. Their paths are the container's.
  ///
  /// - Throws: `ContainerError` when one fails; the caller then stops the container.
  func runStartContainerHooks(
    _ hooks: [RuntimeConfig.Hook], _ process: RuntimeConfig.Process
  ) throws(ContainerError) {
    let first = try initProcess()
    let pid = try attempt("find the pid of the container's first process in its pid namespace") {
      () throws(Errno) in try ProcessStatus.innermostPid(of: record.process?.pid ?? 0)
    }
    // Orphans inside become children of that pid namespace's first process, and end with the container.
    let run = HookRun(
      kind: .startContainer, hooks: hooks, state: hookState(.created, pid: pid),
      watched: first.descriptor.rawValue, abandon: stop, debug: debug)
    try run.run { (hook, name, _) throws(ContainerError) in
      var process = process
      process.args = hook.args.isEmpty ? [hook.path] : hook.args
      process.env = hook.env
      process.terminal = false
      process.consoleSize = nil
      var options = ExecOptions(process: process)
      options.hookPath = hook.path
      do throws(ContainerError) {
        let started = try join(options)
        return started.pidfd
      } catch { throw ContainerError(.failed, "\(name): \(error)") }
    }
  }

  /// Runs the hooks `poststart`, and ends the container when one fails.
  func runPoststartHooks(
    _ hooks: [RuntimeConfig.Hook], _ openFiles: ResourceLimit? = nil
  ) throws(ContainerError) {
    do throws(ContainerError) {
      try HookRun(
        kind: .poststart, hooks: hooks, state: hookState(.running, pid: record.process?.pid),
        directory: record.bundle, openFiles: openFiles, debug: debug
      ).run()
    } catch {
      stop()
      throw error
    }
  }

  /// Ends all processes of the container, as far as that can be done.
  func stop() {
    try? cgroup()?.kill()
    try? endInit()
  }

  /// The hooks `poststop`, to be read before the container is removed.
  ///
  /// - Parameter warn: told when they cannot be read.
  func poststopHooks(_ warn: (String) -> Void) -> [RuntimeConfig.Hook] {
    guard has(.poststop) else { return [] }
    do throws(ContainerError) { return try config().hooks.poststop } catch {
      warn("hooks.poststop: not run: \(error)")
      return []
    }
  }

  /// Runs `hooks` after the container was removed. A failure is no more than a warning.
  func runPoststopHooks(_ hooks: [RuntimeConfig.Hook], _ warn: (String) -> Void) {
    if hooks.isEmpty { return }
    HookRun(
      kind: .poststop, hooks: hooks, state: hookState(.stopped, pid: 0), directory: record.bundle,
      debug: debug
    )
    .runAll(
      warn)
  }
}

extension Init {
  /// Has the caller run the hooks of its namespaces, and runs those of the container's (`createContainer`), all before the
  /// root is changed: the host's files are still there, and the container's are at `root.path`.
  func runCreationHooks(_ state: State) throws(ContainerError) {
    guard handshake.expect(.proceed) else { exitNow(1) }
    try attempt("ask for hooks") { () throws(Errno) in try handshake.askForHooks() }
    guard handshake.expect(.hooksDone) else { exitNow(1) }
    if plan.hooks.createContainer.isEmpty { return }
    var state = state
    state.pid = ProcessControl.pid
    try HookRun(
      kind: .createContainer, hooks: plan.hooks.createContainer, state: state, directory: state.bundle,
      openFiles: options.openFiles, watched: handshake.socket.descriptor.rawValue, heedsSignals: false,
      debug: handshake.notes
    ).run()
  }
}
