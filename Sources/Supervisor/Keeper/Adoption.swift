import Container
import Linux

/// A program that runs and whose keeper is gone: another process' child, of which the end can be seen all the same.
final class Adoption {
  /// Which process it is.
  let process: Record.Process
  private let handle: Pidfd
  /// The number of the descriptor that is readable when the process has ended.
  var number: Int32 { handle.descriptor.rawValue }

  /// The first process of the container `name`, as far as that runs.
  ///
  /// - Throws: `.noSuchProcess` when it does not.
  init(of name: String, in store: ContainerStore) throws(Errno) {
    guard let id = try? ContainerID(name), let process = (try? store.container(id))?.record.process else {
      throw .noSuchProcess
    }
    handle = try Pidfd(of: process.pid)
    let now = try ProcessStatus.of(process.pid)
    guard now.startTime == process.startTime, !now.isDead else { throw .noSuchProcess }
    self.process = process
  }

  /// How it has ended; `nil` when the kernel does not say that to others than its parent.
  var status: ExitStatus? {
    if let now = try? ProcessStatus.of(process.pid), now.startTime == process.startTime,
      let status = now.exitStatus
    {
      return status
    }
    return try? handle.endStatus()
  }

  /// A new end of the pipe that it writes its output to, from which nobody reads any more; where it writes somewhere else,
  /// a pipe that nobody writes to.
  func output() throws(Errno) -> FileDescriptor { try end(of: 1, besides: nil) }

  /// The same of its errors, unless they go the way of its output.
  func errors() throws(Errno) -> FileDescriptor { try end(of: 2, besides: 1) }

  private func end(of stream: Int32, besides other: Int32?) throws(Errno) -> FileDescriptor {
    let pipe = try FileDescriptor.pipe()
    let nobody = pipe.read
    // A pipe that has a name is somebody's file, and anything else as well.
    let pipes = try nobody.status().fileSystem
    do throws(Errno) {
      let theirs = try handle.descriptor(stream)
      let status = try theirs.status()
      guard status.kind == .fifo, status.fileSystem == pipes else { return nobody }
      if let other, inode(of: other) == status.inode { return nobody }
      return try FileDescriptor.open("/proc/self/fd/\(theirs.rawValue)", [.readOnly, .nonBlocking])
    } catch { return nobody }
  }

  private func inode(of stream: Int32) -> UInt64? {
    do throws(Errno) {
      let theirs = try handle.descriptor(stream)
      return try theirs.status().inode
    } catch { return nil }
  }
}
