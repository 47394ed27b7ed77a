import Linux

/// Watches a cgroup for processes that the kernel ends for lack of memory, where the cgroup may be gone once the last
/// of its processes is: systemd removes a scope that nobody lives in.
struct OutOfMemoryWatch: ~Copyable {
  private var file: EventFile?
  private var kills: UInt64 = 0
  private var shortages: UInt64 = 0

  /// Watches `cgroup`; without one, nothing.
  init(_ cgroup: Cgroup?) {
    file = nil
    if let cgroup { file = try? EventFile("\(cgroup.directory)/memory.events") }
    look()
  }

  /// A wait for news.
  var entry: PollEntry {
    switch file {
    case .some(let file): file.entry
    case .none: PollEntry(-1, .exceptional)
    }
  }

  /// Takes note of the news.
  mutating func look() {
    var isGone = false
    switch file {
    case .none: return
    case .some(let file):
      do throws(Errno) {
        kills = try file.number("oom_kill") ?? 0
        shortages = try file.number("oom") ?? 0
      } catch { isGone = true }
    }
    if isGone { file = nil }
  }

  /// Whether lack of memory is why a process that ended with `status` did so, or another one of the cgroup.
  consuming func explains(_ status: ExitStatus) -> Bool {
    look()
    if kills > 0 { return true }
    // The kernel counts a shortage before it kills. When nobody could count the killing any more, the process did not
    // outlive the shortage.
    return file == nil && shortages > 0 && status == .signaled(Signal.kill.rawValue)
  }
}
