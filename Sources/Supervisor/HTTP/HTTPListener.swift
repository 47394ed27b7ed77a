import Linux

/// Why the server cannot listen, in one line for the person who started it.
public struct HTTPServerError: Error, Sendable, CustomStringConvertible {
  /// What failed, on what, why, and what to do.
  public let description: String

  /// An error that says `description`.
  init(_ description: String) { self.description = description }
}

/// A socket with a path, whose file goes with it.
final class HTTPListener {
  let path: String
  private let listener: UnixListener
  /// The file's own number, in case another server has put one of its own there.
  private let inode: UInt64

  /// Makes the socket at `path`, for its owner and the members of `group`, and listens. Where a dead server has left its
  /// socket, that is replaced.
  init(path: String, group: String?) throws(HTTPServerError) {
    self.path = path
    do throws(Errno) {
      // Two servers that start at the same time must not each take the other's socket for a dead one's.
      let lock = try Lock.wait(for: Self.directory(of: path), milliseconds: 5000)
      try Self.clear(path)
      listener = try UnixListener(binding: path)
      do throws(Errno) {
        if let group = group.flatMap(Self.groupID) {
          try File.changeOwner(path, user: .max, group: group)
        }
        try File.changeMode(path, 0o660)
        inode = try FileStatus.of(path, following: false).inode
        try listener.listen()
      } catch {
        try? File.remove(path)
        throw error
      }
      lock.release()
    } catch {
      throw HTTPServerError("listening on \(path): \(Self.explanation(error))")
    }
  }

  deinit {
    // Nobody else's: a lock is held by whoever makes another.
    guard let lock = try? Lock.wait(for: Self.directory(of: path), milliseconds: 0) else { return }
    if let status = try? FileStatus.of(path, following: false), status.inode == inode {
      try? File.remove(path)
    }
    lock.release()
  }

  var number: Int32 { listener.descriptor.rawValue }

  func accept() throws(Errno) -> Socket { try listener.accept() }

  /// Removes what a dead server left.
  private static func clear(_ path: String) throws(Errno) {
    do throws(Errno) {
      guard try FileStatus.of(path, following: false).kind == .socket else { throw .fileExists }
      if try UnixListener.isAlive(at: path) { throw .addressInUse }
      try File.remove(path)
    } catch .noSuchFileOrDirectory {
      return
    }
  }

  private static func explanation(_ error: Errno) -> String {
    switch error {
    case .addressInUse: "another process listens there; stop it, or choose another path"
    case .fileExists: "there is a file that is not a socket; remove it, or choose another path"
    case .invalidArgument: "a socket's path has at most 107 bytes; choose a shorter one"
    case .noSuchFileOrDirectory: "its directory does not exist; make it, or choose another path"
    case .resourceBusy: "another process keeps its directory locked; is one just starting there?"
    default: "\(error)"
    }
  }

  private static func directory(of path: String) -> String {
    guard let slash = path.lastIndex(of: "/") else { return "." }
    return slash == path.startIndex ? "/" : String(path[..<slash])
  }

  /// The number of the group `name`, by `/etc/group`.
  private static func groupID(_ name: String) -> UInt32? {
    guard let bytes = try? File.read("/etc/group", limit: 1 << 20) else { return nil }
    for line in bytes.split(separator: UInt8(ascii: "\n")) {
      let fields = line.split(separator: UInt8(ascii: ":"), omittingEmptySubsequences: false)
      guard fields.count >= 3, fields[0].elementsEqual(name.utf8) else { continue }
      return UInt32(String(decoding: fields[2], as: UTF8.self))
    }
    return nil
  }
}
