import Foundation
import Linux
import Testing

@testable import Layers

extension TarEntry {
  /// The name.
  var text: String { String(decoding: name, as: UTF8.self) }
}

/// What an archive has, with the content of each file.
struct Member: Equatable {
  var entry: TarEntry
  var content: [UInt8] = []
}

/// All that the archive `bytes` has, when at most `piece` bytes come at a time.
func members(_ bytes: [UInt8], piece: Int = .max) throws -> [Member] {
  var rest = bytes[...]
  var reader = TarReader { (buffer) throws(Errno) in
    let count = min(buffer.count, rest.count, piece)
    buffer.copyBytes(from: rest.prefix(count))
    rest = rest.dropFirst(count)
    return count
  }
  var members: [Member] = []
  while let entry = try reader.next() {
    var member = Member(entry: entry)
    while try reader.content({ member.content += $0 }) {}
    members.append(member)
  }
  return members
}

/// What is wrong with the archive `bytes`.
func fault(_ bytes: [UInt8]) throws -> String {
  do {
    _ = try members(bytes)
    return "nothing"
  } catch let error as LayerError {
    #expect(error.kind == .invalid)
    return error.description
  }
}

/// An archive with that content in each member.
func archive(_ entries: [(TarEntry, [UInt8])], end: [UInt8] = TarEntry.end) -> [UInt8] {
  entries.flatMap { entry, content in
    entry.header + content + [UInt8](repeating: 0, count: TarEntry.padding(content.count))
  } + end
}

/// A file with that content.
func file(_ name: String, _ content: String) -> (TarEntry, [UInt8]) {
  (TarEntry(name: Array(name.utf8), kind: .file(size: content.utf8.count)), Array(content.utf8))
}

@Suite("Reading a tar archive")
struct TarReaderTests {
  static let long = "dir/\(String(repeating: "p", count: 60))/\(String(repeating: "p", count: 60))/"
  static let time: Int64 = 1_700_000_000_123_456_789
  static let second: Int64 = 1_000_000_000

  func recorded(_ name: String) throws -> [UInt8] {
    let file = URL(filePath: #filePath).deletingLastPathComponent().appending(path: "Recorded/\(name).tar")
    return [UInt8](try Data(contentsOf: file))
  }

  func kinds(_ members: [Member]) -> [String: TarEntry.Kind] {
    Dictionary(uniqueKeysWithValues: members.map { ($0.entry.text, $0.entry.kind) })
  }

  @Test(
    "What tar(1) has written in each of its forms is read as it was",
    arguments: ["gnu", "pax", "ustar", "v7"])
  func forms(form: String) throws {
    let members = try members(recorded(form))
    var expected: [String: TarEntry.Kind] = [
      "dir/": .directory, "dir/file": .file(size: 6), "dir/link": .symbolicLink(to: Array("file".utf8)),
      "dir/other": .hardLink(to: Array("dir/file".utf8)),
    ]
    if form != "v7" {
      expected["dir/fifo"] = .fifo
      expected["dir/null"] = .characterDevice(DeviceNumber(major: 1, minor: 3))
      expected["dir/\(String(repeating: "p", count: 60))/"] = .directory
    }
    if form == "gnu" || form == "pax" {
      expected[Self.long] = .directory
      expected[Self.long + String(repeating: "n", count: 120)] = .file(size: 4)
      expected["dir/longlink"] = .symbolicLink(to: Array("/\(String(repeating: "t", count: 150))".utf8))
    }
    #expect(kinds(members) == expected)
    let first = try #require(members.first { $0.entry.text == "dir/file" })
    #expect(first.content == Array("hello\n".utf8))
    #expect(first.entry.group == 1001)
    #expect(first.entry.modified / Self.second == Self.time / Self.second)
  }

  @Test("A large number, a fraction of a second and attributes come from the records of an extended header")
  func records() throws {
    let entry = try #require(try members(recorded("pax")).first { $0.entry.text == "dir/file" }).entry
    #expect(entry.user == 3_000_000)
    #expect(entry.permissions == 0o4755)
    #expect(entry.modified == Self.time)
    #expect(entry.attributes == [.init(name: "user.note", value: Array("a\nb=\0c".utf8))])
    // And from a number in another base in GNU's form.
    let gnu = try #require(try members(recorded("gnu")).first { $0.entry.text == "dir/file" }).entry
    #expect(gnu.user == 3_000_000)
    #expect(gnu.modified == Self.time / Self.second * Self.second)
  }

  @Test("It does not matter in what pieces an archive comes", arguments: [1, 7, 511, 513, 4096])
  func pieces(size: Int) throws {
    let bytes = try recorded("pax")
    #expect(try members(bytes, piece: size) == members(bytes))
  }

  @Test("Content that nobody asks for is passed over")
  func passedOver() throws {
    let bytes = archive([file("a", String(repeating: "x", count: 1000)), file("b", "y")])
    var rest = bytes[...]
    var reader = TarReader { (buffer) throws(Errno) in
      let count = min(buffer.count, rest.count, 100)
      buffer.copyBytes(from: rest.prefix(count))
      rest = rest.dropFirst(count)
      return count
    }
    try #expect(reader.next()?.text == "a")
    try #expect(reader.next()?.text == "b")
    try #expect(reader.next() == nil)
    try #expect(reader.next() == nil)
  }

  @Test("An archive without a mark at its end is whole, and so is nothing at all")
  func noEnd() throws {
    try #expect(members(archive([file("a", "x")], end: [])).count == 1)
    try #expect(members([]).isEmpty)
    try #expect(members(TarEntry.end + Array("what fills a tape".utf8)).isEmpty)
  }

  @Test("What holds for all is said once, and each member may say otherwise")
  func global() throws {
    func header(_ type: Character, _ records: String) -> [UInt8] {
      let header = TarHeader(
        name: "pax", type: type.asciiValue ?? 0, contentSize: records.utf8.count)
      return header.bytes + Array(records.utf8)
        + [UInt8](repeating: 0, count: TarEntry.padding(records.utf8.count))
    }
    let (a, b, c) = (file("a", ""), file("b", ""), file("c", ""))
    let bytes =
      header("g", "10 uid=12\n14 mtime=-1.5\n") + a.0.header + header("x", "10 uid=13\n9 mtime=\n")
      + b.0.header + c.0.header + TarEntry.end
    let entries = try members(bytes).map(\.entry)
    #expect(entries.map(\.user) == [12, 13, 12])
    #expect(entries.map(\.modified) == [-1_500_000_000, 0, -1_500_000_000])
  }

  @Test(
    "Times are read to the nanosecond, and those that are too far away are as far as can be",
    arguments: [
      ("0", 0), ("1.5", 1_500_000_000), ("-0.000000001", -1), ("2.1234567899", 2_123_456_789),
      ("99999999999", Int64.max), ("-99999999999999999999999", -Int64.max),
    ])
  func times(text: String, nanoseconds: Int64) {
    #expect(TarRecords.time(Array(text.utf8)[...]) == nanoseconds)
  }

  @Test("What is no time is none", arguments: ["", "x", "1.x", "--1", "+1", " 1", "1e3"])
  func wrongTimes(text: String) { #expect(TarRecords.time(Array(text.utf8)[...]) == nil) }

  @Test("A number fills its field with digits, or is one of another base")
  func numbers() {
    func number(_ bytes: [UInt8]) -> Int64? { TarNumber.parse(bytes[...]) }
    #expect(number(Array("0000644\u{0}".utf8)) == 0o644)
    #expect(number(Array("   644 \u{0}".utf8)) == 0o644)
    #expect(number(Array("77777777".utf8)) == 0o7777_7777)
    #expect(number([0, 0, 0, 0, 0, 0, 0, 0]) == 0)
    #expect(number([0x80, 0, 0, 0, 0, 0, 1, 0]) == 256)
    #expect(number([0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xfe]) == -2)
    #expect(number([0x80, 0x01, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0]) == nil)
    #expect(number([0x81, 0, 0, 0, 0, 0, 0, 0]) == nil)
    for wrong in ["0000648\u{0}", "-000001\u{0}", "12 34   ", "0x12\u{0}   "] {
      #expect(number(Array(wrong.utf8)) == nil, "\(wrong)")
    }
  }

  // MARK: What is wrong

  @Test("A header of which a bit was lost is found out by its checksum")
  func checksum() throws {
    let bytes = archive([file("a", "x")])
    for offset in [0, 100, 124, 156, 300, 511] {
      var damaged = bytes
      damaged[offset] ^= 0x10
      try #expect(fault(damaged).contains("checksum"), "\(offset)")
    }
  }

  @Test("An archive that ends too soon is damaged, wherever that is")
  func cut() throws {
    let bytes = archive(
      [file(String(repeating: "n", count: 200), String(repeating: "x", count: 700))], end: [])
    for length in stride(from: 1, to: bytes.count - TarEntry.padding(700), by: 37) {
      try #expect(fault(Array(bytes[..<length])).contains("ends in the middle"), "\(length)")
    }
    try #expect(fault(Array(bytes[..<1024])).contains("ends after an extended header"))
  }

  @Test("What is compressed is named as that")
  func compressed() throws {
    let bytes = [0x1f, 0x8b] + [UInt8](repeating: 7, count: 600)
    try #expect(fault(bytes) == "the archive is compressed with gzip, which is not supported")
  }

  @Test("An extended header that is too large is not read")
  func largeExtension() throws {
    for type: Character in ["x", "g", "L", "K"] {
      let header = TarHeader(name: "pax", type: type.asciiValue ?? 0, contentSize: 1 << 30)
      try #expect(fault(header.bytes).contains("larger than 1048576 bytes"), "\(type)")
    }
  }

  @Test(
    "Records that are not as they say are refused",
    arguments: [
      "99 path=a\n", "0 path=a\n", "11 path=a\n", "x path=a\n", "9 path=ab\n", "8 patha\n", "5 =a\n",
      "18446744073709551616 a=b\n",
      "10 size=x\n", "10 size=-1\n", "9 uid=-1\n", "11 mtime=x\n", "10 path=\u{0}\n", "-5 a=b\n",
    ])
  func wrongRecords(text: String) {
    var records = TarRecords()
    #expect(records.add(Array(text.utf8)) != nil)
  }

  @Test(
    "What is not supported is refused by name",
    arguments: [
      ("S", "a file with holes"), ("M", "a part of a file"), ("V", "a volume's label"), ("Q", "type 81"),
    ])
  func unsupported(type: String, reason: String) throws {
    let header = TarHeader(name: "m", type: Array(type.utf8)[0], contentSize: 0)
    let fault = try fault(header.bytes)
    #expect(fault.contains("\"m\"") && fault.contains(reason), "\(fault)")
  }

  @Test("Attributes do not add up without an end")
  func manyAttributes() {
    var records = TarRecords()
    var fault: String?
    for number in 100..<500 where fault == nil {
      fault = records.add(Array("27 SCHILY.xattr.user.\(number)=a\n".utf8))
    }
    #expect(fault == "it has more than 256 attributes" && records.attributes.count == 256)
    #expect(records.add(Array("26 SCHILY.xattr.user.100=\n".utf8)) == nil)
    #expect(records.attributes.count == 255)
  }

  @Test("An error is one line, whatever a file is called")
  func shown() {
    #expect(TarEntry.shown(Array("a\nb\u{1b}c".utf8)) == "a?b?c")
    #expect(TarEntry.shown([UInt8](repeating: 0x61, count: 5000)).utf8.count == 203)
  }

  @Test("Sizes and owners that cannot be are refused")
  func wrongNumbers() throws {
    func changed(_ offset: Int, _ field: [UInt8]) -> [UInt8] {
      var block = file("a", "").0.header
      block.replaceSubrange(offset..<(offset + field.count), with: field)
      block.replaceSubrange(148..<156, with: Array("        ".utf8))
      let sum = block.reduce(0) { $0 + Int64($1) }
      block.replaceSubrange(148..<155, with: TarNumber.format(sum, size: 7) ?? [])
      return block
    }
    let negative = [UInt8](repeating: 0xff, count: 12)
    try #expect(fault(changed(124, negative)).contains("size"))
    try #expect(
      fault(changed(124, [0x80, 0, 0, 0, 0x7f] + [UInt8](repeating: 0xff, count: 7))).contains("size"))
    try #expect(fault(changed(108, [UInt8](repeating: 0xff, count: 8))).contains("owner"))
    try #expect(fault(changed(116, [0x80, 0, 0, 0, 0xff, 0xff, 0xff, 0xff])).contains("owner"))
    try #expect(fault(changed(108, Array("12345x7\u{0}".utf8))).contains("user"))
  }

  @Test("Whatever is made of an archive, reading it ends, and in no other way than with an error")
  func fuzz() throws {
    var random = SystemRandomNumberGenerator()
    let originals = try ["gnu", "pax", "ustar", "v7"].map(recorded)
    for round in 0..<150 {
      var bytes = originals[round % originals.count]
      for _ in 0..<Int.random(in: 1...8, using: &random) {
        switch Int.random(in: 0..<4, using: &random) {
        case 0: bytes[Int.random(in: 0..<bytes.count, using: &random)] = .random(in: 0...255, using: &random)
        case 1: bytes.removeLast(Int.random(in: 0..<min(bytes.count, 600), using: &random))
        case 2:
          // With a checksum that fits, so that what is behind it is looked at.
          let block = Int.random(in: 0..<(bytes.count / 512), using: &random) * 512
          let field = block + Int.random(in: 0..<512, using: &random)
          bytes[field] = .random(in: 0...255, using: &random)
          bytes.replaceSubrange((block + 148)..<(block + 156), with: Array("        ".utf8))
          let sum = bytes[block..<(block + 512)].reduce(0) { $0 + Int64($1) }
          bytes.replaceSubrange((block + 148)..<(block + 155), with: TarNumber.format(sum, size: 7) ?? [])
        default: bytes.insert(contentsOf: [UInt8](repeating: 0, count: 512), at: bytes.count / 1024 * 512)
        }
        if bytes.count < 1024 { break }
      }
      do {
        for member in try members(bytes, piece: 1000) { _ = try? TarPath(member.entry.name) }
      } catch let error as LayerError {
        #expect(error.kind == .invalid)
      }
    }
  }
}
