import Linux
import Testing

@testable import Supervisor

@Suite("Lines for the person who runs the program")
struct MessagesTests {
  /// All that has come.
  private func drain(_ source: borrowing FileDescriptor) throws -> String {
    try source.setNonBlocking()
    var bytes: [UInt8] = []
    var buffer = [UInt8](repeating: 0, count: 64 << 10)
    while let count = try? buffer.withUnsafeMutableBytes({ try source.read(into: $0) }), count > 0 {
      bytes += buffer[..<count]
    }
    return String(decoding: bytes, as: UTF8.self)
  }

  @Test("Nobody waits for a reader who stands still, and what he missed is counted")
  func pipe() throws {
    let pipe = try FileDescriptor.pipe()
    let messages = Messages(to: pipe.write.rawValue)
    messages.write("first")
    try #expect(drain(pipe.read) == "swiftjaild: first\n")
    let long = String(repeating: "x", count: 7000)
    let count = 100
    for _ in 0..<count { messages.write(long) }
    let taken = try drain(pipe.read)
    messages.write("next")
    let all = try taken + drain(pipe.read)
    let lines = all.split(separator: "\n")
    let whole = lines.filter { $0 == "swiftjaild: \(long)" }.count
    #expect(whole > 2 && whole < count)
    #expect(
      lines.dropFirst(whole).map(String.init) == [
        "swiftjaild: \(count - whole) messages are missing here: nobody took them", "swiftjaild: next",
      ])
  }

  @Test("Nobody waits for who does not read from a socket")
  func socket() throws {
    let pair = try Socket.pair()
    let messages = Messages(to: pair.there.descriptor.rawValue)
    for _ in 0..<10_000 { messages.write("a line of some length") }
    let bytes = try pair.here.receive().bytes
    #expect(String(decoding: bytes, as: UTF8.self) == "swiftjaild: a line of some length\n")
  }

  @Test("What is in a file stays there")
  func file() throws {
    let scratch = try LogScratch()
    try scratch.write("before\n", to: "p.log")
    let file = try FileDescriptor.open(scratch.log, .writeOnly)
    Messages(to: file.rawValue).write("after")
    try #expect(scratch.text() == "before\nswiftjaild: after\n")
  }

  @Test("Where there is nothing to write to, nothing is written")
  func nothing() { Messages(to: 1 << 20).write("nobody") }
}
