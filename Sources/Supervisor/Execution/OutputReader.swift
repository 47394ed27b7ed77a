import Linux

/// Hands out what comes over a pipe or a terminal, as it comes.
final class OutputReader {
  private let source: FileDescriptor
  private let loop: EventLoop
  private let take: ([UInt8]) -> Void
  private var isOpen = true
  /// What goes on discarding in a while.
  private var discarding: EventLoop.Timer?
  private var isDiscarding = false
  /// Called when nothing more comes.
  var onEnd: (() -> Void)?

  init(
    _ source: consuming FileDescriptor, _ loop: EventLoop, _ take: @escaping ([UInt8]) -> Void
  ) throws(Errno) {
    try source.setNonBlocking()
    let number = source.rawValue
    self.source = source
    self.loop = loop
    self.take = take
    try loop.watch(number, .readable) { [unowned self] _ in
      if !moveOnce() {
        close()
        onEnd?()
      } else if isDiscarding {
        pause()
        discarding = loop.after(milliseconds: Self.discardPause) { [unowned self] in
          discarding = nil
          resume()
        }
      }
    }
  }

  /// Between two reads of what nobody wants, in milliseconds: a program that writes as fast as it can has to wait.
  private static let discardPause: Int64 = 5

  /// From now on takes what comes only so that the program can go on, at a pace that holds up nobody else.
  func discard() { isDiscarding = true }

  deinit { close() }

  private func close() {
    if isOpen { loop.forget(source.rawValue) }
    isOpen = false
    if let discarding { loop.cancel(discarding) }
    discarding = nil
  }

  /// Takes nothing until `resume`.
  func pause() { if isOpen { try? loop.change(source.rawValue, to: []) } }

  func resume() { if isOpen, discarding == nil { try? loop.change(source.rawValue, to: .readable) } }

  /// - Returns: whether more may come.
  private func moveOnce() -> Bool {
    var buffer = [UInt8](repeating: 0, count: 32 << 10)
    do throws(Errno) {
      let count = try buffer.withUnsafeMutableBufferPointer { (buffer) throws(Errno) -> Int in
        try source.read(into: UnsafeMutableRawBufferPointer(buffer))
      }
      guard count > 0 else { return false }
      take(Array(buffer[..<count]))
      return true
    } catch .resourceTemporarilyUnavailable {
      return true
    } catch {
      return false
    }
  }

  /// Hands out what is there, and no more: others may have the other end open for ever.
  func drain() {
    guard isOpen else { return }
    var entries = [PollEntry(source.rawValue, .readable)]
    for _ in 0..<64 {
      guard (try? poll(&entries, milliseconds: 0)) == true, moveOnce() else { return }
    }
  }
}
