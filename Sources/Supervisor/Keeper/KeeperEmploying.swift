import Container
import Linux

/// The descriptor over which a new worker hears what it is to do, and all that it has at first. The keeper has thousands, and
/// to copy them, and to close them again, would take longer than to start a partition.
///
/// Until the worker has come in it shares the descriptors of the keeper: so long nobody else can.
final class WorkerDoor {
  /// What is there when the door is shut.
  private let wall: FileDescriptor
  private let opening: FileDescriptor
  private let bell: Pipe
  /// Who is about to come in.
  private(set) var entering: Int32?

  init() throws(Errno) {
    wall = try FileDescriptor.open("/dev/null", .readWrite)
    opening = try wall.duplicate()
    bell = try FileDescriptor.pipe()
  }

  /// Its number, in the keeper and in the worker.
  var number: Int32 { opening.rawValue }
  /// The number of what is readable once the worker has come in.
  var ringing: Int32 { bell.read.rawValue }
  var isFree: Bool { entering == nil }

  /// Has it lead to `end`, for the process that `enter` makes.
  ///
  /// - Returns: the pid of that.
  func open(to end: borrowing Socket, _ enter: () throws(Errno) -> Int32) throws(Errno) -> Int32 {
    try end.descriptor.replace(number)
    do throws(Errno) {
      let pid = try enter()
      entering = pid
      return pid
    } catch {
      shut()
      throw error
    }
  }

  /// Comes in, and has nothing but what this door leads to and the descriptors with the numbers `others` from 3 up.
  func enter(with others: [Int32]) throws(Errno) {
    let kept = others + [number, bell.write.rawValue]
    try unshareDescriptors(upTo: kept.reduce(0, max))
    try closeAll(from: 3, except: kept)
    try bell.write.writeAll([1])
  }

  /// Waits until the worker has come in, `milliseconds` at most.
  func wait(milliseconds: Int32) throws(Errno) {
    var entries = [PollEntry(ringing, .readable)]
    guard try poll(&entries, milliseconds: milliseconds) else { throw .timedOut }
    _ = try bell.read.readByte()
  }

  func shut() {
    entering = nil
    try? wall.replace(number)
  }
}

/// How the keeper gets workers.
extension Keeper {
  /// Has `start` carried out by an idle worker if there is one, or else by a new one.
  ///
  /// - Parameter takesNetwork: whether it can do with a network namespace that is there already.
  func employ(
    _ idle: consuming Employed?, _ start: KeeperStart, _ streams: borrowing StandardStreams,
    takesNetwork: Bool
  ) throws(Errno) -> Employed {
    let network = takesNetwork ? spareNetwork.take() : nil
    let order = start.json.bytes()
    switch consume idle {
    case .some(let worker):
      // One that was killed takes nothing more.
      if (try? worker.socket.send(order, with: streams, and: network?.descriptors ?? [])) != nil {
        return worker
      }
    case .none: break
    }
    let worker = try employ()
    try worker.socket.send(order, with: streams, and: network?.descriptors ?? [])
    return worker
  }

  /// Has a worker that is not needed any more make a network namespace for the next start, which comes alone, most likely,
  /// while somebody waits for it.
  func dismiss(_ worker: consuming Employed) {
    guard spareNetwork == nil, networkMaker == nil, !partitions.isEmpty,
      (try? worker.socket.send(Worker.network)) != nil
    else { return }
    let number = worker.socket.descriptor.rawValue
    networkMaker = consume worker
    do throws(Errno) {
      try loop.watch(number, .readable) { [unowned self] _ in takeNetwork() }
    } catch { networkMaker = nil }
  }

  /// So long it is kept, in milliseconds, when there is nothing that could be started again.
  private static let networkPatience: Int64 = 1000

  func letGoOfNetworkSoon() {
    guard spareNetwork != nil, networkTimer == nil else { return }
    networkTimer = loop.after(milliseconds: Self.networkPatience) { [unowned self] in
      networkTimer = nil
      if isIdle { spareNetwork = nil }
    }
  }

  private func takeNetwork() {
    switch networkMaker.take() {
    case .none: return
    case .some(let maker):
      loop.forget(maker.socket.descriptor.rawValue)
      guard var message = try? maker.socket.receiveFiles(limit: Worker.network.count) else { return }
      spareNetwork = SpareNetwork(&message.files)
      if isIdle { letGoOfNetworkSoon() }
    }
  }

  /// Whether a start can be carried out at once, by `idle` if there is one.
  func canEmploy(_ idle: borrowing Employed?) -> Bool {
    switch idle {
    case .some: true
    case .none: door.isFree
    }
  }

  /// So long, in milliseconds, a process that was just made may take for its first steps while others wait.
  private static let entryPatience: Int32 = 1000

  private func employ() throws(Errno) -> Employed {
    if !door.isFree {
      try door.wait(milliseconds: Self.entryPatience)
      door.shut()
    }
    let pair = try Socket.pair()
    // A definition goes this way.
    try pair.here.makeRoom(forMessagesOf: PacketChannel.longest)
    let pid = try door.open(to: pair.there) { () throws(Errno) in
      switch try clone(into: [], sharingDescriptors: true) {
      case .child: Worker(store: store, door: door, openFiles: openFiles, emptyTree: emptyTree).run()
      case .parent(let pid, _): return pid
      }
    }
    workers.insert(pid)
    return Employed(socket: pair.here, pid: pid)
  }

  /// What is at the door belongs to a worker alone by now, or that has ended: the next one can come.
  func shutDoor() {
    door.shut()
    workQueueOff()
  }

  /// The worker of a start that is over, for another one.
  func retire(_ begun: Starting) -> Employed? {
    switch begun.worker.take() {
    case .some(let socket): Employed(socket: socket, pid: begun.pid)
    case .none: nil
    }
  }
}
