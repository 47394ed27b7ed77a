import Glibc
import Linux
import Testing

@testable import Supervisor

@Suite("Messages")
struct MessageWriterTests {
  /// What can be read from `source` now.
  func text(_ source: borrowing FileDescriptor) throws -> String {
    try source.setNonBlocking()
    var buffer = [UInt8](repeating: 0, count: 1 << 20)
    let count = read(source.rawValue, &buffer, buffer.count)
    return String(decoding: buffer[..<max(0, count)], as: UTF8.self)
  }

  /// Writes more than fits to `number`, has all of it taken by `read`, and gives what that was.
  func overflow(_ number: Int32, _ read: () throws -> String) throws -> [Substring] {
    let loop = try EventLoop()
    let writer = MessageWriter("program", to: number)
    writer.wait(with: loop)
    let padding = String(repeating: "x", count: 1000)
    for index in 1...2000 { writer.write("\(index) \(padding)") }
    var text = ""
    for _ in 0..<200 {
      text += try read()
      try loop.turn(longest: 0)
    }
    writer.write("last")
    text += try read()
    return text.split(separator: "\n")
  }

  func check(_ lines: [Substring]) {
    #expect(lines.first?.hasPrefix("program: 1 x") == true)
    #expect(lines.last == "program: last")
    let told = lines.compactMap { $0.hasSuffix("messages were lost: they were not taken in time") ? $0 : nil }
    let kept = lines.count - 2
    #expect(kept > 200 && kept < 600)
    #expect(told == ["program: \(2000 - kept) messages were lost: they were not taken in time"])
  }

  @Test("Nobody who reads a pipe is waited for: lines are kept whole for a while, then dropped and counted")
  func pipe() throws {
    let ends = try FileDescriptor.pipe()
    let writer = ends.write
    let reader = ends.read
    check(try overflow(writer.rawValue) { try text(reader) })
    #expect(fcntl(writer.rawValue, F_GETFL) & O_NONBLOCK == 0, "others have it as well, and may want to wait")
  }

  @Test("The same with a socket, as the journal of systemd has it")
  func socket() throws {
    let ends = try Socket.streams()
    let here = ends.here
    let there = ends.there
    check(try overflow(here.descriptor.rawValue) { try text(there.descriptor) })
  }

  @Test("A file is written to at once, behind what others have written there")
  func file() throws {
    let file = try FileDescriptor.memory(named: "messages")
    try file.writeAll(Array("before\n".utf8))
    let writer = MessageWriter("program", to: file.rawValue)
    writer.write("one")
    writer.write("two")
    var bytes = [UInt8](repeating: 0, count: 100)
    let count = try bytes.withUnsafeMutableBytes { (buffer) throws(Errno) in
      try file.read(into: buffer, at: 0)
    }
    #expect(String(decoding: bytes[..<count], as: UTF8.self) == "before\nprogram: one\nprogram: two\n")
  }

  @Test("What a message quotes does nothing to the terminal that it is shown on")
  func controls() throws {
    let file = try FileDescriptor.memory(named: "messages")
    MessageWriter("program", to: file.rawValue).write("no \u{1b}[2J\n\u{202e}x")
    var bytes = [UInt8](repeating: 0, count: 100)
    let count = try bytes.withUnsafeMutableBytes { (buffer) throws(Errno) in
      try file.read(into: buffer, at: 0)
    }
    #expect(String(decoding: bytes[..<count], as: UTF8.self) == "program: no ?[2J??x\n")
  }

  @Test("When nobody reads any more, that is no error")
  func gone() throws {
    let ends = try FileDescriptor.pipe()
    let writer = ends.write
    do { _ = ends.read }
    MessageWriter("program", to: writer.rawValue).write("one")
  }
}
