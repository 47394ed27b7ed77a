import Glibc
import Testing

@testable import Linux

@Suite("Sockets with a path")
struct UnixListenerTests {
  private func send(_ bytes: [UInt8], to socket: borrowing Socket) throws -> Int {
    let buffer = UnsafeMutableRawBufferPointer.allocate(byteCount: bytes.count, alignment: 1)
    defer { buffer.deallocate() }
    buffer.copyBytes(from: bytes)
    return try socket.sendNow(UnsafeRawBufferPointer(buffer))
  }

  @Test("Nothing is waited for: neither a connection nor bytes nor room for them")
  func nonBlocking() throws {
    let scratch = try Scratch()
    let path = "\(scratch.path)/socket"
    let listener = try UnixListener(binding: path)
    #expect(throws: Errno.connectionRefused) { _ = try Socket.connect(to: path) }
    try listener.listen()
    #expect(throws: Errno.resourceTemporarilyUnavailable) { _ = try listener.accept() }
    let there = try Socket.connect(to: path)
    let here = try listener.accept()
    #expect(throws: Errno.resourceTemporarilyUnavailable) { _ = try here.receiveNow(limit: 10) }
    #expect(try send([1, 2, 3], to: there) == 3)
    #expect(try here.receiveNow(limit: 2) == [1, 2])
    #expect(try here.receiveNow(limit: 2) == [3])
    try there.endSending()
    #expect(try here.receiveNow(limit: 2) == [])
    var sent = 0
    #expect(throws: Errno.resourceTemporarilyUnavailable) {
      while sent < 1 << 30 { sent += try send([UInt8](repeating: 0, count: 100_000), to: here) }
    }
    #expect(sent > 0)
  }

  @Test("It is known whether the other end has read what was sent")
  func unread() throws {
    let scratch = try Scratch()
    let listener = try UnixListener(binding: "\(scratch.path)/socket")
    try listener.listen()
    let there = try Socket.connect(to: "\(scratch.path)/socket")
    let here = try listener.accept()
    #expect(try here.unreadSize() == 0)
    #expect(try send([1, 2, 3], to: here) == 3)
    #expect(try here.unreadSize() > 0)
    #expect(try there.receiveNow(limit: 10) == [1, 2, 3])
    #expect(try here.unreadSize() == 0)
  }

  @Test("Each side knows who the other is")
  func peers() throws {
    let scratch = try Scratch()
    let listener = try UnixListener(binding: "\(scratch.path)/socket")
    try listener.listen()
    let there = try Socket.connect(to: "\(scratch.path)/socket")
    let here = try listener.accept()
    let own = PeerCredentials(pid: getpid(), user: geteuid(), group: getegid())
    #expect(try here.peer() == own)
    #expect(try there.peer() == own)
  }

  @Test("A listener is alive while its process has it, also with a full queue")
  func life() throws {
    let scratch = try Scratch()
    let path = "\(scratch.path)/socket"
    #expect(try !UnixListener.isAlive(at: path))
    func listen() throws {
      let listener = try UnixListener(binding: path)
      #expect(try !UnixListener.isAlive(at: path))
      try listener.listen(backlog: 0)
      let client = try Socket.connect(to: path)
      for _ in 0..<3 { #expect(try UnixListener.isAlive(at: path)) }
      #expect(throws: Errno.addressInUse) { _ = try UnixListener(binding: path) }
      _ = client.descriptor.rawValue
      _ = listener.descriptor.rawValue
    }
    try listen()
    #expect(try !UnixListener.isAlive(at: path))
    #expect(try FileStatus.of(path).kind == .socket)
  }
}
