import CLinux
import Glibc

extension FileDescriptor {
  /// A file in memory that holds `bytes`, to be read from its beginning, and that nobody can change (`memfd_create(2)`).
  public static func memory(named name: String, holding bytes: [UInt8]) throws(Errno) -> FileDescriptor {
    let file = try emptyMemory(named: name)
    try file.writeAll(bytes)
    try file.seal()
    _ = try retrying { lseek(file.rawValue, 0, SEEK_SET) }
    return file
  }

  private static func emptyMemory(named name: String) throws(Errno) -> FileDescriptor {
    let cloexec: UInt32 = 1
    let allowSealing: UInt32 = 2
    let notExecutable: UInt32 = 8
    do throws(Errno) {
      let raw = try making(.memfdCreate) { linux_memfd_create(name, cloexec | allowSealing | notExecutable) }
      return FileDescriptor(owning: Int32(raw))
    } catch .invalidArgument {
      // Before Linux 6.3 the flag is unknown.
      return FileDescriptor(owning: Int32(try retrying { linux_memfd_create(name, cloexec | allowSealing) }))
    }
  }
}
