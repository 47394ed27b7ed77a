import Glibc
import Testing

@testable import Linux

@Suite("Files")
struct FileTests {
  @Test(
    "A replaced file is whole for who reads it meanwhile, and nothing else stays", arguments: [false, true])
  func replace(swapping: Bool) throws {
    let scratch = try Scratch()
    let path = "\(scratch.path)/state"
    try File.replace(path, with: Array("old".utf8), swapping: swapping)
    let reader = try FileDescriptor.open(path, .readOnly)
    let long = [UInt8](repeating: 0x78, count: 1 << 20)
    try File.replace(path, with: long, swapping: swapping)
    #expect(try reader.readToEnd() == Array("old".utf8))
    #expect(try File.read(path) == long)
    #expect(try FileStatus.of(path).permissions == 0o600)
    #expect(try scratch.names() == ["state"])
  }

  @Test("A file is replaced in a directory that is open")
  func replaceAt() throws {
    let scratch = try Scratch()
    let directory = try FileDescriptor.open(scratch.path, [.path, .directory])
    try File.replace("state", at: directory.rawValue, with: Array("new".utf8), mode: 0o400)
    #expect(try File.text("\(scratch.path)/state") == "new")
    #expect(try scratch.names() == ["state"])
  }

  @Test("A link in the way of a new file is not followed")
  func linkInTheWay() throws {
    let scratch = try Scratch()
    try scratch.write("old", to: "state")
    try scratch.write("another's", to: "other")
    try File.makeSymbolicLink("\(scratch.path)/state.\(getpid())", to: "other")
    try File.replace("\(scratch.path)/state", with: Array("new".utf8))
    #expect(try File.text("\(scratch.path)/state") == "new")
    #expect(try File.text("\(scratch.path)/other") == "another's")
    #expect(try scratch.names() == ["other", "state"])
  }

  @Test("When the new file cannot take the old one's place, nothing else stays")
  func notReplaced() throws {
    let scratch = try Scratch()
    try Directory.make("\(scratch.path)/state")
    #expect(throws: Errno.isDirectory) { try File.replace("\(scratch.path)/state", with: [1]) }
    #expect(try scratch.names() == ["state"])
    #expect(throws: Errno.noSuchFileOrDirectory) {
      try File.replace("\(scratch.path)/none/state", with: [1])
    }
  }

  @Test(
    "A file is read whole, and not beyond its limit", arguments: [0, 1, 4095, 4096, 4097, 10000])
  func read(size: Int) throws {
    let scratch = try Scratch()
    let path = "\(scratch.path)/file"
    let bytes = (0..<size).map { UInt8(truncatingIfNeeded: $0) }
    try File.replace(path, with: bytes)
    #expect(try File.read(path) == bytes)
    #expect(try File.read(path, limit: size) == bytes)
    if size > 0 { #expect(throws: Errno.fileTooLarge) { try File.read(path, limit: size - 1) } }
  }

  @Test("A file of the kernel's, which has no size, is read whole")
  func kernelFile() throws {
    #expect(try FileStatus.of("/proc/self/maps").size == 0)
    #expect(try File.text("/proc/self/maps").contains("[stack]"))
  }

  @Test("A text comes without the white space around it")
  func text() throws {
    let scratch = try Scratch()
    try scratch.write(" \n a b \n", to: "some")
    try scratch.write(" \n", to: "none")
    #expect(try File.text("\(scratch.path)/some") == "a b")
    #expect(try File.text("\(scratch.path)/none") == "")
  }

  @Test("In a tree that may be anybody's a file is opened if it is one, and nothing else is")
  func regular() throws {
    let scratch = try Scratch()
    try scratch.write("text", to: "file")
    try Directory.make("\(scratch.path)/directory")
    try File.makeSymbolicLink("\(scratch.path)/link", to: "/file")
    // Who opened this one for reading would wait until somebody writes to it.
    try File.makeFifo("\(scratch.path)/fifo", mode: 0o600)
    let root = try FileDescriptor.open(scratch.path, [.path, .directory])
    let held = try HeldFiles()
    for name in ["file", "link"] {
      let file = try held.openRegular(name, resolve: .inRoot, at: root.rawValue)
      #expect(try file.readToEnd() == Array("text".utf8))
    }
    for name in ["directory", "fifo"] {
      #expect(throws: Errno.invalidArgument) {
        _ = try held.openRegular(name, resolve: .inRoot, at: root.rawValue)
      }
    }
  }

  @Test(
    "A file may be as old or as new as any number says",
    arguments: [.min, -9_223_372_036_500_000_000, -1, .max])
  func times(nanoseconds: Int64) throws {
    let scratch = try Scratch()
    try scratch.write("", to: "file")
    let file = try FileDescriptor.open("\(scratch.path)/file", .readOnly)
    try file.changeTime(modified: nanoseconds)
    // A file system may have no such time, and take one that is nearer.
    if nanoseconds == -1 { #expect(try file.status().modified == -1) }
  }

  @Test("Writing a setting makes no file")
  func write() throws {
    let scratch = try Scratch()
    #expect(throws: Errno.noSuchFileOrDirectory) { try File.write("1", to: "\(scratch.path)/none") }
    #expect(try scratch.names() == [])
  }
}
