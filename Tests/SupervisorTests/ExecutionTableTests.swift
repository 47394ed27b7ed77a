import Container
import Linux
import Testing

@testable import Definitions
@testable import Supervisor

@Suite("The table of commands inside")
struct ExecutionTableTests {
  @Test("Those that nobody starts make room for others, the oldest first")
  func unstarted() throws {
    let scratch = try LogScratch()
    let table = ExecutionTable(
      ContainerStore(path: scratch.path), try EventLoop(), CheckRecords(in: "\(scratch.path)/checks"))
    let definition = PartitionDefinition(name: "a", content: .bundle("/b"))
    let partition = Partition(
      PartitionRecord(definition: definition, source: .request, id: "i", created: 0))
    partition.phase = .running(pid: 1)
    var ids: [String] = []
    for _ in 0..<10_000 {
      ids.append(try table.prepare(Execution.Settings(command: ["true"]), in: partition).id)
    }
    #expect(table.executions.count <= 1024)
    #expect(table[ids[0]] == nil)
    for id in ids.suffix(512) { #expect(table[id] != nil) }
  }
}
