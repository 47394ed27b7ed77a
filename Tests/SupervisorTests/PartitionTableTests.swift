import Definitions
import Testing

@testable import Supervisor

@Suite("The table of partitions")
struct PartitionTableTests {
  private func partition(_ name: String, _ id: String) -> Partition {
    let definition = PartitionDefinition(name: name, content: .bundle("/b"))
    return Partition(PartitionRecord(definition: definition, source: .request, id: id, created: 1))
  }

  @Test("A partition is found by its name and by its id, until it is taken out")
  func found() {
    var table = PartitionTable()
    let one = partition("one", "1")
    table["one"] = one
    table["two"] = partition("two", "2")
    #expect(table["one"] === one && table.withID("1") === one && table.withID("one") == nil)
    table["one"] = nil
    #expect(table["one"] == nil && table.withID("1") == nil && table.count == 1)
    #expect(table.withID("2")?.name == "two")
    #expect(table.removals == 1, "a name has become free")
  }

  @Test(
    "Under another name it is found by the same id, in whatever order that is done", arguments: [false, true])
  func renamed(oldFirst: Bool) {
    var table = PartitionTable()
    let one = partition("one", "1")
    table["one"] = one
    one.record.definition.name = "other"
    if oldFirst { table["one"] = nil }
    table["other"] = one
    if !oldFirst { table["one"] = nil }
    #expect(table["one"] == nil && table["other"] === one && table.withID("1") === one)
  }

  @Test("One in another's place is found by its own id alone")
  func replaced() {
    var table = PartitionTable()
    table["one"] = partition("one", "1")
    table["one"] = partition("one", "2")
    #expect(table.withID("1") == nil && table.withID("2")?.name == "one" && table.count == 1)
  }
}
