import Container
import Linux

/// The names in a store that no partition has, as they were when its directory was last read: that is done again when they
/// may be others.
struct PlainNames {
  /// What is another when the directory, or what partitions have of it, is not as before.
  private struct Stamp: Equatable {
    var directory: ContainerStore.Stamp
    var removals: UInt64
  }

  private var names: [String] = []
  private var stamp: Stamp?

  /// The names, sorted.
  ///
  /// - Throws: `ContainerError` when the directory cannot be read.
  mutating func names(
    in store: ContainerStore, without partitions: PartitionTable
  ) throws(ContainerError) -> [String] {
    let now = store.stamp().map { Stamp(directory: $0, removals: partitions.removals) }
    if stamp == nil || stamp != now {
      stamp = nil
      names = try store.names().filter { partitions[$0] == nil }.sorted()
      stamp = now
    }
    // A partition that has come since may have the name of one.
    return names.filter { partitions[$0] == nil }
  }
}
