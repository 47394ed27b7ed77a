import Linux

/// The health checks that run, a file each: one that a supervisor has left when it was killed, the next one ends.
struct CheckRecords {
  private let directory: String

  /// The records in `directory`, which does not outlive a boot.
  init(in directory: String) { self.directory = directory }

  /// The record of the check with the id `id`.
  func path(of id: String) -> String { "\(directory)/\(id)" }

  /// Notes at `path` that a check is the process `pid`.
  static func note(_ pid: Int32, at path: String) {
    guard let status = try? ProcessStatus.of(pid) else { return }
    try? File.replace(path, with: Array("\(pid) \(status.startTime)".utf8))
  }

  /// Forgets the check with the id `id`.
  func remove(_ id: String) { try? File.remove(path(of: id)) }

  /// Ends the checks that are noted, and forgets them.
  func endAll() {
    try? Directory.makeAll(directory, mode: 0o700)
    for entry in (try? Directory.entries(of: directory)) ?? [] {
      let path = path(of: entry.name)
      if let text = try? File.text(path) { end(text) }
      try? File.remove(path)
    }
  }

  private func end(_ text: String) {
    let words = text.split(separator: " ")
    guard words.count == 2, let pid = Int32(words[0]), let startTime = UInt64(words[1]),
      let process = try? Pidfd(of: pid),
      // Looked at after the descriptor was made: a process that fits now is the one behind it.
      let now = try? ProcessStatus.of(pid), now.startTime == startTime, !now.isDead
    else { return }
    // It leads a group of its own, whose number is nobody else's as long as it is there.
    try? ProcessGroup.send(.kill, toGroupOf: pid)
    try? process.send(.kill)
  }
}
