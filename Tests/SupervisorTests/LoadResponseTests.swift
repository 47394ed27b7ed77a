import OCI
import Testing

@testable import Definitions

@Suite("How a definition follows the load")
struct LoadResponseTests {
  static func text(_ load: String, _ more: String = #""memory": "64m""#) -> String {
    #"{"image": "host", \#(more), "load": \#(load)}"#
  }

  @Test("All of it is read, and written so that it is read as the same")
  func whole() throws {
    let read = try definition(
      Self.text(
        #"""
        {"idleAfter": "5s", "reclaimTo": "8m", "memory": {"least": "16m", "most": "128m", "calm": "2s"},
         "cpuWeight": {"least": 20, "most": 400}}
        """#))
    let load = try #require(read.load)
    #expect(load.idleAfter == 5000 && load.reclaimTo == 8 << 20 && load.cpuWeight == 20...400)
    #expect(load.memory?.least == 16 << 20 && load.memory?.most == 128 << 20 && load.memory?.calm == 2000)
    #expect(try definition(read.json.text()) == read)
    let some = try definition(Self.text(#"{"cpuWeight": {"least": 20, "most": 400}}"#))
    #expect(try definition(some.json.text()) == some)
  }

  @Test(
    "What makes no sense is refused by its field",
    arguments: [
      (#"{"idleAfter": "5s"}"#, "load.idleAfter"),
      (#"{"idleAfter": "0s", "reclaimTo": 0}"#, "load.idleAfter"),
      (#"{"reclaimTo": "64m"}"#, "load.reclaimTo"),
      (#"{"reclaimTo": true}"#, "load.reclaimTo"),
      (#"{"memory": {"least": "16m"}}"#, "load.memory.most"),
      (#"{"memory": {"least": "65m", "most": "128m"}}"#, "load.memory.least"),
      (#"{"memory": {"least": "16m", "most": "63m"}}"#, "load.memory.most"),
      (#"{"memory": {"least": "64m", "most": "64m"}}"#, "load.memory.most"),
      (#"{"cpuWeight": {"least": 0, "most": 10}}"#, "load.cpuWeight.least"),
      (#"{"cpuWeight": {"least": 20, "most": 20}}"#, "load.cpuWeight.most"),
      (#"{"cpuWeight": {"least": 101, "most": 200}}"#, "load.cpuWeight"),
      (#"{"weight": 3}"#, "load.weight"),
    ])
  func senseless(load: String, path: String) throws {
    let error = try #require(throws: ConfigError.self) { try definition(Self.text(load)) }
    #expect(error.path == path, "\(error)")
  }

  @Test("What others say of the partition must fit")
  func surroundings() throws {
    let bounds = #"{"memory": {"least": "16m", "most": "128m"}}"#
    let none = try #require(throws: ConfigError.self) {
      try definition(Self.text(bounds, #""command": ["a"]"#))
    }
    #expect(none.path == "load.memory")
    let reserved = try #require(throws: ConfigError.self) {
      try definition(Self.text(bounds, #""memory": "64m", "memoryReservation": "17m""#))
    }
    #expect(reserved.path == "load.memory.least")
    let bundle = try #require(throws: ConfigError.self) {
      try definition(#"{"bundle": "/b", "load": \#(bounds)}"#)
    }
    #expect(bundle.path == "load.memory")
    #expect(try definition(#"{"bundle": "/b", "load": {"reclaimTo": 0}}"#).load?.reclaimTo == 0)
  }

  @Test("The defaults are for those that say nothing, and stay around what these were given")
  func defaults() throws {
    var defaults = LoadDefaults()
    let plain = try definition(#"{"image": "host", "memory": "64m", "memoryReservation": "48m"}"#)
    #expect(defaults.response(for: plain) == nil)
    defaults.reclaimAfter = 7000
    defaults.memory = 50...200
    defaults.cpuWeight = 50...300
    let response = try #require(defaults.response(for: plain))
    #expect(response.idleAfter == 7000 && response.reclaimTo == 0 && response.cpuWeight == 50...300)
    #expect(response.memory?.least == 48 << 20 && response.memory?.most == 128 << 20)
    let heavy = try definition(#"{"image": "host", "cpuWeight": 900}"#)
    #expect(defaults.response(for: heavy)?.cpuWeight == nil, "its own weight is out of the range")
    #expect(defaults.response(for: heavy)?.memory == nil, "it was given no amount")
    #expect(try defaults.response(for: definition(Self.text("{}"))) == nil, "it says that it follows nothing")
    let own = try definition(Self.text(#"{"reclaimTo": "1m"}"#))
    #expect(defaults.response(for: own) == own.load)
  }
}
