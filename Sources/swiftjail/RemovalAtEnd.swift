import Container
import Linux

/// Removes a container that nobody waits for when its first process ends.
enum RemovalAtEnd {
  /// Leaves a process behind that does it.
  static func watch(_ process: borrowing StartedProcess, in settings: Settings) throws(Failure) {
    let id = process.container.id
    do throws(Errno) {
      let cloned = try clone(into: [])
      guard case .child = consume cloned else { return }
      // From here on nobody hears of errors: what cannot be removed stays in the list.
      try leaveCaller(except: process.pidfd.descriptor.rawValue)
      var entries = [PollEntry(process.pidfd.descriptor.rawValue, .readable)]
      _ = try poll(&entries)
      try? settings.store.delete(id, force: true)
      settings.partitions.releaseMemory()
      exitNow(0)
    } catch {
      throw Failure(.failed, "--rm: leave a process that waits for \(id) to end: \(error)")
    }
  }

  private static func leaveCaller(except kept: Int32) throws(Errno) {
    try ProcessControl.startSession()
    try Directory.change(to: "/")
    let null = try FileDescriptor.open("/dev/null", .readWrite)
    for number in Int32(0)...2 { try null.replace(number) }
    try closeAll(from: 3, except: [kept])
  }
}

/// What this program and those that it starts read from.
enum StandardInput {
  /// Lets them read nothing.
  static func close() throws(Failure) {
    do throws(Errno) { try FileDescriptor.open("/dev/null", .readOnly).replace(0) } catch {
      throw Failure(.failed, "open /dev/null: \(error)")
    }
  }
}
