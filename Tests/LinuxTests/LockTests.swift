import Testing

@testable import Linux

@Suite("Locks")
struct LockTests {
  @Test("A lock is held once, and can be had when it is given back")
  func exclusive() throws {
    let scratch = try Scratch()
    let first = try Lock.wait(for: scratch.path)
    #expect(try !isFree(scratch.path))
    first.release()
    #expect(try isFree(scratch.path))
    let second = try Lock.wait(for: scratch.path)
    #expect(try !isFree(scratch.path))
    second.release()
  }

  private func isFree(_ path: String) throws -> Bool {
    guard let lock = try Lock.take(path) else { return false }
    lock.release()
    return true
  }

  @Test("A lock goes with its value")
  func scope() throws {
    let scratch = try Scratch()
    do { _ = try Lock.wait(for: scratch.path) }
    // Waiting, since a child that another test is starting may hold a copy for a moment.
    try Lock.wait(for: scratch.path).release()
  }

  @Test("There is no lock on what is not there")
  func missing() throws {
    let scratch = try Scratch()
    #expect(throws: Errno.noSuchFileOrDirectory) { try Lock.take("\(scratch.path)/none")?.release() }
    #expect(try scratch.names() == [])
  }

  @Test("Who waits for a lock gets that of what is there by then")
  func replaced() async throws {
    let scratch = try Scratch()
    let path = "\(scratch.path)/directory"
    try Directory.make(path)
    let first = try Lock.wait(for: path)
    let waiting = Task.detached {
      let lock = try Lock.wait(for: path)
      let isHeld = try Lock.take(path) == nil
      lock.release()
      return isHeld
    }
    try Directory.remove(path)
    try Directory.make(path)
    first.release()
    #expect(try await waiting.value)
  }

  @Test("Waiting has an end")
  func patience() throws {
    let scratch = try Scratch()
    let lock = try Lock.wait(for: scratch.path)
    #expect(throws: Errno.resourceBusy) { try Lock.wait(for: scratch.path, milliseconds: 10).release() }
    lock.release()
  }
}
