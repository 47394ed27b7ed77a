import Linux

/// A process that does what would take too long for one that others wait for, and says over a pipe what came of it.
final class Errand {
  private var source: FileDescriptor
  private var process: Pidfd?
  private let loop: EventLoop
  private var said: [UInt8] = []
  private var done: ((Result<[UInt8], SupervisorError>) -> Void)?

  /// So much can be said, in bytes.
  private static let most = 64 << 20

  private init(
    _ source: consuming FileDescriptor, _ loop: EventLoop,
    _ done: @escaping (Result<[UInt8], SupervisorError>) -> Void
  ) {
    self.source = source
    self.loop = loop
    self.done = done
  }

  /// Does `work` in a process of its own, and calls `done` with what came of it once that has ended.
  ///
  /// - Parameters:
  ///   - kept: the numbers of descriptors that it needs; it has no other.
  ///   - isBound: whether it is killed when this process dies.
  /// - Throws: `Errno` when there can be no such process.
  @discardableResult
  static func run(
    _ loop: EventLoop, keeping kept: [Int32] = [], isBound: Bool = false,
    _ work: () throws(SupervisorError) -> [UInt8],
    done: @escaping (Result<[UInt8], SupervisorError>) -> Void
  ) throws(Errno) -> Errand {
    let pipe = try FileDescriptor.pipe()
    try pipe.read.setNonBlocking()
    let source = pipe.read.rawValue
    let errand = Errand(pipe.read, loop, done)
    // Watched before the clone: without a watch, the result of the new process would be lost.
    try loop.watch(source, .readable) { _ in errand.read() }
    do throws(Errno) {
      try errand.start(pipe.write, keeping: kept, isBound: isBound, work)
    } catch {
      loop.forget(source)
      throw error
    }
    return errand
  }

  private func start(
    _ pipe: borrowing FileDescriptor, keeping kept: [Int32], isBound: Bool,
    _ work: () throws(SupervisorError) -> [UInt8]
  ) throws(Errno) {
    let parent = ProcessControl.pid
    switch try clone(into: []) {
    case .child:
      if isBound {
        try? ProcessControl.dieWithParent()
        // It may be dead already.
        if ProcessControl.parentPid != parent { exitNow(1) }
      }
      // Clients that hang up are not to wait for it.
      try? closeAll(from: 3, except: kept + [pipe.rawValue])
      OutOfMemoryAdjustment.restore()
      exitNow(Self.answer(work, over: pipe))
    case .parent(_, let process): self.process = consume process
    }
  }

  /// Ends it at once, whatever it is at: `done` is called as if it had been killed by somebody else.
  func end() { try? process?.send(.kill) }

  /// The first byte tells whether it went well, and if not, what kind of failure it was.
  private static func answer(
    _ work: () throws(SupervisorError) -> [UInt8], over pipe: borrowing FileDescriptor
  ) -> Int32 {
    let message: [UInt8]
    do throws(SupervisorError) { message = [0] + (try work()) } catch {
      message = [error.kind.rawValue] + error.description.utf8
    }
    do throws(Errno) {
      try pipe.writeAll(message)
      return 0
    } catch {
      return 1
    }
  }

  private func read() {
    var buffer = [UInt8](repeating: 0, count: 64 << 10)
    do throws(Errno) {
      let count = try buffer.withUnsafeMutableBufferPointer { (buffer) throws(Errno) -> Int in
        try source.read(into: UnsafeMutableRawBufferPointer(buffer))
      }
      said += buffer[..<count]
      if count > 0, said.count <= Self.most { return }
    } catch .resourceTemporarilyUnavailable {
      return
    } catch {
      // As if it had said no more.
    }
    loop.forget(source.rawValue)
    awaitEnd()
  }

  /// What it has mounted is there until it has ended.
  private func awaitEnd() {
    if said.count > Self.most { end() }
    guard let number else { return finish() }
    do throws(Errno) {
      try loop.watch(number, .readable) { [self] _ in finish() }
    } catch { finish() }
  }

  /// The number of its pidfd.
  private var number: Int32? {
    switch process {
    case .some(let process): process.descriptor.rawValue
    case .none: nil
    }
  }

  private func finish() {
    if let number { loop.forget(number) }
    let done = self.done
    self.done = nil
    done?(result)
  }

  private var result: Result<[UInt8], SupervisorError> {
    if said.count > Self.most {
      return .failure(SupervisorError(.failed, "there is too much of it: more than \(Self.most >> 20) MiB"))
    }
    switch said.first {
    case 0?: return .success(Array(said.dropFirst()))
    case let kind?:
      return .failure(
        SupervisorError(
          SupervisorError.Kind(rawValue: kind) ?? .failed, String(decoding: said.dropFirst(), as: UTF8.self)))
    case nil:
      return .failure(
        SupervisorError(.failed, "the process that was to do it was killed, or lacked memory"))
    }
  }
}
