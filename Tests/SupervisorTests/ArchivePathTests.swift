import Testing

@testable import Supervisor

@Suite("Paths of archives")
struct ArchivePathTests {
  @Test("An archive that is compressed is known by its beginning")
  func compression() {
    #expect(Compression(of: [0x1f, 0x8b, 8, 0, 0, 0]) == .gzip)
    #expect(Compression(of: Array("BZh91A".utf8)) == .bzip2)
    #expect(Compression(of: [0xfd, 0x37, 0x7a, 0x58, 0x5a, 0]) == .xz)
    #expect(Compression(of: [0x28, 0xb5, 0x2f, 0xfd, 4, 0]) == .zstd)
    #expect(Compression(of: Array("etc/pa".utf8)) == nil && Compression(of: [0x1f]) == nil)
  }

  @Test(
    "A path is cleaned, and its last part says what is meant and what it is called",
    arguments: [
      ("/etc/hosts", "/etc/hosts", false, "hosts"), ("etc//./hosts", "/etc/hosts", false, "hosts"),
      ("/etc/", "/etc", true, "etc"), ("/etc/.", "/etc", true, "."), ("/etc/./", "/etc", true, "."),
      ("/", "/", true, "/"), ("/.", "/", true, "."), (".", "/", true, "."), ("", "/", false, "/"),
      ("/a/../../b", "/b", false, "b"), ("/a/b/..", "/a", false, "a"), ("..", "/", false, "/"),
      ("/...", "/...", false, "..."), ("/tmp/ü ", "/tmp/ü ", false, "ü "),
    ])
  func paths(text: String, path: String, isDirectory: Bool, name: String) {
    let parsed = ArchivePath(text)
    #expect(parsed.path == path)
    #expect(parsed.isDirectory == isDirectory)
    #expect(parsed.name == name)
  }

  @Test("A head is read once it is whole, with what comes after it")
  func head() {
    let bytes = ArchiveHead.bytes(Array("status".utf8)) + [1, 2]
    for count in 0..<8 { #expect(ArchiveHead.parse(Array(bytes[..<count])) == nil) }
    let parsed = ArchiveHead.parse(bytes)
    #expect(parsed?.value == "status")
    #expect(parsed.map { Array($0.rest) } == [1, 2])
  }
}
