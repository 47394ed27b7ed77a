import Definitions
import Layers
import Testing

@testable import Supervisor

@Suite("The short list of partitions")
struct PartitionListTests {
  private func partition(_ name: String, command: [String]) -> Partition {
    var definition = PartitionDefinition(name: name, content: .bundle("/b"))
    if !command.isEmpty {
      var settings = PartitionSettings(base: .host)
      settings.command = command
      definition.content = .partition(settings)
    }
    return Partition(PartitionRecord(definition: definition, source: .request, id: name, created: 12))
  }

  private func lines(_ partitions: [Partition], inMemory: Bool = false) -> [String] {
    let list = PartitionList(of: partitions, in: "/run/a b", inMemory: inMemory)
    return String(decoding: list.bytes, as: UTF8.self).split(separator: "\n").map(String.init)
  }

  @Test("It begins with where containers are kept, and has a line for each partition")
  func fields() {
    let running = partition("web", command: ["sleep", "5"])
    running.phase = .running(pid: 77)
    running.record.started = 34
    let waiting = partition("f-1", command: ["wc"])
    waiting.phase = .prepared(pid: 78)
    #expect(
      lines([running, waiting]) == [
        "/run/a b", "web\trunning\t77\t34\tsleep 5\tdisk", "f-1\tcreated\t78\t12\twc\tdisk",
      ])
    #expect(lines([waiting], inMemory: true).last == "f-1\tcreated\t78\t12\twc\tmemory")
  }

  @Test("What would end a field or a line is written otherwise")
  func control() {
    let command = ["sh", "-c", "a\tb\nc", "100%", "\u{7f}é"]
    #expect(
      lines([partition("web", command: command)]).last
        == "web\tcreated\t0\t12\tsh -c a%09b%0Ac 100%25 %7Fé\tdisk")
  }

  @Test("The command of a bundle is left to its own configuration")
  func bundle() {
    #expect(lines([partition("web", command: [])]).last == "web\tcreated\t0\t12\t")
  }
}
