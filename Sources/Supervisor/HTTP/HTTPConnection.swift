import Linux

/// One client's connection: requests in, and an answer to each before the next is looked at.
///
/// Whatever is called from here may call back in. Only when the outermost call is done is anything sent, waited for or
/// closed.
final class HTTPConnection {
  /// What the handler waits for. Nothing of it is called after the answer's end.
  struct Callbacks {
    var onBytes: (([UInt8]) -> Void)?
    var onReadEnd: (() -> Void)?
    var onWritable: (() -> Void)?
    var onClose: (() -> Void)?
  }

  private enum Phase: Equatable {
    /// Between requests, or in one.
    case receiving
    /// The handler has a request.
    case answering
    /// The handler sends an answer whose length it has not said.
    case streaming(chunked: Bool)
    /// The handler and the client have the connection to themselves.
    case hijacked
    /// What waits to be sent is sent, and then the connection is closed.
    case finishing(draining: Bool)
    /// All is sent. What the client is still sending is read first, lest it misses the answer.
    case draining
    case closed

    /// Whether it lasts as long as the two ends like.
    var isStream: Bool {
      switch self {
      case .streaming, .hijacked: true
      case .receiving, .answering, .finishing, .draining, .closed: false
      }
    }
  }

  /// What the client has only so much time for.
  private enum Wait: Equatable {
    case request(UInt64)
    case idle(UInt64)
    case body(received: Int)
    case output(sent: Int)
    case drain
  }

  private enum Sending { case open, ending, ended }

  private static let drainTime: Int64 = 2000
  /// How often it is looked whether a client has read the head of an answer, in milliseconds, and for how long.
  private static let headPause: Int64 = 1
  private static let headTries = 50

  let peer: PeerCredentials
  private let loop: EventLoop
  private let settings: HTTPServer.Settings
  private let room: HTTPRoom
  private let handler: HTTPServer.Handler
  private let onEnd: () -> Void

  private let socket: BufferedSocket
  private var parser: HTTPRequestParser
  private var phase = Phase.receiving {
    didSet {
      guard phase.isStream != oldValue.isStream else { return }
      if phase.isStream { room.addStream() } else { room.removeStream() }
    }
  }
  /// What it has taken of the room for bodies, and of that for output.
  private var held = 0
  private var waiting = 0
  /// The number of the request that the handler has, or had last. An older one's answer comes too late.
  private var number: UInt64 = 0
  private var request: (keepsAlive: Bool, isHead: Bool, version: HTTPVersion) = (true, false, .oneOne)
  private var callbacks = Callbacks()

  private var isPaused = false
  /// How much of streamed bodies has come, in bytes.
  private var received = 0
  private var sending = Sending.open
  /// Whether the handler is still at the answer to the last request.
  private var isAnswering = false
  /// Whether a request may be there that nobody has looked at.
  private var hasMore = false
  /// Whether it has asked for another turn.
  private var isTurnSet = false
  private var isBusy = false
  private var isLosing = false

  private var awaited: Wait?
  /// Since when that is so, on the monotonic clock.
  private var awaitedSince: Int64 = 0
  private let deadline: Deadline

  /// Serves who is at the other end of `socket`; `onEnd` is called once the connection is closed.
  init(
    _ socket: consuming Socket, loop: EventLoop, settings: HTTPServer.Settings, room: HTTPRoom,
    handler: @escaping HTTPServer.Handler, onEnd: @escaping () -> Void
  ) throws(Errno) {
    peer = try socket.peer()
    self.loop = loop
    self.settings = settings
    self.room = room
    self.handler = handler
    self.onEnd = onEnd
    parser = HTTPRequestParser(limits: settings.limits, streamsBody: settings.streamsBody)
    deadline = Deadline(loop)
    self.socket = try BufferedSocket(socket, loop: loop)
    self.socket.onEvents = { [weak self] events in self?.ready(events) }
    deadline.onReached = { [weak self] in self?.timeIsUp() }
    settle()
  }

  /// Answers with `error` whatever comes, and closes.
  func refuse(_ error: HTTPError) {
    enter {
      guard phase == .receiving else { return }
      socket.append(HTTPResponse(error).bytes(keepsAlive: false))
      phase = .finishing(draining: true)
      // What has come of a request is of no use any more.
      parser = HTTPRequestParser(limits: settings.limits, streamsBody: settings.streamsBody)
      _ = room.hold(0, &held)
    }
  }

  /// Since when nothing can be done here before the client does something, on the monotonic clock; `nil` when it can.
  var waitingSince: Int64? { isBusy || awaited == nil ? nil : awaitedSince }

  /// Whether it waits for a further request.
  var isIdle: Bool {
    if case .idle = awaited { true } else { false }
  }

  /// Looks at what has come, before its turn.
  func look() { ready(.readable) }

  /// Closes, as another needs the room.
  func giveWay() {
    if phase == .receiving || phase == .answering, !isIdle, socket.waiting == 0 {
      let error = HTTPError(
        .serviceUnavailable, "this request was not whole when another needed its place; try again")
      socket.append(HTTPResponse(error).bytes(keepsAlive: false))
      socket.flush()
    }
    lose()
  }

  /// Whether this client may have one more stream.
  var canStream: Bool { room.hasStream(for: peer.user) }

  /// Closes at once; nobody is told.
  func close() { close(telling: nil) }

  private func close(telling handler: (() -> Void)?) {
    guard phase != .closed else { return }
    phase = .closed
    deadline.set(milliseconds: nil)
    _ = room.hold(0, &held)
    socket.close()
    room.note(waiting: 0, &waiting)
    // First: when what the callbacks hold goes, that may look like the end of what the client was sending.
    handler?()
    dropCallbacks()
    onEnd()
  }

  // MARK: For the handler

  /// Whether the answer to request `number` can still be given or continued.
  private func isOpen(_ number: UInt64, _ phases: Phase...) -> Bool {
    number == self.number && phases.contains(phase) && !socket.isBroken
  }

  func respond(_ number: UInt64, _ response: HTTPResponse) {
    enter {
      guard isOpen(number, .answering) else { return }
      // Where the next request starts is known when the body has come.
      if parser.isStreaming { request.keepsAlive = false }
      socket.append(response.bytes(keepsAlive: keepsAliveField, isHead: request.isHead))
      endAnswer(keepsAlive: request.keepsAlive)
    }
  }

  /// The request `number` was let go of without an answer.
  func abandon(_ number: UInt64) {
    let error = HTTPError(.internalServerError, "the supervisor gave no answer to this request")
    respond(number, HTTPResponse(error))
  }

  /// - Returns: the number by which the stream is known: 0, which no request has, when there is another answer.
  func startStream(_ number: UInt64, _ status: HTTPStatus, _ headers: HTTPHeaders) -> UInt64 {
    guard isOpen(number, .answering) else { return isLost ? number : 0 }
    enter {
      let chunked = request.version == .oneOne
      var framing: HTTPHeaders = [:]
      if chunked { framing.add("Transfer-Encoding", "chunked") }
      if !chunked { request.keepsAlive = false }
      if let keepsAlive = keepsAliveField { framing.add("Connection", keepsAlive ? "keep-alive" : "close") }
      socket.append(HTTPResponse.head(status, headers, framing))
      phase = .streaming(chunked: chunked)
    }
    return number
  }

  /// - Returns: the number by which the hijacked connection is known: 0, which no request has, when there is another answer.
  func hijack(_ number: UInt64, contentType: String, upgrade: String?) -> UInt64 {
    guard isOpen(number, .answering) else { return isLost ? number : 0 }
    enter {
      let headers: HTTPHeaders = ["Content-Type": contentType]
      if let upgrade {
        let framing: HTTPHeaders = ["Connection": "Upgrade", "Upgrade": upgrade]
        socket.append(HTTPResponse.head(.switchingProtocols, headers, framing))
      } else {
        socket.append(HTTPResponse.head(.ok, headers, [:]))
      }
      phase = .hijacked
      socket.flush()
      if socket.waiting == 0 { holdBack(tries: Self.headTries) }
    }
    return number
  }

  /// Sends nothing until the client has read the head: there are clients that read it with more than belongs to it, and
  /// look for what comes behind it elsewhere.
  private func holdBack(tries: Int) {
    socket.isHeldBack = tries > 0 && socket.hasUnread
    guard socket.isHeldBack else { return enter {} }
    loop.after(milliseconds: Self.headPause) { [weak self] in self?.holdBack(tries: tries - 1) }
  }

  func write(_ number: UInt64, _ bytes: [UInt8]) {
    enter {
      guard isOpen(number, .streaming(chunked: true), .streaming(chunked: false), .hijacked),
        sending == .open, !bytes.isEmpty, !(request.isHead && phase != .hijacked)
      else { return }
      // Who does not heed `isWritable` has no bound of his own.
      guard isWritable || socket.waiting + bytes.count <= room.outputLimit else {
        return socket.breakOff()
      }
      socket.append(phase == .streaming(chunked: true) ? HTTPResponse.chunk(bytes) : bytes)
      room.note(waiting: socket.waiting, &waiting)
    }
  }

  /// Ends the streamed answer to request `number`.
  func endStream(_ number: UInt64) {
    enter {
      guard isOpen(number, .streaming(chunked: true), .streaming(chunked: false)) else { return }
      if phase == .streaming(chunked: true), !request.isHead { socket.append(HTTPResponse.lastChunk) }
      endAnswer(keepsAlive: request.keepsAlive)
    }
  }

  /// Sends what waits to be sent, tells the client that no more comes, and goes on receiving.
  func endSending(_ number: UInt64) {
    enter { if isOpen(number, .hijacked), sending == .open { sending = .ending } }
  }

  /// Sends what waits to be sent, and closes.
  func finish(_ number: UInt64) {
    enter {
      guard isOpen(number, .hijacked) else { return }
      endAnswer(keepsAlive: false)
      phase = .finishing(draining: true)
    }
  }

  /// The rest of the streamed answer to request `number` does not come: the client must not take it for whole.
  func abort(_ number: UInt64) {
    enter {
      guard isOpen(number, .streaming(chunked: true), .streaming(chunked: false)) else { return }
      endAnswer(keepsAlive: false)
    }
  }

  func isWritable(_ number: UInt64) -> Bool {
    isOpen(number, .streaming(chunked: true), .streaming(chunked: false), .hijacked) && isWritable
  }

  func setPaused(_ number: UInt64, _ paused: Bool) {
    enter { if isOpen(number, .hijacked, .answering) { isPaused = paused } }
  }

  /// Sets what the handler of request `number` waits for. Once the client has gone, it is told so at once.
  func setCallbacks(_ number: UInt64, _ set: (inout Callbacks) -> Void) {
    enter {
      if isOpen(number, .answering, .streaming(chunked: true), .streaming(chunked: false), .hijacked) {
        // What goes may call in here.
        let former = callbacks
        var changed = former
        set(&changed)
        callbacks = changed
        withExtendedLifetime(former) {}
      } else if number == self.number, isLost {
        var late = Callbacks()
        set(&late)
        late.onClose?()
      }
    }
  }

  /// Whether the client went away before the answer's end.
  private var isLost: Bool { isAnswering && (phase == .closed || socket.isBroken) }

  private var isWritable: Bool { socket.waiting < room.outputMark }

  /// HTTP/1.1 holds a connection open unless told, HTTP/1.0 the other way round.
  private var keepsAliveField: Bool? {
    request.keepsAlive == (request.version == .oneOne) ? nil : request.keepsAlive
  }

  private func endAnswer(keepsAlive: Bool) {
    phase = keepsAlive && !parser.isStreaming ? .receiving : .finishing(draining: parser.isStreaming)
    isAnswering = false
    dropCallbacks()
  }

  /// What they hold may call in here when it goes.
  private func dropCallbacks() {
    let dropped = callbacks
    callbacks = Callbacks()
    withExtendedLifetime(dropped) {}
  }

  // MARK: Events

  private func ready(_ events: Epoll.Events) {
    let isGone = !events.isDisjoint(with: [.hungUp, .failed])
    enter {
      if isGone { isPaused = false }
      if events.contains(.writable) { socket.flush() }
      if isGone || events.contains(.readable) { receive(all: isGone) }
      if isWritable, let action = callbacks.onWritable {
        callbacks.onWritable = nil
        action()
      }
    }
    if isGone { lose() }
  }

  private func receive(all: Bool) {
    repeat {
      guard isReading, let bytes = socket.receive() else { return }
      if phase != .draining {
        parser.append(bytes)
        hasMore = true
      } else if bytes.isEmpty {
        close()
      }
    } while all
  }

  /// The client has gone, or as good as gone.
  private func lose() { close(telling: callbacks.onClose) }

  // MARK: Requests

  private func enter(_ body: () -> Void) {
    guard !isBusy else { return body() }
    isBusy = true
    body()
    serve()
    socket.flush()
    isBusy = false
    settle()
  }

  /// Hands over the next request when it is there and its answer finds room. Those behind it wait until everybody else had
  /// a turn.
  private func serve() {
    if phase == .receiving, hasMore {
      if !isWritable { socket.flush() }
      if isWritable, !socket.isBroken { takeRequest() }
    }
    streamBody()
    guard phase == .hijacked, let onBytes = callbacks.onBytes, !isPaused else { return }
    // The first of it may have come behind the request.
    let bytes = parser.takeRest()
    if !bytes.isEmpty { onBytes(bytes) }
    if phase == .hijacked, socket.hasReadEnded, let action = callbacks.onReadEnd {
      callbacks.onReadEnd = nil
      action()
    }
  }

  /// Hands over what has come of a body.
  private func streamBody() {
    guard phase == .answering, parser.isStreaming, let onBytes = callbacks.onBytes, !isPaused else { return }
    if parser.isAwaitingContinue {
      parser.didContinue()
      socket.append(Array("HTTP/1.1 100 Continue\r\n\r\n".utf8))
    }
    do throws(HTTPError) {
      let piece = try parser.nextOfBody()
      received += piece.bytes.count
      if !piece.bytes.isEmpty { onBytes(piece.bytes) }
      if phase != .answering {
        // It was answered.
      } else if piece.isLast {
        let action = callbacks.onReadEnd
        callbacks.onReadEnd = nil
        action?()
      } else if socket.hasReadEnded {
        socket.breakOff()
      }
    } catch {
      // What holds them is kept until the handler knows.
      let former = callbacks
      respond(number, HTTPResponse(error))
      former.onClose?()
    }
  }

  private func takeRequest() {
    do throws(HTTPError) {
      if let request = try parser.next() {
        _ = room.hold(0, &held)
        hasMore = !parser.isIdle || socket.hasReadEnded
        return hand(request)
      }
      hasMore = false
      if parser.isAwaitingContinue {
        parser.didContinue()
        socket.append(Array("HTTP/1.1 100 Continue\r\n\r\n".utf8))
      }
      if socket.hasReadEnded {
        phase = .finishing(draining: false)
      } else if !room.hold(parser.kept, &held) {
        throw HTTPError(
          .serviceUnavailable, "too many large requests are under way; try again when they are answered")
      }
    } catch {
      refuse(error)
    }
  }

  private func hand(_ request: HTTPRequest) {
    number += 1
    isPaused = false
    self.request = (request.keepsAlive, request.method == .head, request.version)
    phase = .answering
    isAnswering = true
    handler(request, HTTPExchange(self, number, upgrade: request.upgrade.first))
  }

  // MARK: Sending and waiting

  /// Ends what is done, and waits for what comes next.
  private func settle() {
    guard phase != .closed else { return }
    room.note(waiting: socket.waiting, &waiting)
    if socket.waiting == 0, !socket.isBroken {
      switch phase {
      case .finishing(draining: false): return close()
      case .finishing(draining: true):
        phase = .draining
        socket.endSending()
        if socket.hasReadEnded { return close() }
      case .hijacked where sending == .ending:
        sending = .ended
        socket.endSending()
      default: break
      }
    }
    var wanted: Epoll.Events = []
    if isReading { wanted.insert(.readable) }
    if socket.canFlush || callbacks.onWritable != nil && !socket.isHeldBack { wanted.insert(.writable) }
    socket.wait(for: wanted)
    if socket.isBroken, !isLosing {
      // Later, as whoever is at work now does not expect to be called.
      isLosing = true
      loop.after(milliseconds: 0) { [weak self] in self?.lose() }
    }
    setDeadline()
    setTurn()
  }

  /// Has what is there already looked at when everybody else had a turn.
  private func setTurn() {
    guard phase == .receiving, hasMore, isWritable, !socket.isBroken, !isTurnSet else { return }
    isTurnSet = true
    loop.after(milliseconds: 0) { [weak self] in
      self?.isTurnSet = false
      self?.enter {}
    }
  }

  private var isReading: Bool {
    guard !socket.hasReadEnded, !socket.isBroken else { return false }
    return switch phase {
    case .receiving: isWritable && !hasMore
    case .hijacked: callbacks.onBytes != nil && !isPaused
    case .draining: true
    case .answering: parser.isStreaming && callbacks.onBytes != nil && !isPaused
    case .streaming, .finishing, .closed: false
    }
  }

  private var waitNow: Wait? {
    switch phase {
    case .receiving where socket.waiting > 0, .finishing: .output(sent: socket.sent)
    case .receiving where hasMore: nil
    // Who has never asked for anything has no longer than who is asking.
    case .receiving: parser.isIdle && number > 0 ? .idle(number) : .request(number)
    case .draining: .drain
    case .answering: isReading ? .body(received: received) : nil
    case .streaming, .hijacked, .closed: nil
    }
  }

  private func setDeadline() {
    let now = waitNow
    guard now != awaited else { return }
    awaited = now
    awaitedSince = Clock.monotonic()
    let time: Int64? =
      switch now {
      case .request: settings.requestTime
      case .idle, .output, .body: settings.idleTime
      case .drain: Self.drainTime
      case nil: nil
      }
    deadline.set(milliseconds: time)
  }

  private func timeIsUp() {
    if case .body = awaited { return lose() }
    guard case .request = awaited, !parser.isIdle else { return close() }
    refuse(HTTPError(.requestTimeout, "the request was not whole after \(settings.requestTime) ms"))
  }
}
