import Glibc

/// A small file with which the kernel tells of changes, such as a cgroup's `cgroup.events` (`poll(2)`, `POLLPRI`).
public struct EventFile: ~Copyable {
  private let file: FileDescriptor

  /// Opens the file at `path`.
  public init(_ path: String) throws(Errno) { file = try FileDescriptor.open(path, .readOnly) }

  /// What it says now. A wait for `entry` ends at the next change after this.
  public func text() throws(Errno) -> String {
    var buffer = [UInt8](repeating: 0, count: 4096)
    let count = try retrying { pread(file.rawValue, &buffer, buffer.count, 0) }
    return String(decoding: buffer[..<count], as: UTF8.self)
  }

  /// The number in the line that starts with `key`; `nil` when there is none.
  public func number(_ key: String) throws(Errno) -> UInt64? {
    for line in try text().split(separator: "\n") where line.hasPrefix("\(key) ") {
      return UInt64(line.dropFirst(key.utf8.count + 1))
    }
    return nil
  }

  /// A wait for the next change.
  public var entry: PollEntry { PollEntry(file.rawValue, .exceptional) }
}
