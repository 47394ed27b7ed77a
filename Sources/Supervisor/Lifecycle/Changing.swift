import Container
import Definitions
import Layers
import Linux

/// What can be changed of a partition that is there.
extension Supervisor {
  /// Stops every process of a partition until `resume`.
  public func pause(_ name: String) throws(SupervisorError) {
    let partition = try partition(name)
    do throws(ContainerError) { try store.container(try ContainerID(name)).pause() } catch {
      throw SupervisorError(error)
    }
    partition.isPaused = true
    partition.monitor?.postpone()
    save(partition)
    events.add(.pause, partition)
  }

  /// Lets the processes of a paused partition go on.
  public func resume(_ name: String) throws(SupervisorError) {
    let partition = try partition(name)
    do throws(ContainerError) { try store.container(try ContainerID(name)).resume() } catch {
      throw SupervisorError(error)
    }
    partition.isPaused = false
    partition.monitor?.postpone()
    save(partition)
    events.add(.unpause, partition)
  }

  /// Gives a partition that does not run another name.
  func rename(_ name: String, to new: String) throws(SupervisorError) {
    let partition = try partition(name)
    guard partitions[new] == nil else {
      throw SupervisorError(.conflict, "a partition called \(new) exists already")
    }
    guard !partition.isRunning, !partition.isStarting, partition.restartTimer == nil else {
      throw SupervisorError(.conflict, "\(name) runs: stop it first")
    }
    do throws(ContainerError) { _ = try ContainerID(new) } catch { throw SupervisorError(error) }
    let layers = PartitionStore(of: store).path
    do throws(Errno) {
      try File.rename("\(directory)/logs/\(name)", to: "\(directory)/logs/\(new)")
      do throws(Errno) {
        try File.rename("\(layers)/\(name)", to: "\(layers)/\(new)")
      } catch .noSuchFileOrDirectory {}
      try? File.rename(logPath(of: new, by: name), to: logPath(of: new))
    } catch {
      throw SupervisorError("rename \(name) to \(new)", error)
    }
    partition.definition.name = new
    try records.write(partition)
    try records.remove(partition, under: name)
    partitions[name] = nil
    partitions[new] = partition
    events.add(.rename(from: name), partition)
  }

  func logPath(of name: String, by old: String) -> String {
    "\(directory)/logs/\(name)/\(old)-json.log"
  }

  /// Gives a partition another definition of the same name, of which only limits and bookkeeping may be others.
  func update(_ definition: PartitionDefinition) throws(SupervisorError) {
    let partition = try partition(definition.name)
    let old = partition.definition
    partition.definition = definition
    if partition.isRunning, definition.content != old.content {
      do throws(SupervisorError) { try applyLimits(partition) } catch {
        partition.definition = old
        throw error
      }
    }
    watchHealth(partition)
    try records.write(partition)
    events.add(.update, partition)
  }

  /// Puts the limits of its definition on a partition that runs.
  func applyLimits(_ partition: Partition) throws(SupervisorError) {
    guard case .partition(let settings) = partition.definition.content else { return }
    do throws(ContainerError) {
      let id = try ContainerID(partition.name)
      do throws(LayerError) { try PartitionStore(of: store).rewrite(id, settings) } catch {
        throw ContainerError(.failed, error.description)
      }
      try store.container(id).updateLimits()
    } catch { throw SupervisorError(error) }
  }
}
