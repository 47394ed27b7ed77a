import Foundation
import Testing

/// What of a sandbox is to be found on the machine: nothing, before it starts and after it ended.
/// Other tests run at the same time, so only what bears the sandbox's name counts.
struct Snapshot: Equatable, CustomStringConvertible {
  let mounts: [String]
  let cgroups: [String]
  let processes: [String]
  let files: [String]

  init(of box: Sandbox) {
    mounts = Mount.table().map(\.description).filter { $0.contains(box.scratch.path) || $0.contains(box.id) }
    cgroups = Self.cgroups(named: box.id)
    processes = Self.processes(marked: box.id).map { pid in
      let command = contents("/proc/\(pid)/cmdline")?.replacingOccurrences(of: "\u{0}", with: " ") ?? ""
      return "\(pid) \(command)"
    }
    let below = FileManager.default.subpaths(atPath: box.root) ?? []
    files = below.filter { $0.contains(box.id) }.sorted()
  }

  var isEmpty: Bool { mounts.isEmpty && cgroups.isEmpty && processes.isEmpty && files.isEmpty }

  var description: String {
    "mounts: \(mounts)\ncgroups: \(cgroups)\nprocesses: \(processes)\nfiles: \(files)"
  }

  /// The cgroups whose path has a name in it.
  static func cgroups(named name: String) -> [String] {
    let trees = Mount.table().filter { $0.type == "cgroup2" || $0.type == "cgroup" }.map(\.point)
    return Set(trees).flatMap { tree in
      directories(below: tree, depth: 6).filter { $0.contains(name) }
    }.sorted()
  }

  private static func directories(below path: String, depth: Int) -> [String] {
    guard depth > 0, let directory = opendir(path) else { return [] }
    defer { closedir(directory) }
    var found: [String] = []
    while let entry = readdir(directory) {
      guard entry.pointee.d_type == UInt8(DT_DIR) else { continue }
      let name = withUnsafePointer(to: &entry.pointee.d_name) {
        $0.withMemoryRebound(to: CChar.self, capacity: 256) { String(cString: $0) }
      }
      guard name != ".", name != ".." else { continue }
      found.append(path + "/" + name)
      found += directories(below: path + "/" + name, depth: depth - 1)
    }
    return found
  }

  /// The processes, zombies apart, with a mark in their environment or command line.
  static func processes(marked mark: String) -> [pid_t] {
    let names = (try? FileManager.default.contentsOfDirectory(atPath: "/proc")) ?? []
    return names.compactMap { pid_t($0) }.filter { pid in
      guard pid != getpid() else { return false }
      let marked =
        contents("/proc/\(pid)/environ")?.contains(mark) == true
        || contents("/proc/\(pid)/cmdline")?.contains(mark) == true
      let state = contents("/proc/\(pid)/stat")?.components(separatedBy: ") ").last?.first
      return marked && state != "Z" && state != "X"
    }.sorted()
  }
}

/// Expects that nothing of the sandbox is left on the machine: no mount, cgroup, process or file.
func expectNothingLeft(
  of box: Sandbox, _ when: String = "", sourceLocation: SourceLocation = #_sourceLocation
) {
  // A killed process may still be on its way out.
  let clean = poll { Snapshot(of: box).isEmpty }
  #expect(clean, "left behind \(when): \(Snapshot(of: box))", sourceLocation: sourceLocation)
}
