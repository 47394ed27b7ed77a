import Linux
import OCI
import Testing

@testable import Supervisor

@Suite("The journal of events")
struct JournalTests {
  private let scratch: LogScratch
  private let loop: EventLoop

  init() throws {
    scratch = try LogScratch()
    loop = try EventLoop()
  }

  private func journal(size: Int = 1 << 20, boot: String = "b") throws -> Journal {
    try Journal(scratch.log, size: size, boot: boot, loop) { _ in }
  }

  private func message(_ action: String, at time: Int64 = 0) -> EventMessage {
    EventMessage(action: action, id: "i", attributes: ["name": "n", "image": "host"], time: time)
  }

  private static func marks(_ ends: UInt64...) -> EndMarks { ends.reduce(into: EndMarks()) { $0.note($1) } }

  /// What all files of the journal say, the oldest first.
  private func actions() throws -> [String] {
    let lines = LogLines(scratch.log)
    var actions: [String] = []
    while try lines.read({ line in
      if let message = try? EventMessage(parsing: Array(line)) { actions.append(message.action) }
    }) {}
    return actions
  }

  @Test("The next supervisor knows up to which end all is in it")
  func lastEnd() throws {
    let first = try journal()
    #expect(first.written == EndMarks())
    first.append([message("create")])
    first.append([message("oom"), message("die")], end: 700)
    first.append([message("start")])
    #expect(first.written.cover(700) && first.noted == first.written)
    #expect(try journal().written == Self.marks(700))
    #expect(try actions() == ["create", "oom", "die", "start"])
  }

  @Test("Ends of another boot are counted otherwise")
  func boots() throws {
    try journal().append([message("die")], end: 700)
    #expect(try journal(boot: "c").written == EndMarks())
  }

  @Test("Each keeper counts its own ends")
  func keepers() throws {
    let journal = try journal()
    journal.append([message("die")], end: 64 * 9)
    #expect(!journal.written.cover(64 * 8 + 1))
    journal.append([message("die")], end: 64 * 8 + 1)
    #expect(try self.journal().written == Self.marks(64 * 9, 64 * 8 + 1))
    #expect(journal.written.cover(64 * 7) && journal.written.cover(1) && !journal.written.cover(64 * 10))
  }

  @Test("Of an end that is told in part no more is believed than the part before")
  func cutShort() throws {
    let first = try journal()
    first.append([message("die")], end: 600)
    first.append([message("oom"), message("die")], end: 700)
    let file = try FileDescriptor.open(scratch.log, .readWrite)
    // All but a piece of the last line.
    try file.truncate(to: try file.status().size - 10)
    #expect(try journal().written == Self.marks(600))
    // The next line is whole again.
    let second = try journal()
    second.append([message("die")], end: 700)
    #expect(try actions() == ["die", "oom", "die"])
    #expect(try journal().written == Self.marks(600, 700))
  }

  @Test("Two files are kept, and the last end is known though the younger is new")
  func rotation() throws {
    let first = try journal(size: 1000)
    for number in 1...20 as ClosedRange<UInt64> { first.append([message("die")], end: number * 64) }
    #expect(try actions().count < 10 && actions().count > 2)
    #expect(try journal(size: 1000).written == Self.marks(20 * 64))
    try LineFile.rotate(scratch.log, keeping: 2)
    #expect(try journal(size: 1000).written == Self.marks(20 * 64))
  }

  /// What puts files on the disk when the test says so.
  private final class PretendedDisk {
    var begun: [(inode: UInt64, done: DiskSync.Done)] = []
    var refusal: Errno?

    func begin(_ number: Int32, _ done: @escaping DiskSync.Done) throws(Errno) {
      if let refusal { throw refusal }
      begun.append((try FileDescriptor.duplicate(of: number).status().inode, done))
    }
  }

  @Test("A file that is rotated away while a sync is under way is synced once more, and before its successor")
  func rotationWhileSyncing() throws {
    let disk = PretendedDisk()
    let sync = FileSync(
      loop, patience: 1, begin: { (number, done) throws(Errno) in try disk.begin(number, done) },
      log: { Issue.record("\($0)") })
    var file = try FileDescriptor.open(scratch.log, [.writeOnly, .create], mode: 0o600)
    sync.file = { file.rawValue }
    let first = try file.status().inode
    sync.schedule()
    while disk.begun.isEmpty { try loop.turn(longest: 100) }
    // More is appended, and then the file is rotated.
    sync.schedule()
    sync.finishFile()
    file = try FileDescriptor.open("\(scratch.log).next", [.writeOnly, .create], mode: 0o600)
    let second = try file.status().inode
    sync.schedule()
    #expect(disk.begun.map(\.inode) == [first])
    disk.begun[0].done(nil)
    #expect(disk.begun.map(\.inode) == [first, first])
    disk.begun[1].done(nil)
    while disk.begun.count < 3 { try loop.turn(longest: 100) }
    #expect(disk.begun.map(\.inode) == [first, first, second])
  }

  @Test("A sync that the kernel has no room for is tried again, and one of no disk is not")
  func refusedSync() throws {
    let disk = PretendedDisk()
    let sync = FileSync(
      loop, patience: 1, begin: { (number, done) throws(Errno) in try disk.begin(number, done) },
      log: { Issue.record("\($0)") })
    let file = try FileDescriptor.open(scratch.log, [.writeOnly, .create], mode: 0o600)
    sync.file = { file.rawValue }
    disk.refusal = .resourceTemporarilyUnavailable
    sync.schedule()
    for _ in 1...5 { try loop.turn(longest: 5) }
    disk.refusal = nil
    for _ in 1...1000 where disk.begun.isEmpty { try loop.turn(longest: 5) }
    #expect(disk.begun.count == 1)
    disk.begun.first?.done(nil)
    disk.refusal = .invalidArgument
    sync.schedule()
    for _ in 1...5 { try loop.turn(longest: 5) }
    disk.refusal = nil
    for _ in 1...5 { try loop.turn(longest: 5) }
    #expect(disk.begun.count == 1)
  }

  @Test("What cannot be written waits, in its order, and is not taken for written")
  func waiting() throws {
    // A directory that is missing is as good as a full disk.
    let journal = try Journal("\(scratch.log).d/journal", size: 1 << 20, boot: "b", loop) { _ in }
    var hasCaughtUp = false
    journal.onCatchUp = { hasCaughtUp = true }
    journal.append([message("create")])
    journal.append([message("die")], end: 900)
    #expect(journal.written == EndMarks() && journal.noted == Self.marks(900))
    #expect(journal.pending.map(\.message.action) == ["create", "die"])
    try Directory.makeAll("\(scratch.log).d", mode: 0o700)
    while !hasCaughtUp { try loop.turn(longest: 100) }
    #expect(journal.written == Self.marks(900) && journal.pending.isEmpty)
  }

  @Test("A line's time and its document are read without the rest of it")
  func lines() throws {
    for time in [0, 7, 1_795_280_385_198_756_405, Int64.max] {
      let message = message("exec_start: a } , { :1", at: time)
      let line = JournalEntry(message: message, mark: .init(boot: "b-1", ends: Self.marks(12))).line
        .dropLast()
      Array(line).withUnsafeBytes { line in
        #expect(JournalEntry.time(of: line) == time)
        #expect(JournalEntry.document(of: line) == message.line)
      }
    }
    for text in ["", "}", "12}", ":}", "{}", #"{"timeNano":12"#, "{:99999999999999999999}"] {
      Array(text.utf8).withUnsafeBytes { #expect(JournalEntry.time(of: $0) == nil, "\(text)") }
    }
    // Of a part of it, what comes before is not taken for the document.
    Array(#"{"lastEnds":{"boot":"b""#.utf8).withUnsafeBytes { #expect(JournalEntry.document(of: $0) == nil) }
    Array(#"{"status":"die"}"#.utf8).withUnsafeBytes { #expect(JournalEntry.document(of: $0) == nil) }
  }
}
