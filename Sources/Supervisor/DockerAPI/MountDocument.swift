import Layers
import OCI

/// The parts of the host's file tree, and of memory, that a request puts into a partition.
struct RequestedMounts {
  /// What it sees of the host.
  private(set) var volumes: [Volume] = []
  /// Directories in memory.
  private(set) var temporaryDirectories: [TemporaryDirectory] = []
  /// Where those are that were asked for as `Mounts`.
  private(set) var targets: [String] = []

  private static let most = 1024

  /// Reads `Binds`, `Mounts` and `Tmpfs` among the members of a `HostConfig`.
  ///
  /// - Parameter hasLabels: whether the machine gives files labels of SELinux.
  init(_ fields: inout Fields, hasLabels: Bool) throws(APIError) {
    let binds = try fields.texts("Binds")
    try fields.check(binds.count, "Binds", most: Self.most)
    for text in binds { volumes.append(try Self.bind(text, fields, hasLabels: hasLabels)) }
    let mounts = try fields.list("Mounts")
    try fields.check(mounts.count, "Mounts", most: Self.most)
    for mount in mounts { try add(mount) }
    let tmpfs = try fields.optional("Tmpfs", as: NamedValues<String>.self) ?? [:]
    try fields.check(tmpfs.elements.count, "Tmpfs", most: Self.most)
    for element in tmpfs.elements {
      temporaryDirectories.append(
        try Self.temporary(element.name, element.value, "\(fields.name("Tmpfs")).\(element.name)"))
    }
    var seen: Set<[Substring]> = []
    for destination in destinations where !seen.insert(Self.components(destination)).inserted {
      throw .badRequest("Duplicate mount point: \(destination)")
    }
  }

  /// Where they are in the partition.
  var destinations: [String] { volumes.map(\.destination) + temporaryDirectories.map(\.destination) }

  /// The names on a path, which may be written in several ways.
  private static func components(_ path: String) -> [Substring] {
    var components: [Substring] = []
    for name in path.split(separator: "/") where name != "." {
      if name == ".." { _ = components.popLast() } else { components.append(name) }
    }
    return components
  }

  /// What gives the source a label of SELinux: where there is none, it has no effect.
  private static let relabelings = ["z", "Z"]

  private static func bind(_ text: String, _ fields: Fields, hasLabels: Bool) throws(APIError) -> Volume {
    let parts = text.split(separator: ":", omittingEmptySubsequences: false).map(String.init)
    guard parts.count == 2 || parts.count == 3 else {
      throw fields.wrong("Binds", "invalid volume specification: '\(text)'")
    }
    guard parts[0].hasPrefix("/") else {
      throw fields.unsupported(
        "Binds", "\"\(text)\" names a volume, and there are none; give an absolute path of the host")
    }
    // These have no effect where the engine is on the machine that has the files.
    var options = parts.count == 3 ? parts[2].split(separator: ",").map(String.init) : []
    options.removeAll { ["consistent", "cached", "delegated"].contains($0) }
    if let label = options.first(where: relabelings.contains) {
      guard !hasLabels else {
        throw fields.unsupported(
          "Binds",
          "\"\(text)\": \(label) is for SELinux, which this machine has and swiftjail gives no labels for")
      }
      options.removeAll(where: relabelings.contains)
    }
    do throws(LayerError) {
      return try Volume(source: parts[0], destination: parts[1], options: options + ["create"])
    } catch {
      throw fields.wrong("Binds", error.reason)
    }
  }

  private static func temporary(
    _ destination: String, _ options: String, _ name: String
  ) throws(APIError) -> TemporaryDirectory {
    do throws(LayerError) {
      return try TemporaryDirectory(
        destination: destination, options: options.split(separator: ",").map(String.init))
    } catch { throw .badRequest("\(name): \(error.reason)") }
  }

  private mutating func add(_ mount: Fields) throws(APIError) {
    var mount = mount
    guard let target = try mount.text("Target") else { throw mount.wrong("Target", "is required") }
    targets.append(target)
    let isReadOnly = try mount.flag("ReadOnly")
    try mount.accept("Consistency", "default", "consistent", "cached", "delegated")
    switch try mount.text("Type") {
    case "bind"?: volumes.append(try Self.bind(&mount, target, isReadOnly))
    case "tmpfs"?:
      temporaryDirectories.append(try Self.temporary(&mount, target, isReadOnly))
    case let other:
      throw mount.unsupported("Type", "\"\(other ?? "")\" is not supported; there are bind and tmpfs")
    }
    try mount.refuseRest()
  }

  private static func bind(
    _ mount: inout Fields, _ target: String, _ isReadOnly: Bool
  ) throws(APIError) -> Volume {
    guard let source = try mount.text("Source"), source.hasPrefix("/") else {
      throw mount.wrong("Source", "must be an absolute path of the host")
    }
    var options = [isReadOnly ? "ro" : "rw"]
    var more = try mount.fields("BindOptions")
    if let propagation = try more.text("Propagation") {
      guard Volume.propagations.contains(propagation) else {
        throw more.wrong(
          "Propagation", "\"\(propagation)\" is not one of \(Volume.propagations.joined(separator: ", "))")
      }
      options.append(propagation)
    }
    try more.refuseRest()
    do throws(LayerError) {
      return try Volume(source: source, destination: target, options: options)
    } catch { throw .badRequest("\(mount.name("Target")): \(error.reason)") }
  }

  private static func temporary(
    _ mount: inout Fields, _ target: String, _ isReadOnly: Bool
  ) throws(APIError) -> TemporaryDirectory {
    if let source = try mount.text("Source") {
      throw mount.wrong("Source", "\"\(source)\": a directory in memory has none")
    }
    var options = isReadOnly ? ["ro"] : []
    var more = try mount.fields("TmpfsOptions")
    if let size = try more.number("SizeBytes") {
      guard size > 0 else { throw more.wrong("SizeBytes", "\(size) is not a number of bytes") }
      options.append("size=\(size)")
    }
    if let mode = try more.number("Mode") {
      guard (1...0o7777).contains(mode) else { throw more.wrong("Mode", "\(mode) is not a file mode") }
      options.append("mode=" + String(mode, radix: 8))
    }
    try more.refuseRest()
    return try temporary(target, options.joined(separator: ","), mount.name("Target"))
  }
}

/// The mounts of a container as its `HostConfig` has them: each in the list in which it was asked for.
struct MountDocuments {
  private let volumes: [Volume]
  private let temporaryDirectories: [TemporaryDirectory]
  private let targets: Set<String>

  init(_ settings: PartitionSettings, _ notes: RequestNotes) {
    volumes = settings.volumes
    temporaryDirectories = settings.temporaryDirectories
    targets = Set(notes.mountTargets)
  }

  /// What is in memory and was asked for as `Mounts`: others are not told among the mounts of a container.
  var ownTemporaryDirectories: [TemporaryDirectory] {
    temporaryDirectories.filter { targets.contains($0.destination) }
  }

  /// `Binds`
  var binds: [String] { volumes.filter { !targets.contains($0.destination) }.map(\.bind) }

  /// `Tmpfs`; `nil` for none.
  var tmpfs: JSON? {
    var object = JSON.Object()
    for directory in temporaryDirectories where !targets.contains(directory.destination) {
      object[directory.destination] = .string(directory.given.joined(separator: ","))
    }
    return object.members.isEmpty ? nil : .object(object)
  }

  /// `Mounts`
  var mounts: [JSON] {
    volumes.filter { targets.contains($0.destination) }.map(\.mountDocument)
      + ownTemporaryDirectories.map(\.mountDocument)
  }
}

extension Volume {
  /// How mounts on the host become mounts in the partition, and the other way round (`mount(8)`).
  static let propagations = ["private", "rprivate", "shared", "rshared", "slave", "rslave"]

  /// Whether nothing can be written to it.
  var isReadOnly: Bool { options.last { $0 == "rro" || $0 == "rw" } == "rro" }

  /// How it propagates mounts, when somebody has asked for that.
  var propagation: String? { options.last { Self.propagations.contains($0) } }

  /// It as one of the `Binds`.
  fileprivate var bind: String {
    let given = options.dropFirst().map { $0 == "rro" ? "ro" : $0 }
    return ([source, destination] + (given.isEmpty ? [] : [given.joined(separator: ",")])).joined(
      separator: ":")
  }

  /// It as one of the `Mounts`.
  fileprivate var mountDocument: JSON {
    var object = JSON.Object()
    object.add("Type", "bind")
    object.add("Source", source)
    object.add("Target", destination)
    object.add("ReadOnly", isReadOnly, unless: false)
    if let propagation { object["BindOptions"] = .members(["Propagation": .string(propagation)]) }
    return .object(object)
  }
}

extension TemporaryDirectory {
  /// It as one of the `Mounts`.
  fileprivate var mountDocument: JSON {
    var more = JSON.Object()
    for option in options {
      if option.hasPrefix("size="), let size = Int64(option.dropFirst(5)) { more.add("SizeBytes", size) }
      if option.hasPrefix("mode="), let mode = Int64(option.dropFirst(5), radix: 8) { more.add("Mode", mode) }
    }
    var object = JSON.Object()
    object.add("Type", "tmpfs")
    object.add("Target", destination)
    object.add("ReadOnly", options.contains("ro"), unless: false)
    if !more.members.isEmpty { object["TmpfsOptions"] = .object(more) }
    return .object(object)
  }
}
