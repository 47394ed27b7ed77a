import Testing

@testable import Linux

@Suite("Names that are bytes")
struct FileNameTests {
  @Test(
    "What no file can be called is no name",
    arguments: ["", ".", "..", "/", "a/b", "a\u{0}", "/a"])
  func wrong(text: String) { #expect(FileName(text.utf8) == nil) }

  @Test(
    "Everything else is one, also what is no text",
    arguments: [[0x61], [0xff, 0xfe], [46, 46, 46], [46, 97], [32]])
  func right(bytes: [UInt8]) throws {
    let name = try #require(FileName(bytes))
    #expect(name.bytes == bytes)
    let scratch = try Scratch()
    let directory = try FileDescriptor.open(scratch.path, [.readOnly, .directory])
    try name.makeDirectory(mode: 0o700, at: directory.rawValue)
    let names = try Directory.names(of: directory)
    #expect(names == [name])
    try name.removeDirectory(at: directory.rawValue)
    let status = try? name.status(at: directory.rawValue)
    #expect(status == nil)
  }

  @Test("A link of that name is opened as itself or not at all")
  func links() throws {
    let scratch = try Scratch()
    try scratch.write("text", to: "file")
    let name = try #require(FileName("link".utf8))
    let directory = try FileDescriptor.open(scratch.path, [.readOnly, .directory])
    try name.makeSymbolicLink(to: Array("file".utf8), at: directory.rawValue)
    let held = try name.open(.path, at: directory.rawValue)
    let (kind, target) = (try held.status().kind, try held.linkTarget())
    #expect(kind == .symbolicLink)
    #expect(target == Array("file".utf8))
    #expect(throws: Errno.tooManySymbolicLinks) {
      _ = try FileName("link".utf8)?.open(.readOnly, at: directory.rawValue)
    }
  }

  @Test("A tree is removed by a name that is no text, with all that is in it")
  func removal() throws {
    let scratch = try Scratch()
    let name = try #require(FileName([0x64, 0xff]))
    let directory = try FileDescriptor.open(scratch.path, [.readOnly, .directory])
    try name.makeDirectory(mode: 0o700, at: directory.rawValue)
    let inner = try name.open([.readOnly, .directory], at: directory.rawValue)
    try name.makeDirectory(mode: 0o700, at: inner.rawValue)
    try File.replace("file", at: inner.rawValue, with: [1])
    try Directory.removeTree(name, at: directory.rawValue)
    #expect(try scratch.names() == [])
  }

  @Test("What a descriptor holds is opened again though its name has become another's")
  func held() throws {
    let scratch = try Scratch()
    try scratch.write("one", to: "file")
    let files = try HeldFiles()
    let file = try FileDescriptor.open("\(scratch.path)/file", [.path, .noFollow])
    try File.rename("\(scratch.path)/file", to: "\(scratch.path)/other")
    try scratch.write("two", to: "file")
    let bytes = try files.open(file, .readOnly).readToEnd()
    #expect(bytes == Array("one".utf8))
    let path = try files.path(of: file)
    #expect(path == "\(scratch.path)/other")
    try files.changeMode(of: file, 0o640)
    try #expect(FileStatus.of("\(scratch.path)/other").permissions == 0o640)
    try #expect(FileStatus.of("\(scratch.path)/file").permissions == 0o600)
  }

  @Test(
    "Times are set to the nanosecond, also before 1970 and of links",
    arguments: [0, 1, -1, 1_700_000_000_123_456_789, -1_500_000_001])
  func times(time: Int64) throws {
    let scratch = try Scratch()
    try scratch.write("", to: "file")
    try File.makeSymbolicLink("\(scratch.path)/link", to: "file")
    for name in ["file", "link"] {
      let file = try FileDescriptor.open("\(scratch.path)/\(name)", [.path, .noFollow])
      try file.changeTime(modified: time)
      let modified = try file.status().modified
      #expect(modified == time, "\(name)")
    }
  }

  @Test("A path of names is walked from the directory that it starts in")
  func paths() throws {
    let scratch = try Scratch()
    try Directory.makeAll("\(scratch.path)/a/b")
    try File.makeSymbolicLink("\(scratch.path)/out", to: "/")
    let top = try FileDescriptor.open(scratch.path, [.path, .directory])
    let names = ["a", "b"].compactMap { FileName($0.utf8) }
    let found = try FileDescriptor.open(names[...], .path, resolve: .inRoot, at: top.rawValue).status().inode
    try #expect(found == FileStatus.of("\(scratch.path)/a/b").inode)
    let out = ["out", "a"].compactMap { FileName($0.utf8) }
    let inside = try FileDescriptor.open(out[...], .path, resolve: .inRoot, at: top.rawValue).status().inode
    try #expect(inside == FileStatus.of("\(scratch.path)/a").inode)
    let none = try FileDescriptor.open([], .path, resolve: .inRoot, at: top.rawValue).status().inode
    try #expect(none == FileStatus.of(scratch.path).inode)
  }
}
