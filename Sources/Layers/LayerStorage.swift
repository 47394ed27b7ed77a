import Container
import Linux

/// The directory that holds the layers of a store's partitions, and a tmpfs on it where its file system cannot hold the
/// upper layer of an overlay.
///
/// overlayfs refuses an upper layer on overlayfs itself, on which the root of most containers is, and on most network
/// file systems. The tmpfs is mounted once, in the mount namespace of the program that needs it first, and every program
/// there shares it. It is unmounted when its last partition is removed.
struct LayerStorage: Sendable {
  /// The directory, with one for each partition.
  let path: String
  /// The size of the tmpfs in bytes; `nil` is half of the memory that there is.
  var memoryLimit: UInt64?

  /// The name under which the tmpfs is in the list of mounts.
  static let source = "swiftjail-layers"

  /// Creates the directory where it is missing, and mounts the tmpfs where one is needed.
  ///
  /// - Returns: a lock that keeps the tmpfs mounted until a partition is in it; `nil` where there is none.
  func prepare() throws(LayerError) -> Lock? {
    let kind: FileSystemKind
    do throws(Errno) {
      do throws(Errno) { kind = try FileSystemStatus.of(path).kind } catch .noSuchFileOrDirectory {
        // Only root passes through: a partition may create set-user-id programs in its layer.
        try Directory.makeAll(path, mode: 0o711)
        kind = try FileSystemStatus.of(path).kind
      }
    } catch {
      throw LayerError(error == .readOnlyFileSystem ? .readOnly : .failed, "create \(path): \(error)")
    }
    if try canHoldLayers(kind), !isInMemory { return nil }
    while true {
      let lock = try attempt("lock \(parent)") { () throws(Errno) in try Lock.wait(for: parent, shared: true)
      }
      if isInMemory {
        try resize()
        return lock
      }
      lock.release()
      try mountMemory()
    }
  }

  /// Whether the layers are in memory: on a tmpfs that is mounted on the directory.
  var isInMemory: Bool {
    guard let status = try? FileStatus.of(path), let above = try? FileStatus.of(parent),
      status.fileSystem != above.fileSystem
    else { return false }
    return (try? FileSystemStatus.of(path).kind) == .tmpfs
  }

  private func resize() throws(LayerError) {
    guard let memoryLimit, isOwnTmpfs else { return }
    try attempt("set the size of the tmpfs \(path)") { () throws(Errno) in
      try remountTmpfs(path, options: "size=\(memoryLimit)")
    }
  }

  /// Unmounts the tmpfs when no partition is left in it. What somebody else has mounted there stays.
  func release() {
    guard isInMemory, let lock = try? Lock.take(parent) else { return }
    if let entries = try? Directory.entries(of: path), entries.isEmpty, isOwnTmpfs {
      // A program that has the directory open keeps it.
      try? unmount(path)
    }
    lock.release()
  }

  /// Whether this program mounted the topmost tmpfs on the directory.
  private var isOwnTmpfs: Bool {
    guard let mounts = try? MountTable.ofThisProcess(), let real = try? File.realPath(path) else {
      return false
    }
    return mounts.source(of: real) == Self.source
  }

  private var parent: String {
    guard let slash = path.utf8.lastIndex(of: UInt8(ascii: "/")), slash != path.startIndex else { return "/" }
    return String(path[..<slash])
  }

  /// Whether the file system of the directory, of the kind `kind`, can hold an upper layer.
  private func canHoldLayers(_ kind: FileSystemKind) throws(LayerError) -> Bool {
    switch kind {
    case .ext4, .xfs, .btrfs, .tmpfs: return true
    case .overlay: return false
    case .procfs, .sysfs, .cgroup, .cgroup2, .devpts, .pidfs, .selinux, .resctrl, .other:
      return try mountsTrial()
    }
  }

  /// Whether the kernel creates an overlay whose upper layer is in the directory. It is not attached anywhere.
  private func mountsTrial() throws(LayerError) -> Bool {
    let trial = "\(path)/.trial-\(ProcessControl.pid)"
    // A process of the same pid may have been killed here.
    try? Directory.removeTree(trial)
    defer { try? Directory.removeTree(trial) }
    try attempt("create \(trial)") { () throws(Errno) in
      for name in ["", "/lower", "/upper", "/work"] { try Directory.make(trial + name, mode: 0o700) }
    }
    do throws(Errno) {
      // The path itself may be longer than a value can be.
      let directory = try FileDescriptor.open(trial, [.path, .directory])
      let held = "/proc/self/fd/\(directory.rawValue)"
      let overlay = try FileSystemContext("overlay")
      try overlay.set("lowerdir", "\(held)/lower")
      try overlay.set("upperdir", "\(held)/upper")
      try overlay.set("workdir", "\(held)/work")
      _ = try overlay.mount([])
      return true
    } catch .invalidArgument { return false } catch .notSupported { return false } catch {
      // Not the file system's fault: the start of the partition says what is wrong.
      return true
    }
  }

  private func mountMemory() throws(LayerError) {
    let size = memoryLimit ?? (MemoryBound.bytes() ?? 0) / 2
    try attempt("mount a tmpfs on \(path) for the layers of partitions") { () throws(Errno) in
      let lock = try Lock.wait(for: parent)
      if !isInMemory {
        let memory = try FileSystemContext("tmpfs")
        try memory.set("source", Self.source)
        try memory.set("mode", "0711")
        // 0 would be no limit.
        if size > 0 { try memory.set("size", String(size)) }
        try memory.mount([]).attach(to: try FileDescriptor.open(path, [.path, .directory]))
      }
      lock.release()
    }
  }
}
