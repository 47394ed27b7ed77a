import Linux

/// What the first process of a container reads from before it executes its program.
struct StartFifo {
  let path: String

  /// Whether the process still waits: it closes its end before it executes the program.
  var hasReader: Bool {
    do throws(Errno) {
      _ = try FileDescriptor.open(path, [.writeOnly, .nonBlocking])
      return true
    } catch { return false }
  }

  /// Whether nobody has told the process to go on.
  var isThere: Bool { (try? FileStatus.of(path)) != nil }

  /// Tells the process to go on.
  ///
  /// - Throws: `Errno`, `.noSuchDeviceOrAddress` when no process waits.
  func tell() throws(Errno) {
    let fifo = try FileDescriptor.open(path, [.writeOnly, .nonBlocking])
    try fifo.writeOnce("s")
    try File.remove(path)
  }
}

extension ContainerStore {
  /// Has the first process of a container that waits execute its program, without a look at anything else: for who made
  /// it, and is alone in starting it.
  ///
  /// - Throws: `Errno` when no process waits.
  public func release(_ id: ContainerID) throws(Errno) { try startFifo(of: id).tell() }

  /// Whether nobody has started the container since it was created, be it that its first process has ended.
  public func isUnstarted(_ id: ContainerID) -> Bool { startFifo(of: id).isThere }

  private func startFifo(of id: ContainerID) -> StartFifo { StartFifo(path: "\(directory(of: id))/start") }
}
