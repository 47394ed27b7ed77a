import Linux
import Testing

@testable import Definitions
@testable import Supervisor

@Suite("The writer of logs")
struct LogWriterTests {
  private let scratch: LogScratch
  private let files = LogFiles()

  init() throws { scratch = try LogScratch() }

  private func writer(size: Int64 = 1 << 20, files count: Int = 3, _ files: LogFiles? = nil) -> LogWriter {
    var limits = PartitionDefinition.LogLimits()
    limits.size = size
    limits.files = count
    return LogWriter(path: scratch.log, limits: limits, files: files ?? self.files)
  }

  @Test("A line of output is a line of the log, with its stream and time")
  func lines() throws {
    let writer = writer()
    writer.append(Array("one\ntwo\n\n".utf8), from: .stdout, at: 0)
    writer.append(Array("three\n".utf8), from: .stderr, at: 1_700_000_000_123_456_789)
    #expect(
      try scratch.text() == """
        {"log":"one\\n","stream":"stdout","time":"1970-01-01T00:00:00.000000000Z"}
        {"log":"two\\n","stream":"stdout","time":"1970-01-01T00:00:00.000000000Z"}
        {"log":"\\n","stream":"stdout","time":"1970-01-01T00:00:00.000000000Z"}
        {"log":"three\\n","stream":"stderr","time":"2023-11-14T22:13:20.123456789Z"}

        """)
    #expect(files.counters.writtenBytes == UInt64(try scratch.text().utf8.count))
  }

  @Test("A line that is not over waits for its end, each stream for its own")
  func rests() throws {
    let writer = writer()
    writer.append(Array("hal".utf8), from: .stdout, at: 1)
    writer.append(Array("other\npart".utf8), from: .stderr, at: 2)
    writer.append(Array("f".utf8), from: .stdout, at: 3)
    #expect(try scratch.entries() == ["2 stderr other\n"])
    writer.append(Array("\nnext\n".utf8), from: .stdout, at: 4)
    writer.flush(.stderr, at: 5)
    writer.flush(.stdout, at: 6)
    #expect(
      try scratch.entries() == ["2 stderr other\n", "4 stdout half\n", "4 stdout next\n", "5 stderr part"])
  }

  @Test(
    "A line longer than an entry is divided, at the same places however its bytes come",
    arguments: [3, 999, 70_000])
  func division(step: Int) throws {
    let writer = writer()
    // The character at the end of the first entry does not fit.
    let line =
      [UInt8](repeating: 0x61, count: LogEntry.longest - 1) + Array("ä".utf8)
      + [UInt8](repeating: 0x62, count: LogEntry.longest - 2) + Array("\n".utf8)
    var start = 0
    while start < line.count {
      let end = min(line.count, start + step)
      writer.append(Array(line[start..<end]), from: .stdout, at: 1)
      start = end
    }
    let entries = try scratch.read().map(\.bytes)
    #expect(entries.map(\.count) == [LogEntry.longest - 1, LogEntry.longest + 1])
    #expect(entries.flatMap { $0 } == line)
  }

  @Test("What is no UTF-8 is replaced byte by byte, and what JSON does not allow is escaped")
  func escapes() throws {
    let writer = writer()
    let strange: [UInt8] = [
      0xFF, 0x41, 0xC3, 0x28, 0xE2, 0x82, 0xED, 0xA0, 0x80, 0xF0, 0x9F, 0x98, 0x80, 0xC3,
    ]
    writer.append(strange + Array("\"\\\u{0}\u{1B}\u{1F}\u{7F}\r\t/ä€😀\n".utf8), from: .stdout, at: 1)
    let bytes = try #require(try scratch.read().first?.bytes)
    let text = String(decoding: bytes, as: UTF8.self)
    let bad = "\u{FFFD}"
    #expect(
      text == bad + "A" + bad + "(" + bad + bad + bad + bad + bad + "😀" + bad
        + "\"\\\u{0}\u{1B}\u{1F}\u{7F}\r\t/ä€😀\n")
    #expect(try scratch.text().hasPrefix("{\"log\":\"\u{FFFD}A"))
    #expect(try scratch.text().utf8.contains(0) == false)
  }

  @Test("Any bytes come back as the text that they are, wherever they are divided")
  func anyBytes() throws {
    let writer = writer(size: 64 << 20)
    var random = SystemRandomNumberGenerator()
    let alphabet: [UInt8] = [
      0x0A, 0x22, 0x5C, 0x00, 0x1F, 0x20, 0x41, 0x7F, 0x80, 0xA0, 0xC3, 0xE2, 0x82, 0xAC, 0xF0, 0x9F,
    ]
    var all: [UInt8] = []
    for _ in 0..<300 {
      let count = Int.random(in: 0..<200, using: &random)
      let chunk = (0..<count).map { _ in alphabet[Int.random(in: 0..<alphabet.count, using: &random)] }
      writer.append(chunk, from: .stdout, at: 1)
      all += chunk
    }
    writer.flush(.stdout, at: 1)
    var expected: [UInt8] = []
    var index = 0
    all.withUnsafeBufferPointer { buffer in
      while let base = buffer.baseAddress, index < buffer.count {
        let length = UTF8Sequence.length(base + index, buffer.count - index)
        expected += length == 0 ? [0xEF, 0xBF, 0xBD] : Array(buffer[index..<(index + length)])
        index += max(1, length)
      }
    }
    #expect(try scratch.read().flatMap(\.bytes) == expected)
    #expect(String(validating: expected, as: UTF8.self) != nil)
  }

  @Test("A full file becomes the first of the older ones, of which no more are kept than asked for")
  func rotation() throws {
    let writer = writer(size: 250)
    for number in 0..<20 { writer.append(Array("line \(number)\n".utf8), from: .stdout, at: 1) }
    #expect(try scratch.names() == ["p.log", "p.log.1", "p.log.2"])
    for name in try scratch.names() { #expect(try scratch.text(name).utf8.count <= 250) }
    #expect(try scratch.entries("p.log.1") == (15..<18).map { "1 stdout line \($0)\n" })
    #expect(try scratch.entries("p.log") == (18..<20).map { "1 stdout line \($0)\n" })
  }

  @Test("One write of many lines is divided over files as single writes are")
  func rotationInBatch() throws {
    let lines = (0..<20).map { "line \($0)\n" }
    writer(size: 250).append(Array(lines.joined().utf8), from: .stdout, at: 1)
    #expect(try scratch.entries("p.log.1") == (15..<18).map { "1 stdout line \($0)\n" })
    #expect(try scratch.entries("p.log") == (18..<20).map { "1 stdout line \($0)\n" })
  }

  @Test("A log of one file begins anew, and files beyond a lower limit go")
  func fewerFiles() throws {
    for name in ["p.log.1", "p.log.2", "p.log.3"] { try scratch.write("", to: name) }
    let writer = writer(size: 250, files: 1)
    for number in 0..<4 { writer.append(Array("line \(number)\n".utf8), from: .stdout, at: 1) }
    #expect(try scratch.names() == ["p.log"])
    #expect(try scratch.entries() == ["1 stdout line 3\n"])
  }

  @Test("A rotation that was cut short costs no file")
  func gap() throws {
    try scratch.write("young\n", to: "p.log")
    try scratch.write("old\n", to: "p.log.2")
    writer(size: 6, files: 3).append(Array("new\n".utf8), from: .stdout, at: 1)
    #expect(try scratch.names() == ["p.log", "p.log.1", "p.log.2"])
    #expect(try scratch.entries() == ["1 stdout new\n"])
    #expect(try scratch.text("p.log.1") == "young\n")
    #expect(try scratch.text("p.log.2") == "old\n")
  }

  @Test("A writer that goes on after another one was cut short begins a line")
  func torn() throws {
    try scratch.write("{\"log\":\"to", to: "p.log")
    writer().append(Array("whole\n".utf8), from: .stdout, at: 1)
    #expect(try scratch.text().hasPrefix("{\"log\":\"to\n{\"log\":\"whole"))
    #expect(try scratch.entries() == ["1 stdout whole\n"])
  }

  @Test("No more files are open than allowed, those written to last, and each writer finds its own again")
  func cache() throws {
    let files = LogFiles(capacity: 2)
    let writers = (0..<5).map { LogWriter(path: "\(scratch.path)/\($0).log", limits: .init(), files: files) }
    for round in 0..<3 {
      for writer in writers { writer.append(Array("\(round)\n".utf8), from: .stdout, at: 1) }
    }
    #expect(files.openCount == 2)
    for number in 0..<5 {
      #expect(try scratch.entries("\(number).log") == (0..<3).map { "1 stdout \($0)\n" })
    }
  }

  @Test("A writer that is gone holds no file, and one that has nothing to write opens none")
  func closing() {
    let files = LogFiles()
    do {
      let writer = writer(files)
      writer.append(Array("no line".utf8), from: .stdout, at: 1)
      writer.flush(.stderr, at: 1)
      #expect(files.openCount == 0)
      writer.flush(.stdout, at: 1)
      #expect(files.openCount == 1)
    }
    #expect(files.openCount == 0)
  }

  @Test("What cannot be written is counted, and the log says so where it is missing")
  func loss() throws {
    let writer = LogWriter(path: "\(scratch.path)/later/p.log", limits: .init(), files: files)
    writer.append(Array("one\ntwo\n".utf8), from: .stdout, at: 1)
    writer.append(Array("three\n".utf8), from: .stdout, at: 2)
    #expect(files.counters.droppedEntries == 3)
    #expect(files.counters.writtenBytes == 0)
    try Directory.make("\(scratch.path)/later")
    writer.append(Array("four\n".utf8), from: .stdout, at: 3)
    writer.append(Array("five\n".utf8), from: .stdout, at: 4)
    let bytes = files.counters.droppedBytes
    #expect(
      try scratch.entries("later/p.log") == [
        "3 stderr swiftjaild: 3 entries (\(bytes) bytes) of this log are missing here: No such file or directory\n",
        "3 stdout four\n", "4 stdout five\n",
      ])
    #expect(files.counters.droppedEntries == 3)
  }

  @Test("A log that cannot be rotated does not grow beyond its limit")
  func obstacle() throws {
    try Directory.make("\(scratch.log).1")
    let writer = writer(size: 250, files: 2)
    for number in 0..<10 { writer.append(Array("line \(number)\n".utf8), from: .stdout, at: 1) }
    #expect(try scratch.entries() == (0..<3).map { "1 stdout line \($0)\n" })
    #expect(files.counters.droppedEntries == 7)
    try Directory.remove("\(scratch.log).1")
    writer.append(Array("line 10\n".utf8), from: .stdout, at: 1)
    #expect(try scratch.entries("p.log.1").count == 3)
    let entries = try scratch.entries()
    #expect(entries.count == 2)
    #expect(entries[0].hasPrefix("1 stderr swiftjaild: 7 entries"))
    #expect(entries[1] == "1 stdout line 10\n")
  }

  @Test("Of many older files each gets the next number, however many digits that has")
  func manyFiles() throws {
    let writer = writer(size: 250, files: 120)
    for number in 0..<330 { writer.append(Array("line \(number)\n".utf8), from: .stdout, at: 1) }
    #expect(try scratch.names().count == 110)
    #expect(try scratch.entries("p.log.109") == (0..<3).map { "1 stdout line \($0)\n" })
    #expect(try scratch.entries("p.log.10") == (297..<300).map { "1 stdout line \($0)\n" })
  }

  @Test("A full disk is a loss like any other")
  func fullDisk() throws {
    try File.makeSymbolicLink(scratch.log, to: "/dev/full")
    writer().append(Array("one\ntwo\n".utf8), from: .stdout, at: 1)
    #expect(files.counters.droppedEntries == 2)
    #expect(files.counters.writtenBytes == 0)
  }
}

/// A directory for a log, which goes with this value.
final class LogScratch {
  let path: String
  var log: String { "\(path)/p.log" }

  init() throws {
    path = "/tmp/swiftjail-unit-log-\(UInt64.random(in: 0...UInt64.max))"
    try Directory.make(path, mode: 0o700)
  }

  deinit { try? Directory.removeTree(path) }

  func write(_ text: String, to name: String) throws {
    let file = try FileDescriptor.open("\(path)/\(name)", [.writeOnly, .create, .append], mode: 0o600)
    try file.writeAll(Array(text.utf8))
  }

  func text(_ name: String = "p.log") throws -> String {
    String(decoding: try File.read("\(path)/\(name)"), as: UTF8.self)
  }

  func names() throws -> [String] { try Directory.entries(of: path).map(\.name).sorted() }

  /// The entries of one file.
  func read(_ name: String = "p.log") throws -> [LogEntry] {
    try File.read("\(path)/\(name)").split(separator: 0x0A).compactMap { LogEntry(line: Array($0)) }
  }

  func entries(_ name: String = "p.log") throws -> [String] { try read(name).map(\.summary) }
}

extension LogEntry {
  var summary: String { "\(time) \(stream) \(String(decoding: bytes, as: UTF8.self))" }
}
