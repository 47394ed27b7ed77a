import Linux
import OCI

/// The supervisor's connection to a keeper.
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

  private init(_ socket: consuming Socket, _ loop: EventLoop) throws(Errno) {
    process = try? Pidfd(of: try socket.peer().pid)
    channel = try PacketChannel(socket, loop)
  }

  /// Connects to the keeper that listens at `place`; `nil` when none does.
  static func find(at place: KeeperPlace, _ loop: EventLoop) throws(SupervisorError) -> KeeperConnection? {
    do throws(Errno) {
      return try KeeperConnection(try Socket.connectForPackets(to: place.path), loop)
    } catch .noSuchFileOrDirectory {
      return nil
    } catch .connectionRefused {
      return nil
    } catch {
      throw SupervisorError("reach the keeper at \(place.path)", error)
    }
  }

  /// Connects to the keeper that listens at `place`.
  convenience init(to place: KeeperPlace, _ loop: EventLoop) throws(Errno) {
    try self.init(try Socket.connectForPackets(to: place.path), loop)
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
}
