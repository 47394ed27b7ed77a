import Linux

/// One client's connection: requests in, and an answer to each before the next is looked at.
///
/// Whatever is called from here may call back in. Only when the outermost call is done is anything sent, waited for or
/// closed.
final class HTTPConnection {
  let peer: PeerCredentials
  let socket: BufferedSocket
  private let loop: EventLoop
  private let room: HTTPRoom
  private let requestTime: Int64
  private let handler: HTTPServer.Handler
  private let onEnd: () -> Void

  private var intake: HTTPRequestIntake
  private var phase = HTTPConnectionPhase.receiving
  private let patience: HTTPPatience
  /// What it has taken of the room for output.
  private var waiting = 0

  private var isBusy = false
  /// Whether it has asked for another turn.
  private var isTurnSet = false
  private var isLosing = false

  /// Serves who is at the other end of `socket`; `onEnd` is called once the connection is closed.
  init(
    _ socket: consuming Socket, loop: EventLoop, settings: HTTPServer.Settings, room: HTTPRoom,
    handler: @escaping HTTPServer.Handler, onEnd: @escaping () -> Void
  ) throws(Errno) {
    peer = try socket.peer()
    self.loop = loop
    self.room = room
    self.handler = handler
    self.onEnd = onEnd
    requestTime = settings.requestTime
    intake = HTTPRequestIntake(settings, room)
    patience = HTTPPatience(loop, settings)
    self.socket = try BufferedSocket(socket, loop: loop)
    self.socket.onEvents = { [weak self] events in self?.ready(events) }
    patience.onEnd = { [weak self] wait in self?.timeIsUp(wait) }
    settle()
  }

  /// Answers with `error` whatever comes, and closes.
  func refuse(_ error: HTTPError) {
    enter {
      guard phase == .receiving else { return }
      socket.append(HTTPResponse(error).bytes(keepsAlive: false))
      phase = .finishing(draining: true)
      intake.discard()
    }
  }

  // MARK: For the server

  /// Since when its client is to do something, or others are to have their turn, on the monotonic clock; `nil` when
  /// neither is so.
  var waitingSince: Int64? { isBusy || patience.awaited == nil ? nil : patience.since }

  /// Whether it waits for a further request.
  var isIdle: Bool {
    if case .idle = patience.awaited { true } else { false }
  }

  /// Looks at what has come, before its turn.
  ///
  /// - Returns: whether that was what it waited for. More of that is not enough.
  func look() -> Bool {
    // What is known to be there is to wait.
    guard !intake.hasMore, let awaited = patience.awaited else { return false }
    ready(.readable)
    return !awaited.isSame(as: patience.awaited)
  }

  /// Closes, as another needs the room.
  func giveWay() {
    switch phase {
    case .receiving where !isIdle && socket.waiting == 0, .answering:
      let error = HTTPError(
        .serviceUnavailable,
        "another connection needed this one's place before its request was due; try again")
      socket.append(HTTPResponse(error).bytes(keepsAlive: false))
      socket.flush()
    case .receiving, .finishing, .draining, .closed: break
    }
    lose()
  }

  /// Closes at once; nobody is told.
  func close() { close(tellsHandler: false) }

  /// The client has gone, or as good as gone.
  private func lose() { close(tellsHandler: true) }

  private func close(tellsHandler: Bool) {
    guard phase != .closed else { return }
    let answer = phase.answer
    phase = .closed
    patience.wait(for: nil)
    intake.release()
    socket.close()
    noteOutput()
    answer?.lose(tellsHandler: tellsHandler)
    onEnd()
  }

  // MARK: For the answer

  /// Whether this client may have one more stream.
  var canStream: Bool { room.hasStream(for: peer.user) }

  /// Whether some of the request's body is still to come.
  var isInBody: Bool { intake.isStreaming }

  /// Whether little waits to be sent.
  var isWritable: Bool { socket.waiting < room.outputMark }

  /// Notes that it has become a stream, or is one no more.
  func countStream(_ isStream: Bool) {
    if isStream { room.addStream() } else { room.removeStream() }
  }

  /// Sends `bytes` of a stream, or breaks it off.
  func send(_ bytes: [UInt8]) {
    // Who does not heed `isWritable` has no bound of his own.
    guard isWritable || socket.waiting + bytes.count <= room.outputLimit else { return socket.breakOff() }
    socket.append(bytes)
    noteOutput()
  }

  /// The answer is at its end.
  func endAnswer(keepsAlive: Bool, draining: Bool) {
    phase =
      keepsAlive && !intake.isStreaming ? .receiving : .finishing(draining: draining || intake.isStreaming)
  }

  private func noteOutput() { room.note(waiting: socket.waiting, &waiting) }

  // MARK: Events

  private func ready(_ events: Epoll.Events) {
    let isGone = !events.isDisjoint(with: [.hungUp, .failed])
    enter {
      if isGone { phase.answer?.endPause() }
      if events.contains(.writable) { socket.flush() }
      if isGone || events.contains(.readable) { receive(all: isGone) }
      if isWritable { phase.answer?.becameWritable() }
    }
    if isGone { lose() }
  }

  private func receive(all: Bool) {
    repeat {
      guard isReading, let bytes = socket.receive() else { return }
      if phase != .draining {
        intake.append(bytes)
      } else if bytes.isEmpty {
        close()
      }
    } while all
  }

  private func timeIsUp(_ wait: HTTPPatience.Wait) {
    switch wait {
    case .body: lose()
    case .request where !intake.isIdle:
      refuse(HTTPError(.requestTimeout, "the request was not whole after \(requestTime) ms"))
    case .request, .idle, .output, .drain, .turn: close()
    }
  }

  // MARK: Requests

  /// Has `body` done, and what follows from it when that is the outermost call.
  func enter(_ body: () -> Void) {
    guard !isBusy else { return body() }
    isBusy = true
    body()
    serve()
    socket.flush()
    isBusy = false
    settle()
  }

  /// Hands over what has come, as long as there is room for an answer. Requests behind the first wait until everybody
  /// else had a turn.
  private func serve() {
    if phase == .receiving, intake.hasMore {
      if !isWritable { socket.flush() }
      if isWritable, !socket.isBroken { handRequest() }
    }
    handBody()
    handRest()
  }

  private func handRequest() {
    do throws(HTTPError) {
      if let request = try intake.next(socket) {
        let answer = HTTPAnswer(self, to: request)
        phase = .answering(answer)
        handler(request, HTTPExchange(answer))
      } else if socket.hasReadEnded {
        phase = .finishing(draining: false)
      }
    } catch {
      refuse(error)
    }
  }

  /// Hands over what has come of a body.
  private func handBody() {
    guard let answer = phase.answer, answer.stage == .awaited, intake.isStreaming, let taker = answer.taker
    else { return }
    do throws(HTTPError) {
      let piece = try intake.nextOfBody(socket)
      if !piece.bytes.isEmpty { taker(piece.bytes) }
      if answer.stage != .awaited {
        // It was answered.
      } else if piece.isLast {
        answer.readEnded()
      } else if socket.hasReadEnded {
        socket.breakOff()
      }
    } catch {
      answer.fail(error)
    }
  }

  /// Hands over what has come for whoever has the connection. The first of it may have come behind the request.
  private func handRest() {
    guard let answer = phase.answer, answer.isHijacked, let taker = answer.taker else { return }
    let bytes = intake.takeRest()
    if !bytes.isEmpty { taker(bytes) }
    if socket.hasReadEnded, answer.isHijacked { answer.readEnded() }
  }

  // MARK: Sending and waiting

  /// Ends what is done, and waits for what comes next.
  private func settle() {
    guard phase != .closed else { return }
    noteOutput()
    if socket.waiting == 0, !socket.isBroken {
      switch phase {
      case .finishing(draining: false): return close()
      case .finishing(draining: true):
        phase = .draining
        socket.endSending()
        if socket.hasReadEnded { return close() }
      case .answering(let answer): answer.outputEnded()
      case .receiving, .draining, .closed: break
      }
    }
    var wanted: Epoll.Events = []
    if isReading { wanted.insert(.readable) }
    let isAwaited = phase.answer?.awaitsWritable ?? false
    if socket.canFlush || isAwaited && !socket.isHeldBack { wanted.insert(.writable) }
    socket.wait(for: wanted)
    if socket.isBroken, !isLosing {
      // Later, as whoever is at work now does not expect to be called.
      isLosing = true
      loop.after(milliseconds: 0) { [weak self] in self?.lose() }
    }
    patience.wait(for: awaited)
    setTurn()
  }

  /// Has what is there already looked at when everybody else had a turn.
  private func setTurn() {
    guard phase == .receiving, intake.hasMore, isWritable, !socket.isBroken, !isTurnSet else { return }
    isTurnSet = true
    loop.after(milliseconds: 0) { [weak self] in
      self?.isTurnSet = false
      self?.enter {}
    }
  }

  private var isReading: Bool {
    guard !socket.hasReadEnded, !socket.isBroken else { return false }
    return switch phase {
    case .receiving: isWritable && !intake.hasMore
    case .answering(let answer):
      answer.taker != nil && (answer.isHijacked || answer.stage == .awaited && intake.isStreaming)
    case .draining: true
    case .finishing, .closed: false
    }
  }

  /// What is to come before anything is done here.
  private var awaited: HTTPPatience.Wait? {
    switch phase {
    case .receiving where socket.waiting > 0, .finishing: .output(sent: socket.sent)
    case .receiving where intake.hasMore: .turn(intake.requests)
    // Who has never asked for anything has no longer than who is asking.
    case .receiving:
      intake.isIdle && intake.requests > 0 ? .idle(intake.requests) : .request(intake.requests)
    case .draining: .drain
    case .answering(let answer):
      answer.stage == .awaited && isReading ? .body(received: intake.received) : nil
    case .closed: nil
    }
  }
}
