/// A wait for pressure: an open pressure file, on which `EPOLLPRI` comes when work has waited for too long
/// (Linux, Documentation/accounting/psi.rst, "Monitoring for pressure thresholds").
///
/// When the cgroup of the file is removed, `EPOLLERR` comes.
public struct PressureTrigger: ~Copyable {
  private let file: FileDescriptor

  /// Waits until some of the work has waited for `stall` of `window` microseconds, at most once a window.
  ///
  /// - Parameters:
  ///   - path: a file such as a cgroup's `memory.pressure`.
  ///   - window: 500,000 to 10,000,000.
  public init(_ path: String, stall: Int, window: Int) throws(Errno) {
    let file = try FileDescriptor.open(path, [.readWrite, .nonBlocking])
    try file.writeOnce("some \(stall) \(window)\n")
    self.file = file
  }

  /// The number of the descriptor to wait for.
  public var rawValue: Int32 { file.rawValue }
}
