// What partitions cannot be called, though other containers can.

extension PartitionDefinition {
  /// The most bytes that a name may have. The kernel takes 255, and there are files that are called after a partition, with
  /// something before and behind its name.
  public static let longestName = 200

  /// What the supervisor's socket is called, which is beside the directories that are called after containers.
  public static let socketName = "swiftjaild.sock"

  /// Why no partition can be called `name`, beside what goes for any container; `nil` when one can.
  public static func fault(ofName name: String) -> String? {
    if name.hasPrefix("-") { return "must not begin with -, which begins options of commands" }
    if name.utf8.count > longestName {
      return "has \(name.utf8.count) bytes; \(longestName) are the most, as files are called after it"
    }
    return name == socketName ? "is what the supervisor's socket is called: take another" : nil
  }
}
