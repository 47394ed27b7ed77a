import Linux

/// Where the cgroup v2 hierarchy is mounted, and what it can do.
struct CgroupHierarchy: Sendable {
  /// The directory of the root cgroup.
  let root: String
  /// Whether the machine keeps controllers in cgroup v1 beside it.
  let isHybrid: Bool

  /// Finds the hierarchy, once: it stays where it is as long as this program runs.
  static func find() throws(ContainerError) -> CgroupHierarchy { try found.get() }

  private static let found = Result(catching: search)

  private static func search() throws(ContainerError) -> CgroupHierarchy {
    if isCgroup2("/sys/fs/cgroup") { return CgroupHierarchy(root: "/sys/fs/cgroup", isHybrid: false) }
    if isCgroup2("/sys/fs/cgroup/unified") {
      return CgroupHierarchy(root: "/sys/fs/cgroup/unified", isHybrid: true)
    }
    throw ContainerError(
      .failed,
      "no cgroup v2 hierarchy at /sys/fs/cgroup or /sys/fs/cgroup/unified: mount one (mount -t cgroup2 cgroup2 /sys/fs/cgroup)"
    )
  }

  private static func isCgroup2(_ path: String) -> Bool {
    guard let status = try? FileSystemStatus.of(path) else { return false }
    return status.kind == .cgroup2
  }

  /// The names of the controllers that the hierarchy's root offers.
  func controllers() throws(ContainerError) -> [String] {
    try words("\(root)/cgroup.controllers")
  }

  /// One line for a limit that needs `controller`, which the hierarchy does not have.
  func missing(_ controller: String, for field: String) -> ContainerError {
    let advice =
      isHybrid
      ? "this machine has it in cgroup v1; boot with systemd.unified_cgroup_hierarchy=1 or cgroup_no_v1=all"
      : "enable it in cgroup.subtree_control of the cgroups above this one"
    return .config(
      field, "needs the cgroup v2 controller \"\(controller)\", which \(root) does not offer: \(advice)")
  }

  func words(_ path: String) throws(ContainerError) -> [String] {
    try attempt("read \(path)") { () throws(Errno) in
      try File.words(path)
    }
  }
}

/// A cgroup of the v2 hierarchy (Linux, Documentation/admin-guide/cgroup-v2.rst).
struct Cgroup: Sendable {
  let hierarchy: CgroupHierarchy
  /// Its path from the hierarchy's root, beginning with a slash.
  let path: String

  /// Its directory.
  var directory: String { hierarchy.root + path }

  /// The controllers that every container gets where the machine has them: for accounting, and for runtimes inside it.
  private static let accounted = ["cpuset", "cpu", "io", "memory", "pids", "hugetlb", "rdma", "misc"]

  private var names: [String] {
    path.utf8.split(separator: UInt8(ascii: "/")).map { String(Substring($0)) }
  }

  /// Makes the cgroup, and those above it that are missing, with the controllers for `settings`, and writes
  /// `settings` to it.
  ///
  /// - Throws: `ContainerError` naming the setting's field when the kernel or the hierarchy refuses it.
  ///   Nothing of what was made stays then.
  func make(_ settings: [CgroupSetting], _ debug: DebugMessages? = nil) throws(ContainerError) {
    let usable = try controllers(for: settings)
    for attempt in 1... {
      do throws(ContainerError) {
        try makeDirectories(usable, settings, debug)
        break
      } catch {
        // The last of another's may just have gone, and what was above it.
        guard error.errno == .noSuchFileOrDirectory || error.errno == .noSuchDevice, attempt < 100 else {
          removeGroup()
          throw error
        }
      }
    }
    do throws(ContainerError) {
      try refuseIfFrozen()
      for setting in settings { try write(setting) }
    } catch {
      try? Directory.remove(directory)
      removeGroup()
      throw error
    }
  }

  private func makeDirectories(
    _ controllers: [String], _ settings: [CgroupSetting], _ debug: DebugMessages?
  ) throws(ContainerError) {
    guard let name = names.last else { return }
    let parent = names.dropLast().reduce(hierarchy.root) { "\($0)/\($1)" }
    // Mostly that has been made for an earlier one, and hands everything down.
    let enabled = try? hierarchy.words("\(parent)/cgroup.subtree_control")
    let isReady = enabled.map { enabled in controllers.allSatisfy { enabled.contains($0) } } ?? false
    if !isReady { try makeParents(controllers, settings, debug) }
    let directory = "\(parent)/\(name)"
    do throws(Errno) { try Directory.make(directory) } catch .fileExists { try renew() } catch {
      // The last container there may have gone in between, and have taken it along.
      guard error == .noSuchFileOrDirectory, isReady else {
        throw ContainerError("make the cgroup \(directory)", error)
      }
      try makeParents(controllers, settings, debug)
      try attempt("make the cgroup \(directory)") { () throws(Errno) in try Directory.make(directory) }
    }
    if !isReady { try refuseIfInvalid() }
  }

  /// Removes the cgroup again when no process can be in it, as one above it is threaded.
  private func refuseIfInvalid() throws(ContainerError) {
    guard let type = try? File.text("\(directory)/cgroup.type"),
      !type.hasPrefix("domain") || type == "domain invalid"
    else { return }
    try? Directory.remove(directory)
    throw ContainerError(
      "make the cgroup \(directory)", .notSupported,
      advice:
        "a cgroup above it is threaded: give linux.cgroupsPath another value, or disable cpu, cpuset and pids in the cgroup.subtree_control of that one"
    )
  }

  private func makeParents(
    _ controllers: [String], _ settings: [CgroupSetting], _ debug: DebugMessages?
  ) throws(ContainerError) {
    var above = hierarchy.root
    try delegation(above, debug).enable(controllers, for: settings)
    for name in names.dropLast() {
      let directory = "\(above)/\(name)"
      do throws(Errno) { try Directory.make(directory) } catch .fileExists {} catch {
        throw ContainerError("make the cgroup \(directory)", error)
      }
      above = directory
      try delegation(above, debug).enable(controllers, for: settings)
    }
  }

  private func delegation(_ directory: String, _ debug: DebugMessages?) -> ControllerDelegation {
    ControllerDelegation(hierarchy: hierarchy, directory: directory, debug: debug)
  }

  /// Has those above the cgroup, which somebody else has made, hand it the controllers for `settings`, and writes
  /// `settings` to it.
  ///
  /// - Throws: `ContainerError` naming the setting's field when the kernel or the hierarchy refuses it.
  func takeOver(_ settings: [CgroupSetting]) throws(ContainerError) {
    try enableControllers(for: settings)
    for setting in settings { try write(setting) }
  }

  /// Has those above the cgroup hand it the controllers for `settings`.
  func enableControllers(for settings: [CgroupSetting]) throws(ContainerError) {
    let usable = try controllers(for: settings)
    var above = hierarchy.root
    for name in names {
      try delegation(above, nil).enable(usable, for: settings)
      above += "/\(name)"
    }
  }

  /// The controllers that the cgroup is to have: those for accounting that there are, and those that `settings` need.
  private func controllers(for settings: [CgroupSetting]) throws(ContainerError) -> [String] {
    let offered = try hierarchy.controllers()
    var wanted = Self.accounted.filter { offered.contains($0) }
    for setting in settings {
      guard let controller = setting.controller else { continue }
      guard offered.contains(controller) else {
        throw hierarchy.missing(controller, for: setting.field)
      }
      if !wanted.contains(controller) { wanted.append(controller) }
    }
    return wanted
  }

  /// The number by which the cgroup is told from a later one with the same path; `nil` when it is gone.
  var number: UInt64? { try? FileStatus.of(directory).inode }

  /// Writes one setting.
  func write(_ setting: CgroupSetting) throws(ContainerError) {
    if setting.file == "io.weight" { return try writeIOWeight(setting) }
    do throws(Errno) {
      try File.write(setting.value, to: "\(directory)/\(setting.file)")
    } catch .noSuchFileOrDirectory where setting.file.hasPrefix("memory.swap") {
      // Without swap accounting there is no swap to limit, unless the limit asks for some.
      if setting.value == "0" || setting.value == "max" { return }
      throw .config(setting.field, "this kernel does not account for swap (\(setting.file) is missing)")
    } catch {
      throw ContainerError(
        "\(setting.field): write \"\(setting.value)\" to \(directory)/\(setting.file)", error)
    }
  }

  /// The directory, opened, for a process to be born in it.
  func open() throws(ContainerError) -> FileDescriptor {
    try attempt("open the cgroup \(directory)") { () throws(Errno) in
      try FileDescriptor.open(directory, [.path, .directory])
    }
  }

  /// The path of the cgroup in which the process `pid` is (`cgroups(7)`, "/proc/pid/cgroup").
  static func path(of pid: Int32) throws(Errno) -> String {
    for line in try File.text("/proc/\(pid)/cgroup").split(separator: "\n") where line.hasPrefix("0::") {
      return String(line.dropFirst(3))
    }
    throw .noSuchProcess
  }

  /// Whether the process `pid` is in the cgroup or in one below it.
  func contains(_ pid: Int32) throws(ContainerError) -> Bool {
    if let place = try? Self.path(of: pid), place == path || place.hasPrefix(path + "/") { return true }
    // What the kernel says may begin elsewhere than the mount does.
    return try processes().contains(pid)
  }

  /// The pids of the processes in the cgroup itself and in all below it.
  func processes() throws(ContainerError) -> [Int32] {
    try attempt("read the processes of \(directory)") { () throws(Errno) in
      var pids: [Int32] = []
      do throws(Errno) {
        try Directory.visitTree(directory) { (cgroup) throws(Errno) in
          do throws(Errno) {
            for line in try File.text("cgroup.procs", at: cgroup.rawValue).split(separator: "\n") {
              if let pid = Int32(line) { pids.append(pid) }
            }
          } catch .notSupported {
            // A threaded cgroup has no list of processes; its threads are listed above it.
          } catch .noSuchDevice {
            // Removed after it was opened.
          } catch .noSuchFileOrDirectory {}
        }
      } catch .noSuchFileOrDirectory {
        // Removed while we looked.
      }
      return pids
    }
  }

  /// Ends every process in the cgroup and below (`cgroup.kill`).
  func kill() throws(ContainerError) {
    do throws(Errno) {
      try File.write("1", to: "\(directory)/cgroup.kill")
    } catch .noSuchFileOrDirectory {
      return
    } catch .noSuchDevice {
      return
    } catch {
      throw ContainerError("kill the processes of \(directory)", error)
    }
  }

  /// Stops every process in the cgroup and below, and waits until that is so.
  ///
  /// - Parameter milliseconds: the longest wait for the last of them; all go on when it has been in vain.
  func freeze(within milliseconds: Int32 = 10_000) throws(ContainerError) {
    do throws(Errno) {
      let events = try EventFile("\(directory)/cgroup.events")
      try File.write("1", to: "\(directory)/cgroup.freeze")
      let deadline = Clock.monotonic() + Int64(milliseconds) * 1_000_000
      var pause: Int32 = 10
      while try !events.text().split(separator: "\n").contains("frozen 1") {
        // Nobody is woken when the cgroup is removed; who looks again is told.
        var entries = [events.entry]
        if try poll(&entries, milliseconds: pause) { continue }
        guard Clock.monotonic() < deadline else { throw .timedOut }
        pause = min(2 * pause, 500)
      }
    } catch .noSuchDevice {
      throw ContainerError(.wrongStatus, "freeze \(directory): the container has ended meanwhile")
    } catch {
      try? File.write("0", to: "\(directory)/cgroup.freeze")
      throw ContainerError(
        "freeze \(directory)", error,
        advice: error == .timedOut
          ? "a process that waits for a device or a network file system stops when that answers" : nil)
    }
  }

  /// Lets every process in the cgroup and below go on, unless one above it is frozen as well.
  func thaw() throws(ContainerError) {
    try attempt("thaw \(directory)") { () throws(Errno) in
      try File.write("0", to: "\(directory)/cgroup.freeze")
    }
  }

  /// Whether the cgroup's processes are stopped.
  var isFrozen: Bool { (try? File.text("\(directory)/cgroup.freeze")) == "1" }

  /// How often the kernel ended a process of the cgroup for lack of memory; 0 where it does not count.
  var oomKills: UInt64 {
    guard let text = try? File.text("\(directory)/memory.events") else { return 0 }
    for line in text.split(separator: "\n") where line.hasPrefix("oom_kill ") {
      return UInt64(line.dropFirst("oom_kill ".utf8.count)) ?? 0
    }
    return 0
  }

  /// The number in the file `name`, or in its line that starts with `key`; `nil` where the machine does not count it.
  func number(_ name: String, key: String? = nil) -> UInt64? {
    guard let text = try? File.text("\(directory)/\(name)") else { return nil }
    guard let key else { return UInt64(text) }
    for line in text.split(separator: "\n") where line.hasPrefix("\(key) ") {
      return UInt64(line.dropFirst(key.utf8.count + 1))
    }
    return nil
  }
}
