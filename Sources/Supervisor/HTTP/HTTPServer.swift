import Linux

/// Answers HTTP/1.1 on a unix socket, without ever waiting for a client.
public final class HTTPServer {
  /// What answers a request.
  public typealias Handler = (HTTPRequest, HTTPExchange) -> Void
  /// What tells whether the body of a request is handed over as it comes, and not with the request.
  public typealias BodyStreaming = @Sendable (HTTPMethod, HTTPTarget) -> Bool

  /// What clients may ask of the server.
  public struct Settings: Sendable {
    /// How many connections are served at a time that are not streams. For one more, one gives way that waits for its
    /// client; when there is none, it is answered with status 503.
    public var connections = 256
    /// How many connections may be streams or hijacked, which is told by `HTTPExchange.canStream`.
    public var streams = 256
    /// How many of both there may be beyond that for root, so that nobody can keep it from putting things right.
    public var reserved = 16
    /// How much of the bodies of requests that are still coming is kept on all connections together, in bytes, beside
    /// `smallBody` on each. Where there is no room, a request is answered with status 503.
    public var bodies = 64 << 20
    /// How much of a body is kept on any connection, in bytes.
    public var smallBody = 64 << 10
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
    /// How much may wait to be sent on all connections together before a stream is no longer writable on which more than
    /// `smallOutput` waits, and is broken off when it is written to, in bytes.
    public var outputs = 64 << 20
    /// How much may wait to be sent on any connection, in bytes.
    public var smallOutput = 16 << 10

    /// 256 connections and as many streams, 10 seconds for a request, 5 minutes between them, 4 MiB of output.
    public init() {}
  }

  /// Refused connections that are told why in any case. Beyond them there is one try, and no memory.
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
  private let room: HTTPRoom

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
    room = HTTPRoom(settings)
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
      } catch .tooManyOpenFiles where makeRoom() {
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
    // Whoever connects and goes in a loop would have all others wait for the accepting.
    if served >= settings.connections, Self.hasGone(socket) { return }
    // Connections that were streams are served on, so there may be more than that.
    while served >= settings.connections, makeRoom() {}
    let most = settings.connections + (try socket.peer().user == 0 ? settings.reserved : 0)
    guard served >= most else {
      connections[number] = try connection(socket, number)
      return
    }
    let error = HTTPError(
      .serviceUnavailable,
      "\(most) requests are under way, which is the most; try again when one is answered")
    guard refused.count < Self.refusedConnections else { return try turnAway(socket, error) }
    let connection = try connection(socket, number)
    refused[number] = connection
    connection.refuse(error)
  }

  private func connection(
    _ socket: consuming Socket, _ number: UInt64
  ) throws(Errno) -> HTTPConnection {
    try HTTPConnection(socket, loop: loop, settings: settings, room: room, handler: handler) { [weak self] in
      self?.connections[number] = nil
      self?.refused[number] = nil
    }
  }

  /// Says why, as far as that needs no waiting, and closes.
  private func turnAway(_ socket: consuming Socket, _ error: HTTPError) throws(Errno) {
    let socket = try BufferedSocket(socket, loop: loop)
    // What was not read when a socket is closed is an error at the other end.
    _ = socket.receive()
    socket.append(HTTPResponse(error).bytes(keepsAlive: false))
    socket.flush()
    socket.close()
  }

  /// Whether nobody is at the other end any more.
  private static func hasGone(_ socket: borrowing Socket) -> Bool {
    var entries = [PollEntry(socket.descriptor.rawValue, [])]
    return (try? poll(&entries, milliseconds: 0)) == true
  }

  /// How many connections are not streams.
  private var served: Int { connections.count - room.streams }

  /// Has a connection that waits for its client give way.
  ///
  /// - Returns: whether there was one.
  private func makeRoom() -> Bool {
    for _ in 0..<connections.count {
      guard let next = HTTPWayGiving.next(of: waiting, places: settings.connections),
        let connection = connections[next.number]
      else { return false }
      // What it waits for may have come, and nobody has looked at it yet.
      let hasCome = connection.look()
      if connections[next.number] == nil { return true }
      if hasCome { continue }
      connection.giveWay()
      return true
    }
    return false
  }

  private var waiting: [HTTPWaiting] {
    connections.compactMap { number, connection in
      connection.waitingSince.map {
        HTTPWaiting(number: number, peer: connection.peer, since: $0, isIdle: connection.isIdle)
      }
    }
  }
}
