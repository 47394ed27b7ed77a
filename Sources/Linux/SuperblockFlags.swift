/// Flags of a file system, which all of its mounts share (`mount(2)`).
public struct SuperblockFlags: OptionSet, Hashable, Sendable {
  /// The kernel's `MS_*` bits.
  public let rawValue: UInt
  /// The flags with the kernel's bits `rawValue`.
  public init(rawValue: UInt) { self.rawValue = rawValue }

  /// `MS_RDONLY`
  public static let readOnly = SuperblockFlags(rawValue: 1)
  /// `MS_SYNCHRONOUS`
  public static let synchronous = SuperblockFlags(rawValue: 16)
  /// `MS_MANDLOCK`
  public static let mandatoryLocks = SuperblockFlags(rawValue: 64)
  /// `MS_DIRSYNC`
  public static let synchronousDirectories = SuperblockFlags(rawValue: 128)
  /// `MS_LAZYTIME`
  public static let lazyTime = SuperblockFlags(rawValue: 1 << 25)

  /// Each flag with the words that set and clear it (`fsconfig(2)`).
  private static let words: [(flag: SuperblockFlags, set: String, clear: String?)] = [
    (.readOnly, "ro", "rw"), (.synchronous, "sync", "async"), (.mandatoryLocks, "mand", "nomand"),
    (.synchronousDirectories, "dirsync", nil), (.lazyTime, "lazytime", "nolazytime"),
  ]

  /// The flag that the mount option `word` sets or clears; `nil` for another option.
  public static func flag(_ word: String) -> (SuperblockFlags, on: Bool)? {
    for entry in words where entry.flag != .readOnly {
      if entry.set == word { return (entry.flag, true) }
      if entry.clear == word { return (entry.flag, false) }
    }
    return nil
  }

  /// The words that set these flags and clear those of `cleared`.
  fileprivate func words(clearing cleared: SuperblockFlags) -> [String] {
    Self.words.compactMap { entry in
      contains(entry.flag) ? entry.set : cleared.contains(entry.flag) ? entry.clear : nil
    }
  }
}

extension FileSystemContext {
  /// Sets and clears flags of the file system (`fsconfig(2)`).
  public func set(_ flags: SuperblockFlags, clear: SuperblockFlags = []) throws(Errno) {
    for word in flags.words(clearing: clear) { try set(word, nil) }
  }
}
