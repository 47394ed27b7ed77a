import Linux

/// The mounts that a process sees (`proc_pid_mountinfo(5)`).
struct MountTable {
  private let text: [UInt8]

  /// The table that the kernel gives as `text`.
  init(_ text: [UInt8]) { self.text = text }

  /// This process's.
  static func ofThisProcess() throws(Errno) -> MountTable {
    MountTable(try File.read("/proc/self/mountinfo"))
  }

  /// The tables of all mount namespaces that have a process.
  static func ofAllProcesses() throws(Errno) -> [MountTable] {
    var namespaces: Set<String> = []
    var tables: [MountTable] = []
    for entry in try Directory.entries(of: "/proc") where entry.isDirectory && UInt32(entry.name) != nil {
      // A process that has ended meanwhile has no mounts.
      guard let namespace = try? File.symbolicLink("/proc/\(entry.name)/ns/mnt"),
        namespaces.insert(namespace).inserted
      else { continue }
      guard let text = try? File.read("/proc/\(entry.name)/mountinfo") else {
        // The next process of the namespace may be there longer.
        namespaces.remove(namespace)
        continue
      }
      tables.append(MountTable(text))
    }
    return tables
  }

  /// Whether any mount was made of something with `part` in its path.
  func mentions(_ part: String) -> Bool {
    let part = Array(part.utf8)
    guard text.count >= part.count else { return false }
    return (0...(text.count - part.count)).contains { text[$0...].starts(with: part) }
  }

  /// Where something is mounted below the directory `directory`, apart from what is below another of these.
  func mountPoints(below directory: String) -> [String] {
    var points: [String] = []
    for line in text.split(separator: UInt8(ascii: "\n")) {
      let fields = line.split(separator: UInt8(ascii: " "), maxSplits: 5)
      guard fields.count > 4 else { continue }
      let point = Self.plain(fields[4])
      if point.hasPrefix("\(directory)/") { points.append(point) }
    }
    var top: [String] = []
    for point in points.sorted() where !top.contains(where: { point == $0 || point.hasPrefix("\($0)/") }) {
      top.append(point)
    }
    return top
  }

  /// The source of the topmost mount on the directory `point`; `nil` where nothing is mounted.
  func source(of point: String) -> String? {
    var source: String?
    for line in text.split(separator: UInt8(ascii: "\n")) {
      let fields = line.split(separator: UInt8(ascii: " "))
      guard fields.count > 4, Self.plain(fields[4]) == point,
        let dash = fields.firstIndex(where: { $0.elementsEqual("-".utf8) }), fields.count > dash + 2
      else { continue }
      source = Self.plain(fields[dash + 2])
    }
    return source
  }

  /// A path as it is: the kernel writes white space and backslashes as three octal digits.
  private static func plain(_ field: ArraySlice<UInt8>) -> String {
    var bytes: [UInt8] = []
    var rest = field
    while let byte = rest.popFirst() {
      if byte == UInt8(ascii: "\\"), rest.count >= 3,
        let code = UInt8(String(decoding: rest.prefix(3), as: UTF8.self), radix: 8)
      {
        bytes.append(code)
        rest = rest.dropFirst(3)
      } else {
        bytes.append(byte)
      }
    }
    return String(decoding: bytes, as: UTF8.self)
  }
}
