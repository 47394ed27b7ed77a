import Container
import Definitions
import Linux
import OCI

extension APIService {
  /// Removes what has ended, and answers when that is gone, with how much it was.
  func prune(_ prune: ContainerPrune, _ exchange: HTTPExchange) {
    let chosen = prune.select(supervisor.statuses, now: Clock.now()).filter { status in
      // Functions and what waits for them are there for a purpose.
      supervisor.partitions[status.definition.name].map { !$0.isFunction && !$0.isPrepared } ?? false
    }
    countSizes(of: chosen) { [unowned self] sizes in
      remove(chosen) { [unowned self] removed in
        let ids = chosen.map(\.id).filter(removed.contains)
        let bytes = zip(chosen, sizes).reduce(Int64(0)) { sum, pair in
          removed.contains(pair.0.id) ? sum.addingReportingOverflow(pair.1).partialValue : sum
        }
        supervisor.events.add(.pruned(bytes, at: Clock.now()))
        respond(exchange, .ok, ContainerPrune.response(removed: ids, bytes: bytes))
      }
    }
  }

  /// Calls `done` with what each of `chosen` has written, in bytes; without anything, when that cannot be found out.
  private func countSizes(of chosen: [PartitionStatus], done: @escaping ([Int64]) -> Void) {
    guard !chosen.isEmpty else { return done([]) }
    let store = supervisor.store
    supervisor.inquiries.add { () throws(SupervisorError) in
      let sizes = ContainerSizes(store)
      return chosen.map { sizes.written(by: $0) }.json.bytes()
    } done: { [unowned self] result in
      switch result {
      case .success(let bytes): done((try? [Int64](parsing: bytes)) ?? [])
      case .failure(let error):
        log("\(error)")
        done([])
      }
    }
  }

  /// Removes those of `chosen` that have not been started meanwhile, and calls `done` with the ids of what is gone.
  private func remove(_ chosen: [PartitionStatus], done: @escaping (Set<String>) -> Void) {
    var removed: Set<String> = []
    var waiting = 1
    func finish() {
      waiting -= 1
      if waiting == 0 { done(removed) }
    }
    for status in chosen where supervisor.partitions[status.definition.name]?.record.id == status.id {
      waiting += 1
      do throws(SupervisorError) {
        try supervisor.remove(status.definition.name, force: false) { error in
          if error == nil { removed.insert(status.id) }
          finish()
        }
      } catch {
        // It runs by now.
        finish()
      }
    }
    finish()
  }
}
