/// The body of an answer that comes bit by bit: in chunks, and for a client of HTTP/1.0 up to the connection's end.
///
/// One that is let go of before its end breaks the connection off, so that the client does not take it for whole.
public final class HTTPStream {
  private let connection: HTTPConnection
  private let number: UInt64

  init(_ connection: HTTPConnection, _ number: UInt64) {
    self.connection = connection
    self.number = number
  }

  deinit { connection.abort(number) }

  /// Whether the client keeps up: little waits to be sent. `false` as well when it has gone, or the stream has ended.
  public var isWritable: Bool { connection.isWritable(number) }

  /// Sends `bytes`, or keeps them until they can be sent. When too much waits the connection is broken off.
  public func write(_ bytes: [UInt8]) { connection.write(number, bytes) }

  /// Calls `action` once, when the client keeps up (again), from the event loop.
  public func whenWritable(_ action: @escaping () -> Void) {
    connection.setCallbacks(number) { $0.onWritable = action }
  }

  /// Ends the body.
  public func end() { connection.endStream(number) }

  /// Calls `action` when the client goes away before the end; at once when it has gone.
  public func whenClosed(_ action: @escaping () -> Void) {
    connection.setCallbacks(number) { $0.onClose = action }
  }
}
