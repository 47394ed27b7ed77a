import Linux

/// The keepers of a supervisor: one, or as many as are necessary where a process may have few descriptors.
///
/// A start goes to the first that has room; each partition is with the one that started it until its program ends.
final class Keepers {
  private let directory: String
  private let containers: String
  private let loop: EventLoop
  private var connections: [Int: KeeperConnection] = [:]
  /// Those that have said that they have no room, and have told of no end since.
  private var full: Set<Int> = []
  /// Those that have not told yet of all that they have.
  private var incomplete: Set<Int> = []
  /// How often one was looked for again that had ended before it told that.
  private var searches = 0
  private static let mostSearches = 100
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
    if connections.isEmpty { _ = try start(0) }
    incomplete = Set(connections.keys)
  }

  private func start(_ number: Int) throws(SupervisorError) -> KeeperConnection {
    guard let place = KeeperPlace(directory, number) else {
      throw noRoom("\(KeeperPlace.most) keepers have no descriptors left")
    }
    let connection: KeeperConnection
    do throws(Errno) {
      connection = try KeeperConnection.start(at: place, containers: containers, loop)
    } catch .tooManyOpenFiles {
      throw noRoom("another keeper needs descriptors, and none are left")
    } catch {
      throw SupervisorError("start the keeper at \(place.path)", error)
    }
    use(connection, number)
    return connection
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
          _ = try start(number)
        }
      } catch { onEnd?() }
    }
  }

  private func take(_ report: KeeperReport, _ number: Int) {
    switch report {
    case .complete:
      guard incomplete.remove(number) != nil, incomplete.isEmpty else { return }
    case .full: full.insert(number)
    case .ended, .failed: full.remove(number)
    case .kept, .started, .prepared, .starting: break
    }
    onReport?(report, number)
  }

  /// Has a partition started, prepared or adopted by a keeper that has room.
  ///
  /// - Returns: `false` when the request is too long, and is not sent.
  func start(_ request: KeeperStart) throws(SupervisorError) -> Bool {
    var number = 0
    while full.contains(number) { number += 1 }
    let connection = if let found = connections[number] { found } else { try start(number) }
    if request.started != nil { return connection.send(.adopt(request)) }
    return connection.send(request.waits ? .prepare(request) : .start(request))
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
