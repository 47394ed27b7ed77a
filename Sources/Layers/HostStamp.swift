import Linux

/// What a tree of the base `host` was made of: a line for each file and directory of the host that was looked at, with what
/// changes when it changes. Asking for all of them again takes a fraction of a millisecond, reading
/// them again a hundred times that.
struct HostStamp {
  private(set) var bytes = Array("\(HostStamp.contents)\n".utf8)

  /// Adds `path`, and returns what is there.
  mutating func note(_ path: String) -> FileStatus? {
    let status = try? FileStatus.of(path, following: false)
    add(path, status)
    return status
  }

  /// Adds `path`, where `status` was found.
  mutating func add(_ path: String, _ status: FileStatus?) {
    bytes += Array("\(Self.line(status)) \(path)\n".utf8)
  }

  private static func line(_ status: FileStatus?) -> String {
    status.map { "\($0.fileSystem):\($0.inode):\($0.changed)" } ?? "-"
  }

  /// Whether everything in `stamp` is still as it was, and this program would make the same of it.
  static func isUpToDate(_ stamp: [UInt8]) -> Bool {
    let lines = stamp.split(separator: UInt8(ascii: "\n"))
    guard let first = lines.first, String(decoding: first, as: UTF8.self) == contents else { return false }
    for bytes in lines.dropFirst() {
      guard let space = bytes.firstIndex(of: UInt8(ascii: " ")) else { return false }
      let path = String(decoding: bytes[(space + 1)...], as: UTF8.self)
      let now = line(try? FileStatus.of(path, following: false))
      guard bytes[..<space].elementsEqual(now.utf8) else { return false }
    }
    return true
  }

  /// A number that is another one when `HostContents` is (the hash FNV-1a).
  private static let contents: String = {
    var hash: UInt64 = 0xcbf2_9ce4_8422_2325
    func add(_ text: String) {
      for byte in text.utf8 { hash = (hash ^ UInt64(byte)) &* 0x100_0000_01b3 }
    }
    for directory in HostContents.directories { add("\(directory.path) \(directory.permissions)\n") }
    for (path, target) in HostContents.links.sorted(by: { $0.key < $1.key }) { add("\(path) \(target)\n") }
    for (path, text) in HostContents.files.sorted(by: { $0.key < $1.key }) { add("\(path) \(text)\n") }
    for name in HostContents.systemDirectories + HostContents.copied + HostContents.copiedPrefixes {
      add("\(name)\n")
    }
    return String(hash, radix: 16)
  }()
}
