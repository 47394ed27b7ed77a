import Linux

/// A process that finds out what would take too long for one that others wait for, and says it over a pipe.
final class Errand {
  private var source: FileDescriptor
  private let loop: EventLoop
  private var said: [UInt8] = []
  private let done: (Result<[UInt8], SupervisorError>) -> Void

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

  /// Does `work` in a process of its own, and calls `done` with what came of it.
  ///
  /// - Throws: `Errno` when there can be no such process.
  static func run(
    _ loop: EventLoop, _ work: () throws(SupervisorError) -> [UInt8],
    done: @escaping (Result<[UInt8], SupervisorError>) -> Void
  ) throws(Errno) {
    let pipe = try FileDescriptor.pipe()
    let number = pipe.write.rawValue
    switch try clone(into: []) {
    case .child:
      // Clients that hang up are not to wait for it.
      try? closeAll(from: 3, except: [number])
      OutOfMemoryAdjustment.restore()
      exitNow(answer(work, over: pipe.write))
    case .parent: break
    }
    try pipe.read.setNonBlocking()
    let source = pipe.read.rawValue
    let errand = Errand(pipe.read, loop, done)
    try loop.watch(source, .readable) { _ in errand.read() }
  }

  /// The first byte tells whether it went well; of an error, the second what kind it is.
  private static func answer(
    _ work: () throws(SupervisorError) -> [UInt8], over pipe: borrowing FileDescriptor
  ) -> Int32 {
    let message: [UInt8]
    do throws(SupervisorError) { message = [0] + (try work()) } catch {
      message = [1, error.kind.rawValue] + error.description.utf8
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
    done(result)
  }

  private var result: Result<[UInt8], SupervisorError> {
    if said.count > Self.most {
      return .failure(SupervisorError(.failed, "there is too much of it: more than \(Self.most >> 20) MiB"))
    }
    switch said.first {
    case 0?: return .success(Array(said.dropFirst()))
    case nil:
      return .failure(
        SupervisorError(.failed, "the process that was to find out was killed, or lacked memory"))
    default:
      let kind = said.dropFirst().first.flatMap(SupervisorError.Kind.init) ?? .failed
      return .failure(SupervisorError(kind, String(decoding: said.dropFirst(2), as: UTF8.self)))
    }
  }
}
