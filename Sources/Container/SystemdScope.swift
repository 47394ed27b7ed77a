/// A systemd scope, which is the cgroup of one container (`systemd.scope(5)`, `systemd.slice(5)`).
struct SystemdScope: Equatable, Sendable {
  /// The slice that it is in.
  let slice: String
  /// The scope's own name, with its suffix.
  let unit: String

  /// Where it is from systemd's root cgroup: below a slice for each dash in its slice's name.
  var cgroupPath: String { Self.directory(of: slice) + "/\(unit)" }

  /// The scope that `cgroupsPath` names as engines write it, `slice:prefix:name`; without one, a scope called after the
  /// container.
  ///
  /// - Throws: `ContainerError` with the field when that cannot name a scope.
  init(cgroupsPath: String?, id: ContainerID) throws(ContainerError) {
    let path = cgroupsPath ?? "system.slice:swiftjail:\(id)"
    let parts = path.split(separator: ":", omittingEmptySubsequences: false).map { String($0) }
    guard parts.count == 3 else {
      throw .config(
        Self.field, "\"\(path)\" must be slice:prefix:name, such as system.slice:swiftjail:NAME, for systemd")
    }
    slice = parts[0].isEmpty ? "system.slice" : parts[0]
    unit = parts[1].isEmpty ? "\(parts[2]).scope" : "\(parts[1])-\(parts[2]).scope"
    guard Self.isSlice(slice) else {
      throw .config(Self.field, "\"\(slice)\" is not the name of a slice, such as machine-web.slice")
    }
    guard !parts[2].isEmpty, unit.utf8.count <= 255, unit.utf8.allSatisfy(Self.isAllowed) else {
      throw .config(
        Self.field,
        "\"\(unit)\" cannot name a systemd unit: use letters, digits and _ - . \\ @, 255 bytes at the most")
    }
  }

  private static let field = "linux.cgroupsPath"

  private static func isAllowed(_ byte: UInt8) -> Bool {
    switch byte {
    case UInt8(ascii: "a")...UInt8(ascii: "z"), UInt8(ascii: "A")...UInt8(ascii: "Z"),
      UInt8(ascii: "0")...UInt8(ascii: "9"), UInt8(ascii: "_"), UInt8(ascii: "-"), UInt8(ascii: "."),
      UInt8(ascii: "\\"), UInt8(ascii: "@"):
      true
    default: false
    }
  }

  private static let suffix = ".slice"

  private static func isSlice(_ name: String) -> Bool {
    guard name.hasSuffix(suffix), name.utf8.count <= 255, name.utf8.allSatisfy(isAllowed) else {
      return false
    }
    if name == "-.slice" { return true }
    let words = name.dropLast(suffix.utf8.count).split(separator: "-", omittingEmptySubsequences: false)
    return !words.contains("")
  }

  /// The directory of a slice, from systemd's root cgroup; the root slice's is empty.
  private static func directory(of slice: String) -> String {
    var path = ""
    var name = ""
    for word in slice.dropLast(suffix.utf8.count).split(separator: "-") {
      name += name.isEmpty ? word : "-\(word)"
      path += "/\(name)\(suffix)"
    }
    return path
  }
}
