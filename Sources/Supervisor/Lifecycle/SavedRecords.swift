/// The records on disk of all partitions, and those that could not be written yet.
final class SavedRecords {
  private let store: RecordStore
  private let loop: EventLoop
  private let log: (String) -> Void
  private let sync: RecordSync
  /// Called when what is known of a partition is on disk.
  var onSave: ((Partition) -> Void)?
  private var unsaved: [ObjectIdentifier: Partition] = [:]
  private var timer: EventLoop.Timer?

  /// Before it is tried again to write records, in milliseconds.
  private static let pause: Int64 = 1000

  /// - Parameter disk: what puts them on the disk; `nil` for one of its own.
  init(_ store: RecordStore, _ loop: EventLoop, disk: DiskSync? = nil, log: @escaping (String) -> Void) {
    self.store = store
    self.loop = loop
    self.log = log
    sync = RecordSync(disk ?? DiskSync(loop, log: log), loop, log: log)
    sync.onSync = { if $0 != store.directory { store.noteSync(of: $0) } }
  }

  /// Writes the record of a partition, at once or as soon as that can be done.
  func save(_ partition: Partition) {
    if partition.removal == .done { return }
    do throws(SupervisorError) { try write(partition) } catch {
      if unsaved.updateValue(partition, forKey: ObjectIdentifier(partition)) == nil { log(error.description) }
      guard timer == nil else { return }
      timer = loop.after(milliseconds: Self.pause) { [unowned self] in
        timer = nil
        for partition in unsaved.values { save(partition) }
      }
    }
  }

  /// Writes the record of a partition at once.
  func write(_ partition: Partition) throws(SupervisorError) {
    // Its name may be another's by now.
    guard partition.removal < .done else { throw SupervisorError(.notFound, "\(partition.name) was removed") }
    let length = partition.recordLength
    // What a failure leaves of a line must not be the beginning of the next.
    partition.recordLength = 0
    partition.recordLength = try store.save(partition.record, length: length)
    if partition.record.isOnlyHere {
      sync.note(store.path(of: partition.name))
      if length == 0 { sync.note(store.directory) }
    }
    unsaved[ObjectIdentifier(partition)] = nil
    onSave?(partition)
  }

  /// Writes at once that a partition is being removed, also on a full disk: removing it may be what makes room.
  func writeRemoval(_ partition: Partition) throws(SupervisorError) {
    do throws(SupervisorError) { try write(partition) } catch {
      do throws(SupervisorError) { try store.markRemoval(of: partition.name) } catch { throw error }
    }
  }

  /// Whether all that is known of a partition is on disk.
  func isSaved(_ partition: Partition) -> Bool { unsaved[ObjectIdentifier(partition)] == nil }

  /// Removes the record under `name` of a partition.
  func remove(_ partition: Partition, under name: String) throws(SupervisorError) {
    try store.remove(name)
    if partition.record.isOnlyHere { sync.note(store.directory) }
    unsaved[ObjectIdentifier(partition)] = nil
  }
}
