import Container
import Definitions
import Layers
import Linux
import OCI

/// A process that makes one partition, as a child of the keeper like itself, and ends.
struct Worker {
  let start: KeeperStart
  let store: ContainerStore
  let standardStreams: StandardStreamEnds
  let report: Int32
  /// What the partition may have open unless its definition says otherwise.
  let openFiles: ResourceLimit?

  /// Does it, and ends.
  func run() -> Never {
    standardStreams.become(keeping: report)
    try? openFiles?.apply(to: 0)
    OutOfMemoryAdjustment.restore()
    make().send(over: report)
  }

  private func make() -> WorkerReport {
    do throws(ConfigError) {
      let definition = try PartitionDefinition(json: start.definition)
      return make(definition)
    } catch {
      return .failed("the definition: \(error)")
    }
  }

  private func make(_ definition: PartitionDefinition) -> WorkerReport {
    do throws(ContainerError) {
      let id = try ContainerID(start.name)
      // What is left of the last time; what somebody else has made under this name stays, and is in the way.
      if let last = try? store.container(id), last.status() == .stopped, last.record.ownedDirectory == nil {
        try store.delete(id)
      }
      store.removeUnmade(id)
      switch definition.content {
      case .bundle(let path): return .started(pid: try run(id, bundle: path))
      case .partition(let settings):
        let draft: PartitionStore.Draft
        do throws(LayerError) { draft = try PartitionStore(of: store).renew(id, settings) } catch {
          return .failed(error.description)
        }
        do throws(ContainerError) {
          let pid = try run(id, bundle: draft.directory)
          draft.keep()
          return .started(pid: pid)
        } catch {
          draft.keep()
          throw error
        }
      }
    } catch {
      return .failed(error.description)
    }
  }

  private func run(_ id: ContainerID, bundle: String) throws(ContainerError) -> Int32 {
    var options = CreateOptions(bundle: bundle)
    options.isSibling = true
    return try WorkerReport.handOver(try store.run(id, options), over: report)
  }
}
