import Linux
import OCI

/// New values in the `schemata` of a container's resctrl group.
public struct SchemataChange: Equatable, Sendable {
  /// The line on L3 caches, such as `L3:0=7f0;1=1f`.
  public var l3Cache: String?
  /// The line on memory bandwidth, such as `MB:0=20;1=70`.
  public var memoryBandwidth: String?

  /// No new values.
  public init() {}

  /// What goes to the file.
  var text: String { [l3Cache, memoryBandwidth].compactMap { $0.map { "\($0)\n" } }.joined() }

  /// Writes the values to the group of the container `record`, where they take the place of the former ones.
  ///
  /// - Returns: what takes them back; `nil` when there are none.
  func write(to record: Record) throws(ContainerError) -> Former? {
    if self == SchemataChange() { return nil }
    guard let group = record.resourceControl else {
      throw .config(
        "linux.intelRdt", "container \(record.id) was created without it, and has no group to change")
    }
    let root = try Resctrl.root()
    let path = "\(group.directory)/schemata"
    let former = try attempt("linux.intelRdt: read \(path)") { () throws(Errno) in
      try File.text(path, at: root.rawValue)
    }
    do throws(Errno) { try File.write(text, to: path, at: root.rawValue) } catch {
      let words = (try? File.text("info/last_cmd_status", at: root.rawValue))?.split(separator: "\n").first
      throw ContainerError(
        "linux.intelRdt: write the schemata of the group \(group.name)", error,
        advice: words.flatMap { $0 == "ok" ? nil : String($0) })
    }
    return Former(path: path, text: former)
  }

  /// What was in the file.
  struct Former {
    fileprivate let path: String
    fileprivate let text: String

    func putBack() {
      guard let root = try? Resctrl.root() else { return }
      try? File.write("\(text)\n", to: path, at: root.rawValue)
    }
  }

  /// Notes the values in `linux` of a configuration.
  func note(in linux: inout JSON.Object) throws(ConfigError) {
    if self == SchemataChange() { return }
    var rdt: JSON.Object = try linux.optional("intelRdt", or: JSON.Object())
    if let l3Cache { rdt["l3CacheSchema"] = .string(l3Cache) }
    if let memoryBandwidth { rdt["memBwSchema"] = .string(memoryBandwidth) }
    linux["intelRdt"] = .object(rdt)
  }
}
