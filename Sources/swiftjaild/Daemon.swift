import Container
import Linux
import Supervisor

/// The running program: the supervisor, and who talks to it.
final class Daemon {
  private let options: DaemonOptions
  private let loop: EventLoop
  private let signals: SignalQueue
  private let lock: Lock
  private let supervisor: Supervisor
  private let definitions: DesiredState
  private let service: APIService
  private var watchdog: EventLoop.Timer?

  init(_ options: DaemonOptions, _ messages: Messages) throws(SupervisorError) {
    self.options = options
    do throws(Errno) {
      _ = try SignalMask.blockAll()
      signals = try SignalQueue()
      loop = try EventLoop()
    } catch {
      throw SupervisorError("set up the event loop", error)
    }
    lock = try Self.claim(options.root)
    // What it is to restart stays ended when it ends for lack of memory.
    try? OutOfMemoryAdjustment.set(OutOfMemoryAdjustment.last)
    supervisor = try Supervisor(
      store: ContainerStore(path: options.root), journalSize: options.journalSize, loop, load: options.load,
      log: messages.write)
    definitions = DesiredState(options.config, supervisor, loop, log: messages.write)
    service = try APIService(
      supervisor, definitions, loop, path: options.socketPath, log: messages.write)
  }

  /// Sees to it that no two look after the same containers.
  private static func claim(_ root: String) throws(SupervisorError) -> Lock {
    let path = "\(root)/.keeper"
    let taken: Lock?
    do throws(Errno) {
      // The socket in the root is for a group as well.
      try Directory.makeAll(root, mode: 0o711)
      try Directory.makeAll(path, mode: 0o700)
      // A process that the last one was just starting has its lock for another moment.
      taken = try Lock.wait(for: path, milliseconds: 2000)
    } catch .resourceBusy {
      taken = nil
    } catch {
      throw SupervisorError("lock \(path)", error)
    }
    guard let lock = taken else {
      throw SupervisorError(
        .conflict, "another swiftjaild looks after the containers in \(root): give one of them another --root"
      )
    }
    return lock
  }

  func run() throws(SupervisorError) {
    do throws(Errno) {
      try loop.watch(signals.descriptor.rawValue, .readable) { [unowned self] _ in takeSignals() }
    } catch {
      throw SupervisorError("watch for signals", error)
    }
    supervisor.whenReady { [unowned self] in ready() }
    do throws(Errno) { try loop.run() } catch { throw SupervisorError("wait for events", error) }
    ServiceNotification.send("STOPPING=1")
    guard supervisor.hasKeeper else {
      throw SupervisorError(.failed, "the keeper has ended: what runs goes on, and what it writes is lost")
    }
  }

  private func ready() {
    ServiceNotification.send("READY=1")
    if let interval = ServiceNotification.watchdogInterval { pat(every: interval / 2) }
  }

  private func pat(every milliseconds: Int64) {
    watchdog = loop.after(milliseconds: milliseconds) { [unowned self] in
      ServiceNotification.send("WATCHDOG=1")
      pat(every: milliseconds)
    }
  }

  private func takeSignals() {
    while let signal = try? signals.next() {
      switch signal {
      // What runs goes on; whoever wants that ended as well says so first.
      case .terminate, .interrupt: loop.stop()
      case .child: while let child = waitForAnyChild() { supervisor.childEnded(child.pid, child.status) }
      case .hangUp: definitions.read()
      default: break
      }
    }
  }
}
