import Linux

// Where the kernel has no `io.weight`, which is part of iocost, the scheduler BFQ may have `io.bfq.weight`, 1 to 1000
// (Linux, Documentation/block/bfq-iosched.rst).
extension Cgroup {
  /// Writes a line for `io.weight` to `io.bfq.weight`.
  ///
  /// - Returns: whether there is such a file.
  func writeBFQWeight(_ line: String) throws(ContainerError) -> Bool {
    guard let value = Self.bfqWeight(line) else { return false }
    do throws(Errno) {
      try File.write(value, to: "\(directory)/io.bfq.weight")
      return true
    } catch .noSuchFileOrDirectory {
      return false
    } catch {
      throw ContainerError("write \"\(value)\" to \(directory)/io.bfq.weight", error)
    }
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
