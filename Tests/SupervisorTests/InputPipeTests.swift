import Linux
import Testing

@testable import Supervisor

@Suite("The way to a program's standard input")
struct InputPipeTests {
  @Test("More than a pipe holds gets there as it is read, without anybody waiting, and then the end")
  func pace() throws {
    let loop = try EventLoop()
    let ends = try FileDescriptor.pipe()
    let writer = ends.write
    let reader = ends.read
    let write = writer.rawValue
    var hasEnded = false
    let pipe = InputPipe(loop, open: { try? FileDescriptor.duplicate(of: write) }, end: { hasEnded = true })
    pipe.write([UInt8](repeating: 1, count: 300_000))
    pipe.end()
    #expect(pipe.isFull && !hasEnded)
    var count = 0
    try reader.setNonBlocking()
    for _ in 0..<1000 where count < 300_000 {
      try loop.turn(longest: 0)
      while (try? reader.readByte()) != nil { count += 1 }
    }
    try loop.turn(longest: 0)
    #expect(count == 300_000 && hasEnded && !pipe.isOpen && writer.rawValue == write)
  }

  @Test("What came before the input was there is written when it is")
  func late() throws {
    let loop = try EventLoop()
    let ends = try FileDescriptor.pipe()
    let writer = ends.write
    let reader = ends.read
    let write = writer.rawValue
    var isThere = false
    let pipe = InputPipe(loop, open: { isThere ? try? FileDescriptor.duplicate(of: write) : nil }, end: {})
    pipe.write([7])
    isThere = true
    pipe.retry()
    #expect(try reader.readByte() == 7 && writer.rawValue == write)
  }
}
