import Linux

// A container's filter on disk, compiled, for processes that join the container: numbers of eight bytes, the lowest byte first,
// and then the path and the metadata of the listener, each ended by a zero.

extension SeccompPlan {
  private static let version: UInt64 = 1

  private static func path(in directory: String) -> String { "\(directory)/seccomp" }

  /// Writes the file in a container's state directory.
  func store(in directory: String) throws(ContainerError) {
    let path = Self.path(in: directory)
    try attempt("write \(path)") { () throws(Errno) in try File.replace(path, with: bytes) }
  }

  /// Reads what was written in a container's state directory.
  init(storedIn directory: String) throws(ContainerError) {
    let path = Self.path(in: directory)
    let bytes = try attempt("read \(path)") { () throws(Errno) in try File.read(path) }
    guard let plan = SeccompPlan(bytes) else {
      throw ContainerError(.damaged, "\(path): not a filter that this version of swiftjail has written")
    }
    self = plan
  }

  /// The file's contents.
  var bytes: [UInt8] {
    var bytes: [UInt8] = []
    let numbers = [Self.version, UInt64(filter.flags.rawValue), UInt64(filter.instructions.count)]
    bytes.reserveCapacity((numbers.count + filter.instructions.count) * 8)
    for number in numbers + filter.instructions { withUnsafeBytes(of: number.littleEndian) { bytes += $0 } }
    guard let listener else { return bytes }
    return bytes + Array(listener.path.utf8) + [0] + Array((listener.metadata ?? "").utf8) + [0]
  }

  /// The plan that `bytes` holds, when it is one.
  init?(_ bytes: [UInt8]) {
    func number(_ index: Int) -> UInt64 {
      bytes[(index * 8)..<(index * 8 + 8)].reversed().reduce(0) { $0 << 8 | UInt64($1) }
    }
    guard bytes.count >= 24, number(0) == Self.version, let flags = UInt32(exactly: number(1)),
      number(2) <= UInt64(SystemCallFilter.mostInstructions)
    else { return nil }
    let count = Int(number(2))
    let end = 24 + count * 8
    guard count > 0, bytes.count >= end else { return nil }
    filter = SystemCallFilter(
      (0..<count).map { number(3 + $0) }, flags: SystemCallFilter.Flags(rawValue: flags))
    let texts = bytes[end...].split(separator: 0, omittingEmptySubsequences: false)
    if filter.flags.contains(.listener) {
      guard texts.count == 3, !texts[0].isEmpty else { return nil }
      let metadata = String(decoding: texts[1], as: UTF8.self)
      listener = Listener(
        path: String(decoding: texts[0], as: UTF8.self), metadata: metadata.isEmpty ? nil : metadata)
    } else if bytes.count != end {
      return nil
    }
  }
}
