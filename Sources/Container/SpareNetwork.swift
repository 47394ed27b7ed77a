import Linux

/// A network namespace with its loopback interface up, and the view of it in sysfs, made before there is a container to have
/// them: the kernel compares a new sysfs with that of every other network namespace.
public final class SpareNetwork: Sendable {
  let namespace: FileDescriptor
  let sysfs: Mount

  private init(namespace: consuming FileDescriptor, sysfs: consuming Mount) {
    self.namespace = namespace
    self.sysfs = sysfs
  }

  /// Makes one, in which this process is from now on.
  public static func enterNew() throws(ContainerError) -> SpareNetwork {
    try attempt("make a network namespace") { () throws(Errno) in
      try unshare(.network)
      try NetworkInterface.bringLoopbackUp()
      let context = try FileSystemContext("sysfs")
      try context.set("source", "sysfs")
      return SpareNetwork(
        namespace: try FileDescriptor.open("/proc/self/ns/net", .readOnly), sysfs: try context.mount([]))
    }
  }

  /// What another process has made and sent with a message; `nil` when it has not.
  public convenience init?(_ files: inout ReceivedFiles) {
    guard let namespace = files.takeFirst(), let sysfs = files.takeFirst() else { return nil }
    self.init(namespace: namespace, sysfs: Mount(detached: sysfs))
  }

  /// The numbers of the descriptors by which another process can have it.
  public var descriptors: [Int32] { [namespace.rawValue, sysfs.root.rawValue] }
}
