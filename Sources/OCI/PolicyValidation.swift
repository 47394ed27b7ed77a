extension RuntimeConfig.Linux.MemoryPolicy {
  func validate() throws(ConfigError) {
    try checkNumberList("memoryPolicy.nodes", nodes)
    let hasNodes = nodes?.isEmpty == false
    switch mode {
    case .standard, .local:
      try check(!hasNodes, "memoryPolicy.nodes", "\(mode.rawValue) takes no nodes")
      try check(flags.isEmpty, "memoryPolicy.flags", "\(mode.rawValue) takes no flags")
    case .bind, .interleave, .weightedInterleave, .preferredMany:
      try check(hasNodes, "memoryPolicy.nodes", "\(mode.rawValue) needs nodes")
    case .preferred:
      try check(hasNodes || flags.isEmpty, "memoryPolicy.flags", "need nodes")
    }
    try check(
      !flags.contains(.staticNodes) || !flags.contains(.relativeNodes), "memoryPolicy.flags",
      "MPOL_F_STATIC_NODES and MPOL_F_RELATIVE_NODES exclude each other")
  }
}

extension RuntimeConfig.Linux.IntelRdt {
  func validate() throws(ConfigError) {
    if let closID, closID != "/" {
      try check(Self.isGroupName(closID), "intelRdt.closID", "\(quoted(closID)) cannot name a group")
    }
    for (index, line) in schemata.enumerated() {
      try check(
        !line.utf8.contains(UInt8(ascii: "\n")), "intelRdt.schemata[\(index)]", "must be one line")
    }
    if let memBwSchema, !memBwSchema.isEmpty {
      try check(memBwSchema.utf8.starts(with: "MB:".utf8), "intelRdt.memBwSchema", "must start with MB:")
      try check(
        !memBwSchema.utf8.contains(UInt8(ascii: "\n")), "intelRdt.memBwSchema", "must be one line")
    }
    let advice = "is no longer in the specification: use enableMonitoring"
    try check(!enableCMT, "intelRdt.enableCMT", advice)
    try check(!enableMBM, "intelRdt.enableMBM", advice)
  }

  /// Whether a group of the resctrl file system can have the name: a directory's, and none that is there already.
  public static func isGroupName(_ name: String) -> Bool {
    !name.isEmpty && !name.utf8.contains { $0 == UInt8(ascii: "/") || $0 == UInt8(ascii: "\n") }
      && ![".", "..", "info", "mon_groups", "mon_data"].contains(name)
  }
}
