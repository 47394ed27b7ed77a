import Linux

/// The files of kernel parameters (`proc_sys(5)`).
enum KernelParameter {
  /// Opens the file `path` below `/proc/sys` for writing.
  ///
  /// Only procfs itself is written to, on one mount and through no link: in a mount namespace that was joined, somebody may have
  /// put something else there. Where that is so, or `/proc/sys` is read-only as in a container, a procfs of this process's own
  /// takes its place.
  static func open(_ path: String) throws(Errno) -> FileDescriptor {
    do throws(Errno) {
      let directory = try FileDescriptor.open("/proc/sys", [.path, .directory])
      guard try FileSystemStatus.of(directory).kind == .procfs else { throw .noSuchDevice }
      return try open(path, below: directory)
    } catch {
      guard let own = try? FileSystemContext("proc").mount([.noSuid, .noDev, .noExec]) else { throw error }
      return try open("sys/\(path)", below: own.root)
    }
  }

  private static func open(_ path: String, below directory: borrowing FileDescriptor) throws(Errno)
    -> FileDescriptor
  {
    try FileDescriptor.open(
      path, .writeOnly, resolve: [.beneath, .noSymlinks, .noCrossDevice], at: directory.rawValue)
  }
}
