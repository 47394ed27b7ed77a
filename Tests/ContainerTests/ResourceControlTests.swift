import Foundation
import Linux
import OCI
import Testing

@testable import Container

/// Groups in a directory that looks like the resctrl file system. The kernel fills a group's directory when it is made; here
/// the test does.
@Suite("Groups of the resctrl file system")
final class ResourceControlTests {
  private let path = NSTemporaryDirectory() + "resctrl-\(UUID().uuidString)"
  private let id: ContainerID

  init() throws {
    id = try ContainerID("box")
    try make("")
    try FileManager.default.createDirectory(atPath: path + "/info", withIntermediateDirectories: true)
  }

  deinit { try? FileManager.default.removeItem(atPath: path) }

  private func make(_ group: String, schemata: String = "") throws {
    let directory = "\(path)/\(group)"
    try FileManager.default.createDirectory(
      atPath: directory + "/mon_groups", withIntermediateDirectories: true)
    try Data(schemata.utf8).write(to: URL(fileURLWithPath: directory + "/schemata"))
    try Data().write(to: URL(fileURLWithPath: directory + "/tasks"))
  }

  private func root() throws -> FileDescriptor { try FileDescriptor.open(path, [.path, .directory]) }

  private func text(_ file: String) -> String? {
    try? String(contentsOfFile: "\(path)/\(file)", encoding: .utf8)
  }

  private func exists(_ file: String) -> Bool { FileManager.default.fileExists(atPath: "\(path)/\(file)") }

  private func plan(_ rdt: RuntimeConfig.Linux.IntelRdt) throws -> ResourceControl {
    try ResourceControl(rdt, id: id, in: try root())
  }

  @Test(
    "Without closID the group is named after the container, gets the schemata in order, and is removed with it"
  )
  func own() throws {
    var control = try plan(
      .init(schemata: ["L2:0=f", "MB:1=70"], l3CacheSchema: "L3:0=7f0;1=1f", memBwSchema: "MB:0=20"))
    #expect(control.group.name == "box" && control.group.isOwn && control.group.monitor == nil)
    try control.makeGroup(in: root())
    #expect(exists("box"))
    try make("box")
    try control.writeSchemata(in: root())
    #expect(text("box/schemata") == "L3:0=7f0;1=1f\nMB:0=20\nL2:0=f\nMB:1=70\n")
    try control.group.add(4711, in: root())
    #expect(text("box/tasks") == "4711")
    for file in ["schemata", "tasks", "mon_groups"] {
      try FileManager.default.removeItem(atPath: "\(path)/box/\(file)")
    }
    try control.group.remove(from: root())
    #expect(!exists("box"))
    try control.group.remove(from: root())
  }

  @Test("A group of the container's name that is there already is used, and stays")
  func ownThatIsThere() throws {
    try make("box")
    var control = try plan(.init(schemata: ["L3:0=f"]))
    try control.make(in: root())
    #expect(!control.group.isOwn && text("box/schemata") == "L3:0=f\n")
    try control.group.remove(from: root())
    control.undo(in: try root())
    #expect(exists("box"))
  }

  @Test("Without schemata nothing is written, and a closID must be there")
  func assigned() throws {
    try make("gold", schemata: "L3:0=7ff\n")
    var control = try plan(.init(closID: "gold"))
    try control.make(in: root())
    try control.group.add(12, in: root())
    #expect(text("gold/schemata") == "L3:0=7ff\n" && text("gold/tasks") == "12")
    try control.group.remove(from: root())
    #expect(exists("gold"))
    #expect(throws: ContainerError.self) { try self.plan(.init(closID: "silver")) }
    #expect(!exists("silver"))
  }

  @Test("A closID that is not there is made when there are schemata, and stays unless the start fails")
  func made() throws {
    var control = try plan(.init(closID: "new", schemata: ["L3:0=f"]))
    try control.makeGroup(in: root())
    #expect(exists("new") && !control.group.isOwn)
    try control.group.remove(from: root())
    #expect(exists("new"))
    control.undo(in: try root())
    #expect(!exists("new"))
  }

  @Test("The default group is /")
  func standard() throws {
    var control = try plan(.init(closID: "/", schemata: ["L3:0=3"], enableMonitoring: true))
    try control.make(in: root())
    #expect(text("schemata") == "L3:0=3\n" && exists("mon_groups/box"))
    try Data().write(to: URL(fileURLWithPath: path + "/mon_groups/box/tasks"))
    try control.group.add(3, in: root())
    #expect(text("tasks") == "3" && text("mon_groups/box/tasks") == "3")
    try FileManager.default.removeItem(atPath: path + "/mon_groups/box/tasks")
    try control.group.remove(from: root())
    #expect(!exists("mon_groups/box") && exists("tasks"))
  }

  @Test("A monitoring group that cannot be made is an error, and what was made before is taken back")
  func monitor() throws {
    var control = try plan(.init(enableMonitoring: true))
    try control.makeGroup(in: root())
    #expect(throws: ContainerError.self) { try control.makeMonitor(in: self.root()) }
    control.undo(in: try root())
    #expect(!exists("box"))
  }

  static let same: [(RuntimeConfig.Linux.IntelRdt, Bool)] = [
    (.init(closID: "gold", l3CacheSchema: "L3:0=7f0;1=1f"), true),
    (.init(closID: "gold", l3CacheSchema: "L3:1=01F;0=7F0"), true),
    (.init(closID: "gold", l3CacheSchema: "L3:0=7f0", memBwSchema: "MB:1=70"), true),
    (.init(closID: "gold", l3CacheSchema: "L3:0=7ff"), false),
    (.init(closID: "gold", l3CacheSchema: "L3:2=7f0"), false),
    (.init(closID: "gold", memBwSchema: "MB:0=30"), false),
    (.init(closID: "gold", l3CacheSchema: "L2:0=7f0"), false),
    (.init(closID: "gold", schemata: ["L3:0=1"]), true),
  ]

  @Test(
    "A closID that is there must have the cache and bandwidth values of the configuration",
    arguments: same.indices)
  func compared(index: Int) throws {
    try make("gold", schemata: "    L3:0=7f0;1=1f\n    MB:0= 20;1= 70\n")
    let (rdt, fits) = Self.same[index]
    if fits {
      _ = try plan(rdt)
    } else {
      #expect(throws: ContainerError.self) { try self.plan(rdt) }
    }
  }

  @Test("What the file system says of a refusal is in the error")
  func status() throws {
    try Data("Cache domain 7 is offline\n".utf8).write(
      to: URL(fileURLWithPath: path + "/info/last_cmd_status"))
    let control = try plan(.init(closID: "none", schemata: ["L3:7=1"]))
    let error = #expect(throws: ContainerError.self) { try control.writeSchemata(in: self.root()) }
    #expect(error?.description.contains("Cache domain 7 is offline") == true)
  }

  @Test("The mount is found in the mount table")
  func mountPoint() {
    let table = """
      30 25 0:26 / /sys rw,nosuid shared:7 - sysfs sysfs rw
      41 30 0:35 / /sys/fs/resctrl rw,relatime shared:9 master:2 - resctrl resctrl rw
      42 30 0:36 / /resctrl rw - tmpfs resctrl rw
      """
    #expect(Resctrl.mountPoint(in: Array(table.utf8)) == "/sys/fs/resctrl")
    #expect(Resctrl.mountPoint(in: Array("30 25 0:26 / /resctrl rw - tmpfs resctrl rw\n".utf8)) == nil)
  }

  @Test("A group is on record with what is the container's")
  func record() throws {
    var group = ResourceControlGroup(name: "box")
    group.isOwn = true
    group.monitor = "box"
    #expect(try ResourceControlGroup(json: group.json) == group)
    for text in [#"{"name":"../x"}"#, #"{"name":"info"}"#, #"{"name":"x","monitor":"a/b"}"#] {
      #expect(throws: ConfigError.self) {
        try ResourceControlGroup(json: try JSON(parsing: Array(text.utf8)))
      }
    }
  }
}
