import Layers
import Linux
import Testing

@testable import Definitions
@testable import Supervisor

@Suite("Changes of definitions")
struct DefinitionChangesTests {
  typealias Extent = DefinitionChanges.Extent

  let plain = PartitionDefinition(name: "p", content: .partition(PartitionSettings(base: .host)))

  func extent(_ change: (inout PartitionDefinition) -> Void) -> Extent? {
    var new = plain
    change(&new)
    let changes = DefinitionChanges(from: [plain], to: [new])
    #expect(changes.added.isEmpty && changes.removed.isEmpty)
    #expect(changes.changed.allSatisfy { $0.definition == new })
    return changes.changed.first?.extent
  }

  func settingsExtent(_ change: (inout PartitionSettings) -> Void) -> Extent? {
    extent { definition in
      var settings = PartitionSettings(base: .host)
      change(&settings)
      definition.content = .partition(settings)
    }
  }

  @Test("What is the same changes nothing")
  func same() {
    #expect(extent { _ in } == nil)
    #expect(DefinitionChanges(from: [plain], to: [plain]).isEmpty)
  }

  @Test("What only the supervisor notes needs no new container")
  func bookkeeping() {
    #expect(extent { $0.restart = .always } == .bookkeeping)
    #expect(extent { $0.restartDelay.initial = 0 } == .bookkeeping)
    #expect(extent { $0.labels = ["a": "b"] } == .bookkeeping)
    #expect(extent { $0.after = ["x"] } == .bookkeeping)
    #expect(extent { $0.healthCheck = .init(command: ["true"]) } == .bookkeeping)
    #expect(extent { $0.log.files = 1 } == .bookkeeping)
    #expect(extent { $0.stopSignal = .kill } == .bookkeeping)
    #expect(extent { $0.stopTimeout = 1 } == .bookkeeping)
    #expect(extent { $0.closesInput = true } == .bookkeeping)
  }

  @Test("Limits are changed while it runs")
  func limits() {
    #expect(settingsExtent({ $0.memory = ByteSize(bytes: 1) }) == .limits)
    #expect(settingsExtent({ $0.memoryAndSwap = .unlimited }) == .limits)
    #expect(settingsExtent({ $0.microCPUs = 10_000 }) == .limits)
    #expect(settingsExtent({ $0.cpuWeight = 1 }) == .limits)
    #expect(settingsExtent({ $0.cpus = "0" }) == .limits)
    #expect(settingsExtent({ $0.pidsLimit = 1 }) == .limits)
    #expect(
      extent {
        $0.content = .partition(PartitionSettings(base: .host, pidsLimit: 1))
        $0.restart = .always
      } == .limits)
  }

  @Test("Anything else takes a new container")
  func container() {
    #expect(settingsExtent({ $0.command = ["x"] }) == .container)
    #expect(settingsExtent({ $0.base = .directory("/") }) == .container)
    let variable = settingsExtent { $0.environment.set("A", "1") }
    #expect(variable == .container)
    #expect(extent { $0.opensInput = true } == .container)
    #expect(extent { $0.isRemovedAtEnd = true } == .container)
    #expect(extent { $0.content = .bundle("/b") } == .container)
    #expect(
      settingsExtent({
        $0.memory = ByteSize(bytes: 1)
        $0.isReadOnly = true
      }) == .container)
  }

  @Test("What comes and goes is told, what is new in the order of starting")
  func comings() {
    let old = set(["/a.json": #"{"image": "host"}"#, "/b.json": #"{"image": "host"}"#])
    let new = set([
      "/b.json": #"{"image": "host", "memory": "1m"}"#, "/c.json": #"{"image": "host", "after": ["d"]}"#,
      "/d.json": #"{"image": "host"}"#,
    ])
    let changes = DefinitionChanges.changes(from: old, to: new)
    #expect(changes.removed == ["a"])
    #expect(changes.added.map(\.name) == ["d", "c"])
    #expect(changes.changed.map(\.definition.name) == ["b"] && changes.changed.map(\.extent) == [.limits])
    #expect(DefinitionChanges.changes(from: new, to: new).isEmpty)
  }
}

extension PartitionSettings {
  fileprivate init(base: Base, pidsLimit: Int64) {
    self.init(base: base)
    self.pidsLimit = pidsLimit
  }
}
