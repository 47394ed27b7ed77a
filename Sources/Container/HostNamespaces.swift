import Linux
import OCI

extension Plan {
  /// Refuses what would change the host: a kernel parameter or a name that belongs to a namespace of `joined` which is the
  /// caller's own.
  func refuseChangesToHost(_ joined: [HeldNamespace]) throws(ContainerError) {
    guard hostname != nil || domainname != nil || !sysctl.isEmpty else { return }
    for namespace in joined where try namespace.isCallers() {
      let reason =
        "would change the host: \(namespace.path) in linux.namespaces is the caller's own namespace"
      if namespace.kind == .uts {
        if hostname != nil { throw .config("hostname", reason) }
        if domainname != nil { throw .config("domainname", reason) }
      }
      for parameter in sysctl {
        let dotted = parameter.path.split(separator: "/").joined(separator: ".")
        if let kind = RuntimeConfig.Linux.namespace(ofSysctl: dotted), Self.namespace(kind) == namespace.kind
        {
          throw .config("linux.sysctl", "\(dotted) \(reason)")
        }
      }
    }
  }
}

extension HeldNamespace {
  /// Whether the caller is in it.
  func isCallers() throws(ContainerError) -> Bool {
    let own = "/proc/self/ns/\(kind.fileName)"
    return try attempt("linux.namespaces: compare \(path) with \(own)") { () throws(Errno) in
      let joined = try descriptor.status()
      let current = try FileStatus.of(own)
      return joined.inode == current.inode && joined.fileSystem == current.fileSystem
    }
  }
}
