import Linux

/// The capabilities that a partition has, as a difference from those it has by default.
public struct CapabilityChoice: Equatable, Sendable {
  /// What it has besides, with or without `CAP_`, in either case; `ALL` is all that there are.
  public var added: [String]
  /// What it does not have; `ALL` is all that it has by default.
  public var dropped: [String]

  /// The default, with these differences.
  public init(added: [String] = [], dropped: [String] = []) {
    self.added = added
    self.dropped = dropped
  }

  /// What a partition has by default: what it takes to be root among its own files and processes, and nothing that
  /// reaches the rest of the machine. It is Docker's list, on which images rely.
  static let `default`: Set<String> = [
    "CAP_AUDIT_WRITE", "CAP_CHOWN", "CAP_DAC_OVERRIDE", "CAP_FOWNER", "CAP_FSETID", "CAP_KILL", "CAP_MKNOD",
    "CAP_NET_BIND_SERVICE", "CAP_NET_RAW", "CAP_SETFCAP", "CAP_SETGID", "CAP_SETPCAP", "CAP_SETUID",
    "CAP_SYS_CHROOT",
  ]

  /// The names of what is chosen from `all`, in the order of `all`.
  ///
  /// - Throws: `LayerError` of the kind `.invalid` for a name that no capability has.
  func names(of all: [String], known: [String]) throws(LayerError) -> [String] {
    let added = try Self.set(added, option: "--cap-add", known: known)
    let dropped = try Self.set(dropped, option: "--cap-drop", known: known)
    var chosen = dropped.all ? [] : Self.default
    if added.all { chosen.formUnion(known) }
    chosen.formUnion(added.names)
    chosen.subtract(dropped.names)
    return all.filter { chosen.contains($0) }
  }

  /// Whether `word` is one of the kernel's names, with or without `CAP_`, in either case, or `ALL`.
  public static func isName(_ word: String) -> Bool {
    let name = name(word)
    return name == all || Capabilities.names.contains(name)
  }

  private static let all = "ALL"

  private static func name(_ word: String) -> String {
    let upper = word.uppercased()
    return upper == all || upper.hasPrefix("CAP_") ? upper : "CAP_\(upper)"
  }

  private static func set(
    _ words: [String], option: String, known: [String]
  ) throws(LayerError) -> (names: Set<String>, all: Bool) {
    var names: Set<String> = []
    var all = false
    for word in words {
      let name = Self.name(word)
      if name == Self.all {
        all = true
        continue
      }
      guard known.contains(name) else {
        throw LayerError(
          .invalid, "\(option) \(word): there is no such capability; capabilities(7) lists them")
      }
      names.insert(name)
    }
    return (names, all)
  }
}
