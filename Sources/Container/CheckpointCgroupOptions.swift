import Linux

/// The options of the cgroup v2 hierarchy (`nsdelegate` and others, Linux, Documentation/admin-guide/cgroup-v2.rst), which hold
/// for every mount of it. criu mounts the hierarchy without any, and so takes them away from the whole machine: a container
/// could then change its own limits.
struct CheckpointCgroupOptions: Sendable {
  private let options: [String]

  /// Those that are set now.
  init() { options = Self.current() }

  private static func current() -> [String] {
    guard let text = try? File.text("/proc/self/mountinfo") else { return [] }
    for line in text.split(separator: "\n") {
      // After " - " come the type, the source and the options of the file system.
      let words = line.split(separator: " ")
      guard let dash = words.lastIndex(of: "-"), words.count > dash + 3, words[dash + 1] == "cgroup2" else {
        continue
      }
      return words[dash + 3].split(separator: ",").map { String($0) }.filter { $0 != "rw" && $0 != "ro" }
    }
    return []
  }

  /// Sets them again, when they are no longer.
  func restore() {
    guard !options.isEmpty, Self.current() != options else { return }
    // What is mounted last decides. Nobody sees this mount, which ends here.
    guard let context = try? FileSystemContext("cgroup2") else { return }
    for option in options { try? context.set(option, nil) }
    _ = try? context.mount([])
  }
}
