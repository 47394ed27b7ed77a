import Container
import Layers
import Linux
import Supervisor

/// The running program: the supervisor, and who talks to it.
final class Daemon {
  private let options: DaemonOptions
  private let messages: MessageWriter
  private let loop: EventLoop
  private let signals: SignalQueue
  private let lock: Lock
  /// Keeps a tmpfs for layers mounted.
  private var storage: FileDescriptor?
  private let supervisor: Supervisor
  private let definitions: DesiredState
  private let service: APIService
  private var watchdog: EventLoop.Timer?

  init(_ options: DaemonOptions, _ messages: MessageWriter) throws(SupervisorError) {
    self.options = options
    self.messages = messages
    do throws(Errno) {
      _ = try SignalMask.blockAll()
      signals = try SignalQueue()
      loop = try EventLoop()
    } catch {
      throw SupervisorError("set up the event loop", error)
    }
    messages.wait(with: loop)
    let say = { messages.write($0) }
    lock = try Self.claim(options.root)
    storage = try Self.prepareStorage(options, say)
    // What it is to restart stays ended when it ends for lack of memory.
    try? OutOfMemoryAdjustment.set(OutOfMemoryAdjustment.last)
    supervisor = try Supervisor(
      store: ContainerStore(path: options.root), journalSize: options.journalSize, loop, load: options.load,
      log: say)
    definitions = DesiredState(options.config, supervisor, loop, log: say)
    service = try APIService(
      supervisor, definitions, loop, path: options.socketPath, log: say)
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

  /// Prepares the directory for the layers of partitions.
  ///
  /// - Returns: the directory; `nil` where it cannot be used, so that partitions cannot start.
  private static func prepareStorage(
    _ options: DaemonOptions, _ say: (String) -> Void
  ) throws(SupervisorError) -> FileDescriptor? {
    let store = ContainerStore(path: options.root)
    do throws(LayerError) { try PartitionStore.setStorage(of: store, options.storage) } catch {
      throw SupervisorError(.failed, "--storage: \(error)")
    }
    let partitions = PartitionStore(of: store, memoryLimit: options.storageMemory)
    do throws(LayerError) {
      let directory = try partitions.prepare()
      if partitions.isInMemory {
        say(
          "what partitions write is in memory and lost at a restart of the machine: overlayfs cannot have its layers in "
            + "\(partitions.path); give --storage with a directory on a disk")
      }
      return directory
    } catch {
      say("the layers of partitions: \(error)")
      return nil
    }
  }

  func run() throws(SupervisorError) {
    do throws(Errno) {
      try loop.watch(signals.descriptor.rawValue, .readable) { [unowned self] _ in takeSignals() }
    } catch {
      throw SupervisorError("watch for signals", error)
    }
    definitions.whenRead { [unowned self] in ready() }
    do throws(Errno) { try loop.run() } catch { throw SupervisorError("wait for events", error) }
    ServiceNotification.send("STOPPING=1")
    storage = nil
    PartitionStore(of: ContainerStore(path: options.root)).releaseMemory()
    guard supervisor.hasKeeper else {
      throw SupervisorError(.failed, "the keeper has ended: what runs goes on, and what it writes is lost")
    }
  }

  private func ready() {
    let counts = supervisor.counts
    messages.write(
      "version \(APIService.version) listens at \(options.socketPath); partitions: \(counts.all), of which run: \(counts.running)"
    )
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
