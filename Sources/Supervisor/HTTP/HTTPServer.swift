import Linux

/// Answers HTTP/1.1 on a unix socket, without ever waiting for a client.
public final class HTTPServer {
  /// What answers a request.
  public typealias Handler = (HTTPRequest, HTTPExchange) -> Void
  /// What tells whether the body of a request is handed over as it comes, and not with the request.
  public typealias BodyStreaming = @Sendable (HTTPMethod, HTTPTarget) -> Bool

  /// What clients may ask of the server.
  public struct Settings: Sendable {
    /// How many connections are served at a time. More are answered with status 503.
    public var connections = 256
    /// How large a request may be; one whose body is streamed, without that.
    public var limits = HTTPLimits()
    /// Which requests' bodies are streamed.
    public var streamsBody: BodyStreaming = { _, _ in false }
    /// How long a request may take to come, in milliseconds; and the first byte of a connection.
    public var requestTime: Int64 = 10_000
    /// How long a connection may be of no use, an answer of known length may stay unread, and nothing may come of a
    /// streamed body, in milliseconds.
    public var idleTime: Int64 = 300_000
    /// How much may wait to be sent on a connection before its stream is no longer writable, in bytes.
    public var outputMark = 256 << 10
    /// How much may wait to be sent on a connection before its stream is broken off, in bytes.
    public var outputLimit = 4 << 20

    /// 256 connections, 10 seconds for a request, 5 minutes between them, 4 MiB of output.
    public init() {}
  }

  /// Refused connections that are still told why. Beyond them there is no word and no memory.
  private static let refusedConnections = 32
  /// Before it is tried again to accept, when the process has no descriptors left, in milliseconds.
  private static let acceptPause: Int64 = 100

  private let loop: EventLoop
  private let settings: Settings
  private let handler: Handler
  private var listener: HTTPListener?
  private var connections: [UInt64: HTTPConnection] = [:]
  private var refused: [UInt64: HTTPConnection] = [:]
  private var lastConnection: UInt64 = 0

  /// Listens on the socket at `path` and has `handler` answer what comes.
  ///
  /// - Parameters:
  ///   - group: whose members may connect, beside the owner, when there is a group of that name.
  public init(
    loop: EventLoop, path: String, group: String? = nil, settings: Settings = Settings(),
    handler: @escaping Handler
  ) throws(HTTPServerError) {
    self.loop = loop
    self.settings = settings
    self.handler = handler
    let listener = try HTTPListener(path: path, group: group)
    self.listener = listener
    try watch(listener)
  }

  deinit { close() }

  /// How many connections are being served.
  public var connectionCount: Int { connections.count }

  /// Listens no more, and closes every connection; no handler is told.
  public func close() {
    if let listener { loop.forget(listener.number) }
    listener = nil
    for connection in Array(connections.values) + Array(refused.values) { connection.close() }
  }

  private func watch(_ listener: HTTPListener) throws(HTTPServerError) {
    do throws(Errno) {
      try loop.watch(listener.number, .readable) { [weak self] _ in self?.accept() }
    } catch {
      throw HTTPServerError("waiting for connections to \(listener.path): \(error)")
    }
  }

  private func accept() {
    // The rest is told of again, after everybody else had a turn.
    for _ in 0..<64 {
      guard let listener else { return }
      do throws(Errno) {
        try serve(try listener.accept())
      } catch .resourceTemporarilyUnavailable {
        return
      } catch .connectionAborted, .connectionReset {
        continue
      } catch {
        return pause(listener)
      }
    }
  }

  /// Nobody can be accepted now, and asking without end would hold everybody up.
  private func pause(_ listener: HTTPListener) {
    loop.forget(listener.number)
    loop.after(milliseconds: Self.acceptPause) { [weak self] in
      guard let self, self.listener === listener else { return }
      do throws(HTTPServerError) { try watch(listener) } catch { pause(listener) }
    }
  }

  private func serve(_ socket: consuming Socket) throws(Errno) {
    lastConnection += 1
    let number = lastConnection
    let isRefused = connections.count >= settings.connections
    if isRefused, refused.count >= Self.refusedConnections { return }
    let connection = try HTTPConnection(socket, loop: loop, settings: settings, handler: handler) {
      [weak self] in
      self?.connections[number] = nil
      self?.refused[number] = nil
    }
    if isRefused {
      refused[number] = connection
      connection.refuse(
        HTTPError(
          .serviceUnavailable,
          "\(settings.connections) connections are open, which is the most; try again when one is closed"))
    } else {
      connections[number] = connection
    }
  }
}
