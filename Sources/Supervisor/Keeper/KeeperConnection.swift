import Linux
import OCI

/// The supervisor's connection to its keeper, which is started when there is none.
final class KeeperConnection {
  private let channel: PacketChannel
  private let process: Pidfd?
  /// Called with each report that comes.
  var onReport: ((KeeperReport) -> Void)? {
    didSet {
      channel.onMessage = { [unowned self] message in
        if let report = try? KeeperReport(json: message) { onReport?(report) }
      }
    }
  }
  /// Called when the keeper is gone.
  var onEnd: (() -> Void)? {
    didSet { channel.onEnd = onEnd }
  }

  /// Connects to the keeper that listens in `directory`.
  ///
  /// - Parameters:
  ///   - containers: the directory with the state of its containers.
  init(in directory: String, containers: String, _ loop: EventLoop) throws(SupervisorError) {
    let path = Keeper.socketPath(in: directory)
    do throws(Errno) {
      let socket: Socket
      do throws(Errno) { socket = try Socket.connectForPackets(to: path) } catch {
        guard error == .noSuchFileOrDirectory || error == .connectionRefused else { throw error }
        try Self.start(in: directory, containers: containers)
        socket = try Socket.connectForPackets(to: path)
      }
      process = try? Pidfd(of: try socket.peer().pid)
      channel = try PacketChannel(socket, loop)
    } catch {
      throw SupervisorError("reach the keeper at \(path)", error)
    }
  }

  /// A second descriptor of what the keeper has open as `number`.
  func descriptor(_ number: Int32) -> FileDescriptor? {
    switch process {
    case .some(let process): try? process.descriptor(number)
    case .none: nil
    }
  }

  /// - Returns: `false` when the request is too long, and is not sent.
  @discardableResult
  func send(_ request: KeeperRequest) -> Bool { channel.send(request) }

  /// Starts a keeper, and waits until it listens.
  private static func start(in directory: String, containers: String) throws(Errno) {
    let ready = try FileDescriptor.pipe()
    switch try clone(into: []) {
    case .child:
      do throws(Errno) {
        try ProcessControl.startSession()
        try Directory.change(to: "/")
        resetSignalActions()
        let null = try FileDescriptor.open("/dev/null", .readWrite)
        try null.replace(0)
        try null.replace(1)
        try FileDescriptor.duplicate(of: ready.write.rawValue).replace(3)
        try closeOnExec(from: 4)
        try SignalMask.none.restore()
        throw execute("/proc/self/exe", [Keeper.processName, directory, containers])
      } catch { exitNow(1) }
    case .parent: break
    }
    _ = consume ready.write
    // Its word, or its end.
    var entries = [PollEntry(ready.read.rawValue, .readable)]
    guard try poll(&entries, milliseconds: 10_000), try ready.read.readByte() != nil else {
      throw .connectionRefused
    }
  }
}
