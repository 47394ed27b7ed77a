import CLinux
import Glibc

extension Socket {
  /// A socket that takes datagrams, at the path `name` in `directory` (`unix(7)`, `SOCK_DGRAM`).
  public static func datagrams(named name: String, in directory: borrowing FileDescriptor) throws(Errno)
    -> Socket
  {
    let raw = try once { socket(AF_UNIX, Int32(SOCK_DGRAM.rawValue | SOCK_CLOEXEC.rawValue), 0) }
    let end = Socket(FileDescriptor(owning: raw))
    // The directory's own path may be longer than an address.
    try withAddress("/proc/self/fd/\(directory.rawValue)/\(name)") { (address, size) throws(Errno) in
      try once { bind(raw, address, size) }
    }
    return end
  }
}
