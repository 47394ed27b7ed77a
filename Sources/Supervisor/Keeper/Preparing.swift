import Container
import Definitions
import Linux

/// Partitions that are made up to their last step, to be started by a word.
extension Worker {
  /// So much less than who waits for something this process gets of the processors meanwhile.
  private static let nice: Int32 = 10

  /// Makes the container of an instance of a function, whose first process waits in an image of a few kilobytes.
  func prepare(
    _ id: ContainerID, _ options: CreateOptions, of function: String
  ) throws(ContainerError) -> Int32 {
    var options = options
    options.startsByWord = true
    // Whoever starts it past the supervisor can tell that it is not his.
    options.extraAnnotations[PartitionDefinition.functionLabel] = function
    guard let usual = try? Scheduling.nice(of: 0) else {
      return try store.create(id, options, groundwork).pid
    }
    try? Scheduling.setNice(min(19, usual + Self.nice), of: 0)
    defer { try? Scheduling.setNice(usual, of: 0) }
    let pid = try store.create(id, options, groundwork).pid
    // What is started from now on is somebody's request, unless the configuration has it otherwise.
    if let own = try? Scheduling.nice(of: 0), (try? Scheduling.nice(of: pid)) == own {
      try? Scheduling.setNice(usual, of: pid)
    }
    return pid
  }
}

extension KeeperReport {
  /// That `partition` was made, and waits to be started, or runs.
  static func begun(_ partition: KeptPartition, waits: Bool) -> KeeperReport {
    waits ? .prepared(partition) : .started(partition)
  }
}
