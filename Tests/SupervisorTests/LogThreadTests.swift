import Linux
import Testing

@testable import Definitions
@testable import Supervisor

@Suite("Logs written by a thread")
struct LogThreadTests {
  private let scratch: LogScratch
  private let loop: EventLoop

  init() throws {
    scratch = try LogScratch()
    loop = try EventLoop()
  }

  /// Has the loop turn until `condition` holds, for ten seconds at most.
  private func turn(until condition: () throws -> Bool) throws {
    let deadline = Clock.monotonic() + 10_000_000_000
    while try !condition() {
      try #require(Clock.monotonic() < deadline)
      try loop.turn(longest: 50)
    }
  }

  private func writer(_ name: String, _ files: LogFiles, size: Int64 = 64 << 20) -> LogWriter {
    var limits = PartitionDefinition.LogLimits()
    limits.size = size
    return LogWriter(path: "\(scratch.path)/\(name)", limits: limits, files: files)
  }

  /// A log that takes no more than a pipe holds, as a disk that hangs does.
  private func hang(_ name: String) throws { try File.makeFifo("\(scratch.path)/\(name)", mode: 0o600) }

  /// What such a log is written to, once that works again.
  private func disk(_ name: String) throws -> FileHolder {
    FileHolder(try FileDescriptor.open("\(scratch.path)/\(name)", [.readOnly, .nonBlocking]))
  }

  @Test("What is appended while something is on its way comes after it, in its order")
  func order() throws {
    let files = try LogFiles(loop)
    let writer = writer("p.log", files)
    var idle = 0
    writer.whenIdle = { idle += 1 }
    writer.append(Array("1\n".utf8), from: .stdout, at: 1)
    #expect(writer.isBusy)
    writer.append(Array("2".utf8), from: .stdout, at: 2)
    writer.append(Array("other\n".utf8), from: .stderr, at: 3)
    writer.flush(.stdout, at: 4)
    writer.append(Array("3\n".utf8), from: .stdout, at: 5)
    try turn { idle > 0 }
    #expect(!writer.isBusy)
    #expect(
      try scratch.entries() == ["1 stdout 1\n", "3 stderr other\n", "4 stdout 2", "5 stdout 3\n"])
    #expect(files.counters.writtenBytes == UInt64(try scratch.text().utf8.count))
  }

  @Test("What is more than one batch is written whole")
  func batches() throws {
    let files = try LogFiles(loop)
    let writer = writer("p.log", files)
    writer.append([UInt8](repeating: UInt8(ascii: "\n"), count: 4000), from: .stdout, at: 1)
    try turn { !writer.isBusy }
    #expect(try scratch.read().count == 4000)
  }

  @Test("No more files are open than allowed, and each writer finds its own again")
  func cache() throws {
    let files = try LogFiles(loop, capacity: 2)
    let writers = (0..<5).map { writer("\($0).log", files) }
    for round in 0..<3 {
      for writer in writers { writer.append(Array("\(round)\n".utf8), from: .stdout, at: 1) }
      try turn { writers.allSatisfy { !$0.isBusy } }
      #expect(files.openCount <= 2)
    }
    for number in 0..<5 {
      #expect(try scratch.entries("\(number).log") == (0..<3).map { "1 stdout \($0)\n" })
    }
  }

  @Test("While a disk hangs, nobody waits for it, and what is under way is bounded")
  func hangs() throws {
    try hang("hangs.log")
    let files = try LogFiles(loop)
    let slow = writer("hangs.log", files)
    let disk = try disk("hangs.log")
    slow.append([UInt8](repeating: UInt8(ascii: "\n"), count: 2000), from: .stdout, at: 1)
    let others = (0..<1000).map { writer("\($0).log", files) }
    var taken = 0
    while taken < others.count, others[taken].hasRoom() {
      others[taken].append(Array("line\n".utf8), from: .stdout, at: 1)
      taken += 1
    }
    #expect(taken > 100 && taken < others.count)
    var hasRoom = false
    others[taken].whenIdle = { hasRoom = true }
    #expect(slow.isBusy && others[0].isBusy)
    // The disk is back.
    try turn {
      disk.work()
      return !slow.isBusy && others[..<taken].allSatisfy { !$0.isBusy } && hasRoom
    }
    #expect(try scratch.entries("\(taken - 1).log") == ["1 stdout line\n"])
  }

  @Test("What cannot be written is counted, and the log says so where it is missing")
  func loss() throws {
    let files = try LogFiles(loop)
    let writer = LogWriter(path: "\(scratch.path)/later/p.log", limits: .init(), files: files)
    writer.append(Array("one\ntwo\n".utf8), from: .stdout, at: 1)
    try turn { !writer.isBusy }
    #expect(files.counters.droppedEntries == 2)
    try Directory.make("\(scratch.path)/later")
    writer.append(Array("three\n".utf8), from: .stdout, at: 3)
    try turn { !writer.isBusy }
    let entries = try scratch.entries("later/p.log")
    #expect(entries.count == 2)
    #expect(entries.first?.hasPrefix("3 stderr swiftjaild: 2 entries") == true)
    #expect(entries.last == "3 stdout three\n")
  }

  // MARK: From pipes

  private func pump(_ log: LogWriter) throws -> (pump: OutputPump, output: FileHolder, errors: FileHolder) {
    let output = try FileDescriptor.pipe()
    let errors = try FileDescriptor.pipe()
    let ends = (FileHolder(output.write), FileHolder(errors.write))
    return (try OutputPump(output: output.read, errors: errors.read, loop, log), ends.0, ends.1)
  }

  @Test("All that was written before the end is in the log when the end is told")
  func finish() throws {
    let files = try LogFiles(loop)
    let (pump, output, errors) = try pump(writer("p.log", files))
    try output.file.writeAll(Array("first\n".utf8))
    try turn { try scratch.names().contains("p.log") && scratch.entries().count == 1 }
    try output.file.writeAll(Array("last".utf8))
    try errors.file.writeAll([UInt8](repeating: UInt8(ascii: "\n"), count: 2000))
    var entries: [LogEntry]?
    // Others still have the pipes open, and are not waited for.
    pump.finish { entries = try? scratch.read() }
    #expect(entries == nil)
    try turn { entries != nil }
    let found = try #require(entries)
    #expect(found.count == 2002)
    #expect(found.contains { $0.bytes == Array("last".utf8) } && found.first?.bytes == Array("first\n".utf8))
  }

  @Test("An end without output is told at once, whatever the disk does")
  func finishAtOnce() throws {
    try hang("hangs.log")
    let files = try LogFiles(loop)
    let slow = writer("hangs.log", files)
    let disk = try disk("hangs.log")
    slow.append([UInt8](repeating: UInt8(ascii: "\n"), count: 2000), from: .stdout, at: 1)
    let (quiet, _, _) = try pump(writer("quiet.log", files))
    let (loud, output, _) = try pump(writer("loud.log", files))
    try output.file.writeAll(Array("word\n".utf8))
    var ended: [String] = []
    loud.finish { ended.append("loud") }
    quiet.finish { ended.append("quiet") }
    #expect(ended == ["quiet"])
    try turn {
      disk.work()
      return ended.count == 2
    }
    #expect(try scratch.entries("loud.log").map { $0.drop { $0 != " " } } == [" stdout word\n"])
  }

  @Test("Who writes too much for the disk is held by its own pipe, and goes on with it")
  func backPressure() throws {
    try hang("hangs.log")
    let files = try LogFiles(loop)
    let (pump, output, _) = try pump(writer("hangs.log", files))
    try output.file.setNonBlocking()
    let disk = try disk("hangs.log")
    let line = Array(String(repeating: "x", count: 1023).utf8) + [UInt8(ascii: "\n")]
    var sent = 0
    // Until neither the log takes any more nor the pipe.
    while true {
      for _ in 0..<5 { try loop.turn(longest: 0) }
      guard let count = output.file.writeNow(line[...]), count == line.count else { break }
      sent += 1
      try #require(sent < 4096)
    }
    var seen = 0
    try turn {
      seen += disk.work()
      return seen == sent
    }
    #expect(output.file.writeNow(line[...]) == line.count)
    withExtendedLifetime(pump) {}
  }
}

/// A descriptor in a tuple.
final class FileHolder {
  let file: FileDescriptor
  init(_ file: consuming FileDescriptor) { self.file = file }

  /// Reads what is there, and says how many lines that was.
  @discardableResult
  func work() -> Int {
    var buffer = [UInt8](repeating: 0, count: 64 << 10)
    let count = try? buffer.withUnsafeMutableBytes { (bytes) throws(Errno) in try file.read(into: bytes) }
    return buffer[..<(count ?? 0)].count { $0 == UInt8(ascii: "\n") }
  }
}
