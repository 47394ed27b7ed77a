import Linux

/// Hands controllers down from a cgroup to those below it (`cgroup.subtree_control`).
///
/// A cgroup that has processes of others is left as it is: the kernel takes no domain controller there, and a threaded one
/// (cpu, cpuset, pids) would turn the cgroups below it into invalid domains, in which no process can be
/// (Linux, Documentation/admin-guide/cgroup-v2.rst, "Threads"). Only the root of this program's cgroup namespace is
/// vacated: what is in it belongs to the same container as this program.
struct ControllerDelegation {
  let hierarchy: CgroupHierarchy
  /// The directory of the cgroup.
  let directory: String
  /// Where messages go that only help to find a fault.
  let debug: DebugMessages?

  /// Enables `controllers` for the cgroups below.
  ///
  /// - Parameter settings: the limits to be set below. A controller that none of them needs is for accounting alone, and is
  ///   left out where it cannot be enabled.
  /// - Throws: `ContainerError` that names the setting whose controller cannot be enabled, why, and what to do.
  func enable(_ controllers: [String], for settings: [CgroupSetting]) throws(ContainerError) {
    let file = "\(directory)/cgroup.subtree_control"
    let enabled = try hierarchy.words(file)
    var missing = controllers.filter { !enabled.contains($0) }
    if missing.isEmpty { return }
    // The kernel checks for processes when it enables one of these, so they go first.
    missing = missing.filter { !Self.threaded.contains($0) } + missing.filter { Self.threaded.contains($0) }
    var obstacle: Obstacle?
    for _ in 0..<Self.attempts {
      obstacle = try findObstacle()
      if obstacle == nil {
        obstacle = try write(missing, to: file, settings)
        // A process that came in between is moved as well.
        if obstacle?.errno != .resourceBusy { break }
      } else {
        break
      }
    }
    if let obstacle, let setting = settings.first(where: { missing.contains($0.controller ?? "") }) {
      throw failure(setting, obstacle.errno, advice: obstacle.advice)
    }
  }

  /// The controllers that threads of one process may be told apart by.
  private static let threaded = ["cpu", "cpuset", "perf_event", "pids"]
  /// How often processes may come into a cgroup while it is being vacated.
  private static let attempts = 20

  /// Why nothing can be enabled.
  private struct Obstacle {
    let errno: Errno
    let advice: String?
  }

  /// - Returns: the obstacle when the kernel says that there are processes.
  private func write(
    _ controllers: [String], to file: String, _ settings: [CgroupSetting]
  ) throws(ContainerError) -> Obstacle? {
    for controller in controllers {
      do throws(Errno) { try File.write("+\(controller)", to: file) } catch .resourceBusy {
        return Obstacle(errno: .resourceBusy, advice: populated)
      } catch {
        if let setting = settings.first(where: { $0.controller == controller }) {
          throw failure(setting, error, advice: error == .readOnlyFileSystem ? hierarchy.writableAdvice : nil)
        }
      }
    }
    return nil
  }

  private func failure(_ setting: CgroupSetting, _ errno: Errno, advice: String?) -> ContainerError {
    ContainerError(
      "\(setting.field): enable the controller \(setting.controller ?? "") in \(directory)", errno,
      advice: advice)
  }

  private var populated: String {
    directory == hierarchy.root
      ? "processes live in \(directory) itself: move them to a cgroup below it, or give this container a cgroup namespace of its own (--cgroupns private)"
      : "processes live in \(directory) itself; move them to a cgroup below it"
  }

  private var isThreaded: String {
    "\(directory) is threaded: disable cpu, cpuset and pids in its cgroup.subtree_control, or begin with a new container"
  }

  /// Looks for what is in the way of any controller, and vacates the root of the cgroup namespace.
  private func findObstacle() throws(ContainerError) -> Obstacle? {
    // The real root has no type, and may have processes.
    guard let type = try? File.text("\(directory)/cgroup.type") else { return nil }
    guard type == "domain" || type == "domain threaded" else {
      return Obstacle(errno: .notSupported, advice: isThreaded)
    }
    guard try hasProcesses() else { return nil }
    guard type == "domain" else { return Obstacle(errno: .notSupported, advice: isThreaded) }
    guard directory == hierarchy.root, hierarchy.mountIsNamespaceRoot else {
      return Obstacle(errno: .resourceBusy, advice: populated)
    }
    return vacate()
  }

  private func hasProcesses() throws(ContainerError) -> Bool {
    try !hierarchy.words("\(directory)/cgroup.procs").isEmpty
  }

  /// The name of the cgroup for the processes found at the root of the namespace, which podman and Docker's script `dind`
  /// give it as well.
  private static let leaf = "init"

  /// Moves all processes of the cgroup into one below it.
  ///
  /// - Returns: why that cannot be done.
  private func vacate() -> Obstacle? {
    let leaf = "\(directory)/\(Self.leaf)"
    var moved: [String] = []
    do throws(Errno) {
      // Others who start containers at the same moment wait, and then find nothing left to do.
      let lock = try Lock.wait(for: directory, milliseconds: 10_000)
      do throws(Errno) { try Directory.make(leaf) } catch .fileExists {}
      for _ in 0..<Self.attempts {
        let pids = try File.words("\(directory)/cgroup.procs")
        if pids.isEmpty { break }
        // A process that this pid namespace does not show has no number, and belongs to somebody else.
        guard !pids.contains("0") else { throw .notPermitted }
        for pid in pids {
          do throws(Errno) {
            try File.write(pid, to: "\(leaf)/cgroup.procs")
            moved.append(pid)
          } catch .noSuchProcess {}
        }
      }
      lock.release()
    } catch {
      for pid in moved { try? File.write(pid, to: "\(directory)/cgroup.procs") }
      // It goes unless there is something else in it.
      try? Directory.remove(leaf)
      let advice =
        error == .readOnlyFileSystem
        ? hierarchy.writableAdvice
        : "the processes in \(directory), the root of the cgroup namespace, could not be moved to \(leaf)"
      return Obstacle(errno: error, advice: advice)
    }
    if !moved.isEmpty {
      debug?.say(
        "moved \(moved.count) process\(moved.count == 1 ? "" : "es") from \(directory), the root of the cgroup namespace, to \(leaf), for the cgroups beside it to have controllers"
      )
    }
    return nil
  }
}

/// Takes messages that only help to find a fault, one line each.
public struct DebugMessages: Sendable {
  /// Writes a message, one line.
  public let say: @Sendable (String) -> Void

  /// Messages that `say` writes.
  public init(_ say: @escaping @Sendable (String) -> Void) { self.say = say }
}
