/// The answer to one request, from when the handler has the request until the answer's end.
///
/// What comes too late, as there is an answer or the client has gone, does nothing.
final class HTTPAnswer: Equatable {
  enum Stage: Equatable {
    /// The handler has the request.
    case awaited
    /// The handler sends an answer whose length it has not said.
    case streaming(chunked: Bool)
    /// The handler and the client have the connection to themselves.
    case hijacked(Sending)
    /// The handler has given all of it.
    case ended
    /// The client went away before that.
    case lost

    /// Whether it lasts as long as the two ends like.
    var isStream: Bool {
      switch self {
      case .streaming, .hijacked: true
      case .awaited, .ended, .lost: false
      }
    }
  }

  /// Whether the handler sends more on a hijacked connection, and whether the client knows that it does not.
  enum Sending { case open, ending, ended }

  /// What the handler waits for. Nothing of it is called after the answer's end.
  struct Callbacks {
    var onBytes: (([UInt8]) -> Void)?
    var onReadEnd: (() -> Void)?
    var onWritable: (() -> Void)?
    var onClose: (() -> Void)?
  }

  let connection: HTTPConnection
  private let isHead: Bool
  private let version: HTTPVersion
  private let upgrade: String?
  private var keepsAlive: Bool
  private(set) var stage = Stage.awaited {
    didSet { if stage.isStream != oldValue.isStream { connection.countStream(stage.isStream) } }
  }
  private var callbacks = Callbacks()
  private var isPaused = false

  init(_ connection: HTTPConnection, to request: HTTPRequest) {
    self.connection = connection
    isHead = request.method == .head
    version = request.version
    upgrade = request.upgrade.first
    keepsAlive = request.keepsAlive
  }

  static func == (one: HTTPAnswer, other: HTTPAnswer) -> Bool { one === other }

  private var socket: BufferedSocket { connection.socket }

  /// Whether it can still be given or continued.
  private var isOpen: Bool { (stage == .awaited || stage.isStream) && !socket.isBroken }

  /// Whether the client went away before its end.
  private var isLost: Bool { stage == .lost || stage != .ended && socket.isBroken }

  /// HTTP/1.1 holds a connection open unless told, HTTP/1.0 the other way round.
  private var keepsAliveField: Bool? { keepsAlive == (version == .oneOne) ? nil : keepsAlive }

  // MARK: Giving it

  func respond(_ response: HTTPResponse) {
    connection.enter {
      guard isOpen, stage == .awaited else { return }
      // Where the next request starts is known when the body has come.
      if connection.isInBody { keepsAlive = false }
      socket.append(response.bytes(keepsAlive: keepsAliveField, isHead: isHead))
      end(keepsAlive: keepsAlive)
    }
  }

  /// The request was let go of without an answer.
  func abandon() {
    let error = HTTPError(.internalServerError, "the supervisor gave no answer to this request")
    respond(HTTPResponse(error))
  }

  /// The rest of the request's body is not as it must be.
  func fail(_ error: HTTPError) {
    // What holds them is kept until the handler knows.
    let former = callbacks
    respond(HTTPResponse(error))
    former.onClose?()
  }

  /// - Returns: what the stream goes on with; `nil` when there is another answer.
  func startStream(_ status: HTTPStatus, _ headers: HTTPHeaders) -> HTTPAnswer? {
    guard isOpen, stage == .awaited else { return isLost ? self : nil }
    connection.enter {
      let chunked = version == .oneOne
      var framing: HTTPHeaders = [:]
      if chunked { framing.add("Transfer-Encoding", "chunked") }
      if !chunked { keepsAlive = false }
      if let keepsAlive = keepsAliveField { framing.add("Connection", keepsAlive ? "keep-alive" : "close") }
      socket.append(HTTPResponse.head(status, headers, framing))
      stage = .streaming(chunked: chunked)
    }
    return self
  }

  /// - Returns: what the hijacked connection goes on with; `nil` when there is another answer.
  func hijack(contentType: String) -> HTTPAnswer? {
    guard isOpen, stage == .awaited else { return isLost ? self : nil }
    connection.enter {
      let headers: HTTPHeaders = ["Content-Type": contentType]
      if let upgrade {
        let framing: HTTPHeaders = ["Connection": "Upgrade", "Upgrade": upgrade]
        socket.append(HTTPResponse.head(.switchingProtocols, headers, framing))
      } else {
        socket.append(HTTPResponse.head(.ok, headers, [:]))
      }
      stage = .hijacked(.open)
      socket.flush()
      // There are clients that read the head with more than belongs to it, and look for what comes behind it elsewhere.
      if socket.waiting == 0 { socket.holdBack { [weak connection] in connection?.enter {} } }
    }
    return self
  }

  func write(_ bytes: [UInt8]) {
    connection.enter {
      guard isOpen, !bytes.isEmpty else { return }
      switch stage {
      case .streaming(let chunked) where !isHead:
        connection.send(chunked ? HTTPResponse.chunk(bytes) : bytes)
      case .hijacked(.open): connection.send(bytes)
      case .streaming, .hijacked, .awaited, .ended, .lost: return
      }
    }
  }

  /// Ends the streamed answer.
  func endStream() {
    connection.enter {
      guard isOpen, case .streaming(let chunked) = stage else { return }
      if chunked, !isHead { socket.append(HTTPResponse.lastChunk) }
      end(keepsAlive: keepsAlive)
    }
  }

  /// Sends what waits to be sent, tells the client that no more comes, and goes on receiving.
  func endSending() {
    connection.enter { if isOpen, stage == .hijacked(.open) { stage = .hijacked(.ending) } }
  }

  /// Sends what waits to be sent, and closes.
  func finish() {
    connection.enter { if isOpen, case .hijacked = stage { end(keepsAlive: false, draining: true) } }
  }

  /// The rest of the streamed answer does not come: the client must not take it for whole.
  func abort() {
    connection.enter { if isOpen, case .streaming = stage { end(keepsAlive: false) } }
  }

  private func end(keepsAlive: Bool, draining: Bool = false) {
    stage = .ended
    connection.endAnswer(keepsAlive: keepsAlive, draining: draining)
    dropCallbacks()
  }

  // MARK: What the handler waits for

  var isWritable: Bool { isOpen && stage.isStream && connection.isWritable }

  func setPaused(_ paused: Bool) {
    connection.enter {
      guard isOpen else { return }
      switch stage {
      case .awaited, .hijacked: isPaused = paused
      case .streaming, .ended, .lost: return
      }
    }
  }

  /// Sets what the handler waits for. Once the client has gone, it is told so at once.
  func setCallbacks(_ set: (inout Callbacks) -> Void) {
    connection.enter {
      if isOpen {
        // What goes may call in here.
        let former = callbacks
        var changed = former
        set(&changed)
        callbacks = changed
        withExtendedLifetime(former) {}
      } else if isLost {
        var late = Callbacks()
        set(&late)
        late.onClose?()
      }
    }
  }

  /// What they hold may call in here when it goes.
  private func dropCallbacks() {
    let dropped = callbacks
    callbacks = Callbacks()
    withExtendedLifetime(dropped) {}
  }

  // MARK: For the connection

  /// What takes the bytes that come, when the handler wants any.
  var taker: (([UInt8]) -> Void)? { isPaused ? nil : callbacks.onBytes }

  var isHijacked: Bool { if case .hijacked = stage { true } else { false } }

  var awaitsWritable: Bool { callbacks.onWritable != nil }

  /// The handler gets what has come in any case.
  func endPause() { isPaused = false }

  func becameWritable() {
    let action = callbacks.onWritable
    callbacks.onWritable = nil
    action?()
  }

  func readEnded() {
    let action = callbacks.onReadEnd
    callbacks.onReadEnd = nil
    action?()
  }

  /// All that was written is sent.
  func outputEnded() {
    guard stage == .hijacked(.ending) else { return }
    stage = .hijacked(.ended)
    socket.endSending()
  }

  /// The connection is closed.
  func lose(tellsHandler: Bool) {
    stage = .lost
    // First: when what the others hold goes, that may look like the end of what the client was sending.
    let onClose = callbacks.onClose
    if tellsHandler { onClose?() }
    dropCallbacks()
  }
}
