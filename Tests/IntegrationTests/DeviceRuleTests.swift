import Foundation
import Testing

@Suite("Device rules", .enabled(if: contents("/proc/misc")?.contains("229 fuse") == true))
struct DeviceRuleTests {
  /// A container with nodes for fuse (10:229) and a loop device, and rules after engines' usual first one, which denies all.
  func open(_ node: String, _ rules: [[String: Any]]) throws -> String {
    try withSandbox { box in
      box.config["linux.devices"] = [
        ["type": "c", "path": "/dev/first", "major": 10, "minor": 229, "fileMode": 0o666],
        ["type": "b", "path": "/dev/second", "major": 7, "minor": 250, "fileMode": 0o666],
      ]
      box.config["linux.resources"] = ["devices": [["allow": false, "access": "rwm"]] + rules]
      return try box.sh("(exec 3< \(node)) 2>&1 && echo opened; echo x > /dev/null && echo null; true")
    }
  }

  @Test("What no rule allows is denied, and the default devices stay open")
  func denied() throws {
    let output = try open("/dev/first", [])
    #expect(output.contains("Operation not permitted") && output.contains("null"), "\(output)")
    try #expect(open("/dev/second", []).contains("Operation not permitted"))
  }

  @Test("What a rule allows is open, for that access and that kind alone")
  func allowed() throws {
    let rule: [String: Any] = ["allow": true, "type": "c", "major": 10, "minor": 229, "access": "r"]
    try #expect(open("/dev/first", [rule]).contains("opened"))
    let write: [String: Any] = ["allow": true, "type": "c", "major": 10, "minor": 229, "access": "w"]
    try #expect(open("/dev/first", [write]).contains("Operation not permitted"))
    let block: [String: Any] = ["allow": true, "type": "b", "major": 10, "minor": 229, "access": "rwm"]
    try #expect(open("/dev/first", [block]).contains("Operation not permitted"))
  }

  @Test("A rule without numbers is about all of a kind, and a later rule wins")
  func order() throws {
    let all: [String: Any] = ["allow": true, "type": "c", "access": "rwm"]
    let one: [String: Any] = ["allow": false, "type": "c", "major": 10, "minor": 229, "access": "rwm"]
    try #expect(open("/dev/first", [all]).contains("opened"))
    try #expect(open("/dev/first", [all, one]).contains("Operation not permitted"))
    try #expect(open("/dev/first", [one, all]).contains("opened"))
  }
}
