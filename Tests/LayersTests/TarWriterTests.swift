import Linux
import Testing

@testable import Layers

@Suite("Writing a tar archive")
struct TarWriterTests {
  func entry(_ name: String, _ kind: TarEntry.Kind, _ change: (inout TarEntry) -> Void = { _ in }) -> TarEntry
  {
    var entry = TarEntry(name: Array(name.utf8), kind: kind)
    entry.modified = 1_700_000_000_000_000_000
    change(&entry)
    return entry
  }

  @Test("What is written is read again as it was")
  func roundTrip() throws {
    let name = String(repeating: "n", count: 90)
    let entries = [
      entry("dir/", .directory) { $0.permissions = 0o1777 },
      entry("dir/file", .file(size: 0)) {
        $0.user = 65534
        $0.group = 0o777_7777
      },
      entry("dir/link", .symbolicLink(to: Array("../\u{fc}".utf8))),
      entry("dir/other", .hardLink(to: Array("dir/file".utf8))),
      entry("dir/null", .characterDevice(DeviceNumber(major: 1, minor: 3))),
      entry("dir/sda", .blockDevice(DeviceNumber(major: 0o777_7777, minor: 0))), entry("dir/fifo", .fifo),
      entry("\(name)/\(name)", .file(size: 0)), entry("\(name)/\(name)/", .directory),
      entry("\(name)\(name)", .file(size: 0)), entry("\(name)/\(name)/\(name)/\(name)", .file(size: 0)),
      entry("far", .symbolicLink(to: Array("\(name)/\(name)".utf8))),
      entry("large", .file(size: 0)) {
        $0.user = 3_000_000
        $0.group = 0xffff_fffe
        $0.modified = 1_700_000_000_000_000_001
        $0.permissions = 0o6755
      },
      entry("early", .file(size: 0)) { $0.modified = -1_500_000_000 },
      entry("attributes", .file(size: 0)) {
        $0.attributes = [
          .init(name: "security.capability", value: [1, 0, 0, 2, 10, 61]),
          .init(name: "user.a", value: [0x3d]),
        ]
      },
      TarEntry(name: [0x61, 0xff, 0xfe], kind: .file(size: 0)),
    ]
    #expect(try members(archive(entries.map { ($0, []) })).map(\.entry) == entries)
  }

  @Test("A size that a header has no room for is in a record")
  func large() throws {
    let size = 1 << 40
    let header = entry("huge", .file(size: size)).header
    var reader = TarReader(source(header))
    #expect(try reader.next()?.kind == .file(size: size))
    #expect(entry("not", .file(size: 0o777_7777_7777)).header.count == 512)
  }

  private func source(_ bytes: [UInt8]) -> TarReader.Source {
    var rest = bytes[...]
    return { (buffer) throws(Errno) in
      let count = min(buffer.count, rest.count)
      buffer.copyBytes(from: rest.prefix(count))
      rest = rest.dropFirst(count)
      return count
    }
  }

  @Test("An ordinary file has an ordinary header, as POSIX has it")
  func plain() throws {
    let header = entry("a", .file(size: 10)).header
    #expect(header.count == 512)
    #expect(header[..<101].elementsEqual([0x61] + [UInt8](repeating: 0, count: 99) + Array("0".utf8)))
    #expect(header[100..<108].elementsEqual("0000644\u{0}".utf8))
    #expect(header[124..<136].elementsEqual("00000000012\u{0}".utf8))
    #expect(header[156] == UInt8(ascii: "0"))
    #expect(header[257..<265].elementsEqual("ustar\u{0}00".utf8))
    #expect(header[154] == 0 && header[155] == UInt8(ascii: " "))
  }

  @Test("Content is filled up to whole blocks")
  func padding() {
    #expect([0, 1, 511, 512, 513].map(TarEntry.padding) == [0, 511, 1, 0, 511])
  }

  @Test("A record counts the digits of its own length")
  func lengths() throws {
    for count in 1...1100 {
      var records = TarRecords()
      records.path = [UInt8](repeating: 0x61, count: count)
      var again = TarRecords()
      #expect(again.add(records.bytes) == nil)
      #expect(again == records)
    }
  }
}
