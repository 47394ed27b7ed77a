import Linux
import OCI
import Testing

@testable import Container

@Suite("Devices")
struct DevicePlanTests {
  typealias Rule = RuntimeConfig.Linux.DeviceRule

  func allows(_ rules: [DeviceRule], _ kind: DeviceRule.Kind, _ major: UInt32, _ minor: UInt32) -> Bool {
    rules.last {
      ($0.kind == .all || $0.kind == kind) && $0.major ?? major == major && $0.minor ?? minor == minor
        && $0.access.contains(.write)
    }?.allow ?? false
  }

  @Test("Whatever the rules deny, the devices that every container has can be used")
  func always() {
    let own: [(UInt32, UInt32)] = [
      (1, 3), (1, 5), (1, 7), (1, 8), (1, 9), (5, 0), (5, 2), (136, 0), (136, 9),
    ]
    for given in [
      [], [Rule(allow: false)], [Rule(allow: false, type: .character, major: 1, minor: 3)],
      // An allowance for everything, but of reading alone, is no allowance for everything.
      [Rule(allow: false), Rule(allow: true, type: .all, access: "r")],
    ] {
      let rules = DevicePlan.rules(given)
      for (major, minor) in own {
        #expect(allows(rules, .character, major, minor), "\(given) \(major):\(minor)")
      }
      // The disk, memory and the console.
      #expect(
        !allows(rules, .block, 8, 0) && !allows(rules, .character, 1, 1) && !allows(rules, .character, 5, 1))
    }
  }

  @Test("Rules that end with everything allowed stay as they are")
  func everything() {
    #expect(DevicePlan.rules([Rule(allow: true, access: "rwm")]) == [DeviceRule(allow: true, kind: .all)])
  }

  @Test("A rule is taken over with its kind, numbers and access; -1 and nothing are any number")
  func taken() {
    func first(_ rule: Rule) -> DeviceRule? { DevicePlan.rules([rule]).first }
    #expect(
      first(Rule(allow: true, type: .block, major: 8, minor: 16, access: "r"))
        == DeviceRule(allow: true, kind: .block, major: 8, minor: 16, access: .read))
    #expect(
      first(Rule(allow: false, type: .character, major: -1, minor: -1, access: "mw"))
        == DeviceRule(allow: false, kind: .character, access: [.makeNode, .write]))
    #expect(first(Rule(allow: false, type: .all)) == DeviceRule(allow: false, kind: .all))
    #expect(first(Rule(allow: false, major: 0)) == DeviceRule(allow: false, kind: .all, major: 0))
  }

  @Test("A device has the permissions 0666 and root for an owner unless it says otherwise")
  func device() throws {
    let plain = try DevicePlan(.init(type: .unbuffered, path: "dev/../x", major: 1, minor: 2), field: "f")
    #expect(plain.path == "/x" && plain.kind == .characterDevice && plain.permissions == 0o666)
    #expect(plain.number == DeviceNumber(major: 1, minor: 2) && plain.user == 0 && plain.group == 0)
    // The file type in the mode is the kind's own.
    let given = try DevicePlan(
      .init(type: .block, path: "/d", major: 8, minor: 0, fileMode: 0o060640, uid: 5, gid: 6), field: "f")
    #expect(given.kind == .blockDevice && given.permissions == 0o640 && given.user == 5 && given.group == 6)
    #expect(try DevicePlan(.init(type: .fifo, path: "/f"), field: "f").kind == .fifo)
  }
}
