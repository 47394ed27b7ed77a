import Linux
import Testing

@testable import Supervisor

@Suite("What a command inside writes")
struct OutputReaderTests {
  /// Takes what `write` leads to, filled whenever there is room, for `milliseconds`.
  private func fill(_ write: Int32, _ loop: EventLoop, milliseconds: Int64) throws {
    let bytes = [UInt8](repeating: 1, count: 64 << 10)
    let end = Clock.monotonic() + milliseconds * 1_000_000
    let writer = try FileDescriptor.duplicate(of: write)
    try writer.setNonBlocking()
    while Clock.monotonic() < end {
      _ = writer.writeNow(bytes[...])
      try loop.turn(longest: 1)
    }
  }

  @Test("What nobody wants is taken, and slowly")
  func discard() throws {
    let loop = try EventLoop()
    let ends = try FileDescriptor.pipe()
    let writer = ends.write
    var taken = 0
    let reader = try OutputReader(ends.read, loop) { taken += $0.count }
    reader.discard()
    let begin = Clock.monotonic()
    try fill(writer.rawValue, loop, milliseconds: 100)
    let time = Int((Clock.monotonic() - begin) / 1_000_000)
    #expect(taken >= 64 << 10 && taken <= (time / 5 + 2) * (32 << 10))
  }

  @Test("Who pauses it while it is discarded gets nothing more, and no more than one more turn afterwards")
  func pause() throws {
    let loop = try EventLoop()
    let ends = try FileDescriptor.pipe()
    let writer = ends.write
    var taken = 0
    let reader = try OutputReader(ends.read, loop) { taken += $0.count }
    reader.pause()
    try fill(writer.rawValue, loop, milliseconds: 20)
    #expect(taken == 0)
    reader.discard()
    reader.resume()
    try loop.turn(longest: 10)
    #expect(taken == 32 << 10)
  }
}
