import Linux

/// One who is attached to a partition that is still to run.
final class WaitingAttachment {
  /// What is to go to him.
  let wanted: KeeperAttachment
  /// The end for the keeper that starts it.
  let end: Socket

  init(_ wanted: KeeperAttachment, _ end: consuming Socket) {
    var wanted = wanted
    wanted.waits = true
    self.wanted = wanted
    self.end = end
  }
}

extension Supervisor {
  /// What a partition writes from now on until its program ends; of one that does not run, what it writes the next time.
  func attach(_ wanted: KeeperAttachment) throws(SupervisorError) -> AttachedOutput {
    let partition = try partition(wanted.name)
    // Each takes a descriptor until it does.
    guard !keepers.isStuck(partition.keeper) else {
      throw SupervisorError(
        .conflict, "cannot attach to \(wanted.name): its keeper, swiftjail-keep, does not answer")
    }
    do throws(Errno) {
      let pair = try Socket.streams()
      let output = try AttachedOutput(pair.here, loop)
      guard partition.pid == nil, partition.waitingPid == nil else {
        keepers.attach(wanted, pair.there, to: partition.keeper)
        return output
      }
      let waiting = WaitingAttachment(wanted, pair.there)
      // A keeper that has been asked to start it may turn out to have no room for it.
      partition.attachments.append(waiting)
      if partition.isKept { keepers.attach(waiting, to: partition.keeper) }
      output.onClose = { [weak partition, weak waiting] in
        partition?.attachments.removeAll { $0 === waiting }
      }
      return output
    } catch { throw SupervisorError("attach to \(wanted.name)", error) }
  }
}
