extension RuntimeConfig.Linux.Resources {
  /// Checks what the types cannot say and needs no kernel; `update --resources` gives such a value alone.
  public func validate() throws(ConfigError) {
    try each(devices, "devices") { (rule) throws(ConfigError) in try rule.validate() }
    try inside("memory") { () throws(ConfigError) in try memory.validate() }
    try inside("cpu") { () throws(ConfigError) in try cpu.validate() }
    try check(pids?.limit ?? 0 >= -1, "pids.limit", "must be -1 (no limit) or more")
    try inside("blockIO") { () throws(ConfigError) in try blockIO.validate() }
    try each(hugepageLimits, "hugepageLimits") { (limit) throws(ConfigError) in
      try check(
        isPageSize(limit.pageSize), "pageSize", "\(quoted(limit.pageSize)) is not a page size, such as 2MB")
    }
    try distinct(hugepageLimits, "hugepageLimits", by: \.pageSize, "pageSize")
    try inside("network") { () throws(ConfigError) in
      try each(network.priorities, "priorities") { (priority) throws(ConfigError) in
        try check(!priority.name.isEmpty, "name", "must not be empty")
      }
    }
    for device in rdma.elements where device.value == RuntimeConfig.Linux.Rdma() {
      throw ConfigError(path: "", reason: "needs hcaHandles or hcaObjects").inside(device.name).inside("rdma")
    }
    for file in unified.names where !isControlFile(file) {
      throw ConfigError(path: "", reason: "is not the name of a cgroup file, such as memory.high")
        .inside(file).inside("unified")
    }
  }
}

extension RuntimeConfig.Linux.DeviceRule {
  func validate() throws(ConfigError) {
    try check((-1..<1 << 12).contains(major ?? -1), "major", "must be -1 (any) or more, and below 4096")
    try check((-1..<1 << 20).contains(minor ?? -1), "minor", "must be -1 (any) or more, and below 1048576")
    let letters = access?.utf8.allSatisfy {
      $0 == UInt8(ascii: "r") || $0 == UInt8(ascii: "w") || $0 == UInt8(ascii: "m")
    }
    try check(letters != false, "access", "must be made of the letters r, w and m")
  }
}

extension RuntimeConfig.Linux.Memory {
  func validate() throws(ConfigError) {
    func validate(_ property: String, _ bytes: Int64?) throws(ConfigError) {
      try check(bytes ?? 0 >= -1, property, "must be -1 (no limit) or more")
    }
    try validate("limit", limit)
    try validate("reservation", reservation)
    try validate("swap", swap)
    try validate("kernel", kernel)
    try validate("kernelTCP", kernelTCP)
    if let swap, swap > 0 {
      guard let limit, limit > 0 else {
        throw ConfigError(path: "swap", reason: "needs a memory limit: it counts memory and swap together")
      }
      try check(
        swap >= limit, "swap", "is below the memory limit, but counts memory and swap together")
    }
    try check(swappiness ?? 0 <= 100, "swappiness", "must be 0 to 100")
  }
}

extension RuntimeConfig.Linux.CPU {
  func validate() throws(ConfigError) {
    if let period, period != 0 {
      try check((1000...1_000_000).contains(period), "period", "must be 1000 to 1000000 microseconds")
    }
    if let quota, quota > 0 {
      try check(quota >= 1000, "quota", "must be 1000 microseconds or more, or -1 for no limit")
      try check(burst ?? 0 <= UInt64(quota), "burst", "must not be above the quota")
    }
    try checkNumberList("cpus", cpus)
    try checkNumberList("mems", mems)
    try check((0...1).contains(idle ?? 0), "idle", "must be 0 or 1")
  }
}

extension RuntimeConfig.Linux.BlockIO {
  func validate() throws(ConfigError) {
    try check(isWeight(weight), "weight", "must be 10 to 1000")
    try check(isWeight(leafWeight), "leafWeight", "must be 10 to 1000")
    try each(weightDevice, "weightDevice") { (device) throws(ConfigError) in
      try check(isWeight(device.weight), "weight", "must be 10 to 1000")
      try check(isWeight(device.leafWeight), "leafWeight", "must be 10 to 1000")
    }
  }

  /// Whether it is a weight that the specification allows; 0 is what Go's encoders write for none.
  private func isWeight(_ weight: UInt16?) -> Bool {
    guard let weight, weight != 0 else { return true }
    return (10...1000).contains(weight)
  }
}

/// Whether the text is a number and `KB`, `MB` or `GB`, as in the names of hugetlb's cgroup files.
private func isPageSize(_ text: String) -> Bool {
  let digits = text.utf8.prefix { (UInt8(ascii: "0")...UInt8(ascii: "9")).contains($0) }
  let unit = text.utf8.dropFirst(digits.count)
  return !digits.isEmpty && digits.first != UInt8(ascii: "0")
    && ["KB", "MB", "GB"].contains { unit.elementsEqual($0.utf8) }
}

/// Whether the text can be the name of a file of a cgroup's controller, which is no path.
private func isControlFile(_ name: String) -> Bool {
  let parts = name.utf8.split(separator: UInt8(ascii: "."), omittingEmptySubsequences: false)
  return parts.count > 1 && !parts.contains(where: \.isEmpty) && !name.utf8.contains(UInt8(ascii: "/"))
}
