import Linux
import Testing

@testable import Definitions
@testable import Supervisor

@Suite("The reader of logs")
struct LogReaderTests {
  private let scratch: LogScratch
  private let files = LogFiles()

  init() throws { scratch = try LogScratch() }

  /// A writer whose files hold three lines each.
  private func writer(files count: Int = 100) -> LogWriter {
    var limits = PartitionDefinition.LogLimits()
    limits.size = 250
    limits.files = count
    return LogWriter(path: scratch.log, limits: limits, files: files)
  }

  private func write(_ numbers: Range<Int>, with writer: LogWriter) {
    for number in numbers {
      writer.append(Array("\(number)\n".utf8), from: number % 2 == 0 ? .stdout : .stderr, at: Int64(number))
    }
  }

  /// The times of what the reader has now.
  private func times(_ reader: LogReader) throws -> [Int] {
    var times: [Int] = []
    while try reader.read({ times.append(Int($0.time)) }) {}
    return times
  }

  private func reader(_ change: (inout LogSelection) -> Void = { _ in }) -> LogReader {
    var selection = LogSelection()
    change(&selection)
    return LogReader(path: scratch.log, selection: selection)
  }

  @Test("All files are read, the oldest first, and over a number that is missing")
  func all() throws {
    write(0..<20, with: writer())
    #expect(try times(reader()) == Array(0..<20))
    try File.remove("\(scratch.log).2")
    #expect(try times(reader()).count == 17)
  }

  @Test("Only what is asked for is read")
  func selection() throws {
    write(0..<20, with: writer())
    #expect(try times(reader { $0.streams = .stderr }) == Array(stride(from: 1, to: 20, by: 2)))
    #expect(try times(reader { $0.since = 18 }) == [18, 19])
    #expect(try times(reader { $0.until = 2 }) == [0, 1, 2])
    #expect(try times(reader { $0.streams = [] }) == [])
  }

  @Test(
    "The last entries are found over several files, whatever their number",
    arguments: [0, 1, 2, 3, 4, 19, 20, 21, 1000])
  func tail(count: Int) throws {
    write(0..<20, with: writer())
    #expect(try times(reader { $0.tail = count }) == Array(max(0, 20 - count)..<20))
  }

  @Test("The last entries are the last of those that are asked for")
  func tailOfSelection() throws {
    write(0..<20, with: writer())
    let some = reader {
      $0.tail = 3
      $0.streams = .stdout
      $0.until = 15
    }
    #expect(try times(some) == [10, 12, 14])
  }

  @Test("The end of a long log is found without its beginning")
  func longTail() throws {
    let writer = LogWriter(path: scratch.log, limits: .init(), files: files)
    for number in 0..<20 {
      writer.append([UInt8](repeating: 0x61, count: 16_000) + [0x0A], from: .stdout, at: Int64(number))
    }
    for count in [1, 7, 8, 9, 19, 20, 21] {
      #expect(try times(reader { $0.tail = count }) == Array(max(0, 20 - count)..<20))
    }
  }

  @Test("A long line is one line for tail, over files, and also while lines of the other stream are between")
  func longLines() throws {
    var limits = PartitionDefinition.LogLimits()
    limits.size = 40_000
    limits.files = 100
    let writer = LogWriter(path: scratch.log, limits: limits, files: files)
    func put(_ length: Int, _ stream: LogStream, _ time: Int64, end: String = "\n") {
      writer.append([UInt8](repeating: 0x61, count: length) + Array(end.utf8), from: stream, at: time)
    }
    put(10, .stdout, 1)
    put(50_000, .stdout, 2)
    put(LogEntry.longest + 1, .stdout, 3, end: "")
    put(5, .stderr, 4)
    put(LogEntry.longest, .stdout, 5, end: "")
    put(6, .stderr, 6)
    put(20, .stdout, 7)
    #expect(try times(reader()) == [1, 2, 2, 2, 2, 3, 4, 5, 6, 7])
    #expect(try times(reader { $0.tail = 0 }) == [])
    #expect(try times(reader { $0.tail = 1 }) == [3, 5, 7])
    #expect(try times(reader { $0.tail = 2 }) == [3, 5, 6, 7])
    #expect(try times(reader { $0.tail = 3 }) == [3, 4, 5, 6, 7])
    #expect(try times(reader { $0.tail = 4 }) == [2, 2, 2, 2, 3, 4, 5, 6, 7])
    for count in [5, 6, 100] { #expect(try times(reader { $0.tail = count }).count == 10) }
    let errors = reader {
      $0.tail = 1
      $0.streams = .stderr
    }
    #expect(try times(errors) == [6])
    // A line that is not over yet, and what follows it.
    put(LogEntry.longest + 1, .stdout, 8, end: "")
    let last = reader { $0.tail = 1 }
    #expect(try times(last) == [8])
    put(7, .stdout, 9)
    put(7, .stderr, 10)
    #expect(try times(last) == [9, 10])
  }

  @Test("A line that ended with its program is not the beginning of the next")
  func unended() throws {
    let first = LogWriter(path: scratch.log, limits: .init(), files: files)
    first.append(Array("one".utf8), from: .stdout, at: 1)
    first.flush(.stdout, at: 1)
    let second = LogWriter(path: scratch.log, limits: .init(), files: files)
    second.append(Array("two\n".utf8), from: .stdout, at: 2)
    #expect(try times(reader { $0.tail = 1 }) == [2])
  }

  @Test("The last lines of a long log are looked for a block at a time, and no further back than since")
  func slices() throws {
    let writer = LogWriter(path: scratch.log, limits: .init(), files: files)
    let line = [UInt8](repeating: 0x61, count: 16_000) + [0x0A]
    writer.append(Array("e\n".utf8), from: .stderr, at: 0)
    for number in 1..<200 { writer.append(line, from: .stdout, at: Int64(number)) }
    func reads(_ change: (inout LogSelection) -> Void) throws -> (times: [Int], count: Int) {
      let reader = reader(change)
      var (times, count) = ([Int](), 1)
      while try reader.read({ times.append(Int($0.time)) }) { count += 1 }
      return (times, count)
    }
    let whole = try reads {
      $0.tail = 1
      $0.streams = .stderr
    }
    #expect(whole.times == [0] && whole.count > 200 * 16_000 / LogLines.blockSize)
    let recent = try reads {
      $0.tail = 100
      $0.since = 198
    }
    #expect(recent.times == [198, 199] && recent.count < 4)
  }

  @Test("A reader goes on where it was, over any number of rotations")
  func following() throws {
    let writer = writer()
    let reader = reader()
    #expect(try times(reader) == [])
    var seen: [Int] = []
    var next = 0
    for step in [1, 1, 1, 1, 2, 3, 4, 5, 7, 12, 1, 30] {
      write(next..<(next + step), with: writer)
      next += step
      seen += try times(reader)
      #expect(seen == Array(0..<next))
    }
  }

  @Test("A reader that asked for the last entries goes on with all that follow")
  func followingTail() throws {
    let writer = writer()
    write(0..<5, with: writer)
    let last = reader { $0.tail = 2 }
    let none = reader { $0.tail = 0 }
    #expect(try times(last) == [3, 4])
    #expect(try times(none) == [])
    write(5..<12, with: writer)
    #expect(try times(last) == Array(5..<12))
    #expect(try times(none) == Array(5..<12))
  }

  @Test("A reader that was too slow goes on with the oldest that is left")
  func overtaken() throws {
    let writer = writer(files: 2)
    let reader = reader()
    write(0..<3, with: writer)
    #expect(try times(reader) == [0, 1, 2])
    write(3..<30, with: writer)
    #expect(try times(reader) == Array(24..<30))
  }

  @Test("What is torn, too long or somebody else's is passed over, by readers from both ends")
  func foreign() throws {
    let writer = LogWriter(path: scratch.log, limits: .init(), files: files)
    write(0..<2, with: writer)
    try scratch.write("{\"log\":\"torn\n\n[1]\nhello\n{}\n", to: "p.log")
    try scratch.write(String(repeating: "x", count: 300_000) + "\n", to: "p.log")
    let other = LogWriter(path: scratch.log, limits: .init(), files: LogFiles())
    write(2..<4, with: other)
    #expect(try times(reader()) == [0, 1, 2, 3])
    for count in 0...5 { #expect(try times(reader { $0.tail = count }) == Array(max(0, 4 - count)..<4)) }
  }

  @Test("A line is read when it is whole, and then once")
  func growingLine() throws {
    let reader = reader()
    try scratch.write("{\"log\":\"a\\n\",\"stream\":\"stdout\",", to: "p.log")
    #expect(try times(reader) == [])
    try scratch.write("\"time\":\"1970-01-01T00:00:00.000000007Z\"}", to: "p.log")
    #expect(try times(reader) == [])
    try scratch.write("\n", to: "p.log")
    #expect(try times(reader) == [7])
    #expect(try times(reader) == [])
  }

  @Test("A line that lacks its newline alone is read when its file is over")
  func lastLine() throws {
    try scratch.write(
      "{\"log\":\"a\",\"stream\":\"stdout\",\"time\":\"1970-01-01T00:00:00.000000007Z\"}", to: "p.log.1")
    try scratch.write("", to: "p.log")
    #expect(try times(reader()) == [7])
  }

  @Test("A log that was emptied is read from its beginning")
  func emptied() throws {
    let reader = reader()
    let writer = LogWriter(path: scratch.log, limits: .init(), files: files)
    write(0..<3, with: writer)
    #expect(try times(reader) == [0, 1, 2])
    _ = try FileDescriptor.open(scratch.log, [.writeOnly, .truncate])
    #expect(try times(reader) == [])
    write(3..<6, with: writer)
    #expect(try times(reader) == [3, 4, 5])
    _ = try FileDescriptor.open(scratch.log, [.writeOnly, .truncate])
    write(6..<7, with: writer)
    #expect(try times(reader) == [6])
  }

  @Test("What a reader hands out stays as it is")
  func ownership() throws {
    write(0..<3, with: writer())
    var entries: [LogEntry] = []
    let reader = reader()
    while try reader.read({ entries.append($0) }) {}
    #expect(entries.map(\.summary) == ["0 stdout 0\n", "1 stderr 1\n", "2 stdout 2\n"])
  }
}

@Suite("A line of a log")
struct LogLineTests {
  private func entry(_ text: String) -> String? { LogEntry(line: Array(text.utf8))?.summary }

  @Test("Members come in any order, with space between them, and those that are unknown are passed over")
  func order() {
    let text = #" { "time" : "1970-01-01T00:00:01Z", "tag":"a\"b", "stream":"stderr", "log":"x" } "#
    #expect(entry(text) == "1000000000 stderr x")
  }

  @Test("Every escape of JSON is understood")
  func escapes() {
    let line =
      #"{"log":"\"\\\/\b\f\n\r\t\u00e4\u20AC\ud83d\ude00","stream":"stdout","time":"1970-01-01T00:00:00Z"}"#
    #expect(entry(line) == "0 stdout \"\\/\u{8}\u{C}\n\r\tä€😀")
  }

  @Test(
    "What is no entry is none",
    arguments: [
      "", "{", "{}", "[]", "null", #"{"log":"a"}"#, #"{"log":"a","stream":"stdout"}"#,
      #"{"log":"a","stream":"stdin","time":"1970-01-01T00:00:00Z"}"#,
      #"{"log":"a","stream":"stdout","time":"yesterday"}"#,
      #"{"log":"a","stream":"stdout","time":"1970-01-01T00:00:00Z"}x"#,
      #"{"log":"a","stream":"stdout","time":"1970-01-01T00:00:00Z""#,
      #"{"log":"a\x","stream":"stdout","time":"1970-01-01T00:00:00Z"}"#,
      #"{"log":"a\ud83d","stream":"stdout","time":"1970-01-01T00:00:00Z"}"#,
      #"{"log":1,"stream":"stdout","time":"1970-01-01T00:00:00Z"}"#, #"{"log":"\"#, #"{"log":"\u12"#,
    ])
  func foreign(text: String) { #expect(entry(text) == nil) }

  @Test(
    "Times are read as RFC 3339 has them",
    arguments: [
      ("1970-01-01T00:00:00Z", 0), ("1970-01-01T00:00:00.5Z", 500_000_000),
      ("2000-02-29T12:30:15.000000001Z", 951_827_415_000_000_001),
      ("2023-11-14T22:13:20.123456789Z", 1_700_000_000_123_456_789), ("1970-01-01T02:00:00+02:00", 0),
      ("1969-12-31T23:00:00-01:00", 0), ("1969-12-31T23:59:59.999999999Z", -1),
      ("1970-01-01T00:00:00.1234567891Z", 123_456_789),
    ] as [(String, Int64?)])
  func times(text: String, expected: Int64?) {
    #expect(Array(text.utf8).withUnsafeBytes { LogTime.parse($0) } == expected)
  }

  @Test(
    "What is no time is none",
    arguments: [
      "", "1970", "1970-13-01T00:00:00Z", "1970-01-01 00:00:00Z", "1970-01-01T24:00:00Z",
      "1970-01-01T00:00:00",
      "1970-01-01T00:00:00.Z", "1970-01-01T00:00:00Zx", "9999-01-01T00:00:00Z", "1970-01-01T00:00:00+2",
    ])
  func noTimes(text: String) {
    #expect(Array(text.utf8).withUnsafeBytes { LogTime.parse($0) } == nil)
  }

  @Test("Times are written as the clock writes them")
  func writtenTimes() {
    var random = SystemRandomNumberGenerator()
    for _ in 0..<200 {
      let time = Int64.random(in: 0...9_214_646_400_000_000_000, using: &random)
      let text = String(unsafeUninitializedCapacity: LogTime.length) { buffer in
        if let start = buffer.baseAddress { LogTime.write(time, to: start) }
        return LogTime.length
      }
      #expect(text == Clock.text(time))
      #expect(Array(text.utf8).withUnsafeBytes { LogTime.parse($0) } == time)
    }
  }
}
