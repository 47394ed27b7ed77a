import Linux

/// A mount's option list, told apart: what the kernel does for every mount, and what is for the one file system
/// (`mount(8)`, "FILESYSTEM-INDEPENDENT MOUNT OPTIONS").
struct MountOptions: Equatable, Sendable {
  /// A copy of another place in the file tree instead of a file system.
  enum Bind: Equatable, Sendable { case none, bind, recursive }

  /// A change of propagation, in the order given.
  struct PropagationChange: Equatable, Sendable {
    var propagation: Propagation
    var recursive: Bool
  }

  /// An option for the file system itself.
  struct Data: Equatable, Sendable {
    var key: String
    var value: String?

    /// The option as it is in a list, in which commas separate options.
    var text: String {
      guard let value else { return key }
      return value.utf8.contains(UInt8(ascii: ",")) && isLabel ? "\(key)=\"\(value)\"" : "\(key)=\(value)"
    }

    /// Whether the value is a security label, which may have commas and is then between double quotes in a list.
    var isLabel: Bool { ["context", "fscontext", "defcontext", "rootcontext"].contains(key) }
  }

  var bind = Bind.none
  var set: MountAttributes = []
  var clear: MountAttributes = []
  /// The same, for all mounts below as well.
  var recursiveSet: MountAttributes = []
  var recursiveClear: MountAttributes = []
  var propagation: [PropagationChange] = []
  /// Flags of the file system itself. A bind mount leaves them as they are, as with `mount(8)`.
  var superblockSet: SuperblockFlags = []
  var superblockClear: SuperblockFlags = []
  /// Whether what is mounted there already is changed.
  var isRemount = false
  var data: [Data] = []
  /// Whether an option for the file system is too long to be set by itself.
  var hasLongValue: Bool {
    data.contains { $0.value?.utf8.count ?? 0 > FileSystemContext.longestValue }
  }
  /// Whether the directory underneath is copied into the new tmpfs.
  var copyUp = false
  var idMap: IDMap?

  /// Whether ids are mapped on this mount alone or on all below as well.
  enum IDMap: Equatable, Sendable { case mount, recursive }

  /// The options of `list`, those given later winning.
  init(_ list: [String]) {
    for option in list where !option.isEmpty { add(option) }
  }

  /// The options of `list`, in which commas separate them, as in `mount(8)`; not those between double quotes.
  static func split(_ list: String) -> [String] {
    let comma = UInt8(ascii: ",")
    guard list.utf8.contains(comma) else { return [list] }
    var isQuoted = false
    return list.utf8.split {
      if $0 == UInt8(ascii: "\"") { isQuoted.toggle() }
      return $0 == comma && !isQuoted
    }.map { String(decoding: $0, as: UTF8.self) }
  }

  private mutating func add(_ option: String) {
    switch option {
    case "defaults": break
    // The kernel's default, `relatime`, unless another option chooses.
    case "norelatime": clear.formUnion(.accessTime)
    case "rnorelatime": recursiveClear.formUnion(.accessTime)
    case "bind": bind = .bind
    case "rbind": bind = .recursive
    case "tmpcopyup": copyUp = true
    case "idmap": idMap = .mount
    case "ridmap": idMap = .recursive
    case "remount": isRemount = true
    default:
      if let change = Self.propagationChange(option) {
        propagation.append(change)
      } else if let (attributes, on) = Self.attribute(option) {
        Self.change(attributes, on: on, &set, &clear)
      } else if option.utf8.first == UInt8(ascii: "r"),
        let (attributes, on) = Self.attribute(String(Substring(option.utf8.dropFirst())))
      {
        Self.change(attributes, on: on, &recursiveSet, &recursiveClear)
      } else if let (flag, on) = SuperblockFlags.flag(option) {
        if on {
          superblockSet.formUnion(flag)
          superblockClear.subtract(flag)
        } else {
          superblockSet.subtract(flag)
          superblockClear.formUnion(flag)
        }
      } else if !Self.ignored.contains(option), !option.utf8.starts(with: "x-".utf8) {
        data.append(Self.data(option))
      }
    }
  }

  private static func data(_ option: String) -> Data {
    guard let equals = option.utf8.firstIndex(of: UInt8(ascii: "=")) else {
      return Data(key: option, value: nil)
    }
    var data = Data(
      key: String(option[..<equals]), value: String(option[option.utf8.index(after: equals)...]))
    let quote = UInt8(ascii: "\"")
    if data.isLabel, let value = data.value?.utf8, value.count > 1, value.first == quote, value.last == quote
    {
      data.value = String(Substring(value.dropFirst().dropLast()))
    }
    return data
  }

  private static func change(
    _ attributes: MountAttributes, on: Bool, _ set: inout MountAttributes, _ clear: inout MountAttributes
  ) {
    if on {
      // The access-time modes are values of one field: setting one clears the field first.
      if !attributes.isDisjoint(with: .accessTime) {
        set.subtract(.accessTime)
        clear.formUnion(.accessTime)
      } else {
        clear.subtract(attributes)
      }
      set.formUnion(attributes)
    } else {
      set.subtract(attributes)
      clear.formUnion(attributes.isDisjoint(with: .accessTime) ? attributes : .accessTime)
    }
  }

  private static func attribute(_ option: String) -> (MountAttributes, on: Bool)? {
    switch option {
    case "ro": (.readOnly, true)
    case "rw": (.readOnly, false)
    case "nosuid": (.noSuid, true)
    case "suid": (.noSuid, false)
    case "nodev": (.noDev, true)
    case "dev": (.noDev, false)
    case "noexec": (.noExec, true)
    case "exec": (.noExec, false)
    case "noatime": (.noAccessTime, true)
    case "atime": (.noAccessTime, false)
    case "strictatime": (.strictAccessTime, true)
    case "nostrictatime": (.strictAccessTime, false)
    case "relatime": (.accessTime, false)
    case "nodiratime": (.noDirectoryAccessTime, true)
    case "diratime": (.noDirectoryAccessTime, false)
    case "nosymfollow": (.noSymlinkFollow, true)
    case "symfollow": (.noSymlinkFollow, false)
    default: nil
    }
  }

  /// Options for `mount(8)` and for the system's start, which mean nothing to the kernel, and those for which it has nothing
  /// left to do: it counts changes of files in every file system that can (`iversion`, Linux 6.1), and what it says of a mount
  /// goes to who mounts (`silent`).
  private static let ignored = [
    "auto", "noauto", "user", "nouser", "users", "group", "owner", "_netdev", "nofail", "silent", "loud",
    "iversion", "noiversion",
  ]

  private static func propagationChange(_ option: String) -> PropagationChange? {
    switch option {
    case "private": PropagationChange(propagation: .private, recursive: false)
    case "rprivate": PropagationChange(propagation: .private, recursive: true)
    case "shared": PropagationChange(propagation: .shared, recursive: false)
    case "rshared": PropagationChange(propagation: .shared, recursive: true)
    case "slave": PropagationChange(propagation: .slave, recursive: false)
    case "rslave": PropagationChange(propagation: .slave, recursive: true)
    case "unbindable": PropagationChange(propagation: .unbindable, recursive: false)
    case "runbindable": PropagationChange(propagation: .unbindable, recursive: true)
    default: nil
    }
  }
}
