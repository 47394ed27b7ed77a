import Foundation
import Linux
import Testing

@testable import Layers

@Suite("What a layer changes")
struct LayerChangesTests {
  /// The changes of a layer on a tree, both made by `make` in the directories that it is given, as `docker diff` writes them.
  func changes(
    at top: String = "", but ignored: Set<String> = [],
    _ make: (_ lower: String, _ upper: String) throws -> Void
  ) throws
    -> [String]
  {
    let directory = FileManager.default.temporaryDirectory.path + "/swiftjail-\(UUID().uuidString)"
    let (lower, upper) = (directory + "/lower", directory + "/upper")
    try Directory.makeAll(lower)
    try Directory.makeAll(upper)
    defer { try? Directory.removeTree(directory) }
    try make(lower, upper)
    let changes = try LayerComparison.changes(of: upper, on: lower, at: top, but: ignored)
    return changes.sorted { $0.path < $1.path }.map { change in
      let letter =
        switch change.kind {
        case .modified: "C"
        case .added: "A"
        case .removed: "D"
        }
      return "\(letter) \(change.path)"
    }
  }

  func add(_ path: String, to trees: String...) throws {
    for tree in trees {
      let file = "\(tree)/\(path)"
      if let slash = file.lastIndex(of: "/") { try Directory.makeAll(String(file[..<slash])) }
      try File.replace(file, with: [1])
    }
  }

  func whiteOut(_ path: String, in upper: String) throws {
    try File.makeNode(
      "\(upper)/\(path)", .characterDevice, permissions: 0, device: DeviceNumber(major: 0, minor: 0))
  }

  @Test("An empty layer changes nothing")
  func empty() throws {
    try #expect(changes { lower, _ in try add("a/b", to: lower) } == [])
  }

  @Test(
    "What is in both is modified, what is new is added, and so far as directories are concerned with all in them"
  )
  func kinds() throws {
    let found = try changes { lower, upper in
      try add("etc/old", to: lower)
      try add("etc/both", to: lower, upper)
      try add("etc/new", to: upper)
      try add("opt/x/y", to: upper)
    }
    #expect(found == ["C /etc", "C /etc/both", "A /etc/new", "A /opt", "A /opt/x", "A /opt/x/y"])
  }

  @Test("A device 0:0 in the layer is a file that was removed")
  func removed() throws {
    let found = try changes { lower, upper in
      try add("a/gone", to: lower)
      try Directory.make("\(upper)/a")
      try whiteOut("a/gone", in: upper)
    }
    #expect(found == ["C /a", "D /a/gone"])
  }

  @Test("A directory of the layer that is as before and in which nothing changed is not told of")
  func lookedAt() throws {
    let found = try changes { lower, upper in
      for tree in [lower, upper] { try Directory.makeAll("\(tree)/a/b") }
      for tree in [lower, upper] { try Directory.makeAll("\(tree)/c") }
      try File.changeMode("\(upper)/c", 0o700)
    }
    #expect(found == ["C /c"])
  }

  @Test("Where a directory has taken a file's place, all in it is new; links are not followed")
  func replaced() throws {
    let found = try changes { lower, upper in
      try add("real/x", to: lower)
      try File.makeSymbolicLink("\(lower)/link", to: "real")
      try add("file", to: lower)
      try add("link/x", to: upper)
      try add("file/x", to: upper)
      try File.makeSymbolicLink("\(upper)/loop", to: "..")
    }
    #expect(found == ["C /file", "A /file/x", "C /link", "A /link/x", "A /loop"])
  }

  @Test("An overlay that is not at the root has its place before every path, and that is modified")
  func top() throws {
    let found = try changes(at: "/usr") { _, upper in try add("bin/x", to: upper) }
    #expect(found == ["C /usr", "A /usr/bin", "A /usr/bin/x"])
  }

  @Test("What is to be left out changes no directory either")
  func ignored() throws {
    let found = try changes(but: ["/etc/hosts"]) { lower, upper in
      try add("etc/hosts", to: lower, upper)
      try add("var/etc/hosts", to: upper)
    }
    #expect(found == ["A /var", "A /var/etc", "A /var/etc/hosts"])
  }
}
