import Linux

/// A keeper that is being started.
public final class KeeperLaunch {
  /// What its word comes from, that it listens, or its end.
  private let ready: FileDescriptor
  private let process: Pidfd
  private var timer: EventLoop.Timer?

  /// So long it may take, in milliseconds.
  private static let patience: Int32 = 10_000

  /// Starts a keeper that is to listen at `place`.
  ///
  /// - Parameter containers: the directory with the state of its containers.
  init(_ place: KeeperPlace, containers: String) throws(Errno) {
    let pipe = try FileDescriptor.pipe()
    switch try clone(into: []) {
    case .child:
      do throws(Errno) {
        try ProcessControl.startSession()
        try Directory.change(to: "/")
        resetSignalActions()
        let null = try FileDescriptor.open("/dev/null", .readWrite)
        try null.replace(0)
        try null.replace(1)
        try FileDescriptor.duplicate(of: pipe.write.rawValue).replace(3)
        try closeOnExec(from: 4)
        try SignalMask.none.restore()
        throw execute(
          "/proc/self/exe", [Keeper.processName, place.directory, containers, String(place.number)])
      } catch { exitNow(1) }
    case .parent(_, let process): self.process = process
    }
    ready = pipe.read
  }

  /// The byte by which a keeper says that it listens.
  public static let listens: UInt8 = 1

  /// What a keeper says when it cannot listen because of `error`: a zero, and the error's number.
  public static func failure(_ error: Errno) -> [UInt8] {
    [0] + (0..<4).map { UInt8(truncatingIfNeeded: error.rawValue >> ($0 * 8)) }
  }

  /// Waits until it listens.
  ///
  /// - Throws: why it does not; `.connectionRefused` when it has not said that.
  func wait() throws(Errno) {
    var entries = [PollEntry(ready.rawValue, .readable)]
    guard try poll(&entries, milliseconds: Self.patience) else {
      try? process.send(.kill)
      throw .connectionRefused
    }
    if try ready.readByte() == Self.listens { return }
    try? process.send(.kill)
    let number = (try? ready.readToEnd(limit: 4)) ?? []
    guard number.count == 4 else { throw .connectionRefused }
    throw Errno(rawValue: number.reversed().reduce(0) { $0 << 8 | Int32($1) })
  }

  /// Calls `done` when it listens, or does not in time.
  func whenReady(_ loop: EventLoop, _ done: @escaping (_ listens: Bool) -> Void) throws(Errno) {
    try loop.watch(ready.rawValue, .readable) { [unowned self] _ in
      finish(loop, listens: (try? ready.readByte()) ?? nil == Self.listens, done)
    }
    timer = loop.after(milliseconds: Int64(Self.patience)) { [unowned self] in
      finish(loop, listens: false, done)
    }
  }

  private func finish(_ loop: EventLoop, listens: Bool, _ done: (Bool) -> Void) {
    loop.forget(ready.rawValue)
    if let timer { loop.cancel(timer) }
    timer = nil
    // Nobody would ever come to it.
    if !listens { try? process.send(.kill) }
    done(listens)
  }
}
