import Linux

/// The keepers of a supervisor: one, or as many as are necessary where a process may have few descriptors.
///
/// A start goes to the first that has room; each partition is with the one that started it until its program ends.
final class Keepers {
  private let directory: String
  private let containers: String
  private let loop: EventLoop
  private var connections: [Int: KeeperConnection] = [:]
  /// Those that are being started.
  private var beginnings: [Int: Beginning] = [:]
  /// Those that have said that they have no room, and have told of no end since.
  private var full: Set<Int> = []
  /// Those that have not told yet of all that they have.
  private var incomplete: Set<Int> = []
  /// How often each has said something.
  private var heard: [Int: UInt64] = [:]
  /// Those that answer when they are asked to: not those of an older version.
  private var answering: Set<Int> = []
  /// Those that have said nothing since they were told something.
  private var silent: Set<Int> = []
  /// Those of which it is seen whether they say something.
  private var watched: Set<Int> = []
  /// How often one was looked for again that had ended before it told that.
  private var searches = 0
  private static let mostSearches = 100
  /// So long one may be silent that was told something, and again when it was asked to answer, in milliseconds.
  private static let patience: Int64 = 5000

  /// A keeper that is being started, and what it is to be told.
  private final class Beginning {
    let launch: KeeperLaunch
    var requests: [KeeperRequest] = []
    /// What goes to those who are attached to what it is to start.
    var attachments: [WaitingAttachment] = []
    init(_ launch: KeeperLaunch) { self.launch = launch }
  }
  /// Called with each report that comes, and the number of the keeper that it comes from; with `.complete` once, for all.
  var onReport: ((KeeperReport, Int) -> Void)?
  /// Called when one of them is gone.
  var onEnd: (() -> Void)?

  /// Connects to those that listen in `directory`, and starts one when there is none.
  ///
  /// - Parameters:
  ///   - containers: the directory with the state of their containers.
  init(in directory: String, containers: String, _ loop: EventLoop) throws(SupervisorError) {
    self.directory = directory
    self.containers = containers
    self.loop = loop
    let places: [KeeperPlace]
    do throws(Errno) { places = try KeeperPlace.all(in: directory) } catch {
      throw SupervisorError("look for keepers in \(directory)", error)
    }
    for place in places {
      if let connection = try KeeperConnection.find(at: place, containers: containers, loop) {
        use(connection, place.number)
      }
    }
    // Nobody is there yet whom it would hold up.
    if connections.isEmpty { try startFirst() }
    incomplete = Set(connections.keys)
  }

  private func startFirst() throws(SupervisorError) {
    let place = KeeperPlace(first: directory)
    do throws(Errno) {
      try KeeperLaunch(place, containers: containers).wait()
      use(try KeeperConnection(to: place, loop), place.number)
    } catch {
      throw SupervisorError("start the keeper at \(place.path)", error)
    }
  }

  /// Starts a keeper, which is told `request` as soon as it listens.
  private func begin(_ number: Int, _ request: KeeperRequest?) throws(SupervisorError) {
    guard let place = KeeperPlace(directory, number) else {
      throw noRoom("\(KeeperPlace.most) keepers have no descriptors left")
    }
    do throws(Errno) {
      let beginning = Beginning(try KeeperLaunch(place, containers: containers))
      try beginning.launch.whenReady(loop) { [unowned self] listens in finish(place, listens) }
      if let request { beginning.requests.append(request) }
      beginnings[number] = beginning
    } catch .tooManyOpenFiles {
      throw noRoom("another keeper needs descriptors, and none are left")
    } catch {
      throw SupervisorError("start the keeper at \(place.path)", error)
    }
  }

  private func finish(_ place: KeeperPlace, _ listens: Bool) {
    guard let beginning = beginnings.removeValue(forKey: place.number) else { return }
    do throws(Errno) {
      guard listens else { throw .connectionRefused }
      let connection = try KeeperConnection(to: place, loop)
      use(connection, place.number)
      for attachment in beginning.attachments { attach(attachment.wanted, attachment.end, to: place.number) }
      for request in beginning.requests { connection.send(request) }
    } catch {
      if incomplete.contains(place.number) { onEnd?() }
      let reason = "start the keeper at \(place.path): \(error)"
      for request in beginning.requests {
        switch request {
        case .start(let start), .prepare(let start), .adopt(let start):
          onReport?(.failed(name: start.name, reason: reason), place.number)
        default: break
        }
      }
    }
  }

  private func noRoom(_ reason: String) -> SupervisorError {
    let limit = ResourceLimit.openFiles
    return SupervisorError(
      .failed,
      "\(reason), \(limit) for each process: give swiftjaild more (LimitNOFILE= in its unit, or ulimit -n)")
  }

  private func use(_ connection: KeeperConnection, _ number: Int) {
    connections[number] = connection
    connection.onReport = { [unowned self] report in take(report, number) }
    connection.onEnd = { [unowned self] in ended(number) }
  }

  private func ended(_ number: Int) {
    // It may have had nothing to keep, and have been about to end when it was found.
    guard incomplete.contains(number), searches < Self.mostSearches,
      let place = KeeperPlace(directory, number)
    else { return onEnd?() ?? () }
    searches += 1
    // Not while what it has said is being heard.
    loop.after(milliseconds: 0) { [unowned self] in
      do throws(SupervisorError) {
        if let connection = try KeeperConnection.find(at: place, containers: containers, loop) {
          use(connection, number)
        } else {
          try begin(number, nil)
        }
      } catch { onEnd?() }
    }
  }

  /// Sends a request to a keeper, and sees whether that still says something.
  private func send(_ request: KeeperRequest, to number: Int) -> Bool? {
    guard let isSent = connections[number]?.send(request) else { return nil }
    if isSent { expectWord(of: number) }
    return isSent
  }

  private func expectWord(of number: Int) {
    silent.insert(number)
    if watched.insert(number).inserted { watch(number) }
  }

  private func watch(_ number: Int) {
    let before = heard[number]
    loop.after(milliseconds: Self.patience) { [unowned self] in
      guard silent.contains(number), answering.contains(number) else {
        watched.remove(number)
        return
      }
      // It was told something after that.
      guard heard[number] == before else { return watch(number) }
      connections[number]?.send(.answer)
      loop.after(milliseconds: Self.patience) { [unowned self] in
        watched.remove(number)
        guard heard[number] == before, let place = KeeperPlace(directory, number) else { return }
        let note =
          "the keeper at \(place.path) does not answer: is it stopped? Nothing is started, and what is written "
          + "waits, until it goes on"
        onReport?(.note(note), number)
      }
    }
  }

  private func take(_ report: KeeperReport, _ number: Int) {
    heard[number, default: 0] += 1
    silent.remove(number)
    switch report {
    case .complete:
      guard incomplete.remove(number) != nil, incomplete.isEmpty else { return }
    case .full: full.insert(number)
    case .ended, .failed: full.remove(number)
    case .logged: answering.insert(number)
    case .kept, .started, .prepared, .starting, .note: break
    }
    onReport?(report, number)
  }

  /// Has a partition started, prepared or adopted by a keeper that has room.
  ///
  /// - Parameter attachments: what goes to those who are attached to it.
  /// - Returns: the keeper's number; `nil` when the request is too long, and is not sent.
  func start(
    _ request: KeeperStart, for attachments: [WaitingAttachment] = []
  ) throws(SupervisorError) -> Int? {
    var number = 0
    while full.contains(number) { number += 1 }
    let message: KeeperRequest =
      if request.started != nil { .adopt(request) } else if request.waits { .prepare(request) } else {
        .start(request)
      }
    if connections[number] != nil {
      for attachment in attachments { attach(attachment.wanted, attachment.end, to: number) }
    }
    if let isSent = send(message, to: number) { return isSent ? number : nil }
    guard message.json.bytes().count <= PacketChannel.longest else { return nil }
    if let beginning = beginnings[number] {
      beginning.requests.append(message)
    } else {
      try begin(number, message)
    }
    beginnings[number]?.attachments += attachments
    return number
  }

  /// Has the keeper `number`, which may be on its way, send what a partition writes that it was asked to start.
  func attach(_ attachment: WaitingAttachment, to number: Int) {
    if let beginning = beginnings[number] {
      beginning.attachments.append(attachment)
    } else {
      var wanted = attachment.wanted
      wanted.waits = false
      attach(wanted, attachment.end, to: number)
    }
  }

  /// Whether the keeper `number` has not taken for long what was asked of it.
  func isStuck(_ number: Int) -> Bool { connections[number]?.isStuck == true }

  /// Has the keeper `number` send what a partition writes over `end`, of which this is a copy.
  func attach(_ wanted: KeeperAttachment, _ end: borrowing Socket, to number: Int) {
    // Without one the other end sees no more than that nobody has this one.
    guard let copy = try? end.descriptor.duplicate() else { return }
    connections[number]?.send(.attach(wanted), with: copy)
  }

  /// Has the start of the partition `name` ended that is under way.
  func cutShort(_ name: String) {
    for beginning in beginnings.values {
      let count = beginning.requests.count
      beginning.requests.removeAll { request in
        switch request {
        case .start(let start), .prepare(let start), .adopt(let start): start.name == name
        default: false
        }
      }
      if beginning.requests.count < count {
        beginning.attachments.removeAll { $0.wanted.name == name }
        onReport?(.failed(name: name, reason: "it was stopped before it ran"), 0)
        return
      }
    }
    // Whoever has it is not known before it runs.
    for number in connections.keys { _ = send(.cutShort(name), to: number) }
  }

  /// Tells who has told of the end `number` that it is on record.
  func acknowledge(_ number: UInt64) {
    connections[KeeperPlace.number(ofEnd: number)]?.send(.acknowledge(number))
  }

  /// Ends the standard input of the partition `name`, which the keeper `number` has.
  func endInput(_ name: String, of number: Int) { connections[number]?.send(.endInput(name)) }

  /// Tells who has a partition how much is to be kept of its log.
  func limitLog(of partition: Partition) {
    connections[partition.keeper]?.send(.limitLog(name: partition.name, partition.definition.log))
  }

  /// A second descriptor of what the keeper `number` has open as `descriptor`.
  func descriptor(_ descriptor: Int32, of number: Int) -> FileDescriptor? {
    connections[number]?.descriptor(descriptor)
  }
}
