import Linux

extension ContainerStore {
  /// Where the cgroups are of the default store's containers, from the hierarchy's root.
  static let defaultCgroups = "/swiftjail"

  /// Where the cgroups are of containers whose configuration does not say that, from the hierarchy's root: those of two
  /// stores may have the same names.
  var cgroups: String { groupName.map { "\(Self.defaultCgroups)/\($0)" } ?? Self.defaultCgroups }

  /// A name that no other store has, for directories of its own beside those of others; `nil` for the default store.
  public var groupName: String? {
    let real = path == Self.defaultPath ? path : (try? File.realPath(path)) ?? MountPlan.clean(path)
    return real == Self.defaultPath ? nil : Self.group(of: real)
  }

  /// Whether a cgroup's path is that of `cgroups` of some store but the default one.
  static func isGroup(_ path: String) -> Bool {
    path.hasPrefix("\(defaultCgroups)/@")
      && !path.utf8.dropFirst(defaultCgroups.utf8.count + 1).contains(UInt8(ascii: "/"))
  }

  /// The name of the cgroup for the containers of the store at `path`: the path, in characters that mean nothing there, after
  /// one that begins no container's name.
  static func group(of path: String) -> String {
    let digits = Array("0123456789abcdef".utf8)
    var name = [UInt8(ascii: "@")]
    for byte in path.utf8.drop(while: { $0 == UInt8(ascii: "/") }) {
      switch byte {
      case UInt8(ascii: "/"): name.append(UInt8(ascii: "@"))
      case UInt8(ascii: "a")...UInt8(ascii: "z"), UInt8(ascii: "A")...UInt8(ascii: "Z"),
        UInt8(ascii: "0")...UInt8(ascii: "9"), UInt8(ascii: "_"), UInt8(ascii: "+"), UInt8(ascii: "-"),
        UInt8(ascii: "."):
        name.append(byte)
      default: name += [UInt8(ascii: "%"), digits[Int(byte >> 4)], digits[Int(byte & 15)]]
      }
    }
    // The longest name of a file. What stands for a longer one, no path gives: it would have two slashes.
    guard name.count > 255 else { return String(decoding: name, as: UTF8.self) }
    var hash: UInt64 = 0xcbf2_9ce4_8422_2325
    for byte in path.utf8 { hash = (hash ^ UInt64(byte)) &* 0x100_0000_01b3 }
    return "@@\(String(hash, radix: 16))"
  }
}
