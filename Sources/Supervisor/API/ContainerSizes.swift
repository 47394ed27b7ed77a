import Container
import Definitions
import Layers

/// Finds out what partitions take on the disk, which takes as long as they have files: this is for processes of their own.
struct ContainerSizes {
  private let store: PartitionStore
  /// Of each directory that partitions lie on.
  private var bases: [String: Int64] = [:]

  init(_ containers: ContainerStore) { store = PartitionStore(of: containers) }

  /// The sizes of a partition; `nil` for what has no layer of its own.
  mutating func sizes(of status: PartitionStatus) -> ContainerFacts.Sizes? {
    guard case .partition(let settings) = status.definition.content,
      let id = try? ContainerID(status.definition.name)
    else { return nil }
    let written = store.writtenBytes(of: id)
    switch settings.base {
    // Of the image `host`, which is the running system, nothing is told either.
    case .host: return ContainerFacts.Sizes(written: written, total: written)
    case .directory(let path):
      let (total, _) = written.addingReportingOverflow(base(path))
      return ContainerFacts.Sizes(written: written, total: total)
    }
  }

  /// What a partition has written, in bytes: so much is free when it is removed.
  func written(by status: PartitionStatus) -> Int64 {
    guard case .partition = status.definition.content, let id = try? ContainerID(status.definition.name)
    else { return 0 }
    return store.writtenBytes(of: id)
  }

  private mutating func base(_ path: String) -> Int64 {
    if let known = bases[path] { return known }
    var sizes = FileSizes()
    sizes.add(path)
    bases[path] = sizes.bytes
    return sizes.bytes
  }
}
