import CLinux
import Glibc

/// Which side of a `clone` the caller is on.
public enum Cloned: ~Copyable {
  /// In the new process.
  case child
  /// In the old one, with the child's pid as this pid namespace numbers it, and a pidfd.
  case parent(pid: Int32, pidfd: Pidfd)
}

/// Makes a process that continues from here in `namespaces`, born in `cgroup` (`clone3(2)`). Where a filter refuses that call
/// it is made by `clone(2)`, and moved to `cgroup` before it continues.
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
  do throws(Errno) {
    let pid = try withUnsafeMutablePointer(to: &pidfd) { (pointer) throws(Errno) in
      arguments.pidfd = UInt64(UInt(bitPattern: pointer))
      return try once { linux_clone3(&arguments) }
    }
    if pid == 0 { return .child }
    return .parent(pid: Int32(pid), pidfd: Pidfd(FileDescriptor(owning: pidfd)))
  } catch .notPermitted, .noFunction {
    // Filters refuse the call since they cannot look at its flags; those of the older one they can.
    let flags = arguments.flags & ~cloneIntoCgroup | arguments.exit_signal
    guard cgroup >= 0 else { return try cloneByFlags(flags) }
    return try cloneByFlags(flags, movedTo: cgroup, isChild: !asSibling)
  }
}

/// Makes a process with the flags of `clone(2)`, among them `CLONE_PIDFD`.
private func cloneByFlags(_ flags: UInt64) throws(Errno) -> Cloned {
  var pidfd: Int32 = -1
  let pid = try making(.clone) { linux_clone(UInt(flags), &pidfd) }
  if pid == 0 { return .child }
  return .parent(pid: Int32(pid), pidfd: Pidfd(FileDescriptor(owning: pidfd)))
}

/// Makes a process that does nothing before it has been moved to `cgroup`, a descriptor of its directory.
private func cloneByFlags(_ flags: UInt64, movedTo cgroup: Int32, isChild: Bool) throws(Errno) -> Cloned {
  // The root of a new cgroup namespace is the cgroup of who makes it.
  let namespace = Namespaces(rawValue: flags).intersection(.cgroup)
  let gate = try FileDescriptor.pipe()
  switch try cloneByFlags(flags & ~namespace.rawValue) {
  case .child:
    // Closed first: else it would wait for itself when its parent is gone.
    let write = gate.write
    _ = consume write
    guard let byte = try? gate.read.readByte(), byte == 1 else { exitNow(1) }
    if !namespace.isEmpty, (try? unshare(namespace)) == nil { exitNow(1) }
    return .child
  case .parent(let pid, let pidfd):
    do throws(Errno) {
      try File.write(String(pid), to: "cgroup.procs", at: cgroup)
      try gate.write.writeAll([1])
      return .parent(pid: pid, pidfd: pidfd)
    } catch {
      let write = gate.write
      _ = consume write
      if isChild { _ = try? pidfd.wait() }
      throw error
    }
  }
}

/// Ends this process at once, without running anything at exit (`_exit(2)`).
public func exitNow(_ status: Int32) -> Never { _exit(status) }
