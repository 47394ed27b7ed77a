/// The body of an answer that comes bit by bit: in chunks, and for a client of HTTP/1.0 up to the connection's end.
///
/// One that is let go of before its end breaks the connection off, so that the client does not take it for whole.
public final class HTTPStream {
  private let answer: HTTPAnswer?

  /// - Parameter answer: `nil` is one whose end has come.
  init(_ answer: HTTPAnswer?) { self.answer = answer }

  deinit { answer?.abort() }

  /// Whether the client keeps up: little waits to be sent. `false` as well when it has gone, or the stream has ended.
  public var isWritable: Bool { answer?.isWritable ?? false }

  /// Sends `bytes`, or keeps them until they can be sent. When too much waits the connection is broken off.
  public func write(_ bytes: [UInt8]) { answer?.write(bytes) }

  /// Calls `action` once, when the client keeps up (again), from the event loop.
  public func whenWritable(_ action: @escaping () -> Void) {
    answer?.setCallbacks { $0.onWritable = action }
  }

  /// Ends the body.
  public func end() { answer?.endStream() }

  /// Calls `action` when the client goes away before the end; at once when it has gone.
  public func whenClosed(_ action: @escaping () -> Void) {
    answer?.setCallbacks { $0.onClose = action }
  }
}
