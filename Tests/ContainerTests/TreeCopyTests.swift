import Glibc
import Linux
import Testing

@testable import Container

@Suite("Copies of trees")
struct TreeCopyTests {
  let scratch: Scratch

  init() throws {
    scratch = try Scratch()
    try Directory.make("\(scratch.path)/from")
  }

  /// Copies the directory `from` into a new tmpfs.
  func copy() throws -> FileDescriptor {
    let memory = try FileSystemContext("tmpfs").mount([])
    try TreeCopy.copy(
      try FileDescriptor.open("\(scratch.path)/from", [.readOnly, .directory]), to: memory.root,
      try HeldFiles())
    return try FileDescriptor.open(".", [.readOnly, .directory], at: memory.root.rawValue)
  }

  @Test("Names stay bytes")
  func names() throws {
    let name = try #require(FileName([0x6e, 0xff]))
    let from = try FileDescriptor.open("\(scratch.path)/from", [.readOnly, .directory])
    try name.open([.writeOnly, .create, .exclusive], mode: 0o640, at: from.rawValue).writeAll([1, 2, 3])
    let copy = try copy()
    let names = try Directory.names(of: copy)
    #expect(names == [name])
    let bytes = try name.open(.readOnly, at: copy.rawValue).readToEnd()
    #expect(bytes == [1, 2, 3])
  }

  @Test("Owners, permissions, times and file capabilities are kept")
  func attributes() throws {
    try Directory.make("\(scratch.path)/from/sub")
    try scratch.write("text", to: "from/sub/file")
    // CAP_NET_RAW, permitted and effective (capabilities(7), "File capability extended attribute versioning").
    let capability: [UInt8] = [1, 0, 0, 2, 0, 0x20, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0]
    let time: Int64 = 1_000_000_000_123_456_789
    for (path, permissions) in [("from/sub/file", UInt32(0o751)), ("from/sub", 0o2711)] {
      let file = try FileDescriptor.open("\(scratch.path)/\(path)", .readOnly)
      try file.changeOwner(user: 7, group: 8)
      try file.changeMode(permissions)
      if path == "from/sub/file" { try file.setAttribute("security.capability", to: capability) }
      try file.changeTime(modified: time)
    }
    let copy = try copy()
    for (path, permissions) in [("sub/file", UInt32(0o751)), ("sub", 0o2711)] {
      let status = try FileStatus.of(path, at: copy.rawValue)
      #expect(status.user == 7 && status.group == 8 && status.permissions == permissions, "\(path)")
      #expect(status.modified == time, "\(path)")
    }
    let attribute = try FileDescriptor.open("sub/file", .readOnly, at: copy.rawValue)
      .attribute("security.capability")
    #expect(attribute == capability)
  }

  @Test("Two names of one file stay that, also in different directories")
  func hardLinks() throws {
    try Directory.make("\(scratch.path)/from/sub")
    try scratch.write("text", to: "from/sub/file")
    try File.link("\(scratch.path)/from/sub/file", to: "\(scratch.path)/from/other")
    let copy = try copy()
    let first = try FileStatus.of("sub/file", at: copy.rawValue)
    let second = try FileStatus.of("other", at: copy.rawValue)
    #expect(first.inode == second.inode && first.links == 2)
  }

  @Test("Links and fifos are copied as such, and a socket is left out, by whatever names it has")
  func kinds() throws {
    try File.makeSymbolicLink("\(scratch.path)/from/link", to: "/nowhere")
    try File.makeFifo("\(scratch.path)/from/fifo", mode: 0o640)
    let socket = try UnixListener(binding: "\(scratch.path)/from/socket")
    #expect(link("\(scratch.path)/from/socket", "\(scratch.path)/from/socket2") == 0)
    let copy = try copy()
    _ = consume socket
    let target = try File.symbolicLink("link", at: copy.rawValue)
    let fifo = try FileStatus.of("fifo", at: copy.rawValue)
    let names = try Directory.entries(of: copy).map(\.name).sorted()
    #expect(target == "/nowhere")
    #expect(fifo.kind == .fifo && fifo.permissions == 0o640)
    #expect(names == ["fifo", "link"])
  }

  @Test("A tree can be deeper than there are descriptors, and than a path can be long")
  func depth() throws {
    let name = try #require(FileName(Array(repeating: UInt8(ascii: "d"), count: 100)))
    var directory = try FileDescriptor.open("\(scratch.path)/from", [.readOnly, .directory])
    for _ in 0..<100 {
      try name.makeDirectory(mode: 0o755, at: directory.rawValue)
      directory = try name.open([.readOnly, .directory], at: directory.rawValue)
    }
    let file = try #require(FileName("file".utf8))
    let other = try #require(FileName("other".utf8))
    try file.open([.writeOnly, .create, .exclusive], mode: 0o600, at: directory.rawValue).writeAll([1])
    try other.makeLink(to: file, in: directory.rawValue, at: directory.rawValue)
    var copy = try copy()
    for _ in 0..<100 { copy = try name.open([.readOnly, .directory], at: copy.rawValue) }
    for name in [file, other] {
      let bytes = try name.open(.readOnly, at: copy.rawValue).readToEnd()
      #expect(bytes == [1])
    }
  }
}
