import Linux
import OCI

extension SeccompPlan.Listener {
  /// Sends the filter's listener, which the process `pid` has open as `number`, to whom the configuration names, and tells the
  /// process to go on.
  func handOver(
    _ number: Int32, of pid: Int32, in record: Record, status: State.Status, _ handshake: borrowing Handshake
  ) throws(ContainerError) {
    let descriptor = try take(number, of: pid)
    try send(descriptor, of: pid, in: record, status: status)
    try acknowledge(handshake)
  }

  /// Takes the listener from the process `pid`, which creates the one that the filter is for, and tells the process to go on.
  func hold(
    _ number: Int32, of pid: Int32, _ handshake: borrowing Handshake
  ) throws(ContainerError) -> SeccompPlan.HeldListener {
    let descriptor = try take(number, of: pid)
    try acknowledge(handshake)
    return SeccompPlan.HeldListener(listener: self, descriptor: descriptor)
  }

  private func take(_ number: Int32, of pid: Int32) throws(ContainerError) -> FileDescriptor {
    try attempt("linux.seccomp: take the filter's listener from process \(pid)") { () throws(Errno) in
      let descriptor = try Pidfd(of: pid).descriptor(number)
      // Whoever traces the process may have spoken for it: nothing else of its files goes to a program outside.
      let kind = try File.symbolicLink("/proc/self/fd/\(descriptor.rawValue)")
      guard kind == "anon_inode:seccomp notify" else { throw .badDescriptor }
      return descriptor
    }
  }

  private func acknowledge(_ handshake: borrowing Handshake) throws(ContainerError) {
    try attempt("tell the new process of its listener") { () throws(Errno) in try handshake.send(.listened) }
  }

  /// One document on one connection, with the descriptor (config-linux.md, "The Container Process State").
  fileprivate func send(
    _ descriptor: borrowing FileDescriptor, of pid: Int32, in record: Record, status: State.Status
  ) throws(ContainerError) {
    let document = ContainerProcessState(
      ociVersion: RuntimeConfig.latestVersion, fds: ["seccompFd"], pid: pid, metadata: metadata,
      state: State(
        ociVersion: record.ociVersion, id: record.id.description, status: status,
        pid: status == .creating ? pid : record.process?.pid ?? 0, bundle: record.bundle,
        annotations: record.annotations))
    let bytes = Array(document.json.text().utf8)
    try attempt("linux.seccomp.listenerPath: send the listener to \(path)") { () throws(Errno) in
      let socket = try Socket.connect(to: path)
      let sent = try socket.sendSome(bytes, with: descriptor)
      if sent < bytes.count { try socket.descriptor.writeAll(Array(bytes[sent...])) }
    }
  }
}

extension SeccompPlan {
  /// The listener of a filter whose process is not there yet.
  struct HeldListener: ~Copyable {
    fileprivate let listener: Listener
    fileprivate let descriptor: FileDescriptor

    /// Whether it is asked about a call before the next message of `handshake` comes.
    func isAsked(before handshake: borrowing Handshake) -> Bool {
      var entries = [
        PollEntry(handshake.socket.descriptor.rawValue, .readable), PollEntry(descriptor.rawValue, .readable),
      ]
      _ = try? poll(&entries, milliseconds: -1)
      return entries[0].events.isEmpty && !entries[1].events.isEmpty
    }

    /// Sends it, as that of the process `pid`, which joins the container.
    consuming func handOver(_ pid: Int32, _ record: Record) throws(ContainerError) {
      try listener.send(descriptor, of: pid, in: record, status: .running)
    }
  }
}
