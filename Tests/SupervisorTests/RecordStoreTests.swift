import Linux
import OCI
import Testing

@testable import Definitions
@testable import Supervisor

@Suite("Records of partitions")
struct RecordStoreTests {
  private let scratch: LogScratch
  private let store: RecordStore
  private var path: String { "\(store.directory)/p.json" }
  private var record = PartitionRecord(
    definition: PartitionDefinition(name: "p", content: .bundle("/b")), source: .file, id: "1", created: 2)

  init() throws {
    scratch = try LogScratch()
    store = try RecordStore(directory: "\(scratch.path)/records")
  }

  private func loaded() throws -> [PartitionRecord] {
    let (records, errors) = try store.load()
    #expect(errors.isEmpty)
    return records
  }

  @Test("What was written last is what is read, however often it was added to the file")
  mutating func last() throws {
    var length = 0
    record.formerName = "q"
    record.notes.entrypointLength = 2
    record.notes.attachedStreams = ["AttachStdout"]
    for restarts in 0..<500 {
      record.lastEnd = UInt64(restarts) << 50
      record.isPaused.toggle()
      record.isRenewing.toggle()
      record.restarts = restarts
      length = try store.save(record, length: length)
      #expect(try File.read(path).count == length && length <= 16 << 10)
    }
    #expect(try loaded() == [record])
  }

  @Test("A line whose writing was cut short is as if it had not been begun")
  mutating func cut() throws {
    let length = try store.save(record, length: 0)
    var next = record
    next.restarts = 7
    let longer = try store.save(next, length: length)
    let bytes = try File.read(path)
    for end in length..<longer {
      try File.replace(path, with: Array(bytes[..<end]))
      #expect(try loaded() == [record])
    }
    try File.replace(path, with: bytes)
    #expect(try loaded() == [next])
  }

  @Test(
    "A removal that could not be written is known by the name of the file, until the record is written again")
  mutating func removal() throws {
    record.restarts = 3
    _ = try store.save(record, length: 0)
    try store.markRemoval(of: "p")
    var marked = record
    marked.isBeingRemoved = true
    #expect(try loaded() == [marked])
    #expect(try loaded() == [marked])
    _ = try store.save(record, length: 0)
    #expect(try loaded() == [record])
    try store.markRemoval(of: "p")
    try store.remove("p")
    #expect(try loaded().isEmpty)
  }

  @Test("A record whose file somebody has removed is written whole")
  mutating func removed() throws {
    let length = try store.save(record, length: 0)
    try store.remove("p")
    record.restarts = 1
    _ = try store.save(record, length: length)
    #expect(try loaded() == [record])
  }

  @Test("Of a record with a field that is wrong the rest is there, and its file keeps what it says")
  mutating func damaged() throws {
    record.source = .request
    record.isWanted = true
    record.restarts = 5
    record.definition.restart = .always
    record.definition.labels = ["a": "b"]
    _ = try store.save(record, length: 0)
    let lines = try File.read(path).split(separator: UInt8(ascii: "\n"))
    guard lines.count == 2, case .object(var object) = try JSON(parsing: Array(lines[0])),
      case .object(var definition)? = object["definition"]
    else { return #expect(Bool(false)) }
    definition["restart"] = .string("often")
    object["definition"] = .object(definition)
    let newLine = [UInt8(ascii: "\n")]
    let wrong = JSON.object(object).bytes() + newLine + lines[1] + newLine
    try File.replace(path, with: wrong)
    var (records, errors) = try store.load()
    #expect(errors.count == 1 && errors[0].hasPrefix("\(path): definition.restart: "), "\(errors)")
    var left = try #require(records.first)
    #expect(left.damage?.reason.hasPrefix("its record cannot be read: definition.restart: ") == true)
    #expect(left.id == record.id && left.definition.labels == ["a": "b"] && left.definition.restart == .no)
    #expect(left.isWanted && left.restarts == 5 && left.created == record.created)

    left.isWanted = false
    _ = try store.save(left, length: 0)
    let line = try #require(wrong.split(separator: UInt8(ascii: "\n")).first)
    #expect(try File.read(path).starts(with: line))
    (records, errors) = try store.load()
    #expect(errors.count == 1 && records == [left])
  }

  @Test("Of a file that says nothing there is a partition that can be removed")
  func empty() throws {
    for text in ["", "\0\0\0", "{}", #"{"definition":{"image":7}}"#] {
      try File.replace(path, with: Array(text.utf8))
      let (records, errors) = try store.load()
      #expect(errors.count == 1 && records.count == 1)
      #expect(records.first?.definition.name == "p" && records.first?.damage != nil)
      #expect(records.first?.id.utf8.count == 64 && records.first?.isWanted == false)
    }
  }

  @Test("Nobody writes the record of a partition that is gone, whose name may be another's by then")
  func gone() throws {
    let loop = try EventLoop()
    var messages: [String] = []
    let saved = SavedRecords(store, loop) { messages.append($0) }
    let partition = Partition(record)
    try saved.write(partition)
    try saved.remove(partition, under: "p")
    partition.removal = .done
    saved.save(partition)
    #expect(throws: SupervisorError.self) { try saved.write(partition) }
    #expect(try loaded() == [] && messages == [] && saved.isSaved(partition))
  }

  @Test("Of a file that is not whole, as when the machine has lost its power, the one before it counts")
  mutating func powerLost() throws {
    record.source = .request
    for bytes in [[], [0, 0, 0], Array("{".utf8)] as [[UInt8]] {
      _ = try store.save(record, length: 0)
      store.noteSync(of: path)
      var next = record
      for restarts in 7...8 {
        next.restarts = restarts
        _ = try store.save(next, length: 0)
      }
      try File.replace(path, with: bytes)
      let (records, errors) = try store.load()
      #expect(records == [record] && errors.count == 1 && errors.first?.hasPrefix(path) == true)
      try #expect(loaded() == [record])
    }
  }

  @Test("What was before a file goes when that is on the disk, when it is removed, and when it is read whole")
  mutating func former() throws {
    func names() throws -> [String] { try Directory.entries(of: store.directory).map(\.name).sorted() }
    for _ in 0..<2 { _ = try store.save(record, length: 0) }
    try #expect(names() == ["p.json"], "what a file defines can be made again from that")
    try store.remove("p")
    record.source = .request
    func saveTwice() throws {
      for _ in 0..<2 { _ = try store.save(record, length: 0) }
      try #expect(names() == ["p.json", "p.json.old"])
    }
    try saveTwice()
    try #expect(loaded() == [record])
    try #expect(names() == ["p.json"])
    try saveTwice()
    try store.remove("p")
    try #expect(names() == [])
    try saveTwice()
    store.noteSync(of: path)
    try #expect(names() == ["p.json"] && loaded() == [record])
    // Nobody's removal is undone.
    try saveTwice()
    try File.remove(path)
    try #expect(loaded() == [] && names() == [])
  }

  @Test(
    "Files are put on their disk together, each as often as it has changed, by helper processes where it must be",
    arguments: [true, false])
  func sync(isByKernel: Bool) throws {
    let loop = try EventLoop()
    var messages: [String] = []
    var warnings: [String] = []
    let disk = DiskSync(
      loop,
      kernel: { () throws(Errno) in
        guard isByKernel else { throw .resourceTemporarilyUnavailable }
        return try BackgroundSync(most: UInt32(DiskSync.most))
      }, log: { warnings.append($0) })
    #expect(warnings.count == (isByKernel ? 0 : 1), "\(warnings)")
    let sync = RecordSync(disk, loop, patience: 1) { messages.append($0) }
    var synced: [String] = []
    sync.onSync = { synced.append($0) }
    let paths = (0..<200).map { "\(scratch.path)/\($0)" }
    for path in paths { try File.replace(path, with: [1]) }
    for path in paths + paths + ["\(scratch.path)/none", scratch.path] { sync.note(path) }
    for _ in 0..<1000 where synced.count < 201 { try loop.turn(longest: 100) }
    #expect(synced.sorted() == (paths + [scratch.path]).sorted() && messages == [])
    sync.note(paths[0])
    for _ in 0..<1000 where synced.count < 202 { try loop.turn(longest: 100) }
    #expect(synced.last == paths[0])
  }

  @Test("Drafts of a supervisor that was killed go, and what is no record is told")
  func foreign() throws {
    _ = try store.save(record, length: 0)
    try File.replace("\(path).4711", with: [])
    try File.replace("\(store.directory)/q.json", with: Array("{".utf8))
    for name in ["p.json.bak", "p.json.1a", "p.4711", "notes"] {
      try File.replace("\(store.directory)/\(name)", with: [])
    }
    let (records, errors) = try store.load()
    #expect(records.count == 2 && records[0] == record && errors.count == 1)
    #expect(
      try Directory.entries(of: store.directory).map(\.name).sorted()
        == ["notes", "p.4711", "p.json", "p.json.1a", "p.json.bak", "q.json"])
  }
}
