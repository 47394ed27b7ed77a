import OCI
import Testing

@testable import Container

@Suite("Annotations for systemd")
struct SystemdAnnotationTests {
  private func properties(_ name: String, _ value: String) throws -> [String] {
    try SystemdAnnotations.properties(in: ["org.systemd.property.\(name)": value]).map {
      $0.arguments.joined(separator: " ")
    }
  }

  @Test(
    "A value in the format of GVariant becomes one for the bus",
    arguments: [
      ("true", "b true"), ("5", "i 5"), ("-5", "i -5"), ("0x1e", "i 30"), ("1.5", "d 1.5"),
      ("1e3", "d 1000.0"),
      ("uint64 5", "t 5"), ("int64 -0x10", "x -16"), ("byte 255", "y 255"), ("@t 7", "t 7"),
      ("'inactive-or-failed'", "s inactive-or-failed"), (#""a \"b\" \\ \x41 \u00e9""#, #"s a "b" \ A é"#),
      ("objectpath '/a'", "o /a"), ("b'hi'", "ay 3 104 105 0"), ("@as []", "as 0"),
      ("['a', 'b']", "as 2 a b"), ("[uint32 1, 2]", "au 2 1 2"), ("[[1], [2, 3]]", "aai 2 1 1 2 2 3"),
      ("{'k': <5>, 'l': <'x'>}", "a{sv} 2 k i 5 l s x"), ("@a{ss} {}", "a{ss} 0"), ("<true>", "v b true"),
      (" [ 1 , 2 ] ", "ai 2 1 2"),
    ])
  func value(text: String, words: String) throws {
    try #expect(properties("Some", text) == ["Some \(words)"])
  }

  @Test(
    "What is no value, or fits no type, is refused by the annotation's name",
    arguments: [
      "", "hello", "'open", "[1, 'a']", "[]", "{}", "uint64 -5", "byte 256", "5 6", "@zz 5", "@a 5", "--5",
      "2147483648", "(1, 2)", "<>", "@ai 5", "uint64 'x'", "objectpath 'a'",
      String(repeating: "[", count: 1000),
    ])
  func refused(text: String) {
    expectRefusal(of: #"annotations["org.systemd.property.Some"]"#) { try properties("Some", text) }
  }

  @Test("Seconds become microseconds under the name that the bus has")
  func seconds() throws {
    try #expect(properties("TimeoutStopSec", "5") == ["TimeoutStopUSec t 5000000"])
    try #expect(properties("TimeoutStopSec", "uint64 5") == ["TimeoutStopUSec t 5000000"])
    try #expect(properties("TimeoutStopSec", "1.5") == ["TimeoutStopUSec t 1500000"])
    try #expect(properties("TimeoutStopUSec", "uint64 5") == ["TimeoutStopUSec t 5"])
    for value in ["'5'", "-1", "[5]", "uint64 18446744073709551615"] {
      expectRefusal(of: #"annotations["org.systemd.property.StopSec"]"#) { try properties("StopSec", value) }
    }
  }

  @Test(
    "Names that are no properties, or not for annotations, are refused, and other annotations passed over")
  func names() throws {
    for name in ["", "Ab", "A b", "Memory1", "PIDs", "Slice"] {
      expectRefusal(of: "annotations[\"org.systemd.property.\(name)\"]") { try properties(name, "5") }
    }
    try #expect(SystemdAnnotations.properties(in: ["org.systemd.properties": "x", "a": "b"]).isEmpty)
  }

  @Test("A limit counts more than an annotation, and an annotation more than what every scope gets")
  func order() throws {
    let scope = try SystemdScope(cgroupsPath: nil, id: ContainerID("web"))
    let annotations = try SystemdAnnotations.properties(in: [
      "org.systemd.property.CollectMode": "'inactive'", "org.systemd.property.TasksMax": "uint64 7",
      "org.systemd.property.MemoryMax": "uint64 8",
    ])
    func all(_ settings: [CgroupSetting]) -> [String: String] {
      var values: [String: String] = [:]
      for property in SystemdProperty.all(of: scope, pid: 1, settings, annotations, description: "") {
        #expect(values[property.name] == nil)
        values[property.name] = property.values.joined(separator: " ")
      }
      return values
    }
    let values = all([CgroupSetting(field: "", file: "memory.max", value: "9")])
    #expect(values["CollectMode"] == "inactive" && values["TasksMax"] == "7" && values["MemoryMax"] == "9")
    #expect(all([CgroupSetting(field: "", file: "pids.max", value: "3")])["TasksMax"] == "3")
  }

  @Test("The bus has a unit under its name with the other characters as numbers")
  func path() {
    #expect(
      Systemd.Change.path(of: "swiftjail-a.scope")
        == "/org/freedesktop/systemd1/unit/swiftjail_2da_2escope")
    #expect(Systemd.Change.path(of: "1a") == "/org/freedesktop/systemd1/unit/_31a")
  }
}
