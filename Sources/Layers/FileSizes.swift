import Container
import Linux

/// How many bytes are in the files below directories, each file counted once by whatever names it has.
public struct FileSizes {
  private struct Identity: Hashable {
    let fileSystem: UInt64
    let inode: UInt64
  }

  /// Those counted that have several names.
  private var linked: Set<Identity> = []
  /// What was counted, as the files' lengths say it.
  public private(set) var bytes: Int64 = 0

  /// Nothing yet.
  public init() {}

  /// Counts what is below `directory`, as far as it can be looked at and stays where it is meanwhile: of a tree that somebody
  /// is at work on nobody can say more. Other file systems mounted there are not counted.
  public mutating func add(_ directory: String) {
    try? Directory.visitTree(directory) { (directory) throws(Errno) in
      // The walk itself goes on with what it reads there.
      let own = try FileDescriptor.open(".", [.readOnly, .directory], at: directory.rawValue)
      for name in try Directory.names(of: own) {
        let status = try? name.status(at: directory.rawValue)
        if let status, status.kind != .directory { add(status) }
      }
    }
  }

  private mutating func add(_ status: FileStatus) {
    if status.links > 1 {
      let file = Identity(fileSystem: status.fileSystem, inode: status.inode)
      guard linked.insert(file).inserted else { return }
    }
    bytes = bytes.addingReportingOverflow(Int64(status.size)).partialValue
  }
}

extension PartitionStore {
  /// How many bytes are in the files that the partition `id` has written.
  public func writtenBytes(of id: ContainerID) -> Int64 {
    var sizes = FileSizes()
    for layer in ["upper", "usr-upper"] { sizes.add("\(path)/\(id)/\(layer)") }
    return sizes.bytes
  }
}
