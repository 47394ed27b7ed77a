import Linux

/// A process that makes an answer which would take too long for one that others wait for; what it writes goes to the client
/// as fast as that takes it, and is nowhere kept whole.
final class ErrandStream {
  private var source: FileDescriptor
  private var process: Pidfd?
  private let loop: EventLoop
  private var stream: HTTPStream?
  private let onEnd: () -> Void
  private let onStall: () -> Void
  private var hasStalled = false
  private var timer: EventLoop.Timer?
  /// Whether the text has come to its end.
  private var isWhole = false

  /// A client that takes nothing for so long has gone, as far as anybody can tell, in milliseconds.
  private static let patience: Int64 = 30_000
  /// One that takes nothing for so long is not to be waited for, in milliseconds.
  private static let stallTime: Int64 = 500
  /// What ends the text, and is not part of it: without it the process was cut short.
  private static let end: UInt8 = 0

  private init(
    _ source: consuming FileDescriptor, _ loop: EventLoop, _ stream: HTTPStream,
    _ onStall: @escaping () -> Void, _ onEnd: @escaping () -> Void
  ) {
    self.source = source
    self.loop = loop
    self.stream = stream
    self.onStall = onStall
    self.onEnd = onEnd
  }

  /// Sends to `stream` the text, without zeros, that `text` makes in a process of its own, and calls `onEnd` when there is no
  /// more of it, or nobody to send it to.
  ///
  /// - Parameter onStall: called once when the client takes nothing for a while.
  /// - Throws: `Errno` when there can be no such process.
  static func run(
    _ loop: EventLoop, to stream: HTTPStream, _ text: () -> [UInt8], onStall: @escaping () -> Void = {},
    onEnd: @escaping () -> Void
  ) throws(Errno) {
    let pipe = try FileDescriptor.pipe()
    try pipe.read.setNonBlocking()
    let source = pipe.read.rawValue
    let errand = ErrandStream(pipe.read, loop, stream, onStall, onEnd)
    // Watched before the clone: without a watch, the result of the new process would be lost.
    try loop.watch(source, .readable) { _ in errand.move() }
    do throws(Errno) { try errand.start(pipe.write, text) } catch {
      loop.forget(source)
      throw error
    }
    stream.whenClosed { [weak errand] in errand?.finish() }
  }

  private func start(_ pipe: borrowing FileDescriptor, _ text: () -> [UInt8]) throws(Errno) {
    switch try clone(into: []) {
    case .child:
      // Clients that hang up are not to wait for it.
      try? closeAll(from: 3, except: [pipe.rawValue])
      do throws(Errno) {
        try pipe.writeAll(text())
        try pipe.writeAll([Self.end])
      } catch {
        // Nobody reads it any more.
      }
      exitNow(0)
    case .parent(_, let process): self.process = consume process
    }
  }

  private func move() {
    guard let stream else { return }
    var buffer = [UInt8](repeating: 0, count: 64 << 10)
    do throws(Errno) {
      let count = try buffer.withUnsafeMutableBufferPointer { (buffer) throws(Errno) -> Int in
        try source.read(into: UnsafeMutableRawBufferPointer(buffer))
      }
      guard count > 0 else {
        if isWhole { stream.end() }
        return finish()
      }
      isWhole = buffer[count - 1] == Self.end
      stream.write(Array(buffer[..<(isWhole ? count - 1 : count)]))
    } catch .resourceTemporarilyUnavailable {
      return
    } catch {
      return finish()
    }
    if !stream.isWritable { wait(for: stream) }
  }

  /// Takes no more until the client has.
  private func wait(for stream: HTTPStream) {
    try? loop.change(source.rawValue, to: [])
    timer = loop.after(milliseconds: Self.stallTime) { [weak self] in self?.stall() }
    stream.whenWritable { [weak self] in
      guard let self, self.stream != nil else { return }
      if let timer { loop.cancel(timer) }
      timer = nil
      try? loop.change(source.rawValue, to: .readable)
    }
  }

  /// The client takes nothing.
  private func stall() {
    timer = loop.after(milliseconds: Self.patience - Self.stallTime) { [weak self] in self?.finish() }
    guard !hasStalled else { return }
    hasStalled = true
    onStall()
  }

  /// Ends it. A stream that has not come to its end breaks off.
  private func finish() {
    guard stream != nil else { return }
    if let timer { loop.cancel(timer) }
    timer = nil
    loop.forget(source.rawValue)
    if !isWhole { try? process?.send(.kill) }
    stream = nil
    onEnd()
  }
}
