import Container
import Definitions
import Linux
import Testing

@testable import Supervisor

@Suite("A renaming that was cut short")
struct RenamingTests {
  /// The files of a supervisor, with one partition.
  private final class Files {
    let scratch: LogScratch
    let store: ContainerStore
    let records: RecordStore
    var logs: String { "\(scratch.path)/logs" }
    var layers: String { "\(scratch.path)/.partitions" }
    var renaming: Renaming { Renaming(of: store, logs: logs) }

    init() throws {
      scratch = try LogScratch()
      store = ContainerStore(path: scratch.path)
      records = try RecordStore(directory: "\(scratch.path)/records")
      try make("old", "1")
    }

    /// Makes what a partition has.
    func make(_ name: String, _ id: String) throws {
      _ = try records.save(record(name, id), length: 0)
      for directory in ["logs", ".partitions"] {
        try Directory.makeAll("\(scratch.path)/\(directory)/\(name)")
      }
      for file in ["\(name)-json.log", "\(name)-json.log.1"] {
        try scratch.write(id, to: "logs/\(name)/\(file)")
      }
      try scratch.write(id, to: ".partitions/\(name)/config.json")
    }

    func record(_ name: String, _ id: String, former: String? = nil) -> PartitionRecord {
      let definition = PartitionDefinition(name: name, content: .bundle("/b"))
      var record = PartitionRecord(definition: definition, source: .request, id: id, created: 1)
      record.formerName = former
      return record
    }

    /// What a supervisor that begins now has on record.
    func load() throws -> [PartitionRecord] {
      renaming.finished(try records.load().records, records) { Issue.record("\($0)") }
    }

    func names(_ directory: String) throws -> [String] {
      try Directory.entries(of: "\(scratch.path)/\(directory)").map(\.name).sorted()
    }

    /// Whether all that there is has the name `name` alone.
    func expectAll(_ name: String) throws {
      #expect(try load() == [record(name, "1")])
      #expect(try records.load().records == [record(name, "1")])
      #expect(
        try names("logs") == [name] && names(".partitions") == [name] && names("records") == ["\(name).json"])
      #expect(try names("logs/\(name)") == ["\(name)-json.log", "\(name)-json.log.1"])
      #expect(try names(".partitions/\(name)") == ["config.json"])
    }
  }

  @Test("Before its record it has not begun")
  func before() throws { try Files().expectAll("old") }

  @Test("After its record it is carried out, however far it came", arguments: 0...5)
  func after(steps: Int) throws {
    let files = try Files()
    _ = try files.records.save(files.record("new", "1", former: "old"), length: 0)
    let moves: [() throws -> Void] = [
      { try File.rename("\(files.logs)/old", to: "\(files.logs)/new") },
      { try File.rename("\(files.layers)/old", to: "\(files.layers)/new") },
      { try File.rename("\(files.logs)/new/old-json.log.1", to: "\(files.logs)/new/new-json.log.1") },
      { try File.rename("\(files.logs)/new/old-json.log", to: "\(files.logs)/new/new-json.log") },
      { try files.records.remove("old") },
    ]
    for move in moves.prefix(steps) { try move() }
    try files.expectAll("new")
  }

  @Test("What has got the old name by now keeps what it has")
  func successor() throws {
    let files = try Files()
    try files.renaming.move(from: "old", to: "new")
    _ = try files.records.save(files.record("new", "1", former: "old"), length: 0)
    try files.make("old", "2")
    #expect(try files.load() == [files.record("new", "1"), files.record("old", "2")])
    #expect(try files.scratch.text("logs/old/old-json.log") == "2")
    #expect(try files.scratch.text("logs/new/new-json.log") == "1")
  }

  @Test("A name is not free while there are files under it")
  func free() throws {
    let files = try Files()
    #expect(throws: Never.self) { try files.renaming.requireFree("new") }
    #expect(throws: SupervisorError.self) { try files.renaming.requireFree("old") }
    try Directory.removeTree("\(files.logs)/old")
    #expect(throws: SupervisorError.self) { try files.renaming.requireFree("old") }
  }
}
