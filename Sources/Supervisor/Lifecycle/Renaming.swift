import Container
import Definitions
import Layers
import Linux

extension Supervisor {
  /// Gives a partition that does not run another name.
  func rename(_ name: String, to new: String) throws(SupervisorError) {
    let partition = try partition(name)
    try checkRenaming(partition, to: new)
    let renaming = Renaming(of: store, logs: "\(directory)/logs")
    try renaming.requireFree(new)
    copies.end(of: name)
    // From here on it has the new name: the next supervisor finishes what this one does not.
    partition.beCalled(new, before: name)
    do throws(SupervisorError) { try records.write(partition) } catch {
      partition.beCalled(name, before: nil)
      throw error
    }
    do throws(SupervisorError) {
      do throws(Errno) { try renaming.move(from: name, to: new) } catch {
        throw SupervisorError("rename \(name) to \(new)", error)
      }
      try records.remove(partition, under: name)
    } catch {
      partition.beCalled(name, before: nil)
      try? renaming.move(from: new, to: name)
      try? records.remove(partition, under: new)
      save(partition)
      throw error
    }
    partition.beCalled(new, before: nil)
    save(partition)
    partitions[name] = nil
    partitions[new] = partition
    events.add(.rename(from: name), partition)
  }

  private func checkRenaming(_ partition: Partition, to new: String) throws(SupervisorError) {
    let name = partition.name
    try checkRuns(partition, "rename")
    try checkRecord(of: partition)
    guard partitions[new] == nil else {
      throw SupervisorError(.conflict, "a partition called \(new) exists already")
    }
    guard !partition.isActive else {
      throw SupervisorError(.conflict, "\(name) runs: stop it first")
    }
    guard !partition.isBeingRemoved else { throw SupervisorError(.conflict, "\(name) is being removed") }
    guard partition.record.source == .request else {
      throw SupervisorError(.conflict, "a file defines \(name): give it another name there")
    }
    do throws(ContainerError) {
      if (try? store.container(try ContainerID(new))) != nil {
        throw ContainerError(
          .alreadyExists, "a container called \(new) exists already, made by somebody else")
      }
      guard let last = try? store.container(try ContainerID(name)) else { return }
      // Its files may be where the partition's would be.
      guard last.record.isOwn(in: store) else {
        throw ContainerError(
          .alreadyExists, "a container called \(name) was made without the supervisor: remove it first")
      }
      guard try last.removeAtOnce() else {
        throw ContainerError(
          .wrongStatus, "what \(name) has left when it ended is still being removed: try it again")
      }
    } catch { throw SupervisorError(error) }
  }
}

/// What belongs to a partition by its name, and gets another name with it.
struct Renaming {
  private let logs: String
  private let layers: String

  /// Of the partitions whose containers are in `store` and whose logs are in the directory `logs`.
  init(of store: ContainerStore, logs: String) {
    self.logs = logs
    layers = PartitionStore(of: store).path
  }

  /// - Throws: `SupervisorError` of the kind `.conflict` when somebody's files have the name already.
  func requireFree(_ name: String) throws(SupervisorError) {
    for path in ["\(logs)/\(name)", "\(layers)/\(name)"] where (try? FileStatus.of(path)) != nil {
      throw SupervisorError(.conflict, "\(path) is in the way: remove it, or take another name")
    }
  }

  /// Moves what is not there yet.
  func move(from old: String, to new: String) throws(Errno) {
    for directory in [logs, layers] {
      do throws(Errno) {
        try File.rename("\(directory)/\(old)", to: "\(directory)/\(new)")
      } catch .noSuchFileOrDirectory {}
    }
    let log = "\(old)-json.log"
    let entries: [Directory.Entry]
    do throws(Errno) { entries = try Directory.entries(of: "\(logs)/\(new)") } catch .noSuchFileOrDirectory {
      return
    }
    // The file that is written to, and older ones with a number.
    for name in entries.map(\.name) where name.hasPrefix(log) {
      let rest = name.utf8.dropFirst(log.utf8.count)
      try File.rename("\(logs)/\(new)/\(name)", to: "\(logs)/\(new)/\(new)-json.log\(Substring(rest))")
    }
  }

  /// Of `records`, as they are on disk, those that count, with every renaming that was cut short carried out.
  func finished(
    _ records: [PartitionRecord], _ store: RecordStore, log: (String) -> Void
  ) -> [PartitionRecord] {
    var found: [String: PartitionRecord] = [:]
    for record in records { found[record.definition.name] = record }
    for var record in records {
      guard let old = record.formerName else { continue }
      let new = record.definition.name
      do throws(SupervisorError) {
        // Another one may have got the old name.
        if found[old].map({ $0.id == record.id }) ?? true {
          found[old] = nil
          do throws(Errno) { try move(from: old, to: new) } catch {
            throw SupervisorError("rename \(old) to \(new), which was cut short", error)
          }
          try store.remove(old)
        }
        record.formerName = nil
        _ = try store.save(record, length: 0)
        found[new] = record
      } catch { log(error.description) }
    }
    return found.values.sorted { $0.definition.name < $1.definition.name }
  }
}
