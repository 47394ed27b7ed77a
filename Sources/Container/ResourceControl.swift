import Linux
import OCI

/// What is to be done in the resctrl file system for a new container.
struct ResourceControl: Sendable {
  private(set) var group: ResourceControlGroup
  /// What goes to the group's `schemata`.
  private let lines: [String]
  /// Those that a group which is there already must have.
  private let fixedLines: [String]
  private var hasMadeGroup = false
  private var hasMadeMonitor = false

  /// - Throws: `ContainerError` where there is no such file system, the group is missing or has other values.
  init(_ rdt: RuntimeConfig.Linux.IntelRdt, id: ContainerID) throws(ContainerError) {
    try self.init(rdt, id: id, in: try Resctrl.root())
  }

  init(
    _ rdt: RuntimeConfig.Linux.IntelRdt, id: ContainerID, in root: borrowing FileDescriptor
  ) throws(ContainerError) {
    let closID = rdt.closID?.isEmpty == false ? rdt.closID : nil
    if closID == nil || rdt.enableMonitoring,
      !RuntimeConfig.Linux.IntelRdt.isGroupName(id.description)
    {
      throw .config("linux.intelRdt", "the container's name \(id) cannot name a group")
    }
    fixedLines = [rdt.l3CacheSchema, rdt.memBwSchema].flatMap { schema in
      (schema ?? "").split(separator: "\n").map { String($0) }
    }
    lines = fixedLines + rdt.schemata.filter { !$0.isEmpty }
    group = ResourceControlGroup(name: closID ?? id.description)
    if rdt.enableMonitoring { group.monitor = id.description }
    if try Self.exists(group, in: root) {
      if closID != nil { try compare(in: root) }
    } else if closID == nil {
      group.isOwn = true
    } else if lines.isEmpty {
      throw .config(
        "linux.intelRdt.closID", "there is no group \(group.name): make it, or give its schemata")
    }
  }

  private static func exists(
    _ group: ResourceControlGroup, in root: borrowing FileDescriptor
  ) throws(ContainerError) -> Bool {
    do throws(Errno) { _ = try FileStatus.of(group.directory, at: root.rawValue, following: false) } catch {
      if error == .noSuchFileOrDirectory { return false }
      throw ContainerError("linux.intelRdt: look for the group \(group.name)", error)
    }
    return true
  }

  /// Refuses values of a group that are not those of the configuration.
  private func compare(in root: borrowing FileDescriptor) throws(ContainerError) {
    if fixedLines.isEmpty { return }
    let path = "\(group.directory)/schemata"
    let now = try attempt("linux.intelRdt: read \(path)") { () throws(Errno) in
      try File.text(path, at: root.rawValue)
    }.split(separator: "\n").map { Schema(String($0)) }
    for line in fixedLines {
      let schema = Schema(line)
      guard now.contains(where: { schema.isPart(of: $0) }) else {
        throw .config(
          "linux.intelRdt", "the group \(group.name) is there already, and its schemata are not \"\(line)\"")
      }
    }
  }

  /// Makes the groups and sets their values.
  mutating func make() throws(ContainerError) { try make(in: try Resctrl.root()) }

  mutating func make(in root: borrowing FileDescriptor) throws(ContainerError) {
    try makeGroup(in: root)
    try writeSchemata(in: root)
    try makeMonitor(in: root)
  }

  mutating func makeGroup(in root: borrowing FileDescriptor) throws(ContainerError) {
    guard try !Self.exists(group, in: root) else { return }
    do throws(Errno) {
      try Directory.make(group.directory, at: root.rawValue)
      hasMadeGroup = true
    } catch {
      // Another container of the same group was faster.
      if error == .fileExists, !group.isOwn { return try compare(in: root) }
      throw failure("make the group \(group.name)", error, in: root)
    }
  }

  func writeSchemata(in root: borrowing FileDescriptor) throws(ContainerError) {
    if lines.isEmpty { return }
    do throws(Errno) {
      try File.write(
        lines.map { $0 + "\n" }.joined(), to: "\(group.directory)/schemata", at: root.rawValue)
    } catch {
      throw failure("write the schemata of the group \(group.name)", error, in: root)
    }
  }

  mutating func makeMonitor(in root: borrowing FileDescriptor) throws(ContainerError) {
    guard let directory = group.monitorDirectory else { return }
    do throws(Errno) {
      try Directory.make(directory, at: root.rawValue)
      hasMadeMonitor = true
    } catch {
      throw failure("make the monitoring group \(directory)", error, in: root)
    }
  }

  /// Removes what was made.
  func undo() {
    guard hasMadeGroup || hasMadeMonitor, let root = try? Resctrl.root() else { return }
    undo(in: root)
  }

  func undo(in root: borrowing FileDescriptor) {
    if hasMadeMonitor, let directory = group.monitorDirectory {
      try? Directory.remove(directory, at: root.rawValue)
    }
    if hasMadeGroup { try? Directory.remove(group.directory, at: root.rawValue) }
  }

  /// The file system says in words why it refuses something.
  private func failure(
    _ operation: String, _ error: Errno, in root: borrowing FileDescriptor
  ) -> ContainerError {
    let words = (try? File.text("info/last_cmd_status", at: root.rawValue))?.split(separator: "\n").first
    return ContainerError(
      "linux.intelRdt: \(operation)", error, advice: words.flatMap { $0 == "ok" ? nil : String($0) })
  }
}

/// A line of a `schemata` file: the values of one resource by the number of its instance, such as `L3:0=7f0;1=1f`.
struct Schema: Equatable {
  let resource: String
  private(set) var values: [Value] = []

  struct Value: Equatable {
    let instance: String
    let value: String
  }

  init(_ line: String) {
    let line = String(line.filter { $0 != " " })
    let parts = line.split(separator: ":", maxSplits: 1)
    resource = parts.first.map { String($0) } ?? ""
    guard parts.count > 1 else { return }
    for pair in parts[1].split(separator: ";") {
      let sides = pair.split(separator: "=", maxSplits: 1)
      let value = sides.count > 1 ? sides[1].drop { $0 == "0" } : ""
      values.append(
        Value(instance: sides.first.map { String($0) } ?? "", value: value.isEmpty ? "0" : value.lowercased())
      )
    }
  }

  /// Whether `other` has all values that this has.
  func isPart(of other: Schema) -> Bool {
    resource == other.resource && values.allSatisfy { other.values.contains($0) }
  }
}
