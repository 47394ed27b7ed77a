import Glibc
import Testing

@testable import Linux

@Suite("Descriptors")
struct FileDescriptorTests {
  @Test("A descriptor is closed with its last use")
  func closes() throws {
    let pipe = try FileDescriptor.pipe()
    try pipe.write.writeAll([1])
    // Reading to the end ends only when nobody has the other end open.
    _ = consume pipe.write
    #expect(try pipe.read.readToEnd() == [1])
  }

  @Test("A descriptor that is given away stays open")
  func release() throws {
    let pipe = try FileDescriptor.pipe()
    let raw = pipe.write.release()
    let again = FileDescriptor(owning: raw)
    try again.writeAll([1])
    #expect(try pipe.read.readByte() == 1)
  }

  @Test("A copy outlives the first, and both are one file")
  func duplicate() throws {
    let pipe = try FileDescriptor.pipe()
    let copy = try pipe.write.duplicate(lowest: 100)
    #expect(copy.rawValue >= 100)
    _ = consume pipe.write
    try copy.writeAll([2])
    #expect(try pipe.read.readByte() == 2)
    _ = consume copy
    #expect(try pipe.read.readByte() == nil)
  }

  @Test("No descriptor survives the execution of a program unasked")
  func closeOnExec() throws {
    func check(_ descriptor: borrowing FileDescriptor) {
      #expect(fcntl(descriptor.rawValue, F_GETFD) == FD_CLOEXEC)
    }
    let directory = try FileDescriptor.open("/", [.path, .directory])
    check(directory)
    check(try FileDescriptor.open("etc", .readOnly, resolve: .inRoot, at: directory.rawValue))
    check(try directory.duplicate())
    check(try FileDescriptor.duplicate(of: directory.rawValue))
    check(try FileDescriptor.memory(named: "test"))
    check(try Pidfd(of: getpid()).descriptor)
    let pipe = try FileDescriptor.pipe()
    check(pipe.read)
    check(pipe.write)
    let pair = try Socket.pair()
    check(pair.here.descriptor)
    check(pair.there.descriptor)
    try pair.here.send([1], with: directory)
    let message = try pair.there.receive()
    switch consume message.file {
    case .some(let file): check(file)
    case .none: Issue.record("no descriptor came")
    }
    try keepOverExec(directory.rawValue)
    #expect(fcntl(directory.rawValue, F_GETFD) == 0)
  }

  @Test("A path is kept within its root, by links and dots as well")
  func inRoot() throws {
    let scratch = try Scratch()
    try Directory.makeAll("\(scratch.path)/root/etc")
    try scratch.write("inside", to: "root/etc/name")
    try scratch.write("outside", to: "name")
    try File.makeSymbolicLink("\(scratch.path)/root/absolute", to: "/etc/name")
    try File.makeSymbolicLink("\(scratch.path)/root/up", to: "../../../../etc/name")
    let root = try FileDescriptor.open("\(scratch.path)/root", [.path, .directory])
    for path in ["etc/name", "/etc/name", "../../etc/name", "absolute", "up"] {
      let file = try FileDescriptor.open(
        path, .readOnly, resolve: [.inRoot, .noMagicLinks], at: root.rawValue)
      #expect(try file.readToEnd() == Array("inside".utf8), "\(path)")
    }
    #expect(throws: Errno.noSuchFileOrDirectory) {
      _ = try FileDescriptor.open("../name", .readOnly, resolve: .inRoot, at: root.rawValue)
    }
    #expect(throws: Errno.tooManySymbolicLinks) {
      _ = try FileDescriptor.open("absolute", .readOnly, resolve: [.inRoot, .noSymlinks], at: root.rawValue)
    }
  }

  @Test("Messages of a socket pair stay apart and in order")
  func messages() throws {
    let pair = try Socket.pair()
    try pair.here.send([1, 2])
    try pair.here.send([3])
    #expect(try pair.there.receive().bytes == [1, 2])
    #expect(try pair.there.receive().bytes == [3])
    let rest = Socket(try pair.there.descriptor.duplicate())
    _ = consume pair
    #expect(try rest.receive().bytes == [])
    #expect(throws: Errno.brokenPipe) { try rest.send([1]) }
  }

  @Test("Descriptors that come with a message come in their order, and those that nobody takes are closed")
  func descriptorsInMessages() throws {
    let pair = try Socket.pair()
    let first = try FileDescriptor.pipe()
    let second = try FileDescriptor.pipe()
    let firstWriter = first.write.rawValue
    try pair.here.send(
      [1], descriptors: [firstWriter, firstWriter, firstWriter, firstWriter, second.write.rawValue])
    // Its only writer is in the message.
    let reader = try second.read.duplicate()
    _ = consume second
    do {
      var message = try pair.there.receiveFiles(limit: 8)
      #expect(message.bytes == [1])
      for number in 0..<UInt8(4) {
        guard let file = message.files.takeFirst() else { throw Errno.noSuchFileOrDirectory }
        try file.writeAll([number])
        #expect(try first.read.readByte() == number)
      }
    }
    #expect(try reader.readByte() == nil)
    try pair.here.send([2])
    var message = try pair.there.receiveFiles(limit: 8)
    #expect(message.bytes == [2])
    let none = message.files.takeFirst()
    switch none {
    case .none: break
    case .some: Issue.record("a descriptor came with a message that had none")
    }
  }

  @Test("A socket's path that no address holds is refused")
  func longAddress() {
    let path = "/" + String(repeating: "x", count: 107)
    #expect(throws: Errno.invalidArgument) { _ = try Socket.connect(to: path) }
    #expect(throws: Errno.noSuchFileOrDirectory) { _ = try Socket.connect(to: String(path.dropLast())) }
  }
}
