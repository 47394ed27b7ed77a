import Linux
import OCI

/// A container's group in the resctrl file system, as it is on record (config-linux.md, "IntelRdt").
public struct ResourceControlGroup: Equatable, Sendable, JSONRepresentable {
  /// Its name; `/` is the default group.
  public var name: String
  /// Whether it was made for the container, and goes with it.
  public var isOwn = false
  /// The monitoring group in it that was made for the container, and goes with it.
  public var monitor: String?

  init(name: String) { self.name = name }

  /// Reads what `json` wrote.
  public init(json: JSON) throws(ConfigError) {
    let object = try JSON.Object(json: json)
    name = try object.required("name")
    isOwn = try object.optional("own", or: false)
    monitor = try object.text("monitor")
    guard name == "/" || Self.isName(name), monitor.map(Self.isName) != false else {
      throw ConfigError(path: "name", reason: "is no group's")
    }
  }

  private static func isName(_ name: String) -> Bool { RuntimeConfig.Linux.IntelRdt.isGroupName(name) }

  /// The group as it is on disk.
  public var json: JSON {
    var object = JSON.Object()
    object.add("name", name)
    object.add("own", isOwn, unless: false)
    object.add("monitor", ifPresent: monitor)
    return .object(object)
  }

  /// The path of its directory, from that of the file system.
  var directory: String { name == "/" ? "." : name }
  /// The path of the directory of its monitoring group.
  var monitorDirectory: String? { monitor.map { "\(directory)/mon_groups/\($0)" } }

  /// Puts the process `pid` into it.
  func add(_ pid: Int32) throws(ContainerError) { try add(pid, in: try Resctrl.root()) }

  /// Puts a process that joins the container into it, unless somebody has removed it.
  func add(joining pid: Int32) throws(ContainerError) {
    guard let root = try? Resctrl.root() else { return }
    do throws(ContainerError) { try add(pid, in: root) } catch {
      if error.errno != .noSuchFileOrDirectory { throw error }
    }
  }

  func add(_ pid: Int32, in root: borrowing FileDescriptor) throws(ContainerError) {
    for directory in [directory, monitorDirectory] {
      guard let directory else { continue }
      try attempt("linux.intelRdt: put process \(pid) into the group \(directory)") { () throws(Errno) in
        try File.write(String(pid), to: "\(directory)/tasks", at: root.rawValue)
      }
    }
  }

  /// Removes what was made for the container.
  func remove() throws(ContainerError) {
    guard isOwn || monitor != nil, let root = try? Resctrl.root() else { return }
    try remove(from: root)
  }

  func remove(from root: borrowing FileDescriptor) throws(ContainerError) {
    for directory in [monitorDirectory, isOwn ? directory : nil] {
      guard let directory else { continue }
      try attempt("linux.intelRdt: remove the group \(directory)") { () throws(Errno) in
        do throws(Errno) { try Directory.remove(directory, at: root.rawValue) } catch .noSuchFileOrDirectory {
        }
      }
    }
  }
}

/// The file system of Intel's Resource Director Technology and its likes (filesystems/resctrl.rst).
enum Resctrl {
  /// Its directory.
  static func root() throws(ContainerError) -> FileDescriptor {
    let table = try attempt("linux.intelRdt: read /proc/self/mountinfo") { () throws(Errno) in
      try File.read("/proc/self/mountinfo")
    }
    guard let point = mountPoint(in: table) else {
      throw .config(
        "linux.intelRdt",
        "no resctrl file system is mounted: mount it (mount -t resctrl resctrl /sys/fs/resctrl), if this machine has one"
      )
    }
    return try attempt("linux.intelRdt: open \(point)") { () throws(Errno) in
      try FileDescriptor.open(point, [.path, .directory])
    }
  }

  /// Where the mount table `table` has the file system (`proc_pid_mountinfo(5)`).
  static func mountPoint(in table: [UInt8]) -> String? {
    for line in table.split(separator: UInt8(ascii: "\n")) {
      let fields = line.split(separator: UInt8(ascii: " "))
      guard let separator = fields.firstIndex(where: { $0.elementsEqual("-".utf8) }), separator > 5,
        fields.count > separator + 1, fields[separator + 1].elementsEqual("resctrl".utf8)
      else { continue }
      return String(decoding: fields[4], as: UTF8.self)
    }
    return nil
  }
}
