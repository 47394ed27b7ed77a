import Linux

/// How much memory this process and those beside it can use.
public enum MemoryBound {
  /// The machine's memory, or the least `memory.max` of this process's cgroup and those above it where that is less, in
  /// bytes; `nil` where neither can be read (`proc_meminfo(5)`; Linux, Documentation/admin-guide/cgroup-v2.rst).
  public static func bytes() -> UInt64? {
    let machine = (try? File.text("/proc/meminfo")).flatMap(total)
    guard let hierarchy = try? CgroupHierarchy.find(), let path = try? Cgroup.path(of: ProcessControl.pid)
    else { return machine }
    return bytes(machine: machine, cgroup: path) { above in
      try? File.text("\(hierarchy.root)\(above)/memory.max")
    }
  }

  /// The least of `machine` and of what `limit` says of the cgroup `path` and of each above it.
  static func bytes(machine: UInt64?, cgroup path: String, limit: (String) -> String?) -> UInt64? {
    var least = machine
    var above = Substring(path == "/" ? "" : path)
    while true {
      // "max" is no limit, and the hierarchy's root has no file.
      if let bytes = limit(String(above)).flatMap({ UInt64($0) }) { least = min(least ?? bytes, bytes) }
      guard let slash = above.utf8.lastIndex(of: UInt8(ascii: "/")) else { return least }
      above = above[..<slash]
    }
  }

  /// What the text of `/proc/meminfo` says is there, in bytes.
  static func total(_ meminfo: String) -> UInt64? {
    guard let line = meminfo.split(separator: "\n").first(where: { $0.hasPrefix("MemTotal:") }),
      let text = line.dropFirst("MemTotal:".utf8.count).split(separator: " ").first,
      let kibibytes = UInt64(text)
    else { return nil }
    return kibibytes << 10
  }
}
