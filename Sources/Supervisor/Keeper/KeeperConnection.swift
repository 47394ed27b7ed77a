import Linux
import OCI

/// The supervisor's connection to a keeper.
final class KeeperConnection {
  private let channel: PacketChannel
  private let process: Pidfd?
  private let pid: Int32
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
    pid = try socket.peer().pid
    process = try? Pidfd(of: pid)
    channel = try PacketChannel(socket, loop)
  }

  /// Connects to the keeper that listens at `place`; `nil` when none does.
  ///
  /// - Parameters:
  ///   - containers: the directory with the state of its containers.
  static func find(
    at place: KeeperPlace, containers: String, _ loop: EventLoop
  ) throws(SupervisorError) -> KeeperConnection? {
    let connection: KeeperConnection
    do throws(Errno) {
      connection = try KeeperConnection(try Socket.connectForPackets(to: place.path), loop)
    } catch .noSuchFileOrDirectory {
      return nil
    } catch .connectionRefused {
      return nil
    } catch {
      throw SupervisorError("reach the keeper at \(place.path)", error)
    }
    try connection.check(containers, place)
    return connection
  }

  /// Throws when the keeper at `place` makes containers in another directory than `containers`.
  private func check(_ containers: String, _ place: KeeperPlace) throws(SupervisorError) {
    // It was executed with that.
    guard let line = try? File.read("/proc/\(pid)/cmdline", limit: 16 << 10) else { return }
    let words = line.split(separator: 0).map { String(decoding: $0, as: UTF8.self) }
    guard words.count > 2, words[0] == Keeper.processName else { return }
    if let theirs = try? FileStatus.of(words[2]), let own = try? FileStatus.of(containers),
      theirs.inode == own.inode, theirs.fileSystem == own.fileSystem
    {
      return
    }
    throw SupervisorError(
      .failed,
      "the keeper at \(place.path) keeps what is in \(words[2]), and not in \(containers): move that back"
        + " until nothing runs there")
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

  /// Whether the keeper has not taken for long what was asked of it.
  var isStuck: Bool { channel.isStuck }

  /// - Returns: `false` when the request is too long, and is not sent.
  @discardableResult
  func send(_ request: KeeperRequest, with file: consuming FileDescriptor? = nil) -> Bool {
    channel.send(request, with: file)
  }
}
