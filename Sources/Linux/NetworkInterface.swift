import CLinux
import Glibc

/// Network interfaces of this process's network namespace (`netdevice(7)`).
public enum NetworkInterface {
  /// Takes the loopback interface into use.
  public static func bringLoopbackUp() throws(Errno) {
    let socket = FileDescriptor(
      owning: try once {
        Glibc.socket(AF_INET, Int32(SOCK_DGRAM.rawValue | SOCK_CLOEXEC.rawValue), 0)
      })
    var request = ifreq()
    withUnsafeMutableBytes(of: &request.ifr_ifrn) { $0.copyBytes(from: Array("lo".utf8)) }
    try once { linux_ioctl_pointer(socket.rawValue, UInt(LINUX_SIOCGIFFLAGS), &request) }
    request.ifr_ifru.ifru_flags |= Int16(IFF_UP)
    try once { linux_ioctl_pointer(socket.rawValue, UInt(LINUX_SIOCSIFFLAGS), &request) }
  }
}
