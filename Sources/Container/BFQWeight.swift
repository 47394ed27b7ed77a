import Linux

// Two mechanisms share a disk by weights: iocost, with `io.weight`, and the scheduler BFQ, with `io.bfq.weight`, 1 to 1000
// (Linux, Documentation/block/bfq-iosched.rst). A kernel may have one of the files or both, and a disk follows at most one.
extension Cgroup {
  /// Writes a setting of `io.weight` to each of the two files that can take it.
  ///
  /// - Throws: `ContainerError` when neither can.
  func writeIOWeight(_ setting: CgroupSetting) throws(ContainerError) {
    var refusal: (file: String, errno: Errno)?
    var isWritten = false
    for (file, value) in [("io.weight", setting.value), ("io.bfq.weight", Self.bfqWeight(setting.value))] {
      guard let value else { continue }
      do throws(Errno) {
        try File.write(value, to: "\(directory)/\(file)")
        isWritten = true
      } catch .noSuchFileOrDirectory {} catch { refusal = refusal ?? (file, error) }
    }
    if isWritten { return }
    guard let refusal else {
      throw .config(
        setting.field, "no input/output scheduler of this machine takes weights (io.weight is missing)")
    }
    throw ContainerError(
      "\(setting.field): write \"\(setting.value)\" to \(directory)/\(refusal.file)", refusal.errno)
  }

  /// The line for `io.bfq.weight`: the weight that `CgroupSettings.ioWeight` was made from; `nil` for what is no line of
  /// `io.weight`.
  static func bfqWeight(_ line: String) -> String? {
    let words = line.split(separator: " ")
    guard let last = words.last, words.count <= 2, let weight = UInt64(last), (1...10_000).contains(weight)
    else {
      return nil
    }
    let value = 10 + ((weight - 1) * 990 + 9998) / 9999
    return words.count == 1 ? String(value) : "\(words[0]) \(value)"
  }
}
