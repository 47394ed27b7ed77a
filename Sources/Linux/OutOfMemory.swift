/// How ready the kernel is to end this process when memory is short (`/proc/self/oom_score_adj`, `proc_pid_oom_score_adj(5)`).
public enum OutOfMemoryAdjustment {
  /// The least likely that a process can be to be ended without being out of the question.
  public static let last: Int32 = -999

  private static let path = "/proc/self/oom_score_adj"

  /// Sets it for this process and its children to come, -1000 (never) to 1000.
  ///
  /// - Throws: `.permissionDenied` when it would be lower than somebody with `CAP_SYS_RESOURCE` has set it before.
  public static func set(_ value: Int32) throws(Errno) { try File.write(String(value), to: path) }

  /// Undoes for this process, a child of one that has spared itself, what was not meant for it.
  public static func restore() {
    guard let text = try? File.text(path), let value = Int32(text), value < 0 else { return }
    try? set(0)
  }
}
