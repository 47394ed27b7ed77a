import Container
import Definitions
import Glibc
import Linux
import Testing

@testable import Supervisor

@Suite("The names of containers that were made without the supervisor")
struct PlainNamesTests {
  /// A store that changes only when it is told to.
  private struct Store {
    let scratch: LogScratch
    var containers: ContainerStore { ContainerStore(path: scratch.path) }

    init(_ names: [String]) throws {
      scratch = try LogScratch()
      for name in names { try make(name) }
    }

    func make(_ name: String) throws { try Directory.make("\(scratch.path)/\(name)", mode: 0o711) }

    /// Has the directory say that it last changed `seconds` after some day long ago.
    func age(_ seconds: Int) throws {
      let time = timespec(tv_sec: 1_000_000_000 + seconds, tv_nsec: 0)
      try #require(utimensat(AT_FDCWD, scratch.path, [time, time], 0) == 0)
    }
  }

  private func partition(_ name: String) -> Partition {
    let definition = PartitionDefinition(name: name, content: .bundle("/b"))
    return Partition(PartitionRecord(definition: definition, source: .request, id: "1", created: 1))
  }

  @Test("The directory is read again only when it has changed")
  func changed() throws {
    let store = try Store(["b", "a", ".own"])
    var list = PlainNames()
    try store.age(0)
    #expect(try list.names(in: store.containers, without: PartitionTable()) == ["a", "b"])
    try store.make("c")
    try store.age(0)
    #expect(try list.names(in: store.containers, without: PartitionTable()) == ["a", "b"])
    try store.age(-1)
    #expect(try list.names(in: store.containers, without: PartitionTable()) == ["a", "b", "c"])
  }

  @Test("What comes and goes in quick succession is not missed")
  func quick() throws {
    let store = try Store([])
    var list = PlainNames()
    var names: [String] = []
    for number in 0..<100 {
      let name = "c\(number)"
      try store.make(name)
      names.append(name)
      #expect(try list.names(in: store.containers, without: PartitionTable()) == names.sorted())
    }
    for name in names.reversed() {
      try Directory.remove("\(store.scratch.path)/\(name)")
      names.removeLast()
      #expect(try list.names(in: store.containers, without: PartitionTable()) == names.sorted())
    }
  }

  @Test("Another directory in the place of the first is read")
  func replaced() throws {
    let (store, other) = (try Store(["a"]), try Store(["b"]))
    var list = PlainNames()
    try store.age(0)
    try other.age(0)
    #expect(try list.names(in: store.containers, without: PartitionTable()) == ["a"])
    try Directory.removeTree(store.scratch.path)
    #expect(try list.names(in: store.containers, without: PartitionTable()).isEmpty)
    try File.rename(other.scratch.path, to: store.scratch.path)
    #expect(try list.names(in: store.containers, without: PartitionTable()) == ["b"])
  }

  @Test("A name is told as long as no partition has it")
  func partitions() throws {
    let store = try Store(["a", "b"])
    var list = PlainNames()
    var table = PartitionTable()
    try store.age(0)
    table["a"] = partition("a")
    #expect(try list.names(in: store.containers, without: table) == ["b"])
    table["b"] = partition("b")
    #expect(try list.names(in: store.containers, without: table).isEmpty)
    table["b"] = nil
    table["a"] = nil
    #expect(try list.names(in: store.containers, without: table) == ["a", "b"])
  }
}
