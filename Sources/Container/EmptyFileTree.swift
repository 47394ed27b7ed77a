import Linux

/// A mount namespace with one empty directory and nothing else.
///
/// A container's file tree that is made in a copy of it has nothing of the host's to let go of. `pivot_root(2)`, which does
/// that otherwise, looks at every process of the machine, and to take the host's mounts away the kernel waits until no
/// processor uses them any more.
public final class EmptyFileTree: Sendable {
  private let namespace: FileDescriptor
  /// The mount namespace of who made it.
  private let host: FileDescriptor
  /// The numbers of the descriptors by which it is held, in this process and its children.
  public var descriptors: [Int32] { [namespace.rawValue, host.rawValue] }

  /// Makes one, by a process that ends with it.
  public init() throws(ContainerError) {
    host = try attempt("open this process's mount namespace") { () throws(Errno) in
      try FileDescriptor.open("/proc/self/ns/mnt", .readOnly)
    }
    namespace = try attempt("make an empty file tree") { () throws(Errno) in
      let pair = try Socket.pair()
      switch try clone(into: .mount) {
      case .child:
        do throws(Errno) {
          let own = try FileDescriptor.open("/proc/self/ns/mnt", .readOnly)
          try Self.leaveNothing()
          try pair.there.send([0], with: own)
          exitNow(0)
        } catch { exitNow(1) }
      case .parent(_, let process):
        guard try process.wait() == .exited(0) else { throw .notPermitted }
      }
      var message = try pair.here.receive()
      guard let namespace = message.file.take() else { throw .notPermitted }
      return namespace
    }
  }

  private static func leaveNothing() throws(Errno) {
    try changeMount(at: "/", propagation: .private, recursive: true)
    let context = try FileSystemContext("tmpfs")
    // All containers would share what somebody wrote there: there is room for the directory itself alone.
    try context.set("nr_inodes", "1")
    try context.set("mode", "555")
    let directory = try context.mount([.readOnly, .noSuid, .noDev, .noExec])
    try directory.attach(to: try FileDescriptor.open("/", [.path, .directory]))
    try Directory.change(to: directory.root)
    try pivotRootToWorkingDirectory()
  }

  /// Moves this process into a copy of the mount namespace of who made this.
  func enterCopyOfHost() throws(Errno) {
    try host.enter(.mount)
    try unshare(.mount)
  }

  /// Moves this process into a copy of its own.
  func enterCopy() throws(Errno) {
    try namespace.enter(.mount)
    try unshare(.mount)
  }
}
