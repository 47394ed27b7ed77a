import Container
import Definitions
import Linux

/// Copying files into partitions and out of them, in processes beside the event loop.
extension Supervisor {
  /// Finds out about the file at `path` in a partition, and calls `done` with the value of the API's header field.
  func findStatus(
    of path: ArchivePath, in name: String, done: @escaping ErrandQueue.Done
  ) throws(SupervisorError) -> Errand {
    try copy(name, keeping: []) { (worker) throws(SupervisorError) in
      try worker.status(of: path)
    } done: { _, result in
      done(result)
    }
  }

  /// Has an archive of the file at `path` in a partition written to `output`, after a head (`ArchiveHead`).
  func readArchive(
    of path: ArchivePath, in name: String, to output: borrowing FileDescriptor,
    done: @escaping ErrandQueue.Done
  ) throws(SupervisorError) -> Errand {
    let number = output.rawValue
    return try copy(name, keeping: [number]) { (worker) throws(SupervisorError) in
      try worker.read(path, to: number)
    } done: { [unowned self] partition, result in
      if case .success = result { events.add(.archivePath, partition) }
      done(result)
    }
  }

  /// Has what is in the archive that comes from `input` put into a directory of a partition.
  func writeArchive(
    _ query: Endpoint.ArchiveQuery, in name: String, from input: borrowing FileDescriptor,
    done: @escaping ErrandQueue.Done
  ) throws(SupervisorError) -> Errand {
    let number = input.rawValue
    return try copy(name, keeping: [number]) { (worker) throws(SupervisorError) in
      try worker.write(query, from: number)
    } done: { [unowned self] partition, result in
      if case .success = result { events.add(.extractToDirectory, partition) }
      done(result)
    }
  }

  private func copy(
    _ name: String, keeping kept: [Int32],
    _ work: (ArchiveWorker) throws(SupervisorError) -> [UInt8],
    done: @escaping (Partition, Result<[UInt8], SupervisorError>) -> Void
  ) throws(SupervisorError) -> Errand {
    let partition = try partition(name)
    guard !partition.isStarting else {
      throw SupervisorError(.conflict, "\(name) is just being started: try again")
    }
    guard partition.removal < .underWay else { throw SupervisorError(.conflict, "\(name) is being removed") }
    guard copies.count < CopyTable.most else {
      throw SupervisorError(.busy, "\(CopyTable.most) copies are under way, which are the most: try again")
    }
    let id: ContainerID
    do throws(ContainerError) { id = try ContainerID(name) } catch { throw SupervisorError(error) }
    let worker = ArchiveWorker(
      id: id, definition: partition.definition, isRunning: partition.isRunning, store: store)
    let number = copies.nextNumber()
    do throws(Errno) {
      let errand = try Errand.run(loop, keeping: kept) { () throws(SupervisorError) in
        try work(worker)
      } done: { [unowned self] result in
        // By now the partition may have another name.
        guard copies.remove(number, of: name), case .failure = result else { return done(partition, result) }
        let reason = "\(name) was started, renamed or removed while its files were copied: try again"
        done(partition, .failure(SupervisorError(.conflict, reason)))
      }
      copies.add(errand, number, of: name)
      return errand
    } catch { throw SupervisorError("start a process for the files of \(name)", error) }
  }
}

/// The processes that copy files into partitions and out of them.
final class CopyTable {
  private var running: [String: [UInt64: Errand]] = [:]
  private var last: UInt64 = 0
  /// Those that were ended from here.
  private var ended: Set<UInt64> = []
  /// How many there are.
  private(set) var count = 0

  /// The limit on copies at the same time: each is a process, and a slow client keeps one.
  static let most = 32

  /// A number that no other has.
  func nextNumber() -> UInt64 {
    last += 1
    return last
  }

  func add(_ errand: Errand, _ number: UInt64, of partition: String) {
    running[partition, default: [:]][number] = errand
    count += 1
  }

  /// Forgets one that was added under the name `partition`.
  ///
  /// - Returns: whether it was ended from here.
  func remove(_ number: UInt64, of partition: String) -> Bool {
    if running[partition]?.removeValue(forKey: number) != nil { count -= 1 }
    if running[partition]?.isEmpty == true { running[partition] = nil }
    return ended.remove(number) != nil
  }

  /// Ends those of a partition whose files are needed for something else.
  func end(of partition: String) {
    for (number, errand) in running[partition] ?? [:] {
      ended.insert(number)
      errand.end()
    }
  }
}
