import Linux

/// A request's side of the connection that it came on, for whoever answers it: at once or later, and once.
///
/// The first answer counts. An exchange that is let go of without one is answered with status 500.
public final class HTTPExchange {
  private let answer: HTTPAnswer

  init(_ answer: HTTPAnswer) { self.answer = answer }

  deinit { answer.abandon() }

  /// Who asked.
  public var peer: PeerCredentials { answer.connection.peer }

  /// Whether the connection may become a stream or be hijacked. Where it may not, there are as many as there may be: whoever
  /// starts one all the same leaves too little room for others.
  public var canStream: Bool { answer.connection.canStream }

  /// Answers with `response`.
  public func respond(_ response: HTTPResponse) { answer.respond(response) }

  /// Answers with Docker's document for `error`.
  public func respond(_ error: HTTPError) { respond(HTTPResponse(error)) }

  /// Starts an answer whose body comes bit by bit. Its head is sent at once.
  public func startStream(_ status: HTTPStatus, headers: HTTPHeaders = [:]) -> HTTPStream {
    HTTPStream(answer.startStream(status, headers))
  }

  /// Makes the connection one that carries bytes both ways and no more requests, as Docker's attach and exec do. A client
  /// that asks for an upgrade is answered with status 101, an old one with 200.
  ///
  /// - Parameter contentType: Docker's `application/vnd.docker.raw-stream`, or that of a `MultiplexedStream`.
  public func hijack(contentType: String = "application/vnd.docker.raw-stream") -> HijackedConnection {
    HijackedConnection(answer.hijack(contentType: contentType))
  }

  /// Calls `action` with whatever comes of a body that is streamed. Until then nothing of it is received.
  public func onBytes(_ action: @escaping ([UInt8]) -> Void) {
    answer.setCallbacks { $0.onBytes = action }
  }

  /// Calls `action` when all of a body that is streamed has come.
  public func onReadEnd(_ action: @escaping () -> Void) {
    answer.setCallbacks { $0.onReadEnd = action }
  }

  /// Receives nothing of the body until `resumeReading`: the client has to wait.
  public func pauseReading() { answer.setPaused(true) }

  /// Receives again.
  public func resumeReading() { answer.setPaused(false) }

  /// Calls `action` when the client goes away before the answer's end; at once when it has gone. There is one such
  /// action for an exchange and what comes of it.
  public func whenClosed(_ action: @escaping () -> Void) {
    answer.setCallbacks { $0.onClose = action }
  }
}
