import Linux

/// The files of a partition's cgroup by which it follows the load (Linux, Documentation/admin-guide/cgroup-v2.rst).
///
/// What cannot be read, for lack of a controller or because the cgroup is gone, is `nil`.
struct LoadFiles {
  let directory: String

  private func read(_ name: String) -> [UInt8]? { try? File.read("\(directory)/\(name)") }

  private func number(_ name: String) -> UInt64? { CgroupFile.number(read(name)) }

  /// Processor time so far, in microseconds.
  var processorTime: UInt64? { read("cpu.stat").flatMap(PartitionUsage.Processor.init)?.usage }

  /// For how long some of its work has waited for a processor so far, in microseconds.
  var processorWaiting: UInt64? { read("cpu.pressure").flatMap(PartitionUsage.Pressure.init)?.some.total }

  var weight: Int? { number("cpu.weight").flatMap { Int(exactly: $0) } }

  /// Memory in use, in bytes.
  var memory: UInt64? { number("memory.current") }

  /// The limit of that, in bytes; `nil` without one as well.
  var limit: Int64? { number("memory.max").flatMap { Int64(exactly: $0) } }

  /// Whether it is held below its limit.
  var isHeld: Bool { number("memory.high") != nil }

  /// What the kernel is to leave to it, in bytes.
  var protected: UInt64 { max(amount("memory.low"), amount("memory.min")) }

  private func amount(_ name: String) -> UInt64 {
    guard let text = read(name) else { return 0 }
    return CgroupFile.number(text) ?? .max
  }

  /// How often pages had to be read back so far.
  var pageIns: UInt64? {
    sum(of: ["pgmajfault", "workingset_refault_anon", "workingset_refault_file"])
  }

  /// What of the memory are pages of files, which can be freed at once, in bytes.
  var cached: UInt64? { sum(of: ["active_file", "inactive_file"]) }

  private func sum(of names: Set<String>) -> UInt64? {
    read("memory.stat").map { text in
      CgroupFile.counts(text).reduce(0) { names.contains($1.name) ? $0 &+ $1.value : $0 }
    }
  }

  func setWeight(_ weight: Int) throws(Errno) { try write(String(weight), "cpu.weight") }

  func setLimit(_ bytes: Int64) throws(Errno) { try write(String(bytes), "memory.max") }

  /// Has the kernel free pages and slow it down while it uses more than `bytes`; `nil` ends that.
  func hold(at bytes: Int64?) throws(Errno) { try write(bytes.map { String($0) } ?? "max", "memory.high") }

  private func write(_ text: String, _ name: String) throws(Errno) {
    try File.write(text, to: "\(directory)/\(name)")
  }
}

/// What takes the kernel its time, in a process of its own.
extension LoadFiles {
  /// Gives back `bytes` of memory, or as much of them as can be.
  ///
  /// - Returns: what is in use then; `nil` when the kernel has no such file (before Linux 5.19).
  func reclaim(_ bytes: UInt64) throws(Errno) -> UInt64? {
    do throws(Errno) {
      try write(String(bytes), "memory.reclaim")
    } catch .resourceTemporarilyUnavailable {
      // It was not all that was asked for.
    } catch .noSuchFileOrDirectory where memory != nil {
      return nil
    }
    return memory ?? 0
  }

  /// Lowers the limit from `old` to `new`, or as far as what is in use can be freed.
  ///
  /// - Parameter byForce: whether it is lowered all the same; what cannot be freed then costs processes their lives.
  func lower(from old: Int64, to new: Int64, byForce: Bool) throws(Errno) {
    try hold(at: new)
    let used = Int64(clamping: memory ?? 0)
    let needed = (used / MemoryPool.grain + 2) * MemoryPool.grain
    let limit = byForce ? new : min(old, max(new, needed))
    if limit < old { try setLimit(limit) }
    if limit == new { try hold(at: nil) }
  }
}
