import Linux

/// Takes bytes to the standard input of a program, as fast as that takes them.
final class InputPipe {
  private let loop: EventLoop
  private let open: () -> FileDescriptor?
  private let ended: () -> Void
  private var waiting: [UInt8] = []
  private var target: FileDescriptor?
  private var isEnding = false
  private var isWatched = false
  /// Called when it needs to hear no more that the input may be there.
  var forget: (() -> Void)?
  /// Called when all that waited is gone.
  var whenEmpty: (() -> Void)?

  /// So much may wait, in bytes.
  private static let most = 64 << 10

  /// - Parameters:
  ///   - open: gives a descriptor of the input; `nil` when it is not there yet, until `retry`.
  ///   - end: called when all was written, and no more is to come.
  init(_ loop: EventLoop, open: @escaping () -> FileDescriptor?, end: @escaping () -> Void) {
    self.loop = loop
    self.open = open
    ended = end
    retry()
  }

  deinit { close() }

  /// Whether no more should come before what waits is gone.
  var isFull: Bool { waiting.count > Self.most }

  /// Whether the input is there.
  var isOpen: Bool {
    switch target {
    case .some: true
    case .none: false
    }
  }

  /// Looks whether the input is there by now.
  func retry() {
    guard !isOpen else { return }
    target = open()
    switch target {
    case .some(let target): try? target.setNonBlocking()
    case .none: return
    }
    flush()
  }

  /// Takes what comes from a client, who has to wait when the program does not read.
  ///
  /// - Parameters:
  ///   - keys: those that the client leaves by.
  ///   - onDetach: called when he does, before the connection is closed.
  func take(
    from connection: HijackedConnection, until keys: DetachKeys? = nil, onDetach: @escaping () -> Void = {}
  ) {
    var watch = keys.map { DetachKeys.Watch(for: $0) }
    connection.onBytes { [self] bytes in
      let (passed, isDetached) = watch?.take(bytes) ?? (bytes, false)
      write(passed)
      if isDetached {
        onDetach()
        return connection.close()
      }
      if isFull { connection.pauseReading() }
    }
    whenEmpty = { connection.resumeReading() }
  }

  func write(_ bytes: [UInt8]) {
    waiting += bytes
    flush()
  }

  /// Ends the input after what waits.
  func end() {
    isEnding = true
    flush()
  }

  private func flush() {
    var taken: Int? = 0
    var number: Int32 = -1
    var sent = 0
    switch target {
    case .none: return
    case .some(let target):
      number = target.rawValue
      while sent < waiting.count {
        taken = target.writeNow(waiting[sent...])
        guard let count = taken, count > 0 else { break }
        sent += count
      }
    }
    waiting.removeFirst(sent)
    // Nobody reads any more.
    if taken == nil { waiting = [] }
    guard waiting.isEmpty else { return watch(number) }
    unwatch(number)
    whenEmpty?()
    if isEnding {
      close()
      ended()
    }
  }

  private func watch(_ number: Int32) {
    guard !isWatched else { return }
    isWatched = true
    try? loop.watch(number, .writable) { [unowned self] _ in flush() }
  }

  private func unwatch(_ number: Int32) {
    if isWatched { loop.forget(number) }
    isWatched = false
  }

  private func close() {
    switch target {
    case .some(let target): unwatch(target.rawValue)
    case .none: break
    }
    target = nil
    forget?()
    forget = nil
  }
}
