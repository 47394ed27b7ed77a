import CLinux
import Glibc

/// A thread that carries out jobs, one after the other, for somebody who may not wait for them (`pthreads(7)`).
///
/// A process with a second thread may still `clone` and go on in the child, as long as that thread holds nothing at that
/// moment that the child would need: no lock, and so no memory that it has just allocated. Its jobs therefore lie in memory
/// that it is handed, and their code does nothing but compute and call `RawFile`. It has a table of descriptors of its own,
/// so what it opens counts against no limit of the others, and no child gets it. No signal is delivered to it.
public struct JobThread: ~Copyable {
  /// What is done for each job, with the pointer that was submitted: code that neither allocates nor locks (`@_noLocks`).
  public typealias Work = @convention(c) (UnsafeMutableRawPointer) -> Void

  private let jobs: FileDescriptor
  /// Readable when a job is done. It does not wait.
  public let finished: FileDescriptor

  /// How many jobs may be submitted whose ends were not taken, so that neither side ever waits for the other: a pipe holds
  /// that many pointers even where the kernel gives it a single page.
  public static let most = 512

  private struct Context {
    let jobs: Int32
    let finished: Int32
    let work: Work
  }

  /// Starts a thread that does `work` (`clone3(2)`).
  public init(_ work: @escaping Work) throws(Errno) {
    let jobs = try FileDescriptor.pipe()
    let finished = try FileDescriptor.pipe()
    let context = UnsafeMutablePointer<Context>.allocate(capacity: 1)
    defer { context.deallocate() }
    context.initialize(
      to: Context(jobs: jobs.read.rawValue, finished: finished.write.rawValue, work: work))
    var attributes = pthread_attr_t()
    pthread_attr_init(&attributes)
    defer { pthread_attr_destroy(&attributes) }
    pthread_attr_setdetachstate(&attributes, Int32(PTHREAD_CREATE_DETACHED))
    pthread_attr_setstacksize(&attributes, 256 << 10)
    var thread = pthread_t()
    let mask = try SignalMask.blockAll()
    let failure = pthread_create(&thread, &attributes, { Self.start($0) }, context)
    try mask.restore()
    // The C library uses the older call where there is no clone3, but not where a filter answers EPERM to it.
    guard failure == 0 else { throw SystemCall.clone3.explain(Errno(rawValue: failure)) }
    // From this word on it needs neither the context nor this table of descriptors.
    var answer = 0
    let count = try withUnsafeMutableBytes(of: &answer) { (word) throws(Errno) in
      try finished.read.read(into: word)
    }
    guard count == MemoryLayout<Int>.size, answer == 0 else {
      throw SystemCall.unshare.explain(Errno(rawValue: Int32(-answer)))
    }
    try finished.read.setNonBlocking()
    self.jobs = jobs.write
    self.finished = finished.read
  }

  /// Has `job` done after those before it. It is the thread's until `next` gives it back.
  public func submit(_ job: UnsafeMutableRawPointer) {
    var word = UInt(bitPattern: job)
    // There is room for it, and the thread is there for as long as this is.
    _ = RawFile.write(jobs.rawValue, &word, MemoryLayout<UInt>.size)
  }

  /// The next job that is done; `nil` when none is.
  public func next() -> UnsafeMutableRawPointer? {
    var word: UInt = 0
    guard RawFile.read(finished.rawValue, &word, MemoryLayout<UInt>.size) == MemoryLayout<UInt>.size else {
      return nil
    }
    return UnsafeMutableRawPointer(bitPattern: word)
  }

  private static func start(_ context: UnsafeMutableRawPointer?) -> UnsafeMutableRawPointer? {
    if let context { run(context.assumingMemoryBound(to: Context.self)) }
    return nil
  }

  @_noLocks
  private static func run(_ context: UnsafeMutablePointer<Context>) {
    let jobs = context.pointee.jobs
    let finished = context.pointee.finished
    let work = context.pointee.work
    var answer = RawFile.takeOwnTable(keeping: jobs, finished)
    _ = RawFile.write(finished, &answer, MemoryLayout<Int>.size)
    if answer < 0 { return }
    var word: UInt = 0
    while RawFile.read(jobs, &word, MemoryLayout<UInt>.size) == MemoryLayout<UInt>.size {
      guard let job = UnsafeMutableRawPointer(bitPattern: word) else { break }
      call(work, job)
      _ = RawFile.write(finished, &word, MemoryLayout<UInt>.size)
    }
    RawFile.close(jobs)
    RawFile.close(finished)
  }

  @_semantics("no_performance_analysis")
  private static func call(_ work: Work, _ job: UnsafeMutableRawPointer) { work(job) }
}
