import Glibc
import Testing

@testable import Linux

@Suite("Directories")
struct DirectoryTests {
  @Test("A tree is removed, and what its links lead to stays")
  func removeTree() throws {
    let scratch = try Scratch()
    let path = scratch.path
    try Directory.makeAll("\(path)/outside/kept")
    try Directory.makeAll("\(path)/tree/a/b/c")
    try scratch.write("x", to: "outside/file")
    try scratch.write("x", to: "tree/a/file")
    try File.makeFifo("\(path)/tree/a/fifo", mode: 0o600)
    try File.makeSymbolicLink("\(path)/tree/a/directory", to: "\(path)/outside")
    try File.makeSymbolicLink("\(path)/tree/a/file-link", to: "../../outside/file")
    try File.makeSymbolicLink("\(path)/tree/dangling", to: "nowhere")
    try Directory.removeTree("\(path)/tree")
    #expect(try scratch.names() == ["outside"])
    #expect(try Directory.entries(of: "\(path)/outside").map(\.name).sorted() == ["file", "kept"])
  }

  @Test("A path that starts from the working directory has one that starts from the root")
  func absolute() throws {
    let current = try #require(try Directory.current())
    #expect(try Directory.absolute("/a/b") == "/a/b")
    #expect(try Directory.absolute("a/b") == (current == "/" ? "/a/b" : "\(current)/a/b"))
  }

  @Test("A link to a tree is no tree")
  func link() throws {
    let scratch = try Scratch()
    try Directory.makeAll("\(scratch.path)/tree/a")
    try File.makeSymbolicLink("\(scratch.path)/link", to: "tree")
    #expect(throws: Errno.notDirectory) { try Directory.removeTree("\(scratch.path)/link") }
    #expect(throws: Errno.noSuchFileOrDirectory) { try Directory.removeTree("\(scratch.path)/none") }
    #expect(try scratch.names() == ["link", "tree"])
  }

  @Test("A tree deeper than a process may have files open, and than a path may be long, is removed")
  func deep() throws {
    let scratch = try Scratch()
    try Directory.make("\(scratch.path)/tree")
    // Names such as those that the removal gives to what it moves.
    try Directory.makeAll("\(scratch.path)/tree/1/1")
    try scratch.write("", to: "tree/2")
    var directory = try FileDescriptor.open("\(scratch.path)/tree", [.readOnly, .directory])
    for _ in 0..<3000 {
      try Directory.make("directory", at: directory.rawValue)
      directory = try FileDescriptor.open("directory", [.readOnly, .directory], at: directory.rawValue)
    }
    try Directory.removeTree("\(scratch.path)/tree")
    #expect(try scratch.names() == [])
  }

  @Test("Missing directories above one are made, and one that is there is left")
  func makeAll() throws {
    let scratch = try Scratch()
    try Directory.makeAll("\(scratch.path)/a/b/c", mode: 0o700)
    try scratch.write("x", to: "a/b/c/file")
    try Directory.makeAll("\(scratch.path)/a/b/c", mode: 0o755)
    let status = try FileStatus.of("\(scratch.path)/a/b/c")
    #expect(status.kind == .directory && status.permissions == 0o700)
    #expect(throws: Errno.notDirectory) { try Directory.makeAll("\(scratch.path)/a/b/c/file/d") }
  }

  @Test("A directory of many names is listed whole, and links are not taken for directories")
  func entries() throws {
    let scratch = try Scratch()
    // More than the kernel gives in one call.
    let names = (0..<700).map { "\($0)-" + String(repeating: "n", count: 100) }.sorted()
    for name in names { try scratch.write("", to: name) }
    #expect(try scratch.names() == names)
    try Directory.make("\(scratch.path)/directory")
    try File.makeSymbolicLink("\(scratch.path)/link", to: "directory")
    let directories = try Directory.entries(of: scratch.path).filter(\.isDirectory).map(\.name)
    #expect(directories == ["directory"])
  }

  @Test("A tree with names that are no text is removed")
  func bytes() throws {
    let scratch = try Scratch()
    let path = "\(scratch.path)/tree"
    try Directory.make(path)
    let tree = try FileDescriptor.open(path, [.readOnly, .directory])
    let name: [CChar] = [0x61, -1, 0]
    #expect(mkdirat(tree.rawValue, name, 0o755) == 0)
    let below = openat(tree.rawValue, name, O_DIRECTORY)
    #expect(mknodat(below, name, S_IFREG | 0o644, 0) == 0)
    close(below)
    try Directory.removeTree(path)
    #expect(try scratch.names() == [])
  }
}
