import Foundation

/// A pseudo-terminal that the test holds the master side of.
final class Terminal {
  let master: CInt
  /// The slave's path, such as /dev/pts/3.
  let path: String
  private(set) var seen = ""

  /// A new one, or a given master that a runtime sent.
  init(master given: CInt? = nil) throws {
    master = given ?? open("/dev/ptmx", O_RDWR | O_NOCTTY | O_CLOEXEC)
    guard master >= 0 else { throw Broken("no pseudo-terminal: \(String(cString: strerror(errno)))") }
    var unlocked: CInt = 0
    var number: CInt = -1
    // ioctl_tty(2): TIOCSPTLCK, TIOCGPTN.
    if given == nil { _ = ioctl(master, 0x4004_5431, &unlocked) }
    // Only for one of our own does the number name a file out here.
    path = given == nil && ioctl(master, 0x8004_5430, &number) == 0 ? "/dev/pts/\(number)" : ""
    _ = fcntl(master, F_SETFL, fcntl(master, F_GETFL) | O_NONBLOCK)
  }

  deinit { close(master) }

  func resize(rows: UInt16, columns: UInt16) {
    var size = winsize(ws_row: rows, ws_col: columns, ws_xpixel: 0, ws_ypixel: 0)
    _ = ioctl(master, UInt(TIOCSWINSZ), &size)
  }

  func type(_ text: String) {
    let bytes = Array(text.utf8)
    _ = Glibc.write(master, bytes, bytes.count)
  }

  /// Reads until a text has been seen; everything seen so far is kept.
  func waitFor(_ text: String) throws {
    let found = poll {
      var buffer = [UInt8](repeating: 0, count: 4096)
      while true {
        let count = read(master, &buffer, buffer.count)
        if count <= 0 { break }
        seen += String(decoding: buffer[..<count], as: UTF8.self)
      }
      return seen.contains(text)
    }
    guard found else { throw Broken("the terminal never showed \(text), but: \(seen)") }
  }
}

/// The listening end of `--console-socket`.
final class ConsoleSocket {
  let path: String
  private let listener: CInt

  init(at path: String) throws {
    self.path = path
    listener = try UnixSocket.listening(at: path)
  }

  deinit { close(listener) }

  /// The terminal that the runtime sent, and the bytes with it.
  func receive() throws -> (terminal: Terminal, name: String) {
    let received = try receiveDescriptor()
    return (try Terminal(master: received.descriptor), received.name)
  }

  /// The descriptor that the runtime sent, and the bytes with it.
  func receiveDescriptor() throws -> (descriptor: CInt, name: String) {
    var waiting = pollfd(fd: listener, events: Int16(POLLIN), revents: 0)
    guard Glibc.poll(&waiting, 1, CInt(patience * 1000)) == 1 else { throw Broken("nobody came to \(path)") }
    let connection = accept(listener, nil, nil)
    defer { close(connection) }

    var name = [UInt8](repeating: 0, count: 256)
    var control = [UInt8](repeating: 0, count: 64)
    let (length, controlLength) = name.withUnsafeMutableBytes { name in
      control.withUnsafeMutableBytes { control in
        var vector = iovec(iov_base: name.baseAddress, iov_len: name.count)
        return withUnsafeMutablePointer(to: &vector) { vector in
          var message = msghdr()
          message.msg_iov = vector
          message.msg_iovlen = 1
          message.msg_control = control.baseAddress
          message.msg_controllen = control.count
          // MSG_CMSG_CLOEXEC
          return (recvmsg(connection, &message, CInt(0x4000_0000)), message.msg_controllen)
        }
      }
    }
    // struct cmsghdr is a length and two ints; the descriptor follows at once.
    guard length > 0, controlLength >= 20 else { throw Broken("no descriptor came through \(path)") }
    let descriptor = control.withUnsafeBytes { $0.loadUnaligned(fromByteOffset: 16, as: CInt.self) }
    return (descriptor, String(decoding: name[..<length].prefix { $0 != 0 }, as: UTF8.self))
  }
}
