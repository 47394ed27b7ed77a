import Linux
import OCI

/// User namespaces (`user_namespaces(7)`).
enum UserNamespace {
  /// Writes the mappings of the user namespace in which the process `pid` lives.
  static func map(
    _ pid: Int32, uidMappings: [RuntimeConfig.IDMapping], gidMappings: [RuntimeConfig.IDMapping]
  ) throws(ContainerError) {
    try attempt("linux.uidMappings: write /proc/\(pid)/uid_map") { () throws(Errno) in
      try File.write(lines(uidMappings), to: "/proc/\(pid)/uid_map")
    }
    try attempt("linux.gidMappings: write /proc/\(pid)/gid_map") { () throws(Errno) in
      try File.write(lines(gidMappings), to: "/proc/\(pid)/gid_map")
    }
  }

  static func lines(_ mappings: [RuntimeConfig.IDMapping]) -> String {
    mappings.map { "\($0.containerID) \($0.hostID) \($0.size)\n" }.joined()
  }

  /// A user namespace with these mappings and no process in it.
  static func make(
    uidMappings: [RuntimeConfig.IDMapping], gidMappings: [RuntimeConfig.IDMapping]
  ) throws(ContainerError) -> FileDescriptor {
    let caller = ProcessControl.pid
    switch try attempt("make a user namespace", { () throws(Errno) in try clone(into: .user) }) {
    case .child:
      guard (try? ProcessControl.dieWithParent()) != nil, ProcessControl.parentPid == caller else {
        exitNow(1)
      }
      ProcessControl.pauseForever()
    case .parent(let pid, let pidfd):
      defer {
        try? pidfd.send(.kill)
        _ = try? pidfd.wait()
      }
      try map(pid, uidMappings: uidMappings, gidMappings: gidMappings)
      return try attempt("open the user namespace") { () throws(Errno) in
        try FileDescriptor.open("/proc/\(pid)/ns/user", .readOnly)
      }
    }
  }
}
