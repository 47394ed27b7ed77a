import Linux

/// Why a process does not get on, as far as can be seen.
enum StartDelay {
  /// What there is to be said of the process `pid`.
  static func text(of pid: Int32) -> String {
    let state = (try? ProcessStatus.of(pid))?.state
    return text(pid, state, in: try? File.text("/proc/\(pid)/wchan"))
  }

  /// - Parameters:
  ///   - state: its state's letter; `nil` when it is gone.
  ///   - place: the function of the kernel in which it waits; 0 for none.
  static func text(_ pid: Int32, _ state: UInt8?, in place: String?) -> String {
    guard let state else { return "process \(pid) has ended, and what it has left has not" }
    let place = place.flatMap { $0.isEmpty || $0 == "0" ? nil : " in \($0)" } ?? ""
    let reason =
      state == UInt8(ascii: "D")
      ? "a file system does not answer that its root, a volume or its program is on"
      : "somebody else may be at work on it"
    return "process \(pid) waits\(place): \(reason)"
  }
}
