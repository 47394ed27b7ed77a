/// A connection that carries bytes both ways and no more requests.
///
/// It stays open until it is closed, from here or there; one that is let go of is closed.
public final class HijackedConnection {
  private let answer: HTTPAnswer?

  /// - Parameter answer: `nil` is one whose end has come.
  init(_ answer: HTTPAnswer?) { self.answer = answer }

  deinit { answer?.finish() }

  /// Calls `action` with whatever the client sends. Until then nothing is received.
  public func onBytes(_ action: @escaping ([UInt8]) -> Void) {
    answer?.setCallbacks { $0.onBytes = action }
  }

  /// Calls `action` when the client has sent all that it will. It may go on receiving.
  public func onReadEnd(_ action: @escaping () -> Void) {
    answer?.setCallbacks { $0.onReadEnd = action }
  }

  /// Receives nothing until `resumeReading`: the client has to wait.
  public func pauseReading() { answer?.setPaused(true) }

  /// Receives again.
  public func resumeReading() { answer?.setPaused(false) }

  /// Whether the client keeps up: little waits to be sent. `false` as well when it has gone.
  public var isWritable: Bool { answer?.isWritable ?? false }

  /// Sends `bytes`, or keeps them until they can be sent. When too much waits the connection is broken off.
  public func write(_ bytes: [UInt8]) { answer?.write(bytes) }

  /// Calls `action` once, when the client keeps up (again), from the event loop.
  public func whenWritable(_ action: @escaping () -> Void) {
    answer?.setCallbacks { $0.onWritable = action }
  }

  /// Tells the client, after all that was written, that no more comes. What it sends still comes here.
  public func closeWrite() { answer?.endSending() }

  /// Sends what was written, and closes.
  public func close() { answer?.finish() }

  /// Calls `action` when the client goes away; at once when it has gone.
  public func whenClosed(_ action: @escaping () -> Void) {
    answer?.setCallbacks { $0.onClose = action }
  }
}
