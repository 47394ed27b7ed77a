import Container
import Linux

/// What can be done to a container that was made without the supervisor: what the commands of `swiftjail` do.
extension Supervisor {
  /// What is called when something has been done, or could not be.
  typealias PlainDone = (SupervisorError?) -> Void

  /// Has the first process of a container that was created execute its program.
  func start(_ plain: PlainContainer, done: @escaping PlainDone) throws(SupervisorError) {
    switch plain.container.status() {
    case .running: throw SupervisorError(.unchanged, "\(plain.name) runs already")
    case .paused: throw SupervisorError(.conflict, APIService.pausedStart.message)
    case .creating, .created, .stopped: break
    }
    change(plain, { (container) throws(ContainerError) in try container.start() }, done: done)
  }

  /// Stops every process of a container.
  func pause(_ plain: PlainContainer, done: @escaping PlainDone) {
    change(plain, { (container) throws(ContainerError) in try container.pause() }, done: done)
  }

  /// Lets the processes of a paused container go on.
  func resume(_ plain: PlainContainer, done: @escaping PlainDone) {
    change(plain, { (container) throws(ContainerError) in try container.resume() }, done: done)
  }

  /// Removes a container with all that belongs to it; one that runs only with `force`.
  func remove(_ plain: PlainContainer, force: Bool, done: @escaping PlainDone) throws(SupervisorError) {
    let status = plain.container.status()
    guard force || status == .stopped || status == .created else {
      throw SupervisorError(.conflict, "\(plain.name) runs: stop it first, or remove it by force")
    }
    let store = store
    change(plain) { (container) throws(ContainerError) in
      try store.delete(container.id, force: force)
    } done: { [unowned self] error in
      if error == nil { executions.forget(in: plain.name) }
      done(error)
    }
  }

  /// Sends `signal` to the first process of a container.
  func kill(_ plain: PlainContainer, _ signal: Signal) throws(SupervisorError) {
    do throws(ContainerError) {
      try plain.container.kill(signal)
      // One that is paused cannot take it.
      if plain.container.status() == .paused { try plain.container.resume() }
    } catch { throw SupervisorError(error) }
  }

  /// Asks the program of a container to end, kills it when it does not in `timeout` milliseconds, and calls `done` when it
  /// has.
  ///
  /// - Parameter timeout: a negative number for no end; `nil` for ten seconds.
  func stop(
    _ plain: PlainContainer, timeout: Int64?, done: @escaping () -> Void
  ) throws(SupervisorError) {
    let status = plain.container.status()
    guard status == .running || status == .paused else {
      throw SupervisorError(.unchanged, "\(plain.name) does not run")
    }
    var timer: EventLoop.Timer?
    let end = try awaitEnd(of: plain) { [unowned self] _ in
      if let timer { loop.cancel(timer) }
      done()
    }
    let definition = plain.status.definition
    do throws(SupervisorError) { try kill(plain, definition.stopSignal) } catch {
      // It has ended meanwhile.
      if error.kind == .conflict { return }
      end.cancel()
      throw error
    }
    let patience = timeout ?? definition.stopTimeout
    guard patience >= 0 else { return }
    timer = loop.after(milliseconds: patience) { end.kill() }
  }

  /// Calls `done` when the first process of a container has ended, with how it did where that is wanted and can be known.
  func awaitEnd(
    of plain: PlainContainer, wantsStatus: Bool = false, done: @escaping (ExitStatus?) -> Void
  ) throws(SupervisorError) -> ProcessEnd {
    let process: Pidfd
    do throws(ContainerError) { process = try plain.container.initProcess() } catch {
      throw SupervisorError(error)
    }
    do throws(Errno) {
      return try ProcessEnd.wait(for: process, loop, wantsStatus: wantsStatus, done: done)
    } catch {
      throw SupervisorError("wait for the end of \(plain.name)", error)
    }
  }

  /// Does `work` with a container beside the loop: others may be at work on it.
  private func change(
    _ plain: PlainContainer, _ work: @escaping (Container) throws(ContainerError) -> Void,
    done: @escaping PlainDone
  ) {
    errands.add { () throws(SupervisorError) in
      do throws(ContainerError) {
        // Another one may have got its name while this waited for its turn.
        let now = try plain.container.store.container(plain.container.id)
        guard now.record.created == plain.container.record.created else {
          throw ContainerError(
            .noSuchContainer, "container \(plain.name) is gone, and another one has its name")
        }
        try work(now)
      } catch { throw SupervisorError(error) }
      return []
    } done: { result in
      if case .failure(let error) = result { done(error) } else { done(nil) }
    }
  }
}
