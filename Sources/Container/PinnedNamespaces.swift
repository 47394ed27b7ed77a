import Linux

extension HostMounts {
  /// Copies a tree again, without the mount namespaces that are mounted in it (snapd does so below `/run/snapd/ns`).
  /// The kernel lets nobody attach a tree with such a mount in a younger mount namespace: `ELOOP`. A copy of the host's
  /// mount namespace does not have these mounts, so a tree that is copied there does not, either.
  ///
  /// - Parameters:
  ///   - emptyTree: this process is in a copy of it; otherwise it is in a copy of the host's mount namespace itself.
  ///   - copy: makes the copy.
  static func withoutNamespaces(
    _ emptyTree: EmptyFileTree?, _ copy: () throws(ContainerError) -> HeldMount
  ) throws(ContainerError) -> HeldMount {
    guard let emptyTree else { return try copy() }
    return try inCopyOfHost({ () throws(Errno) in try emptyTree.enterCopyOfHost() }, copy)
  }

  /// Makes a copy of a tree in a process of its own, which shares mounts with the host as the host itself does.
  ///
  /// - Parameter enter: enters a copy of the host's mount namespace.
  static func inCopyOfHost(
    _ enter: () throws(Errno) -> Void, _ copy: () throws(ContainerError) -> HeldMount
  ) throws(ContainerError) -> HeldMount {
    let pair = try attempt("make a connection to a process among the host's mounts") { () throws(Errno) in
      try Socket.pair()
    }
    switch try attempt("clone a process for the host's mounts", { () throws(Errno) in try clone(into: []) }) {
    case .child:
      do throws(ContainerError) {
        try attempt("enter a copy of the host's mounts", enter)
        let held = try copy()
        try attempt("hand over a copy of the host's mounts") { () throws(Errno) in
          try pair.there.send([0], with: held.mount.root)
        }
        exitNow(0)
      } catch {
        try? pair.there.send(Array(error.description.utf8.prefix(4000)))
        exitNow(1)
      }
    case .parent(_, let process):
      var entries = [PollEntry(pair.here.descriptor.rawValue, .readable)]
      let hasSpoken = try attempt("wait for a process among the host's mounts") { () throws(Errno) in
        _ = try process.wait()
        return try poll(&entries, milliseconds: 0)
      }
      guard hasSpoken else {
        throw ContainerError(.failed, "the process among the host's mounts was killed, or lacked memory")
      }
      var message = try attempt("get a copy of the host's mounts") { () throws(Errno) in
        try pair.here.receive()
      }
      switch message.file.take() {
      case .some(let root): return HeldMount(Mount(detached: root))
      case .none: throw ContainerError(.failed, String(decoding: message.bytes, as: UTF8.self))
      }
    }
  }
}
