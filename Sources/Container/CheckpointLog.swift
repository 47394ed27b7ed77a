import Linux

/// The log that criu writes.
struct CheckpointLog {
  /// Its path.
  let path: String

  /// Why criu has failed: the first error in its log, and where that is.
  ///
  /// - Parameters:
  ///   - operation: what criu was to do, such as "checkpoint web".
  ///   - message: what the service itself has said.
  func failure(_ operation: String, _ message: String?) -> ContainerError {
    let bytes = (try? File.read(path, limit: 256 << 20)) ?? []
    guard let reason = Self.firstError(in: bytes) ?? message.flatMap({ $0.isEmpty ? nil : $0 }) else {
      return ContainerError(.failed, "\(operation): criu failed without saying why (its log is \(path))")
    }
    return ContainerError(.failed, "\(operation): criu: \(reason) (its log is \(path))")
  }

  /// The text of the first error, such as "mount.c:1104: mnt: Can't lookup mount", and of the first one of criu itself when
  /// that is another: it runs helpers, whose errors are not always one of its own.
  ///
  /// Lines are such as `(00.012345) Error (criu/mount.c:1104): mnt: Can't lookup mount`, those of helpers without a time.
  static func firstError(in log: [UInt8]) -> String? {
    var first: String?
    var trial: String?
    for line in log.split(separator: UInt8(ascii: "\n")) {
      guard let text = error(in: line), !isNoCause(text) else { continue }
      if text.hasPrefix(trialOfTunnels) {
        trial = text
        continue
      }
      if line.first == UInt8(ascii: "(") { return first.map { "\($0); \(text)" } ?? text }
      first = first ?? text
    }
    return first ?? trial
  }

  /// Where criu finds out at its beginning whether the kernel has tunnels, and goes on without.
  private static let trialOfTunnels = "tun.c:"

  /// That a helper of criu's has failed, it may have got over; that all has failed, everybody knows.
  private static func isNoCause(_ text: String) -> Bool {
    text.hasSuffix("FAILED.") || text.split(separator: " ").contains("exited,")
  }

  private static func error(in line: ArraySlice<UInt8>) -> String? {
    let mark = Array("Error (".utf8)
    var rest = line
    while let start = rest.firstIndex(of: mark[0]) {
      if rest[start...].starts(with: mark) { return text(of: rest[start...].dropFirst(mark.count)) }
      rest = rest[start...].dropFirst()
    }
    return nil
  }

  /// `criu/mount.c:1104): mnt: …` without the parenthesis and the directory.
  private static func text(of error: ArraySlice<UInt8>) -> String {
    let directory = Array("criu/".utf8)
    let isInDirectory = error.starts(with: directory)
    var bytes = Array(isInDirectory ? error.dropFirst(directory.count) : error)
    if let end = bytes.firstIndex(of: UInt8(ascii: ")")) { bytes.remove(at: end) }
    return String(decoding: bytes.map { $0 < 0x20 ? 0x20 : $0 }, as: UTF8.self)
  }
}
