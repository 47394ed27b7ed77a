import Linux

/// The forms that a cgroup's files have (Linux, Documentation/admin-guide/cgroup-v2.rst, "Format").
///
/// A line that does not have its form is passed over: kernels add to these files.
enum CgroupFile {
  /// A single number; `nil` for `max`, which is none, and for no file.
  static func number(_ text: [UInt8]?) -> UInt64? {
    guard let text, let line = lines(text).first else { return nil }
    return number(line)
  }

  /// Lines of a name and a number ("flat keyed").
  static func counts(_ text: [UInt8]) -> [PartitionUsage.Count] {
    lines(text).compactMap { line in
      let words = words(line)
      guard words.count == 2, let value = number(words[1]) else { return nil }
      return PartitionUsage.Count(name: String(decoding: words[0], as: UTF8.self), value: value)
    }
  }

  /// Lines of a device and named numbers ("nested keyed"), as `io.stat` has them.
  static func devices(_ text: [UInt8]) -> [PartitionUsage.Device] {
    lines(text).compactMap { line in
      let words = words(line)
      guard let first = words.first else { return nil }
      let parts = first.split(separator: UInt8(ascii: ":"))
      guard parts.count == 2, let major = number(parts[0]), let minor = number(parts[1]) else { return nil }
      var device = PartitionUsage.Device(
        number: DeviceNumber(
          major: UInt32(truncatingIfNeeded: major), minor: UInt32(truncatingIfNeeded: minor)))
      var isCounted = false
      for (name, value) in words.dropFirst().compactMap(pair) {
        guard let count = number(value) else { continue }
        switch name {
        case "rbytes": device.readBytes = count
        case "wbytes": device.writtenBytes = count
        case "rios": device.reads = count
        case "wios": device.writes = count
        default: continue
        }
        isCounted = true
      }
      return isCounted ? device : nil
    }
  }

  fileprivate static func lines(_ text: [UInt8]) -> [ArraySlice<UInt8>] {
    text.split(separator: UInt8(ascii: "\n"))
  }

  fileprivate static func words(_ line: ArraySlice<UInt8>) -> [ArraySlice<UInt8>] {
    line.split(separator: UInt8(ascii: " "))
  }

  /// The two sides of `name=value`.
  fileprivate static func pair(_ word: ArraySlice<UInt8>) -> (name: String, value: ArraySlice<UInt8>)? {
    guard let equals = word.firstIndex(of: UInt8(ascii: "=")) else { return nil }
    return (String(decoding: word[..<equals], as: UTF8.self), word[(equals + 1)...])
  }

  fileprivate static func number(_ digits: ArraySlice<UInt8>) -> UInt64? {
    if digits.isEmpty { return nil }
    var value: UInt64 = 0
    for digit in digits {
      guard digit >= UInt8(ascii: "0"), digit <= UInt8(ascii: "9") else { return nil }
      let (product, isOver) = value.multipliedReportingOverflow(by: 10)
      let (sum, isOverToo) = product.addingReportingOverflow(UInt64(digit - UInt8(ascii: "0")))
      if isOver || isOverToo { return nil }
      value = sum
    }
    return value
  }
}

extension PartitionUsage.Processor {
  /// What `cpu.stat` says; `nil` when it says nothing of time.
  init?(_ text: [UInt8]) {
    let counts = CgroupFile.counts(text)
    func value(_ name: String) -> UInt64? { counts.first { $0.name == name }?.value }
    guard let usage = value("usage_usec") else { return nil }
    self.usage = usage
    user = value("user_usec") ?? 0
    system = value("system_usec") ?? 0
    if let periods = value("nr_periods") {
      throttling = PartitionUsage.Throttling(
        periods: periods, throttledPeriods: value("nr_throttled") ?? 0, time: value("throttled_usec") ?? 0)
    }
  }
}

extension PartitionUsage.Pressure {
  /// What a file of pressure says; `nil` when it does not even say when some of the work waited.
  init?(_ text: [UInt8]) {
    var some: PartitionUsage.Share?
    for line in CgroupFile.lines(text) {
      let words = CgroupFile.words(line)
      if words.first?.elementsEqual("some".utf8) == true { some = PartitionUsage.Share(words.dropFirst()) }
      if words.first?.elementsEqual("full".utf8) == true { full = PartitionUsage.Share(words.dropFirst()) }
    }
    guard let some else { return nil }
    self.some = some
  }
}

extension PartitionUsage.Share {
  fileprivate init?(_ words: ArraySlice<ArraySlice<UInt8>>) {
    let pairs = words.compactMap(CgroupFile.pair)
    func value(_ name: String) -> ArraySlice<UInt8>? { pairs.first { $0.name == name }?.value }
    func percent(_ name: String) -> Double? {
      value(name).flatMap { Double(String(decoding: $0, as: UTF8.self)) }
    }
    guard let average10 = percent("avg10"), let average60 = percent("avg60"),
      let average300 = percent("avg300"), let total = value("total").flatMap(CgroupFile.number)
    else { return nil }
    self.init(average10: average10, average60: average60, average300: average300, total: total)
  }
}
