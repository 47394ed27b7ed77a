import Linux
import Testing

@Suite("A thread for jobs that take their time")
struct JobThreadTests {
  /// What a job is here: a file that is opened.
  private struct Opening {
    let path: UnsafeMutablePointer<CChar>
    var file = 0
    var size = 0
  }

  private func job(_ path: String) -> UnsafeMutablePointer<Opening> {
    let name = UnsafeMutablePointer<CChar>.allocate(capacity: path.utf8.count + 1)
    for (index, byte) in path.utf8.enumerated() { name[index] = CChar(bitPattern: byte) }
    name[path.utf8.count] = 0
    let job = UnsafeMutablePointer<Opening>.allocate(capacity: 1)
    job.initialize(to: Opening(path: name))
    return job
  }

  private func release(_ job: UnsafeMutablePointer<Opening>) {
    job.pointee.path.deallocate()
    job.deallocate()
  }

  private func thread() throws -> JobThread {
    try JobThread { memory in
      let job = memory.assumingMemoryBound(to: Opening.self)
      job.pointee.file = RawFile.openForAppending(job.pointee.path, mode: 0o600)
      if job.pointee.file < 0 { return }
      let file = Int32(truncatingIfNeeded: job.pointee.file)
      job.pointee.size = RawFile.size(file)
      RawFile.close(file)
    }
  }

  private func finished(_ thread: borrowing JobThread) throws -> UnsafeMutableRawPointer? {
    var entries = [PollEntry(thread.finished.rawValue, .readable)]
    #expect(try poll(&entries, milliseconds: 10_000))
    return thread.next()
  }

  @Test("Jobs are done in their order, and come back")
  func order() throws {
    let thread = try thread()
    #expect(thread.next() == nil)
    let jobs = (0..<100).map { _ in job("/dev/null") }
    defer { for job in jobs { release(job) } }
    for job in jobs { thread.submit(job) }
    for job in jobs { #expect(try finished(thread) == UnsafeMutableRawPointer(job)) }
    #expect(thread.next() == nil)
  }

  @Test("What a job opens is in a table of its own, where nothing else is")
  func table() throws {
    let thread = try thread()
    let job = job("/dev/null")
    defer { release(job) }
    thread.submit(job)
    _ = try finished(thread)
    // The tests have their standard streams.
    #expect(job.pointee.file == 0 && isOpen(0))
  }

  @Test("A call that fails answers with the kernel's number")
  func failure() throws {
    let thread = try thread()
    let job = job("/nonesuch/file")
    defer { release(job) }
    thread.submit(job)
    _ = try finished(thread)
    #expect(job.pointee.file == -Int(Errno.noSuchFileOrDirectory.rawValue))
  }
}
