import Linux

/// What the host's processors tell of the work of all who use them.
public enum HostProcessors {
  /// The directories in which the kernel counts, for each processor, how often it was slowed down for its heat
  /// (`thermal_throttle`); none on machines without such processors, as virtual ones are.
  public static let thermalCounters = thermalCounters(in: "/sys/devices/system/cpu")

  static func thermalCounters(in directory: String) -> [String] {
    // All have one or none has, so that one look is enough where there is nothing. One that is switched off has none until it
    // is on again.
    guard (try? FileStatus.of("\(directory)/cpu0/thermal_throttle")) != nil,
      let entries = try? Directory.entries(of: directory)
    else { return [] }
    let numbers = entries.compactMap { $0.name.hasPrefix("cpu") ? UInt32($0.name.dropFirst(3)) : nil }
    return numbers.sorted().map { "\(directory)/cpu\($0)/thermal_throttle" }
  }
}
