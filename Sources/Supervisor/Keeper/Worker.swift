import Container
import Definitions
import Layers
import Linux
import OCI

/// A process that makes partitions, as children of the keeper like itself: one, or one after the other while others wait
/// that leave no traces in it.
struct Worker {
  let store: ContainerStore
  /// What leads to the keeper: over it this says what it has done, and hears what else there is.
  let door: WorkerDoor
  /// What the partition may have open unless its definition says otherwise.
  let openFiles: ResourceLimit?
  let groundwork: Groundwork
  private let emptyTree: EmptyFileTree?
  private var report: Int32 { door.number }

  /// - Parameter emptyTree: what file trees are made in.
  init(
    store: ContainerStore, door: WorkerDoor, openFiles: ResourceLimit?, emptyTree: EmptyFileTree?
  ) {
    self.store = store
    self.door = door
    self.openFiles = openFiles
    self.emptyTree = emptyTree
    groundwork = Groundwork(emptyTree: emptyTree)
  }

  /// Makes what it is told, one after the other, and ends.
  func run() -> Never {
    do throws(Errno) {
      try door.enter(with: emptyTree?.descriptors ?? [])
      let socket = Socket(FileDescriptor(owning: report))
      try? openFiles?.apply(to: 0)
      OutOfMemoryAdjustment.restore()
      while true {
        switch try next(from: socket) {
        case .start(let start):
          let (report, isReusable) = make(start)
          try report.send(over: socket)
          if !isReusable { exitNow(0) }
        case .makeNetwork:
          // Its own network namespace is another one then: that is the last thing that it does.
          if let network = try? SpareNetwork.enterNew() {
            try socket.send(Self.network, descriptors: network.descriptors)
          }
          exitNow(0)
        case .end: exitNow(0)
        }
      }
    } catch { exitNow(1) }
  }

  /// What it is to do next.
  private enum Order {
    case start(KeeperStart)
    case makeNetwork
    case end
  }

  /// The message by which it is asked for a network namespace that a later start can have, and that with which that comes.
  static let network: [UInt8] = [UInt8(ascii: "N")]

  /// What comes next; for a start its standard streams are in place then.
  private func next(from socket: borrowing Socket) throws(Errno) -> Order {
    var message = try socket.receiveFiles(limit: PacketChannel.longest)
    if message.bytes == Self.network { return .makeNetwork }
    guard let input = message.files.takeFirst(), let output = message.files.takeFirst(),
      let error = message.files.takeFirst(), let start = try? KeeperStart(parsing: message.bytes)
    else { return .end }
    try StandardStreams(input: input, output: output, error: error).become()
    if let network = SpareNetwork(&message.files) { groundwork.network = network }
    return .start(start)
  }

  private func make(_ start: KeeperStart) -> (WorkerReport, isReusable: Bool) {
    do throws(ConfigError) {
      let definition = try PartitionDefinition(json: start.definition)
      return (make(definition, waits: start.waits), definition.leavesNoTraces)
    } catch {
      return (.failed("the definition: \(error)"), true)
    }
  }

  private func make(_ definition: PartitionDefinition, waits: Bool) -> WorkerReport {
    do throws(ContainerError) {
      let id = try ContainerID(definition.name)
      // Somebody may have been killed while he made it.
      store.removeUnmade(id)
      // What is left of the last time; what somebody else has made under this name stays, and is in the way.
      if let last = try? store.container(id), last.status() == .stopped, last.record.isOwn(in: store) {
        try store.delete(id)
      } else if DamagedContainer(store: store, id: id).isStopped {
        // Left by a power failure, say. Nothing of it runs, whoever made it.
        try store.delete(id, force: true)
      }
      let function = waits ? definition.labels[PartitionDefinition.functionLabel] : nil
      switch definition.content {
      case .bundle(let path): return .started(pid: try run(id, bundle: path, instanceOf: function))
      case .partition(let settings):
        let draft: PartitionStore.Draft
        do throws(LayerError) { draft = try PartitionStore(of: store).renew(id, settings) } catch {
          return .failed(error.description)
        }
        let config = draft.config
        do throws(ContainerError) {
          let pid = try run(id, bundle: draft.directory, config, instanceOf: function)
          draft.keep()
          return .started(pid: pid)
        } catch {
          draft.keep()
          return .failed(settings.named(error, config, as: .definition))
        }
      }
    } catch {
      return .failed(error.description)
    }
  }

  /// - Parameter function: whose instance it is, which is only prepared.
  private func run(
    _ id: ContainerID, bundle: String, _ config: BundleConfig? = nil, instanceOf function: String?
  ) throws(ContainerError) -> Int32 {
    var options = CreateOptions(bundle: bundle)
    options.config = config
    options.isSibling = true
    options.isSupervised = true
    if let function { return try prepare(id, options, of: function) }
    return try WorkerReport.handOver(try store.run(id, options, groundwork), over: report)
  }
}

extension PartitionDefinition {
  /// Whether the partition has a network namespace of its own for sure.
  var hasNetworkNamespace: Bool {
    switch content {
    case .partition(let settings): settings.network != .host
    case .bundle: false
    }
  }

  /// Whether the process that makes the partition is after it as before: it has joined no namespace for it, as the
  /// configuration of a bundle may ask it to.
  var leavesNoTraces: Bool {
    switch content {
    case .partition: true
    case .bundle: false
    }
  }
}
