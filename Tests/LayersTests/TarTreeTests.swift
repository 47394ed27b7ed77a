import Foundation
import Linux
import Testing

@testable import Layers

@Suite("Files and tar archives")
final class TarTreeTests {
  let top: String

  init() throws {
    top = FileManager.default.temporaryDirectory.path + "/swiftjail-\(UUID().uuidString)"
    try Directory.makeAll(top + "/from")
    try Directory.makeAll(top + "/to")
  }

  deinit { try? Directory.removeTree(top) }

  // MARK: What is done

  /// An archive of a file below `from`.
  func pack(_ path: String = "", as name: String = "x") throws -> [UInt8] {
    let output = top + "/archive"
    let packer = TreePacker(
      to: try FileDescriptor.open(output, [.writeOnly, .create, .truncate], mode: 0o600), try HeldFiles())
    try packer.add(
      try FileDescriptor.open("\(top)/from/\(path)", [.path, .noFollow]), as: Array(name.utf8))
    try packer.finish()
    return try File.read(output)
  }

  /// Puts an archive into `to`.
  func unpack(_ bytes: [UInt8], keepsKinds: Bool = false) throws {
    var settings = TreeUnpacker.Settings()
    settings.keepsKinds = keepsKinds
    // Whoever runs the tests may give files to nobody else.
    settings.owner = (getuid(), getgid())
    var rest = bytes[...]
    var reader = TarReader { (buffer) throws(Errno) in
      let count = min(buffer.count, rest.count, 700)
      buffer.copyBytes(from: rest.prefix(count))
      rest = rest.dropFirst(count)
      return count
    }
    let unpacker = TreeUnpacker(
      into: try FileDescriptor.open(top + "/to", [.path, .directory]), try HeldFiles(), settings)
    try unpacker.unpack(&reader)
    #expect(rest.isEmpty, "\(rest.count) bytes of the archive were not read")
  }

  static func read(_ bytes: [UInt8]) throws -> [Member] { try members(bytes) }

  func fault(_ entries: [(TarEntry, [UInt8])], keepsKinds: Bool = false) -> String {
    do {
      try unpack(archive(entries), keepsKinds: keepsKinds)
      return "nothing"
    } catch { return "\(error)" }
  }

  func write(_ path: String, _ text: String) throws {
    try File.replace("\(top)/\(path)", with: Array(text.utf8))
  }
  func text(_ path: String) -> String? { try? File.text("\(top)/\(path)") }
  func status(_ path: String) throws -> FileStatus { try FileStatus.of("\(top)/\(path)", following: false) }
  func names(_ path: String) throws -> [String] {
    try Directory.entries(of: "\(top)/\(path)").map(\.name).sorted()
  }

  func link(_ name: String, _ target: String) -> (TarEntry, [UInt8]) {
    (TarEntry(name: Array(name.utf8), kind: .symbolicLink(to: Array(target.utf8))), [])
  }

  func directory(_ name: String) -> (TarEntry, [UInt8]) {
    (TarEntry(name: Array(name.utf8), kind: .directory), [])
  }

  // MARK: Both ways

  @Test("A tree goes into an archive and comes out of it as it was")
  func roundTrip() throws {
    try Directory.makeAll(top + "/from/a/b")
    try write("from/a/b/file", String(repeating: "x", count: 700_001))
    try write("from/a/empty", "")
    try File.makeSymbolicLink(top + "/from/a/link", to: "b/file")
    try File.makeFifo(top + "/from/a/fifo", mode: 0o640)
    let (empty, other) = (try #require(FileName("empty".utf8)), try #require(FileName("other".utf8)))
    let strange = try #require(FileName([0x66, 0xff]))
    let a = try FileDescriptor.open(top + "/from/a", [.path, .directory])
    let b = try FileDescriptor.open(top + "/from/a/b", [.path, .directory])
    try other.makeLink(to: empty, in: a.rawValue, at: b.rawValue)
    try strange.makeDirectory(mode: 0o755, at: a.rawValue)
    try File.changeMode(top + "/from/a/b/file", 0o4751)
    try File.changeMode(top + "/from/a/b", 0o2750)
    for path in ["a/b/file", "a/b", "a"] {
      try FileDescriptor.open("\(top)/from/\(path)", .path).changeTime(modified: 1_500_000_000_987_654_321)
    }

    try unpack(pack("a", as: "a"))
    #expect(text("to/a/b/file")?.utf8.count == 700_001)
    #expect(text("to/a/empty") == "")
    try #expect(File.symbolicLink(top + "/to/a/link") == "b/file")
    try #expect(status("to/a/fifo").kind == .fifo && status("to/a/fifo").permissions == 0o640)
    try #expect(status("to/a/empty").inode == status("to/a/b/other").inode)
    try #expect(status("to/a/b/file").permissions == 0o4751)
    try #expect(status("to/a/b").permissions == 0o2750)
    for path in ["a/b/file", "a/b", "a"] {
      try #expect(status("to/\(path)").modified == 1_500_000_000_987_654_321, "\(path)")
    }
    let there = try FileDescriptor.open(top + "/to/a", [.path, .directory])
    let kind = try strange.status(at: there.rawValue).kind
    #expect(kind == .directory)
  }

  @Test("A file is packed under the name that is asked for, and a link as itself")
  func single() throws {
    try write("from/file", "text")
    try File.makeSymbolicLink(top + "/from/link", to: "file")
    let members = try Self.read(pack("file", as: "other"))
    #expect(members.map(\.entry.text) == ["other"] && members.first?.content == Array("text".utf8))
    let links = try Self.read(pack("link", as: "l"))
    #expect(links.map(\.entry.kind) == [.symbolicLink(to: Array("file".utf8))])
  }

  @Test(
    "The root of a tree is called as it is asked for",
    arguments: [("/", ["/", "/f"]), (".", ["./", "./f"])])
  func roots(name: String, expected: [String]) throws {
    try write("from/f", "")
    try #expect(Self.read(pack(as: name)).map(\.entry.text) == expected)
  }

  @Test("A socket is left out: there is no way to say it")
  func sockets() throws {
    let number = socket(AF_UNIX, Int32(SOCK_STREAM.rawValue), 0)
    defer { close(number) }
    var address = sockaddr_un()
    address.sun_family = sa_family_t(AF_UNIX)
    let path = Array("\(top)/from/s".utf8)
    withUnsafeMutableBytes(of: &address.sun_path) { $0.copyBytes(from: path) }
    let code = withUnsafePointer(to: &address) {
      $0.withMemoryRebound(to: sockaddr.self, capacity: 1) {
        bind(number, $0, socklen_t(MemoryLayout<sockaddr_un>.size))
      }
    }
    try #require(code == 0)
    try #expect(Self.read(pack(as: "d")).map(\.entry.text) == ["d/"])
  }

  // MARK: What is in the way

  @Test("What is there already is replaced, and directories take what is new")
  func replaces() throws {
    try Directory.makeAll(top + "/to/d/sub")
    try write("to/d/old", "old")
    try write("to/d/file", "before")
    try Directory.makeAll(top + "/to/tree/below")
    try write("to/plain", "before")
    try unpack(
      archive([
        directory("d"), file("d/file", "after"), file("tree", "file now"), directory("plain"),
        file("plain/x", "y"),
      ]))
    #expect(text("to/d/old") == "old" && text("to/d/file") == "after")
    #expect(text("to/tree") == "file now" && text("to/plain/x") == "y")
    try #expect(names("to/d") == ["file", "old", "sub"])
  }

  @Test("Kinds are kept where that is asked for")
  func keepsKinds() throws {
    try Directory.makeAll(top + "/to/d")
    try write("to/f", "text")
    #expect(fault([file("d", "")], keepsKinds: true) == "cannot overwrite directory \"d\" with non-directory")
    #expect(
      fault([directory("f/")], keepsKinds: true) == "cannot overwrite non-directory \"f/\" with directory")
    #expect(fault([file("f", "new"), directory("d")], keepsKinds: true) == "nothing")
    #expect(text("to/f") == "new")
  }

  @Test("Directories on the way are made, and the one that takes the archive stays as it is")
  func parents() throws {
    try File.changeMode(top + "/to", 0o711)
    try unpack(
      archive([directory("./"), directory("/"), file("/a/b/c", "text"), file("./a//b/./d", "more")]))
    #expect(text("to/a/b/c") == "text" && text("to/a/b/d") == "more")
    try #expect(status("to").permissions == 0o711)
  }

  // MARK: Harm

  @Test(
    "A name that leads out of the directory is refused, and nothing is made outside",
    arguments: ["..", "../x", "a/../../x", "/../x", "a/..", "x/../y"])
  func outside(name: String) throws {
    #expect(fault([file(name, "text")]).contains("must not lead out"))
    try write("outside", "text")
    let target = TarEntry(name: Array("link".utf8), kind: .hardLink(to: Array("../outside".utf8)))
    #expect(fault([(target, [])]).contains("must not lead out"))
    try #expect(names("to") == [] && names("") == ["from", "outside", "to"])
  }

  @Test("No link leads out: neither one of the archive nor one that is there, absolute or not")
  func links() throws {
    try Directory.makeAll(top + "/secret")
    try write("secret/file", "secret")
    for (name, target) in [
      ("absolute", top + "/secret"), ("relative", "../secret"), ("far", "../../../../../../etc"),
    ] {
      _ = fault([link(name, target), file("\(name)/file", "changed"), file("\(name)/new", "made")])
      try? File.makeSymbolicLink("\(top)/to/own-\(name)", to: target)
      _ = fault([file("own-\(name)/file", "changed")])
    }
    #expect(text("secret/file") == "secret")
    try #expect(names("secret") == ["file"])
    #expect((try? FileStatus.of("/etc/new")) == nil)
  }

  @Test("Whatever members are put together, nothing is made, changed or shown outside the directory")
  func anything() throws {
    try Directory.makeAll(top + "/secret/sub")
    try write("secret/file", "secret")
    try write("secret/sub/file", "secret")
    var random = SystemRandomNumberGenerator()
    let parts = ["a", "b", "l", "..", ".", "", "secret", "file", "sub", top, "\(top)/secret"]
    func path() -> String {
      (0..<Int.random(in: 1...3, using: &random)).map { _ in parts.randomElement(using: &random) ?? "" }
        .joined(separator: "/")
    }
    for _ in 0..<20 {
      let entries = (0..<12).map { _ in
        let (name, target) = (path(), Array(path().utf8))
        switch Int.random(in: 0..<5, using: &random) {
        case 0: return directory(name)
        case 1, 2: return (TarEntry(name: Array(name.utf8), kind: .symbolicLink(to: target)), [])
        case 3: return (TarEntry(name: Array(name.utf8), kind: .hardLink(to: target)), [])
        default: return file(name, "changed")
        }
      }
      // One that is refused ends its archive, so each comes in one of its own.
      for entry in entries { _ = fault([entry]) }
      #expect(text("secret/file") == "secret" && text("secret/sub/file") == "secret")
      try #expect(status("secret/file").links == 1 && status("secret/sub/file").links == 1)
      try #expect(names("secret") == ["file", "sub"] && names("secret/sub") == ["file"])
      try #expect(names("") == ["from", "secret", "to"])
      try Directory.removeTree(top + "/to")
      try Directory.make(top + "/to")
    }
  }

  @Test("A link that stays inside is followed on the way, and replaced at the end of it")
  func linksInside() throws {
    try Directory.makeAll(top + "/to/real/deep")
    try File.makeSymbolicLink(top + "/to/way", to: "/real/deep")
    try write("to/real/victim", "as it was")
    try File.makeSymbolicLink(top + "/to/real/deep/end", to: "../victim")
    try unpack(archive([file("way/x", "text"), file("way/end", "new")]))
    #expect(text("to/real/deep/x") == "text" && text("to/real/deep/end") == "new")
    #expect(text("to/real/victim") == "as it was")
    try #expect(status("to/real/deep/end").kind == .regular)
  }

  @Test("A fifo in the way is replaced and holds nobody up; one on the way is no directory")
  func fifos() throws {
    try File.makeFifo(top + "/to/f", mode: 0o600)
    try File.makeFifo(top + "/to/g", mode: 0o600)
    #expect(fault([file("f", "text")]) == "nothing")
    #expect(text("to/f") == "text")
    #expect(fault([file("g/x", "text")]).contains("no directory"))
  }

  @Test("Another name is only given to what is in the directory")
  func hardLinks() throws {
    try write("secret", "text")
    try File.makeSymbolicLink(top + "/to/out", to: "..")
    let bad = TarEntry(name: Array("l".utf8), kind: .hardLink(to: Array("out/secret".utf8)))
    #expect(fault([(bad, [])]) != "nothing")
    let good = TarEntry(name: Array("m".utf8), kind: .hardLink(to: Array("/f".utf8)))
    #expect(fault([file("f", "text"), (good, [])]) == "nothing")
    try #expect(status("to/f").inode == status("to/m").inode)
    try #expect(status("secret").links == 1)
  }

  @Test("A damaged archive is found out, and what came before it is there")
  func damaged() throws {
    var bytes = archive([file("a", "text"), file("b", "text")])
    bytes[1024 + 5] = 1
    #expect(throws: LayerError.self) { try unpack(bytes) }
    #expect(text("to/a") == "text")
    try #expect(names("to") == ["a"])
  }
}
