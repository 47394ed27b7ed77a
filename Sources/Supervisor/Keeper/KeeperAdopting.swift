import Container
import Definitions
import Linux

/// How the keeper takes partitions that run, and whose keeper is gone.
extension Keeper {
  func adopt(_ start: KeeperStart) {
    defer { handOver(start.name) }
    if let kept = partitions[start.name] { return say(.kept(kept.partition)) }
    guard partitions.count + starting.count + failing.count + queue.count < room.partitions else {
      return say(.full(start.name))
    }
    do throws(Errno) {
      let adoption = try Adoption(of: start.name, in: store)
      let definition = try? PartitionDefinition(json: start.definition)
      let log = LogWriter(
        path: start.log, limits: definition?.log ?? PartitionDefinition.LogLimits(), files: logs)
      let output = try OutputPump(output: try adoption.output(), errors: try adoption.errors(), loop, log)
      try loop.watch(adoption.number, .readable) { [unowned self] _ in adoptedEnded(start.name) }
      let partition = KeptPartition(
        name: start.name, pid: adoption.process.pid, started: start.started ?? Clock.now())
      partitions[start.name] = Kept(partition, output, nil, adoption)
      say(.kept(partition))
    } catch {
      say(.failed(name: start.name, reason: "it is without a keeper, and cannot be adopted: \(error)"))
    }
  }

  func adoptedEnded(_ name: String) {
    guard let kept = partitions[name], let adoption = kept.adoption else { return }
    loop.forget(adoption.number)
    finish(kept, adoption.status)
  }
}
