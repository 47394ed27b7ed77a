import CLinux
import Glibc

/// Which side of a `clone` the caller is on.
public enum Cloned: ~Copyable {
  /// In the new process.
  case child
  /// In the old one, with the child's pid as this pid namespace numbers it, and a pidfd.
  case parent(pid: Int32, pidfd: Pidfd)
}

/// Makes a process that continues from here in `namespaces`, born in `cgroup` (`clone3(2)`).
///
/// The child has a copy of this thread alone, so the process must have no other that may hold a lock: none at all, or such as
/// `JobThread` makes.
///
/// - Parameters:
///   - namespaces: the kinds of which the child gets new ones.
///   - cgroup: a descriptor of a cgroup2 directory, or -1 to stay in the caller's.
///   - asSibling: the child's parent is the caller's parent (`CLONE_PARENT`).
///   - sharingDescriptors: the child has no copy of the caller's descriptors, but those (`CLONE_FILES`), until it calls
///     `unshareDescriptors`.
public func clone(
  into namespaces: Namespaces, cgroup: Int32 = -1, asSibling: Bool = false, sharingDescriptors: Bool = false
) throws(Errno) -> Cloned {
  let cloneFiles: UInt64 = 0x400
  let clonePidfd: UInt64 = 0x1000
  let cloneParent: UInt64 = 0x8000
  let cloneIntoCgroup: UInt64 = 0x2_0000_0000
  var pidfd: Int32 = -1
  var arguments = clone_args()
  arguments.flags = namespaces.rawValue | clonePidfd
  // With CLONE_PARENT the exit signal is the caller's own, and must not be given.
  if asSibling { arguments.flags |= cloneParent } else { arguments.exit_signal = UInt64(SIGCHLD) }
  if sharingDescriptors { arguments.flags |= cloneFiles }
  if cgroup >= 0 {
    arguments.flags |= cloneIntoCgroup
    arguments.cgroup = UInt64(cgroup)
  }
  let pid = try withUnsafeMutablePointer(to: &pidfd) { (pointer) throws(Errno) in
    arguments.pidfd = UInt64(UInt(bitPattern: pointer))
    return try once { linux_clone3(&arguments) }
  }
  if pid == 0 { return .child }
  return .parent(pid: Int32(pid), pidfd: Pidfd(FileDescriptor(owning: pidfd)))
}

/// Ends this process at once, without running anything at exit (`_exit(2)`).
public func exitNow(_ status: Int32) -> Never { _exit(status) }
