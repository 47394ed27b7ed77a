/// How many CPUs' time, in the words of people.
public enum CPUTime {
  /// The millionths of a CPU that people write as `text`: a number from 0.01 to 8192, such as `1.5`.
  ///
  /// `nil` for anything else: the kernel counts in periods of 100 ms, of which it gives 1 ms at least.
  public static func microCPUs(_ text: String) -> Int64? {
    guard let cpus = Double(text), cpus >= 0.01, cpus <= 8192 else { return nil }
    return Int64((cpus * 1_000_000).rounded())
  }
}
