import Container
import Definitions
import Layers
import Linux
import OCI

/// A process that makes partitions, as children of the keeper like itself: one, or one after the other while others wait
/// that leave no traces in it.
struct Worker {
  let store: ContainerStore
  /// The number of the socket over which it says what it has done, and hears what else there is.
  let report: Int32
  /// What the partition may have open unless its definition says otherwise.
  let openFiles: ResourceLimit?
  private let devices = LoadedDeviceProgram()

  init(store: ContainerStore, report: Int32, openFiles: ResourceLimit?) {
    self.store = store
    self.report = report
    self.openFiles = openFiles
  }

  /// Makes what `start` says, with these standard streams, and what it is told after that, and ends.
  func run(_ start: KeeperStart, _ streams: consuming StandardStreams) -> Never {
    streams.become(keeping: report)
    try? openFiles?.apply(to: 0)
    OutOfMemoryAdjustment.restore()
    let socket = Socket(FileDescriptor(owning: report))
    var next: KeeperStart? = start
    while let start = next {
      let (report, isReusable) = make(start)
      do throws(Errno) { try report.send(over: socket) } catch { break }
      next = isReusable ? self.next(from: socket) : nil
    }
    exitNow(0)
  }

  /// What is to be made next, with its standard streams in place.
  private func next(from socket: borrowing Socket) -> KeeperStart? {
    do throws(Errno) {
      switch try socket.receiveStreams(limit: PacketChannel.longest) {
      case .none: return nil
      case .some(let message):
        try message.streams.become()
        return try? KeeperStart(parsing: message.bytes)
      }
    } catch { return nil }
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
      }
      let function = waits ? definition.labels[PartitionDefinition.functionLabel] : nil
      switch definition.content {
      case .bundle(let path): return .started(pid: try run(id, bundle: path, instanceOf: function))
      case .partition(let settings):
        let draft: PartitionStore.Draft
        do throws(LayerError) { draft = try PartitionStore(of: store).renew(id, settings) } catch {
          return .failed(error.description)
        }
        do throws(ContainerError) {
          let pid = try run(id, bundle: draft.directory, instanceOf: function)
          draft.keep()
          return .started(pid: pid)
        } catch {
          draft.keep()
          throw error
        }
      }
    } catch {
      return .failed(definition.named(error.description))
    }
  }

  /// - Parameter function: whose instance it is, which is only prepared.
  private func run(
    _ id: ContainerID, bundle: String, instanceOf function: String?
  ) throws(ContainerError) -> Int32 {
    var options = CreateOptions(bundle: bundle)
    options.isSibling = true
    options.isSupervised = true
    if let function { return try prepare(id, options, of: function) }
    return try WorkerReport.handOver(try store.run(id, options, devices), over: report)
  }
}

extension PartitionDefinition {
  /// What a container says of the configuration that this stands for, with the names that it has for its limits.
  func named(_ message: String) -> String {
    guard case .partition = content else { return message }
    for (property, field) in Self.limits where message.hasPrefix("\(property):") {
      return field + Substring(message.utf8.dropFirst(property.utf8.count))
    }
    return message
  }

  private static let limits = [
    ("linux.resources.memory.limit", "memory"), ("linux.resources.memory.swap", "memorySwap"),
    ("linux.resources.memory.reservation", "memoryReservation"), ("linux.resources.cpu.quota", "cpus"),
    ("linux.resources.cpu.shares", "cpuWeight"), ("linux.resources.cpu.cpus", "cpusetCpus"),
    ("linux.resources.pids.limit", "pidsLimit"),
  ]

  /// Whether the process that makes the partition is after it as before: it has joined no namespace for it, as the
  /// configuration of a bundle may ask it to.
  var leavesNoTraces: Bool {
    switch content {
    case .partition: true
    case .bundle: false
    }
  }
}
